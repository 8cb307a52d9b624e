// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `rejects retry`: reads the partitions that rejected rows came from again, in full.
//!
//! A rejected row cannot be written as it is: what mends it is a newer plugin or a newer answer,
//! so its partition is asked for again. What a partition delivers whole replaces its rejected
//! rows, in one commit; until that comes they wait.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::json;
use test_dashboard_egress::Window;
use test_dashboard_store::{Outcome, PartitionKey, RejectFilter, Store};

use super::{chosen, rows};
use crate::cli::args::{Format, RejectsRetryArgs};
use crate::cli::context;
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::cli::run::Listeners;
use crate::config::{Config, Environment};
use crate::plugin::Runtime;
use crate::run::{Ending, Event, PLAN, RunReport, RunRequest, Runner};
use crate::source::{Datasource, Installed, Job, ReadOptions};
use crate::usage_error::UsageError;

type Partitions = HashSet<PartitionKey>;

/// Reads the partitions of the chosen rows again, a run in the history for each report.
///
/// # Errors
///
/// [`UsageError`] for ids and configurations that make no sense; when the database cannot be read.
/// A failed report or partition is not an error but an exit code.
pub async fn retry(args: &RejectsRetryArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let environment = Environment::of_process();
    let config = Config::load(common.config.file())?;
    let jobs = args.jobs.map_or_else(|| config.jobs(), usize::from);
    let target = context::database(common, Some(&config), &environment)?;
    let store = context::connect_existing(&target, jobs as u32 + 2).await?;
    store.migrate().await?;
    let partitions: Partitions = chosen(&store, &args.choice).await?.into_values().collect();
    let before = waiting(&store, &partitions).await?;
    let retried = match partitions.is_empty() {
        true => Vec::new(),
        false => {
            let installed = Installed::load(&config, &Runtime::new()?).await?;
            let (config, environment, store) = (&config, &environment, &store);
            let retry = Retry { config, environment, installed, store, jobs };
            retry.all(common.output.format, &partitions).await?
        }
    };
    let after = waiting(&store, &partitions).await?;
    tell_all(common.output.format, &retried, [before, after], &store.name())?;
    store.close().await;
    Ok(together(retried.iter().map(|one| one.exit)))
}

/// How many rejected rows these partitions have.
async fn waiting(store: &Store, partitions: &Partitions) -> anyhow::Result<u64> {
    let places = store.reject_places(&RejectFilter::default()).await?;
    Ok(places.iter().filter(|(_, partition)| partitions.contains(partition)).count() as u64)
}

/// By datasource and report.
fn by_report(partitions: &Partitions) -> BTreeMap<(String, String), Partitions> {
    let mut reports: BTreeMap<(String, String), Partitions> = BTreeMap::new();
    for key in partitions {
        let report = (key.datasource.clone(), key.report.clone());
        reports.entry(report).or_default().insert(key.clone());
    }
    reports
}

/// What became of the partitions of one report.
struct Retried {
    /// What was read; nothing when the report is no more.
    run: RunReport,
    /// The partitions that their plugin no longer plans.
    gone: Vec<PartitionKey>,
    /// Why projects, or the whole report, could not be read.
    errors: Vec<anyhow::Error>,
    exit: Exit,
}

/// What all runs of a retry share.
struct Retry<'a> {
    config: &'a Config,
    environment: &'a Environment,
    installed: Installed,
    store: &'a Store,
    jobs: usize,
}

impl Retry<'_> {
    /// One report after the other, each told as soon as it is done.
    async fn all(&self, format: Format, partitions: &Partitions) -> anyhow::Result<Vec<Retried>> {
        let mut retried = Vec::new();
        for ((datasource, report), partitions) in by_report(partitions) {
            let one = self.one(&datasource, &report, partitions).await;
            let is_interrupted = one.exit == Exit::Interrupted;
            tell(format, &one, &self.store.name())?;
            retried.push(one);
            if is_interrupted {
                break;
            }
        }
        Ok(retried)
    }

    async fn one(&self, datasource: &str, report: &str, partitions: Partitions) -> Retried {
        let (jobs, mut errors) = self.jobs_of(datasource, report, &partitions);
        let projects = jobs.iter().map(|job| job.context().project.as_str());
        let projects = projects.collect::<Vec<_>>().join(", ");
        let listeners = Listeners::new(Some(projects.clone()), Some(report.to_string()));
        let mut exits: Vec<Exit> = errors.iter().map(Exit::of).collect();
        let mut is_over = false;
        if !jobs.is_empty() {
            match self.write(jobs, projects, report, &partitions, &listeners).await {
                Ok(ending) => {
                    is_over = ending != Ending::Ended(Outcome::Interrupted);
                    exits.push(ending.into());
                }
                Err(error) => {
                    exits.push(Exit::of(&error));
                    errors.push(error);
                }
            }
        }
        let run = std::mem::take(&mut listeners.account().pumped);
        let gone = if is_over { gone(&run, partitions) } else { Vec::new() };
        if !gone.is_empty() {
            // That the others were planned is no success of a run that read none of them.
            exits.retain(|exit| *exit != Exit::Done || run.done().next().is_some());
            exits.push(Exit::Failed);
        }
        Retried { run, gone, errors, exit: together(exits.into_iter()) }
    }

    /// A job for each project, and why there is none for the others.
    fn jobs_of(
        &self,
        datasource: &str,
        report: &str,
        partitions: &Partitions,
    ) -> (Vec<Job>, Vec<anyhow::Error>) {
        let (mut jobs, mut errors) = (Vec::new(), Vec::new());
        let source = match self.source(datasource, report) {
            Ok(source) => source,
            Err(error) => return (jobs, vec![error.into()]),
        };
        let projects: BTreeSet<&str> = partitions.iter().map(|key| key.project.as_str()).collect();
        for project in projects {
            match self.job(&source, datasource, report, project) {
                Ok(job) => jobs.push(job),
                Err(error) => errors.push(error.into()),
            }
        }
        (jobs, errors)
    }

    fn source(&self, datasource: &str, report: &str) -> Result<Datasource<'_>, UsageError> {
        let (owner, plugin, _) = self.installed.owner_of(report)?;
        if owner != datasource {
            return Err(UsageError::new(format!(
                "the report {report} was {datasource}'s when its rows were rejected, and is {owner}'s now"
            )));
        }
        Datasource::new(self.config, self.environment, datasource, plugin, true)
    }

    fn job(
        &self,
        source: &Datasource<'_>,
        datasource: &str,
        report: &str,
        project: &str,
    ) -> Result<Job, UsageError> {
        self.config.select_projects(project, datasource)?;
        let now = jiff::Timestamp::now();
        let whole = ReadOptions { now, window: Window::default(), full: true, tape: None };
        source.job(project, report, whole)
    }

    async fn write(
        &self,
        jobs: Vec<Job>,
        projects: String,
        report: &str,
        partitions: &Partitions,
        listeners: &Listeners,
    ) -> anyhow::Result<Ending> {
        let request = RunRequest {
            at_once: Some(self.jobs),
            only: Some(partitions.clone()),
            ..RunRequest::new(projects, report)
        };
        let runner = Runner {
            config: self.config,
            environment: self.environment,
            request: &request,
            stop: &context::interruption,
            hear: &|event: &Event<'_>| listeners.hear(event),
        };
        runner.write_jobs(self.store, jobs).await
    }
}

/// The partitions that are not planned any more, of projects whose plan was made.
fn gone(run: &RunReport, partitions: Partitions) -> Vec<PartitionKey> {
    let is_planned = |project: &str| {
        let mut plans = run.partitions.iter().filter(|report| report.partition == PLAN);
        plans.any(|plan| plan.project == project && plan.error.is_none())
    };
    let read: HashSet<PartitionKey> = run.partitions.iter().map(|report| report.key()).collect();
    let mut gone: Vec<PartitionKey> = partitions
        .into_iter()
        .filter(|key| is_planned(&key.project) && !read.contains(key))
        .collect();
    gone.sort_by_key(PartitionKey::to_string);
    gone
}

/// How the program ends that did several things.
fn together(exits: impl Iterator<Item = Exit>) -> Exit {
    exits
        .reduce(|all, exit| match (all, exit) {
            (Exit::Interrupted, _) | (_, Exit::Interrupted) => Exit::Interrupted,
            (all, exit) if all == exit => all,
            (Exit::Done | Exit::PartlyFailed, _) | (_, Exit::Done | Exit::PartlyFailed) => {
                Exit::PartlyFailed
            }
            _ => Exit::Failed,
        })
        .unwrap_or(Exit::Done)
}

/// Tells a person of one report as soon as it is done.
fn tell(format: Format, retried: &Retried, database: &str) -> anyhow::Result<()> {
    for error in &retried.errors {
        output::error(format_args!("{error:#}"));
    }
    if format == Format::Json {
        return Ok(());
    }
    if !retried.run.partitions.is_empty() && retried.exit != Exit::Interrupted {
        output::run(format, &retried.run, database)?;
    }
    for PartitionKey { project, report, partition, .. } in &retried.gone {
        say!(
            "NOT READ {project} {report} {partition}: it is no longer planned, so its rejected rows stay; to discard them: test-dashboard rejects discard --project {project} --report {report} --partition {partition}"
        )?;
    }
    Ok(())
}

fn tell_all(
    format: Format,
    retried: &[Retried],
    [before, after]: [u64; 2],
    database: &str,
) -> anyhow::Result<()> {
    if format == Format::Json {
        let runs = retried.iter().filter(|one| one.run.run.is_some());
        let errors = retried.iter().flat_map(|one| &one.errors);
        let gone = retried.iter().flat_map(|one| &one.gone);
        return output::json(&json!({
            "waiting_before": before,
            "waiting": after,
            "runs": runs.map(|one| output::run_json(&one.run, database)).collect::<Vec<_>>(),
            "not_planned": gone.map(|key| json!({
                "project": key.project,
                "datasource": key.datasource,
                "report": key.report,
                "partition": key.partition,
            })).collect::<Vec<_>>(),
            "errors": errors.map(|error| format!("{error:#}")).collect::<Vec<_>>(),
        }));
    }
    match (before, after) {
        (0, _) => say!("no rejected rows in {database} match")?,
        (_, 0) => say!("{} before the retry, none now", rows(before))?,
        _ => say!(
            "{} before the retry, {after} now; `test-dashboard rejects list` lists them",
            rows(before)
        )?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_partly_done_is_partly_failed() {
        use Exit::{Done, Failed, Interrupted, PartlyFailed, UsageError};
        for (exits, all) in [
            (&[][..], Done),
            (&[Done, Done], Done),
            (&[Done, Failed], PartlyFailed),
            (&[UsageError, Done, Done], PartlyFailed),
            (&[Failed, Failed], Failed),
            (&[Failed, PartlyFailed], PartlyFailed),
            (&[UsageError, UsageError], UsageError),
            (&[UsageError, Failed], Failed),
            (&[Done, Interrupted], Interrupted),
        ] {
            assert_eq!(together(exits.iter().copied()), all, "{exits:?}");
        }
    }
}

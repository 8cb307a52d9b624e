// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A run that several shards share: what the first one decides for all of them, and what the
//! last one does for all of them.
//!
//! Shards start and end at different times, and their plans have to agree: they would otherwise
//! take a partition twice, or leave it to nobody. So all take the run's beginning for the
//! present, and the first shard decides which projects are due and which are read in full, as
//! the others could decide otherwise: a full reading that has ended is not due any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use test_dashboard_store::{
    Joined, PartitionKey, RunEnd, RunId, Shard, ShardsEnded, SharedKey, SharedRun, Store,
};

use super::account::Account;
use super::write::{Writing, due, forget_old_runs, keep};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::misuse::Misuse;
use crate::pump::PartitionReport;
use crate::run::{self, Options, Part, RunReport, Selection, freshness};
use crate::source::{Job, Tapes};

/// What the first shard decides for all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The command line, as the history has it; the others have to be started with the same.
    command: String,
    /// What is read of each project.
    jobs: Vec<DecidedJob>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DecidedJob {
    project: String,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    full: bool,
}

impl Decided {
    fn of<'a>(command: &str, jobs: impl Iterator<Item = &'a Job>) -> Self {
        let decided = |job: &Job| DecidedJob {
            project: job.context().project.clone(),
            since: job.request.since,
            until: job.request.until,
            full: job.request.full,
        };
        Decided { command: command.to_string(), jobs: jobs.map(decided).collect() }
    }

    /// Makes the jobs what was decided about them, and leaves only those that it is about.
    fn apply(self, run: &SharedRun, command: &str, jobs: &mut Vec<Job>) -> Result<(), Misuse> {
        if self.command != command {
            return Err(Misuse::new(format!(
                "the first shard of run {} was started as `{}`, this one as `{command}`: all shards of a run are started alike",
                run.run, self.command
            )));
        }
        let mut left = Vec::new();
        for decided in self.jobs {
            let project = &decided.project;
            let Some(at) = jobs.iter().position(|job| job.context().project == *project) else {
                return Err(Misuse::new(format!(
                    "run {} is of the project {project}, which the configuration of this shard does not have: all shards of a run have the same",
                    run.run
                )));
            };
            let mut job = jobs.swap_remove(at);
            job.request.context.now = run.started;
            job.request.since = decided.since;
            job.request.until = decided.until;
            job.request.full = decided.full;
            left.push(job);
        }
        *jobs = left;
        Ok(())
    }
}

impl Writing<'_> {
    /// Reads one part of a run that others read, too. Whoever comes first begins the run, and
    /// whoever ends last ends it.
    ///
    /// # Errors
    ///
    /// As [`Writing::write`]; [`Misuse`] when this shard does not fit to the others. After an
    /// error the shard has no end, and can be started again.
    pub(super) async fn write_part(
        &self,
        part: &Part,
        mut jobs: Vec<Job>,
        account: &mut Account,
    ) -> anyhow::Result<Exit> {
        let Some(run) = self.join(part, &mut jobs, account).await? else {
            return Ok(Exit::NotDue);
        };
        account.pumped.shard = Some(part.shard);
        let (run, views) = run;
        match run {
            Joined::Started { run, done } => {
                self.adopt(&run, &mut jobs)?;
                account.leave_due(&jobs);
                self.keep_window(run.run, &jobs).await;
                let reading = Reading { shard: part.shard, run };
                let exit = reading.go_on(self, jobs, done, account).await?;
                // The shard has ended, whatever became of the views: to start it again would
                // read nothing.
                account.pumped.partitions.extend(views);
                match exit {
                    Exit::Interrupted => Ok(exit),
                    _ => Ok(account.pumped.outcome().into()),
                }
            }
            Joined::Done { run, ended } => {
                account.pumped.run = Some(run.run.0);
                output::remark(format_args!(
                    "shard {} of run {} was done at {} UTC: nothing is read again. Another run has another --run-key",
                    part.shard,
                    run.run,
                    ended.strftime("%Y-%m-%d %H:%M:%S")
                ));
                Ok(Exit::Done)
            }
            Joined::OtherCount { run } => Err(Misuse::new(format!(
                "run {} has {} shards, and this one is {}: all shards of a run are counted alike, and another number of them is another --run-key",
                run.run, run.shards, part.shard
            ))
            .into()),
        }
    }

    /// Joins the run, or begins it; none when it is not due. A run that is there is joined also
    /// when it is not due any more. With it comes what is wrong with the views.
    async fn join(
        &self,
        part: &Part,
        jobs: &mut Vec<Job>,
        account: &mut Account,
    ) -> anyhow::Result<Option<(Joined, Option<PartitionReport>)>> {
        let key = SharedKey {
            key: part.key.clone(),
            project: self.project.to_string(),
            report: self.report.to_string(),
        };
        let known = self.store.shared_run(&key).await?;
        let due = match (&known, self.every) {
            (None, Some(every)) => due(self.store, jobs, every).await?,
            _ => jobs.iter().map(Job::key).collect(),
        };
        if due.is_empty() {
            account.leave_due(&[]);
            return Ok(None);
        }
        let views = self.prepare(jobs).await?;
        match &known {
            Some(run) if run.shards == part.shard.count() => self.adopt(run, jobs)?,
            Some(_) => {}
            None => self.make_full(jobs).await?,
        }
        let decided =
            Decided::of(&self.command, jobs.iter().filter(|job| due.contains(&job.key())));
        let decided = serde_json::to_string(&decided)?;
        let now = jobs.first().map_or_else(Timestamp::now, |job| job.context().now);
        // As exactly as all databases keep it.
        let now = Timestamp::from_microsecond(now.as_microsecond())?;
        let joined = self.store.join_run(&self.new_run(), &key, part.shard, now, &decided).await?;
        Ok(Some((joined, views)))
    }

    fn adopt(&self, run: &SharedRun, jobs: &mut Vec<Job>) -> anyhow::Result<()> {
        let decided: Decided = serde_json::from_str(&run.decided).with_context(|| {
            format!(
                "what the first shard of run {} decided cannot be read: was it another version of test-dashboard?",
                run.run
            )
        })?;
        Ok(decided.apply(run, &self.command, jobs)?)
    }
}

/// A shard that reads its part.
struct Reading {
    shard: Shard,
    run: SharedRun,
}

impl Reading {
    async fn go_on(
        &self,
        writing: &Writing<'_>,
        jobs: Vec<Job>,
        done: Vec<PartitionKey>,
        account: &mut Account,
    ) -> anyhow::Result<Exit> {
        let Reading { shard, run } = self;
        if !done.is_empty() {
            output::remark(format_args!(
                "shard {shard} of run {} goes on: {} of its partitions were read before",
                run.run,
                done.len()
            ));
        }
        account.pumped.done_before = done.clone();
        let options = Options {
            jobs: writing.options.jobs,
            memory: writing.options.memory.clone(),
            tapes: Tapes::Live,
            selection: Selection::Shard(*shard, done.into_iter().collect()),
        };
        let jobs: Vec<Arc<Job>> = jobs.into_iter().map(Arc::new).collect();
        let Some(pumped) = writing.pump(run.run, &jobs, &options, account).await? else {
            output::remark(format_args!(
                "interrupted: what was committed stays, the rest was dropped; run {} waits for shard {shard} to be started again, which goes on from there",
                run.run
            ));
            return Ok(Exit::Interrupted);
        };
        anyhow::ensure!(
            pumped.is_on_record,
            "run {} does not know all that shard {shard} has read, and so cannot end; start the shard again",
            run.run
        );
        let pumped_well = &account.pumped;
        let end = RunEnd { outcome: pumped_well.outcome(), error: pumped_well.first_failure() };
        match writing.store.end_shard(run.run, *shard, &end).await? {
            ShardsEnded::Waiting(others) => output::remark(format_args!(
                "shard {shard} of run {} has ended, and the run waits for {}",
                run.run,
                output::shards(&others, shard.count())
            )),
            ShardsEnded::All(partitions) => {
                let whole = RunReport::of_history(run.run, partitions);
                self.end_run(writing, &jobs, &pumped.planned, whole, account).await?;
            }
        }
        Ok(account.pumped.outcome().into())
    }

    /// Does for the whole run what comes when all partitions are read. It may be done again:
    /// when this process is killed here, the next start of any shard comes to it.
    async fn end_run(
        &self,
        writing: &Writing<'_>,
        jobs: &[Arc<Job>],
        planned: &[PartitionKey],
        mut whole: RunReport,
        account: &mut Account,
    ) -> anyhow::Result<()> {
        let Reading { shard, run } = self;
        let (id, store) = (run.run, writing.store);
        for job in jobs {
            let Some(told) = finish_full(job, planned, &whole, store, id).await else { continue };
            keep(store, id, &told).await;
            account.pumped.partitions.push(told.clone());
            whole.partitions.push(told);
        }
        if account.pumped.failures().any(|failure| !failure.is_partition()) {
            // So that it is this shard that has something to do when it is started again.
            let end =
                RunEnd { outcome: account.pumped.outcome(), error: account.pumped.first_failure() };
            store.end_shard(id, *shard, &end).await?;
        }
        for job in jobs {
            freshness::keep(store, id, job, &freshness::end_of(job, &whole, run.started)).await;
        }
        forget_old_runs(store, writing.config).await;
        let end = RunEnd { outcome: whole.outcome(), error: None };
        if store.finish_shared_run(id, shard.count(), &end).await? {
            output::remark(format_args!(
                "all {} shards of run {id} have ended: {}, {} rows read",
                shard.count(),
                end.outcome,
                whole.total().rows_read
            ));
        } else {
            output::remark(format_args!("a shard of run {id} was started again, and will end it"));
        }
        Ok(())
    }
}

/// Ends the full reading of a report, when all shards have read all of theirs. Plans move on
/// while shards start: what any of them has read is there, and what is gone is in none of them.
async fn finish_full(
    job: &Job,
    planned: &[PartitionKey],
    whole: &RunReport,
    store: &Store,
    run: RunId,
) -> Option<PartitionReport> {
    let mine = whole.of(&job.context().project, &job.request.report);
    if !run::may_finish_full(&mine) {
        return None;
    }
    let is_good = mine.failures().next().is_none();
    let read = mine.done().map(|partition| partition.partition.clone());
    let key = job.key();
    let planned = planned
        .iter()
        .filter(|planned| planned.project == key.project && planned.report == key.report)
        .map(|planned| planned.partition.clone());
    let all: BTreeSet<String> = read.chain(planned).collect();
    let all = is_good.then(|| all.into_iter().collect());
    run::finish_full(job, all, store, run).await
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `run`: reads a report and writes it to the database. The main job.

mod account;
mod ending;
mod failed;
mod github;
mod shared;
mod summary;
mod write;

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use test_dashboard_egress::{Cassette, Tape};
use test_dashboard_store::{NewRun, REPLAY, Store};

use super::args::{Format, RunArgs};
use super::exit::Exit;
use super::progress::Shown;
use super::{context, days, line, output};
use crate::config::{Config, Environment};
use crate::misuse::Misuse;
use crate::plugin::Runtime;
use crate::pump::{DryRows, PartitionReport, Sink};
use crate::run::{self, Options, Part, Selection};
use crate::source::{self, Installed, Job, Memory, ReadOptions, Source, Tapes};
pub use account::Account;
use summary::SummaryFile;
pub use write::Writing;

/// Does the run that the arguments ask for, and tells what became of it.
///
/// # Errors
///
/// [`Misuse`] for what is wrong before anything was tried; else what made the whole run
/// impossible. A partition's failure is no error here but an exit code.
pub async fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let mut account = Account::begin(args.project.clone(), args.report_type.clone());
    let (file, outcome) = match args.summary.as_deref().map(SummaryFile::claim).transpose() {
        Ok(file) => (file, pump(args, &mut account).await),
        Err(misuse) => (None, Err(misuse.into())),
    };
    ending::tell(&account, file.as_ref(), outcome)
}

/// Tells of a run whose command line makes no sense, as far as what it says can be made out.
pub fn misused(arguments: &[String], error: &clap::Error) {
    let account = Account::begin(
        line::value_of(arguments, "--project"),
        line::value_of(arguments, "--report-type"),
    );
    let file = line::value_of(arguments, "--summary")
        .and_then(|path| SummaryFile::claim(path.as_ref()).ok());
    // What it comes to is told already: it is the error of the command line.
    let _ = ending::tell(&account, file.as_ref(), Err(Misuse::new(in_short(error)).into()));
}

/// What is wrong with a command line, without the advice on how it is used.
pub fn in_short(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    paragraph.trim_start_matches("error: ").trim_end().to_string()
}

async fn pump(args: &RunArgs, account: &mut Account) -> anyhow::Result<Exit> {
    let common = &args.common;
    let (project, report) = asked_for(args)?;
    let environment = Environment::of_process();
    let part = part(args, &environment)?;
    let window = match &args.replay {
        // Before all that may fail for another reason than the command line.
        None => {
            let now = Timestamp::now();
            source::run_window(days::window(&args.days, now)?, now)
        }
        Some(_) => None,
    };
    let config = Config::load(common.config.file())?;
    let command = format!("run --project {project} --report-type {report}{}", flags(args));
    let options = Options {
        jobs: args.jobs.map_or_else(|| config.jobs(), usize::from),
        memory: Memory::new(config.memory()),
        tapes: tapes(args),
        selection: part.as_ref().map_or(Selection::All, |part| Selection::of_shard(part.shard)),
    };
    let prepared = async {
        let installed = Installed::load(&config, &Runtime::new()?).await?;
        jobs(&config, &installed, &environment, project, report, args, &options)
    };
    let jobs = match prepared.await {
        Ok(jobs) => jobs,
        Err(error) if args.dry_run || options.tapes.is_replay() => return Err(error),
        Err(error) => {
            let run = new_run(project, report, &command);
            if let Ok(target) = context::database(common, Some(&config), &environment) {
                let id = failed::keep_unprepared(&target, &config, &run, window, &error).await;
                account.pumped.run = id.map(|id| id.0);
            }
            return Err(error);
        }
    };
    account.plan(&jobs);
    if args.dry_run {
        return dry_run(common.output.format, jobs, &options, account).await;
    }

    let target = context::database(common, Some(&config), &environment)?;
    let store = Store::connect_for_run(&target, options.jobs as u32 + 2).await?;
    account.database = Some(store.name());
    let writing = Writing {
        config: &config,
        store: &store,
        project,
        report,
        command,
        every: args.every,
        part,
        options: &options,
    };
    let exit = writing.write(jobs, account).await;
    account.look_up_freshness(&config, &store).await;
    let name = store.name();
    store.close().await;
    if matches!(exit, Ok(Exit::Done | Exit::PartlyFailed | Exit::Failed)) {
        output::run(common.output.format, &account.pumped, &name).with_context(|| {
            format!("the run is over ({}), and in the history", account.pumped.outcome())
        })?;
    }
    exit
}

/// What the history calls a run of this program.
fn new_run(project: &str, report: &str, command: &str) -> NewRun {
    NewRun {
        project: project.to_string(),
        report: report.to_string(),
        command: command.to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
    }
}

/// Does everything but the writing, and shows the rows.
async fn dry_run(
    format: Format,
    jobs: Vec<Job>,
    options: &Options,
    account: &mut Account,
) -> anyhow::Result<Exit> {
    let rows = DryRows::default();
    let jobs: Vec<Arc<Job>> = jobs.into_iter().map(Arc::new).collect();
    let mut shown = Shown::begin(&jobs);
    let ended = async |partition: &PartitionReport| {
        context::log_partition(partition).await;
        shown.ended(partition);
        account.pumped.partitions.push(partition.clone());
    };
    let pumping = run::read(jobs, Sink::Dry(rows.clone()), options, ended);
    let pumped = context::until_interrupted(pumping).await?;
    drop(shown);
    if pumped.is_none() {
        return Ok(Exit::Interrupted);
    }
    let run = &account.pumped;
    output::dry_run(format, run, rows.take())?;
    Ok(run.outcome().into())
}

fn asked_for(args: &RunArgs) -> Result<(&str, &str), Misuse> {
    match (&args.project, &args.report_type) {
        (Some(project), Some(report)) => Ok((project, report)),
        (None, _) => Err(Misuse::new("--project is missing: name one, or ALL")),
        (_, None) => Err(Misuse::new(
            "--report-type is missing: `test-dashboard reports` shows what there is",
        )),
    }
}

/// The part of a run that this is. What a platform sets splits no dry run, and no recording.
fn part(args: &RunArgs, environment: &Environment) -> Result<Option<Part>, Misuse> {
    match args.dry_run || args.record.is_some() || args.replay.is_some() {
        true => Ok(None),
        false => run::part(args.shard, args.run_key.as_deref(), environment),
    }
}

/// What was asked for beside project and report, and decides what is read; each flag with a
/// space before it. From `--replay` at its end `status` tells what was replayed.
fn flags(args: &RunArgs) -> String {
    let full = if args.full { " --full" } else { "" };
    let replay = args.replay.as_ref().map(|folder| format!("{REPLAY}{}", folder.display()));
    args.days.flags() + full + &replay.unwrap_or_default()
}

fn tapes(args: &RunArgs) -> Tapes {
    match (&args.record, &args.replay) {
        (Some(folder), _) => Tapes::Record(folder.clone()),
        (_, Some(folder)) => Tapes::Replay(folder.clone()),
        _ => Tapes::Live,
    }
}

/// What the arguments ask for, as jobs: one per project.
fn jobs(
    config: &Config,
    installed: &Installed,
    environment: &Environment,
    project: &str,
    report: &str,
    args: &RunArgs,
    options: &Options,
) -> anyhow::Result<Vec<Job>> {
    let (datasource, plugin, _) = installed.owner_of(report)?;
    let projects = config.select_projects(project, datasource)?;
    let (is_live, shards) = (!options.tapes.is_replay(), options.selection.shards());
    let source = Source::in_shard(config, environment, datasource, plugin, is_live, shards)?;
    let masks = source.masks(&[])?;
    let present = jiff::Timestamp::now();
    let mut jobs = Vec::new();
    for project in projects {
        let cassette = options.tapes.cassette(&project, report);
        let cassette = cassette.map_err(|error| Misuse::new(error.to_string()))?;
        let now = cassette.as_ref().and_then(Cassette::now).unwrap_or(present);
        let window = match &cassette {
            Some(cassette) if !args.days.are_named() && !args.full => cassette.window(),
            _ => days::window(&args.days, now)?,
        };
        let tape = match cassette {
            Some(cassette) => Tape::Replay(cassette),
            None => options.tapes.live(&project, report, now, window, &masks),
        };
        let reading = ReadOptions { now, window, full: args.full, tape };
        jobs.push(source.job(&project, report, reading)?);
    }
    Ok(jobs)
}

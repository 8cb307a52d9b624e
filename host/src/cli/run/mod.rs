// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `run`: reads a report and writes it to the database. The main job.

mod account;
mod ending;
mod github;
mod listeners;
mod summary;

use anyhow::Context as _;
use jiff::Timestamp;
use test_dashboard_store::Outcome;

use super::args::RunArgs;
use super::exit::Exit;
use super::{context, line, output};
use crate::config::{Config, Environment};
use crate::misuse::Misuse;
use crate::pump::DryRows;
use crate::run::{Ending, Event, Part, RunRequest, Runner, part};
use crate::source::Tapes;
use account::Account;
pub use listeners::{Listeners, log};
use summary::SummaryFile;

/// Does the run that the arguments ask for, and tells what became of it.
///
/// # Errors
///
/// [`Misuse`] for what is wrong before anything was tried; else what made the whole run
/// impossible. A partition's failure is no error here but an exit code.
pub async fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let listeners = Listeners::new(args.project.clone(), args.report_type.clone());
    let (file, outcome) = match args.summary.as_deref().map(SummaryFile::claim).transpose() {
        Ok(file) => (file, try_to(args, &listeners).await),
        Err(misuse) => (None, Err(misuse.into())),
    };
    ending::tell(&listeners.account(), file.as_ref(), outcome)
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

async fn try_to(args: &RunArgs, listeners: &Listeners) -> anyhow::Result<Exit> {
    let common = &args.common;
    let format = common.output.format;
    let environment = &Environment::of_process();
    let request = &request(args, environment)?;
    // Before all that may fail for another reason than the command line.
    request.window(Timestamp::now())?;
    let config = &Config::load(common.config.file())?;
    let hear = &|event: &Event<'_>| listeners.hear(event);
    let runner = Runner { config, environment, request, stop: &context::interruption, hear };
    let rows = DryRows::default();
    let ending = match args.dry_run {
        true => runner.show(&rows).await?,
        false => runner.write(|| context::database(common, Some(config), environment)).await?,
    };
    let Account { pumped, database, .. } = &*listeners.account();
    match ending {
        Ending::NotDue | Ending::Ended(Outcome::Interrupted) => {}
        Ending::Ended(_) if args.dry_run => output::dry_run(format, pumped, rows.take())?,
        Ending::Ended(outcome) => {
            let told = output::run(format, pumped, database.as_deref().unwrap_or_default());
            told.with_context(|| format!("the run is over ({outcome}), and in the history"))?;
        }
    }
    Ok(ending.into())
}

/// What the arguments ask for.
fn request(args: &RunArgs, environment: &Environment) -> Result<RunRequest, Misuse> {
    let (project, report) = match (&args.project, &args.report_type) {
        (Some(project), Some(report)) => (project, report),
        (None, _) => return Err(Misuse::new("--project is missing: name one, or ALL")),
        (_, None) => {
            return Err(Misuse::new(
                "--report-type is missing: `test-dashboard reports` shows what there is",
            ));
        }
    };
    Ok(RunRequest {
        days: (&args.days).into(),
        full: args.full,
        every: args.every,
        at_once: args.jobs.map(usize::from),
        // What a platform sets splits no dry run, and no recording.
        part: match args.dry_run || args.record.is_some() || args.replay.is_some() {
            true => Part::default(),
            false => part(args.shard, args.run_key.as_deref(), environment)?,
        },
        tapes: match (&args.record, &args.replay) {
            (Some(folder), _) => Tapes::Record(folder.clone()),
            (_, Some(folder)) => Tapes::Replay(folder.clone()),
            _ => Tapes::Live,
        },
        ..RunRequest::new(project, report)
    })
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `run`: reads a report and upserts its rows into the database.

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
use crate::pump::DryRows;
use crate::run::{Ending, Event, Part, RunRequest, Runner, part};
use crate::source::Tapes;
use crate::usage_error::UsageError;
use account::Account;
pub use listeners::{Listeners, log};
use summary::SummaryFile;

/// Does the run that the arguments request, and reports its result.
///
/// # Errors
///
/// [`UsageError`] for usage errors; otherwise what made the whole run
/// fail. A partition's failure is not an error here but an exit code.
pub async fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let listeners = Listeners::new(args.project.clone(), args.report_type.clone());
    let (file, outcome) = match args.summary.as_deref().map(SummaryFile::claim).transpose() {
        Ok(file) => (file, try_to(args, &listeners).await),
        Err(error) => (None, Err(error.into())),
    };
    ending::tell(&listeners.account(), file.as_ref(), outcome)
}

/// Reports a run whose command line cannot be parsed, as far as its options can be recognised.
pub fn unparsable(arguments: &[String], error: &clap::Error) {
    let account = Account::begin(
        line::value_of(arguments, "--project"),
        line::value_of(arguments, "--report-type"),
    );
    let file = line::value_of(arguments, "--summary")
        .and_then(|path| SummaryFile::claim(path.as_ref()).ok());
    // The outcome is ignored: the error of the command line is reported by the caller.
    let _ = ending::tell(&account, file.as_ref(), Err(UsageError::new(in_short(error)).into()));
}

/// The error of a command line, without the usage advice.
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
fn request(args: &RunArgs, environment: &Environment) -> Result<RunRequest, UsageError> {
    let (project, report) = match (&args.project, &args.report_type) {
        (Some(project), Some(report)) => (project, report),
        (None, _) => return Err(UsageError::new("--project is missing: name one, or ALL")),
        (_, None) => {
            return Err(UsageError::new(
                "--report-type is missing: `test-dashboard reports` lists them",
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

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The command line. It is declared in [`args`]; each command is a file.

mod args;
mod ask;
mod check;
mod context;
mod db;
#[cfg(test)]
mod documented;
mod exit;
mod expected;
mod health;
mod help;
mod init;
mod line;
mod log;
mod manual;
mod output;
mod plugin;
mod progress;
mod rejects;
mod reports;
mod run;
mod runs;
mod shell;
mod status;
mod terminal;
mod views;

use std::process::ExitCode;

use args::{Cli, Command, DbCommand, ViewsCommand};
use exit::Exit;

use crate::plugin::compile_if_asked;

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    if let Some(compiled) = compile_if_asked(std::env::args_os().skip(1)) {
        return compiled;
    }
    let cli = match line::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return unparsable(&error),
    };
    log::start(cli.log.log, cli.log.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(format_args!("cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let outcome = runtime.block_on(dispatch(cli));
    // Not waited for: whatever was given up may be in the middle of something long.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::error(format_args!("{error:#}"));
            Exit::of(&error).into()
        }
    }
}

/// The command line is a usage error, or requests help.
fn unparsable(error: &clap::Error) -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into()).collect();
    // The summary is written even if the rest of the line is wrong.
    let wants_summary = line::value_of(&arguments, "--summary").is_some();
    if error.use_stderr() && (wants_summary || line::looks_like_a_run(&arguments)) {
        run::unparsable(&arguments, error);
    }
    if error.use_stderr() && line::wants_json_log(&arguments) {
        terminal::log_json();
        output::error(run::in_short(error));
    } else if let Err(problem) = error.print()
        && problem.kind() != std::io::ErrorKind::BrokenPipe
    {
        output::error(format_args!("cannot write the answer to standard output: {problem}"));
        return if error.use_stderr() { Exit::UsageError.into() } else { Exit::Failed.into() };
    }
    if error.use_stderr() { Exit::UsageError.into() } else { Exit::Done.into() }
}

async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        None => {
            // Who does not read it to its end needs no other answer.
            let _ = line::declared().print_help();
            Ok(Exit::UsageError)
        }
        Some(Command::Init(args)) => init::init(&args).await,
        Some(Command::Completions(args)) => shell::completions(&args),
        Some(Command::Man(args)) => shell::man(&args),
        Some(Command::Run(args)) => run::run(&args).await,
        Some(Command::Reports(common)) => reports::reports(&common).await,
        Some(Command::Check(args)) => check::check(&args).await,
        Some(Command::Status(args)) => status::status(&args).await,
        Some(Command::Runs(args)) => runs::runs(&args).await,
        Some(Command::Rejects { command }) => rejects::rejects(&command).await,
        Some(Command::Db { command: DbCommand::Migrate(common) }) => db::migrate(&common).await,
        Some(Command::Db { command: DbCommand::Status(common) }) => db::status(&common).await,
        Some(Command::Db { command: DbCommand::Forget(args) }) => db::forget(&args).await,
        Some(Command::Views { command: ViewsCommand::Bigquery(args) }) => {
            views::bigquery(&args).await
        }
        Some(Command::Plugin { command }) => plugin::plugin(&command).await,
    }
}

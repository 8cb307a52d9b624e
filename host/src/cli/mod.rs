//! What a person types. The command line is declared in [`args`]; each command is a file.

mod args;
mod check;
mod context;
mod days;
mod db;
#[cfg(test)]
mod documented;
mod exit;
mod freshness;
mod output;
mod plugin;
mod reports;
mod run;
mod runs;
mod status;
mod views;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command, DbCommand, ViewsCommand};
use exit::Exit;

use crate::misuse::Misuse;

/// Runs the program and tells how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsable(&error),
    };
    start_log(cli.common.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::remark(format_args!("error: cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let outcome = runtime.block_on(dispatch(cli));
    // Not waited for: a compilation that was given up would hold the program for minutes.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::remark(format_args!("error: {error:#}"));
            Exit::of(&error).into()
        }
    }
}

/// The command line makes no sense, or asks for help.
fn unparsable(error: &clap::Error) -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into()).collect();
    if error.use_stderr() && Cli::looks_like_a_run(&arguments) {
        run::misused(&arguments, error);
    }
    // Who does not read it needs no other answer.
    let _ = error.print();
    if error.use_stderr() { Exit::Misused.into() } else { Exit::Done.into() }
}

async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let common = &cli.common;
    if cli.command.is_some() && !cli.run.is_empty() {
        return Err(Misuse::new(
            "flags of a run go behind the command: test-dashboard run --project …",
        )
        .into());
    }
    match cli.command {
        None if cli.run.is_empty() => {
            // Who does not read it to its end needs no other answer.
            let _ = Cli::command().print_help();
            Ok(Exit::Misused)
        }
        None => run::run(common, &cli.run).await,
        Some(Command::Run(args)) => run::run(common, &args).await,
        Some(Command::Reports) => reports::reports(common).await,
        Some(Command::Check(args)) => check::check(common, &args).await,
        Some(Command::Status(args)) => status::status(common, &args).await,
        Some(Command::Runs(args)) => runs::runs(common, &args).await,
        Some(Command::Db { command: DbCommand::Migrate }) => db::migrate(common).await,
        Some(Command::Db { command: DbCommand::Status }) => db::status(common).await,
        Some(Command::Views { command: ViewsCommand::Bigquery(args) }) => {
            views::bigquery(common, &args).await
        }
        Some(Command::Plugin { command }) => plugin::plugin(common, &command).await,
    }
}

/// Log lines go to standard error; what a command answers goes to standard output.
/// `RUST_LOG` wins over `-v`.
fn start_log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let default = match verbose {
        // A merge of many rows may take a second; sqlx would warn of it with the whole SQL.
        0 => {
            "warn,sqlx=error,test_dashboard=info,test_dashboard_store=info,test_dashboard_egress=info"
        }
        1 => {
            "info,sqlx=error,test_dashboard=debug,test_dashboard_store=debug,test_dashboard_egress=debug"
        }
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        // A line that cannot be written is told nobody: telling it would panic.
        .log_internal_errors(false)
        .init();
}

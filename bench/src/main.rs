// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Measures the pump against a mock API on loopback. `docs/benchmarks.md` says what, how, and
//! what came out.

mod alone;
mod daily;
mod database;
mod history;
mod native;
mod process;
mod pump;
mod python;
mod report;
mod rows;
mod run;
mod serve;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Measures the pump against a mock API on loopback")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything, and print it.
    Run(run::RunArgs),
    /// Measure a first load and the one of the day after, of TestRail and Bitrise.
    Daily(daily::DailyArgs),
    /// Measure `status` and `runs` over a long history.
    History(history::HistoryArgs),
    /// Serve the mock TestRail and Bitrise of `daily` until standard input ends.
    ServeDaily(daily::WorldArgs),
    /// Serve the mock API on a free port of 127.0.0.1 until standard input ends.
    Serve(serve::ServeArgs),
    /// Measure the plugin's code compiled natively.
    Native(native::NativeArgs),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(args) => run::run(&args).await,
        Command::Daily(args) => daily::run(&args).await,
        Command::History(args) => history::run(&args).await,
        Command::ServeDaily(args) => daily::serve(&args).await,
        Command::Serve(args) => serve::serve(&args).await,
        Command::Native(args) => native::native(&args),
    }
}

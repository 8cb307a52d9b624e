// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A run without the command line: a report of GitHub, from its recording into a SQLite file. The
//! tests run it, behind `make plugins`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use test_dashboard::config::{Config, Environment};
use test_dashboard::plugin::compile_if_asked;
use test_dashboard::run::{Ending, Event, RunRequest, Runner, never};
use test_dashboard::source::Tapes;
use test_dashboard_store::{Outcome, Store, Target};

/// The checkout, with the plugins that `make plugins` has built.
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn main() -> anyhow::Result<ExitCode> {
    if let Some(compiled) = compile_if_asked(std::env::args_os().skip(1)) {
        return Ok(compiled);
    }
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    threads.block_on(read(Path::new(REPOSITORY)))?;
    Ok(ExitCode::SUCCESS)
}

async fn read(repository: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let target = Target::parse(&format!("sqlite:{}/rows.sqlite", folder.path().display()))?;
    let config = &Config::load(Some(&repository.join("demo/test-dashboard.toml")))?;
    let environment = &Environment::of_process();
    let request = &RunRequest {
        tapes: Tapes::Replay(repository.join("plugins/github/fixtures")),
        ..RunRequest::new("fenix", "issues")
    };
    let hear = &|event: &Event<'_>| match event {
        Event::Ended(step) => println!("{}: {} rows read", step.partition, step.counts.rows_read),
        Event::Log(level, text) => println!("{level} {text}"),
        _ => {}
    };
    let runner = Runner { config, environment, request, stop: &never, hear };
    let ending = runner.write(|| Ok(target.clone())).await?;
    anyhow::ensure!(ending == Ending::Ended(Outcome::Succeeded), "the run has failed: {ending:?}");

    let store = Store::connect(&target, 1).await?;
    let counts = store.table_counts(&["github_issues"]).await?;
    let (table, rows) = counts.first().context("there is no table")?;
    println!("{rows} rows in {table}");
    anyhow::ensure!(*rows > 0, "no row was written");
    Ok(())
}

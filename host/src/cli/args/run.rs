// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The arguments of `run`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use jiff::civil::Date;
use test_dashboard_store::Shard;

use super::Common;
use crate::config::Every;
use crate::run;

/// The text below the options.
pub const EXAMPLES: &str = "\
Examples:
  Show the rows of a report and write nothing:
    test-dashboard run --project fenix --report-type issues --dry-run
  Load a report of all projects into the database:
    test-dashboard run --project ALL --report-type issues
  Backfill the first quarter:
    test-dashboard run --project fenix --report-type builds --since 2026-01-01 --until 2026-03-31
  Do a full refresh, which also removes rows that were deleted upstream:
    test-dashboard run --project ALL --report-type test-cases --full
  Run every two weeks from a weekly cron job:
    test-dashboard run --project ALL --report-type build-artifacts --every 14d
  Replay recordings, without a network:
    test-dashboard run --project fenix --report-type issues --replay plugins/github/fixtures

The word `run` may be left out: test-dashboard --project fenix --report-type issues

Exit codes: 0 done, 1 failed, 2 usage error (command line or configuration), 3 some partitions
failed and the others are written, 4 not due (--every), 130 interrupted.";

/// The arguments of `run`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub struct RunArgs {
    /// Read this configured project, or ALL of them.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Read this report; `test-dashboard reports` lists them.
    #[arg(long, value_name = "REPORT")]
    pub report_type: Option<String>,
    /// The days to look at.
    #[command(flatten)]
    pub days: Days,
    /// Do a full refresh: ignore checkpoints, read everything again, and remove rows that were
    /// deleted upstream.
    #[arg(long, conflicts_with_all = ["num_days", "since", "until"])]
    pub full: bool,
    /// Run only if the last successful run started at least this long ago, such as 14d;
    /// otherwise exit with code 4.
    #[arg(long, value_name = "INTERVAL", conflicts_with_all = ["dry_run", "record", "replay"])]
    pub every: Option<Every>,
    /// Do everything except writing, and show the rows.
    #[arg(long, help_heading = "Execution")]
    pub dry_run: bool,
    /// Read this many partitions concurrently [default: as configured, else 4].
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=256),
        help_heading = "Execution"
    )]
    pub jobs: Option<u16>,
    /// Read only shard I of N, from 1/N to N/N; other processes read the other shards of the same
    /// run [default: set by Cloud Run, an indexed Kubernetes Job or TEST_DASHBOARD_SHARD].
    #[arg(
        long,
        value_name = "I/N",
        conflicts_with_all = ["dry_run", "record", "replay"],
        help_heading = "Execution"
    )]
    pub shard: Option<Shard>,
    /// Identify the run that the shards share: the same key for all of them, unique to this run
    /// [default: Cloud Run's execution, GitHub's workflow run, or TEST_DASHBOARD_RUN_KEY].
    #[arg(
        long,
        value_name = "KEY",
        conflicts_with_all = ["dry_run", "record", "replay"],
        help_heading = "Execution"
    )]
    pub run_key: Option<String>,
    /// Record responses to DIR/PROJECT/REPORT.har, without credentials.
    #[arg(long, value_name = "DIR", help_heading = "Recordings", value_hint = ValueHint::DirPath)]
    pub record: Option<PathBuf>,
    /// Replay responses from DIR/PROJECT/REPORT.har instead of using the network.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "record",
        help_heading = "Recordings",
        value_hint = ValueHint::DirPath
    )]
    pub replay: Option<PathBuf>,
    /// Write the run's result to this file as JSON, for a notifier; also when the run fails.
    #[arg(long, value_name = "FILE", help_heading = "Reporting", value_hint = ValueHint::FilePath)]
    pub summary: Option<PathBuf>,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// The days that a run looks at.
#[derive(Debug, Args)]
pub struct Days {
    /// Read this many days back from today.
    #[arg(long, value_name = "N", conflicts_with = "since")]
    pub num_days: Option<u32>,
    /// Read from this day on, such as 2026-03-01 (UTC).
    #[arg(long, value_name = "DATE")]
    pub since: Option<Date>,
    /// Read up to and including this day (UTC).
    #[arg(long, value_name = "DATE")]
    pub until: Option<Date>,
}

impl From<&Days> for run::Days {
    fn from(&Days { num_days, since, until }: &Days) -> Self {
        run::Days { num_days, since, until }
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::line;

    #[test]
    fn days_that_say_nothing_are_refused() {
        let run = ["test-dashboard", "--project", "fenix", "--report-type", "issues"];
        let parsed = |flags: &[&str]| line::parse(run.iter().chain(flags));
        assert!(parsed(&["--since", "2026-03-02", "--until", "2026-03-03"]).is_ok());
        assert!(parsed(&["--since", "yesterday"]).is_err());
        assert!(parsed(&["--since", "2026-03-02", "--num-days", "3"]).is_err());
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What `run` takes.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use jiff::civil::Date;
use test_dashboard_store::Shard;

use super::Common;
use crate::config::Every;
use crate::run;

/// What is shown below the options.
pub const EXAMPLES: &str = "\
Examples:
  See the rows of a report, and write nothing:
    test-dashboard run --project fenix --report-type issues --dry-run
  Read a report of all projects into the database:
    test-dashboard run --project ALL --report-type issues
  Backfill the first quarter:
    test-dashboard run --project fenix --report-type builds --since 2026-01-01 --until 2026-03-31
  Full refresh, which removes what is gone upstream:
    test-dashboard run --project ALL --report-type test-cases --full
  Every two weeks, started by a weekly cron job:
    test-dashboard run --project ALL --report-type build-artifacts --every 14d
  Without a network, from recordings:
    test-dashboard run --project fenix --report-type issues --replay plugins/github/fixtures

Without the word `run` it is the same: test-dashboard --project fenix --report-type issues

Exit codes: 0 done, 1 failed, 2 usage error (command line or configuration), 3 some partitions
failed and the others are written, 4 not due (--every), 130 interrupted.";

/// What to read, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is read")]
pub struct RunArgs {
    /// A configured project, or ALL.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// A report of a configured plugin; `test-dashboard reports` lists them.
    #[arg(long, value_name = "REPORT")]
    pub report_type: Option<String>,
    /// The days to look at.
    #[command(flatten)]
    pub days: Days,
    /// Full refresh: read everything again, without checkpoints, and remove what is gone
    /// upstream.
    #[arg(long, conflicts_with_all = ["num_days", "since", "until"])]
    pub full: bool,
    /// Only when the last run that succeeded began at least this long ago, such as 14d; else
    /// say so and end with exit code 4.
    #[arg(long, value_name = "INTERVAL", conflicts_with_all = ["dry_run", "record", "replay"])]
    pub every: Option<Every>,
    /// Do everything but the writing, and show the rows.
    #[arg(long, help_heading = "How it is read")]
    pub dry_run: bool,
    /// How many partitions are read at the same time [default: as configured, else 4].
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=256),
        help_heading = "How it is read"
    )]
    pub jobs: Option<u16>,
    /// Read only part I of N, from 1/N to N/N; other processes read the others into the same
    /// run. By default as Cloud Run, an indexed Job of Kubernetes or TEST_DASHBOARD_SHARD says.
    #[arg(
        long,
        value_name = "I/N",
        conflicts_with_all = ["dry_run", "record", "replay"],
        help_heading = "How it is read"
    )]
    pub shard: Option<Shard>,
    /// What names the run that shards share, the same for all of them and for no other run. By
    /// default Cloud Run's execution, GitHub's workflow run, or TEST_DASHBOARD_RUN_KEY.
    #[arg(
        long,
        value_name = "KEY",
        conflicts_with_all = ["dry_run", "record", "replay"],
        help_heading = "How it is read"
    )]
    pub run_key: Option<String>,
    /// Record answers to DIR/PROJECT/REPORT.har. Credentials are not in them.
    #[arg(long, value_name = "DIR", help_heading = "Recordings", value_hint = ValueHint::DirPath)]
    pub record: Option<PathBuf>,
    /// Take answers from recordings, DIR/PROJECT/REPORT.har, instead of the network.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "record",
        help_heading = "Recordings",
        value_hint = ValueHint::DirPath
    )]
    pub replay: Option<PathBuf>,
    /// Write what became of the run to a file, as JSON for a notifier; also when it fails.
    #[arg(long, value_name = "FILE", help_heading = "What is told", value_hint = ValueHint::FilePath)]
    pub summary: Option<PathBuf>,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// The days that a run looks at.
#[derive(Debug, Args)]
pub struct Days {
    /// How many days to look back.
    #[arg(long, value_name = "N", conflicts_with = "since")]
    pub num_days: Option<u32>,
    /// The first day to look at, such as 2026-03-01 (UTC).
    #[arg(long, value_name = "DATE")]
    pub since: Option<Date>,
    /// The last day to look at (UTC), included.
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

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What `rejects` takes.

use clap::{Args, Subcommand};

use super::Common;

/// What to do with rejected rows.
#[derive(Debug, Subcommand)]
pub enum RejectsCommand {
    /// Show the rejected rows that wait, the newest first.
    List(RejectsListArgs),
    /// Show a rejected row: what is wrong with it, where it came from, and the row itself.
    Show(RejectsShowArgs),
    /// Read the partitions that they came from again, in full, and no others.
    Retry(RejectsRetryArgs),
    /// Forget rejected rows without reading anything again.
    Discard(RejectsDiscardArgs),
}

/// Which rejected rows are meant.
#[derive(Debug, Args)]
pub struct RejectsOf {
    /// Only those of this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only those of this report.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// Only those of this partition.
    #[arg(long, value_name = "PARTITION")]
    pub partition: Option<String>,
    /// Only those that were meant for this table.
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,
}

/// Which rejected rows to show.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  The newest ten of a project:
    test-dashboard rejects list --project fenix --limit 10")]
pub struct RejectsListArgs {
    /// Which.
    #[command(flatten)]
    pub of: RejectsOf,
    /// How many of the newest to show: 50 to a person and all to a program unless told.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Which rejected row to show.
#[derive(Debug, Args)]
pub struct RejectsShowArgs {
    /// Its id, as `rejects list` shows it, or its beginning.
    pub id: String,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Some rejected rows: by their ids, by what they are, or all.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(
    ["ids", "project", "report", "partition", "table", "all"],
))]
pub struct RejectsChoice {
    /// Their ids, as `rejects list` shows them, or their beginnings.
    #[arg(
        value_name = "ID",
        conflicts_with_all = ["project", "report", "partition", "table", "all"]
    )]
    pub ids: Vec<String>,
    /// Those that are all of this.
    #[command(flatten)]
    pub of: RejectsOf,
    /// All that wait.
    #[arg(long, conflicts_with_all = ["project", "report", "partition", "table"])]
    pub all: bool,
}

/// Which rejected rows to try again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  One row, by the beginning of its id:
    test-dashboard rejects retry 1f3a
  All of a report, once its plugin is mended:
    test-dashboard rejects retry --report issues")]
pub struct RejectsRetryArgs {
    /// Which.
    #[command(flatten)]
    pub choice: RejectsChoice,
    /// How many partitions are read at the same time [default: as configured, else 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Which rejected rows to forget.
#[derive(Debug, Args)]
pub struct RejectsDiscardArgs {
    /// Which.
    #[command(flatten)]
    pub choice: RejectsChoice,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The arguments of `rejects`.

use clap::{Args, Subcommand};

use super::Common;

/// What to do with rejected rows.
#[derive(Debug, Subcommand)]
pub enum RejectsCommand {
    /// List the rejected rows in the dead letter table, newest first.
    List(RejectsListArgs),
    /// Show one rejected row: why it was rejected, where it came from, and its values.
    Show(RejectsShowArgs),
    /// Do a full refresh of the partitions that rejected rows came from.
    Retry(RejectsRetryArgs),
    /// Delete rejected rows without reading anything again.
    Discard(RejectsDiscardArgs),
}

/// Which rejected rows are meant.
#[derive(Debug, Args)]
pub struct RejectsOf {
    /// Select rows of this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Select rows of this report.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// Select rows of this partition.
    #[arg(long, value_name = "PARTITION")]
    pub partition: Option<String>,
    /// Select rows that were rejected from this table.
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,
}

/// Which rejected rows to show.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  List the newest ten of a project:
    test-dashboard rejects list --project fenix --limit 10")]
pub struct RejectsListArgs {
    /// Which.
    #[command(flatten)]
    pub of: RejectsOf,
    /// Show this many of the newest [default: 50 with --format human, all with json].
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Which rejected row to show.
#[derive(Debug, Args)]
pub struct RejectsShowArgs {
    /// Id as shown by `rejects list`, or a prefix of it.
    pub id: String,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Some rejected rows: by their ids, by what they are, or all.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(
    ["ids", "project", "report", "partition", "table", "all"],
))]
pub struct RejectsChoice {
    /// Ids as shown by `rejects list`, or prefixes of them.
    #[arg(
        value_name = "ID",
        conflicts_with_all = ["project", "report", "partition", "table", "all"]
    )]
    pub ids: Vec<String>,
    /// Those that are all of this.
    #[command(flatten)]
    pub of: RejectsOf,
    /// Select all rejected rows.
    #[arg(long, conflicts_with_all = ["project", "report", "partition", "table"])]
    pub all: bool,
}

/// Which rejected rows to try again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Retry one row, by a prefix of its id:
    test-dashboard rejects retry 1f3a
  Retry all rows of a report, once its plugin is fixed:
    test-dashboard rejects retry --report issues")]
pub struct RejectsRetryArgs {
    /// Which.
    #[command(flatten)]
    pub choice: RejectsChoice,
    /// Read this many partitions concurrently [default: as configured, else 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Which rejected rows to forget.
#[derive(Debug, Args)]
pub struct RejectsDiscardArgs {
    /// Which.
    #[command(flatten)]
    pub choice: RejectsChoice,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

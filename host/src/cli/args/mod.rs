// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The declaration of the command line. Every option is documented where it is declared, and each
//! command has the options that apply to it. [`line`](super::line) parses a command line.

mod common;
mod plugin;
mod rejects;
mod run;
mod setup;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use common::{Common, ConfigOption, Configured, Format, LOG_VARIABLE, LogOptions};
pub use plugin::*;
pub use rejects::*;
pub use run::{Days, RunArgs};
pub use setup::{CompletionsArgs, FirstEngine, InitArgs, ManArgs, Shell};

/// The text below the options.
const AFTER_HELP: &str = "\
Examples:
  test-dashboard init
  test-dashboard check
  test-dashboard run --project fenix --report-type issues --dry-run
  test-dashboard status

`test-dashboard COMMAND --help` shows a command's options, with examples. --config, --database and
--format may also come before the command.

Exit codes: 0 done, 1 failed, 2 usage error (command line or configuration), 3 some partitions
failed, 4 not due (--every), 130 interrupted.";

/// Load data from TestRail, GitHub and other test systems into the team's SQL database.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How it logs.
    #[command(flatten)]
    pub log: LogOptions,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first configuration, interactively or from flags.
    #[command(after_help = setup::EXAMPLES)]
    Init(InitArgs),
    /// Read a report and upsert its rows into the database.
    #[command(after_help = run::EXAMPLES)]
    Run(RunArgs),
    /// List the reports that can be run, with their tables and settings.
    Reports(Configured),
    /// Test the configuration, the plugins, the credentials and the database.
    Check(CheckArgs),
    /// Show how fresh each report is; exit with 0 only if all of them are fresh.
    Status(StatusArgs),
    /// List past runs, or show one of them with its partitions.
    Runs(RunsArgs),
    /// List, retry or discard rejected rows (the dead letter table).
    Rejects {
        /// What to do with them.
        #[command(subcommand)]
        command: RejectsCommand,
    },
    /// Migrate or inspect the database, or drop reports from `status`.
    Db {
        /// What to do with it.
        #[command(subcommand)]
        command: DbCommand,
    },
    /// Print SQL that lets another database read this one.
    Views {
        /// Which.
        #[command(subcommand)]
        command: ViewsCommand,
    },
    /// Install, inspect, build and test plugins.
    Plugin {
        /// What to do with them.
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Write manual pages for the program and every command.
    Man(ManArgs),
}

/// What to check.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Check everything before the first run:
    test-dashboard check
  Check one project of another configuration file:
    test-dashboard check --project fenix --config deploy/test-dashboard.toml")]
pub struct CheckArgs {
    /// Check only this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Which reports to look at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Show all reports of all projects:
    test-dashboard status
  Check one report from a monitor:
    test-dashboard status --report issues --format json

Exit codes: 0 all reports are fresh, 1 one of them is not, 2 usage error (command line or
configuration).")]
pub struct StatusArgs {
    /// Show only this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Show only this report.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Which runs to show.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Show the newest five runs:
    test-dashboard runs --limit 5
  Show one run and the result of each of its partitions:
    test-dashboard runs 17")]
pub struct RunsArgs {
    /// Show this run with its partitions.
    pub id: Option<i64>,
    /// Show this many of the newest runs.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u32,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Apply pending migrations. A run does this as well.
    Migrate(Common),
    /// Show the database, its migrations and any drift.
    Status(Common),
    /// Drop reports from `status`, such as those of a project that is no longer configured.
    Forget(ForgetArgs),
}

/// Which reports to forget.
#[derive(Debug, Args)]
#[command(after_help = "\
This deletes a report's freshness and the results of its partitions from the history of runs. Its
rows, its rejected rows and its checkpoints stay: if the report is run again, it resumes from there.

Examples:
  Forget a project that was removed from the configuration:
    test-dashboard db forget --project fenix
  Forget one of its reports:
    test-dashboard db forget --project fenix --report issues")]
pub struct ForgetArgs {
    /// Forget reports of this project.
    #[arg(long, value_name = "NAME")]
    pub project: String,
    /// Forget only this report.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// What is to read the database.
#[derive(Debug, Subcommand)]
pub enum ViewsCommand {
    /// Print statements for `bq query` that create a BigQuery view of every table and view.
    Bigquery(BigqueryArgs),
}

/// Where BigQuery reads from, and where its views go.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Create the views in a dataset:
    test-dashboard views bigquery --connection my-project.europe-west1.pump \\
        --dataset dashboards | bq query --use_legacy_sql=false")]
pub struct BigqueryArgs {
    /// Read through this BigQuery connection to the Cloud SQL instance.
    #[arg(long, value_name = "PROJECT.REGION.CONNECTION")]
    pub connection: String,
    /// Create the views in this dataset, or in another project's as PROJECT.DATASET
    /// [default: the dataset of the session that runs the statements].
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
    /// Engine of the instance [default: that of the configured database]. When it is given, no
    /// database has to be configured.
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub database_engine: Option<CloudSqlEngine>,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// What a Cloud SQL instance that BigQuery can read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CloudSqlEngine {
    /// PostgreSQL.
    #[value(alias = "postgresql")]
    Postgres,
    /// MySQL.
    Mysql,
}

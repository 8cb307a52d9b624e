// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The command line, declared. Every option documents itself here, where it is declared, and
//! each command has those that mean something to it. How a line is read says
//! [`line`](super::line).

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

/// What is shown below the options.
const AFTER_HELP: &str = "\
Examples:
  test-dashboard init
  test-dashboard check
  test-dashboard run --project fenix --report-type issues --dry-run
  test-dashboard status

`test-dashboard COMMAND --help` says what a command takes, with examples. Where it takes --config,
--database or --format, these may stand before it, too.

Exit codes: 0 done, 1 failed, 2 usage error (command line or configuration), 3 some partitions
failed, 4 not due (--every), 130 interrupted.";

/// Pumps what TestRail, GitHub and other test systems know into the team's SQL database.
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
    /// Write a first configuration, by asking or from flags.
    #[command(after_help = setup::EXAMPLES)]
    Init(InitArgs),
    /// Read a report and write it to the database.
    #[command(after_help = run::EXAMPLES)]
    Run(RunArgs),
    /// Show what can be asked for: reports, their tables, the settings they take.
    Reports(Configured),
    /// Try the configuration, the credentials and the database, one after the other.
    Check(CheckArgs),
    /// Show how fresh each report is; exit code 0 only when all of them are.
    Status(StatusArgs),
    /// Show the history of runs, or one of them.
    Runs(RunsArgs),
    /// Look after the rows that broke their declaration (dead letters).
    Rejects {
        /// What to do with them.
        #[command(subcommand)]
        command: RejectsCommand,
    },
    /// Look after the database.
    Db {
        /// What to do with it.
        #[command(subcommand)]
        command: DbCommand,
    },
    /// Print SQL by which another database reads this one.
    Views {
        /// Which.
        #[command(subcommand)]
        command: ViewsCommand,
    },
    /// Work with plugin files.
    Plugin {
        /// What to do with them.
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Write manual pages of the program and of every command.
    Man(ManArgs),
}

/// What to check.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Before the first run:
    test-dashboard check
  One project, in another file:
    test-dashboard check --project fenix --config deploy/test-dashboard.toml")]
pub struct CheckArgs {
    /// Only this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Which reports to look at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  All reports of all projects:
    test-dashboard status
  For a monitor, one report:
    test-dashboard status --report issues --format json

Exit codes: 0 all reports are fresh, 1 one of them is not, 2 usage error (command line or
configuration).")]
pub struct StatusArgs {
    /// Only this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only this report.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// Which runs to show.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  The newest five:
    test-dashboard runs --limit 5
  What became of each partition of one:
    test-dashboard runs 17")]
pub struct RunsArgs {
    /// Show this run with its partitions.
    pub id: Option<i64>,
    /// How many of the newest runs to show.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u32,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Bring the host's own tables up to date. A run does it by itself.
    Migrate(Common),
    /// Show the database and which migrations it has.
    Status(Common),
    /// Take reports off `status`, such as those of a project that is not configured any more.
    Forget(ForgetArgs),
}

/// Which reports to forget.
#[derive(Debug, Args)]
#[command(after_help = "\
Forgotten is how fresh a report is, and what became of its partitions in each run of the history.
Its rows, its rejected rows and its checkpoints stay: a report that comes back goes on from there.

Examples:
  A project that was taken out of the configuration:
    test-dashboard db forget --project fenix
  One of its reports:
    test-dashboard db forget --project fenix --report issues")]
pub struct ForgetArgs {
    /// The project.
    #[arg(long, value_name = "NAME")]
    pub project: String,
    /// Only this report.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Common,
}

/// What is to read the database.
#[derive(Debug, Subcommand)]
pub enum ViewsCommand {
    /// Print the statements that make BigQuery read every table and view, for `bq query`.
    Bigquery(BigqueryArgs),
}

/// Where BigQuery reads from, and where its views go.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Make the views in a dataset:
    test-dashboard views bigquery --connection my-project.europe-west1.pump \\
        --dataset dashboards | bq query --use_legacy_sql=false")]
pub struct BigqueryArgs {
    /// BigQuery's connection to the Cloud SQL instance.
    #[arg(long, value_name = "PROJECT.REGION.CONNECTION")]
    pub connection: String,
    /// The dataset for the views, of another project as PROJECT.DATASET; by default that of the
    /// session that runs the statements.
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
    /// What the instance is; by default what the configured database is. With it, no setting
    /// of the database is needed.
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub database_engine: Option<CloudSqlEngine>,
    /// What it shares with other commands.
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

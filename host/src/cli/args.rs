//! The command line. Every flag documents itself here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;

/// Pumps what TestRail, GitHub and other test systems know into the team's SQL database.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 misused (command line or configuration), 3 some partitions failed, 130 interrupted.\n\nWithout a command it does what `run` does: test-dashboard --project fenix --report-type test-case-coverage"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// For a run without a command.
    #[command(flatten)]
    pub run: RunArgs,
    /// For every command.
    #[command(flatten)]
    pub common: Common,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", env = "TEST_DASHBOARD_CONFIG")]
    pub config: Option<PathBuf>,
    /// The database, instead of the configured one: sqlite:FILE, postgres://…, mysql://…
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TEST_DASHBOARD_DATABASE",
        hide_env_values = true
    )]
    pub database: Option<String>,
    /// How answers are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Say more; twice for what libraries say too.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for a person.
    Human,
    /// JSON for a program.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a report and write it to the database.
    Run(RunArgs),
    /// Show what can be asked for: reports, their tables, the settings they take.
    Reports,
    /// Try the configuration, the credentials and the database, one after the other.
    Check(CheckArgs),
    /// Show the history of runs, or one of them.
    Runs(RunsArgs),
    /// Look after the database.
    Db {
        /// What to do with it.
        #[command(subcommand)]
        command: DbCommand,
    },
    /// Work with plugin files.
    Plugin {
        /// What to do with them.
        #[command(subcommand)]
        command: PluginCommand,
    },
}

/// What to read, and how.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A configured project, or ALL.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// A report of a configured plugin; `test-dashboard reports` shows them.
    #[arg(long, value_name = "REPORT")]
    pub report_type: Option<String>,
    /// How many days to look back.
    #[arg(long, value_name = "N", conflicts_with = "since")]
    pub num_days: Option<u32>,
    /// The first day to look at, such as 2026-03-01 (UTC).
    #[arg(long, value_name = "DATE")]
    pub since: Option<Date>,
    /// The last day to look at (UTC), included.
    #[arg(long, value_name = "DATE")]
    pub until: Option<Date>,
    /// Read everything again, without checkpoints, and remove what is gone upstream.
    #[arg(long, conflicts_with_all = ["num_days", "since", "until"])]
    pub full: bool,
    /// How many partitions are read at the same time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Do everything but the writing, and show the rows.
    #[arg(long)]
    pub dry_run: bool,
    /// Take answers from recordings, DIR/PROJECT/REPORT.har, instead of the network.
    #[arg(long, value_name = "DIR", conflicts_with = "record")]
    pub replay: Option<PathBuf>,
    /// Record answers to DIR/PROJECT/REPORT.har. Credentials are not in them.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
}

impl RunArgs {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.project.is_none() && self.report_type.is_none()
    }
}

/// What to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
}

/// Which runs to show.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Show this run with its partitions.
    pub id: Option<i64>,
    /// How many of the newest runs to show.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u32,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Bring the host's own tables up to date. A run does it by itself.
    Migrate,
    /// Show the database and which migrations it has.
    Status,
}

/// What to do with plugin files.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Show what a file is and asks for: version, reports, tables, hosts, credentials.
    Inspect(InspectArgs),
    /// Build a component from a plugin's source.
    Build(BuildArgs),
}

/// Which file to show.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The plugin's file.
    pub file: PathBuf,
}

/// What to build.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The folder with the plugin's Cargo.toml.
    pub dir: PathBuf,
    /// Where the component goes; by default NAME.wasm beside the target folder's others.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Build the examples of the package instead, each as a component, into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub examples: Option<PathBuf>,
    /// The target folder of the build.
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
}

//! The command line. Every flag documents itself here.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;

use test_dashboard_store::Shard;

use super::log::LogFormat;
use crate::config::Every;
use crate::project::Language;

/// How log lines are written, where the command line does not say it.
const LOG_VARIABLE: &str = "TEST_DASHBOARD_LOG";

/// Pumps what TestRail, GitHub and other test systems know into the team's SQL database.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 misused (command line or configuration), 3 some partitions failed, 4 not due (--every), 130 interrupted.\n\nWithout a command it does what `run` does: test-dashboard --project fenix --report-type test-case-coverage"
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

impl Cli {
    /// Whether these arguments look like a run's, where they cannot be parsed: they name no
    /// other command.
    pub fn looks_like_a_run(arguments: &[String]) -> bool {
        let command = Cli::command();
        let other = |argument: &String| {
            command.get_subcommands().any(|other| other.get_name() == argument) && argument != "run"
        };
        !arguments.iter().any(other)
    }
}

/// The value of a flag in arguments that cannot be parsed.
pub fn value_of(arguments: &[String], flag: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument.split('=').next() == Some(flag))?;
    match arguments.get(at)?.split_once('=') {
        Some((_, value)) => Some(value.to_string()),
        None => arguments.get(at + 1).filter(|value| !value.starts_with('-')).cloned(),
    }
}

/// Whether these arguments, which cannot be parsed, ask for a log of JSON lines.
pub fn wants_json_log(arguments: &[String]) -> bool {
    let asked = value_of(arguments, "--log").or_else(|| std::env::var(LOG_VARIABLE).ok());
    asked.as_deref() == Some("json")
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
    /// How log lines and errors are written, on standard error.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = LogFormat::Text,
        value_name = "FORMAT",
        env = LOG_VARIABLE
    )]
    pub log: LogFormat,
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
    /// Show how fresh each report is; exit code 1 when one is late or failed.
    Status(StatusArgs),
    /// Show the history of runs, or one of them.
    Runs(RunsArgs),
    /// Look at the rows that broke their declaration.
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
    /// Make other databases read this one.
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
    /// The days to look at.
    #[command(flatten)]
    pub days: Days,
    /// Only when the last run that succeeded began at least this long ago, such as 14d; else
    /// say so and end with exit code 4.
    #[arg(long, value_name = "INTERVAL", conflicts_with_all = ["dry_run", "record", "replay"])]
    pub every: Option<Every>,
    /// Read everything again, without checkpoints, and remove what is gone upstream.
    #[arg(long, conflicts_with_all = ["num_days", "since", "until"])]
    pub full: bool,
    /// Read only part I of N, from 1/N to N/N; other processes read the others into the same
    /// run. By default as Cloud Run, an indexed Job of Kubernetes or TEST_DASHBOARD_SHARD says.
    #[arg(long, value_name = "I/N", conflicts_with_all = ["dry_run", "record", "replay"])]
    pub shard: Option<Shard>,
    /// What names the run that shards share, the same for all of them and for no other run. By
    /// default Cloud Run's execution, GitHub's workflow run, or TEST_DASHBOARD_RUN_KEY.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["dry_run", "record", "replay"])]
    pub run_key: Option<String>,
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
    /// Write what became of the run to a file, as JSON for a notifier; also when it fails.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

impl RunArgs {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.project.is_none() && self.report_type.is_none()
    }
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

impl Days {
    /// The flags that name them, as they were given.
    pub fn flags(&self) -> String {
        let mut flags = String::new();
        if let Some(days) = self.num_days {
            flags += &format!(" --num-days {days}");
        }
        for (name, day) in [("since", self.since), ("until", self.until)] {
            if let Some(day) = day {
                flags += &format!(" --{name} {day}");
            }
        }
        flags
    }

    /// Whether any were named.
    pub fn are_named(&self) -> bool {
        self.num_days.is_some() || self.since.is_some() || self.until.is_some()
    }
}

/// What to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
}

/// Which reports to look at.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only this project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only this report.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
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

/// What to do with rejected rows.
#[derive(Debug, Subcommand)]
pub enum RejectsCommand {
    /// Show those that wait, the newest first.
    List(RejectsListArgs),
    /// Show one: what is wrong with it, where it came from, and the row itself.
    Show(RejectsShowArgs),
    /// Read the partitions that they came from again, in full, and no others.
    Retry(RejectsRetryArgs),
    /// Forget them without reading anything again.
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
pub struct RejectsListArgs {
    /// Which.
    #[command(flatten)]
    pub of: RejectsOf,
    /// How many of the newest to show: 50 to a person and all to a program unless told.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
}

/// Which rejected row to show.
#[derive(Debug, Args)]
pub struct RejectsShowArgs {
    /// Its id, as `rejects list` shows it, or its beginning.
    pub id: String,
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
pub struct RejectsRetryArgs {
    /// Which.
    #[command(flatten)]
    pub choice: RejectsChoice,
    /// How many partitions are read at the same time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
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
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Bring the host's own tables up to date. A run does it by itself.
    Migrate,
    /// Show the database and which migrations it has.
    Status,
}

/// What is to read the database.
#[derive(Debug, Subcommand)]
pub enum ViewsCommand {
    /// Print the statements that make BigQuery read every table and view, for `bq query`.
    Bigquery(BigqueryArgs),
}

/// Where BigQuery reads from, and where its views go.
#[derive(Debug, Args)]
pub struct BigqueryArgs {
    /// BigQuery's connection to the Cloud SQL instance.
    #[arg(long, value_name = "PROJECT.REGION.CONNECTION")]
    pub connection: String,
    /// The dataset for the views, of another project as PROJECT.DATASET; by default that of the
    /// session that runs the statements.
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
    /// What the instance is, instead of what the configured database is.
    #[arg(long, value_enum)]
    pub database_engine: Option<CloudSqlEngine>,
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

/// What to do with plugin files.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Begin a plugin: a small project that builds, with a recorded fixture and its rows.
    New(NewArgs),
    /// Build a component from a plugin's source.
    Build(BuildArgs),
    /// Show what a file is and asks for: version, reports, tables, hosts, credentials.
    Inspect(InspectArgs),
    /// Try everything that a run relies on, with recorded fixtures and without a network.
    Check(PluginCheckArgs),
    /// Record one live run as fixtures: no credentials in them, personal fields masked.
    Record(RecordArgs),
    /// Replay all fixtures and compare the rows with the golden files beside them.
    Test(TestArgs),
    /// Install a plugin, or another version of one, pinned by its digest.
    Add(AddArgs),
    /// Show the installed plugins.
    List,
    /// Take an installed plugin away.
    Remove(RemoveArgs),
    /// Compare all installed plugins with the lock file.
    Verify(VerifyArgs),
}

/// What to begin.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The datasource's name: lower-case letters and digits. The folder is named like it.
    pub name: String,
    /// What the plugin is written in.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub language: Language,
}

/// What to build.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Where the component goes; by default NAME.wasm in the plugin's folder, as the datasource
    /// calls itself.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Build the examples of the package instead, each as a component, into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub examples: Option<PathBuf>,
    /// The target folder of the build.
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
}

/// Which file to show.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The plugin's file.
    pub file: PathBuf,
}

/// Which file to try, and with what.
#[derive(Debug, Args)]
pub struct PluginCheckArgs {
    /// The plugin's file.
    pub file: PathBuf,
    /// The folder with the recordings, PROJECT/REPORT.har; by default `fixtures` beside the
    /// configuration, which names the projects' settings.
    #[arg(long, value_name = "DIR")]
    pub fixtures: Option<PathBuf>,
    /// Only this project's fixtures.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only this report's fixtures.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// Do not fail for rules that could not be tried for want of a recording.
    #[arg(long)]
    pub partial: bool,
}

/// What to record.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The plugin's file.
    pub file: PathBuf,
    /// A configured project.
    #[arg(long, value_name = "NAME")]
    pub project: String,
    /// A report of the plugin.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: String,
    /// The folder for the recordings, PROJECT/REPORT.har; by default `fixtures` beside the
    /// configuration.
    #[arg(long, value_name = "DIR")]
    pub fixtures: Option<PathBuf>,
    /// Replace what this JSON path (RFC 9535) finds in answers, such as '$..email'; may be
    /// given several times.
    #[arg(long, value_name = "PATH")]
    pub mask: Vec<String>,
    /// Record besides what `plugin check` asks for: goes on from every checkpoint, and reads
    /// everything again.
    #[arg(long)]
    pub for_check: bool,
    /// The days to look at.
    #[command(flatten)]
    pub days: Days,
}

/// Which plugin to test.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The plugin's folder, with its configuration and its fixtures.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Write the golden files instead of comparing with them.
    #[arg(long)]
    pub update: bool,
}

/// What to install.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The plugin's file, or the https:// address of one.
    #[arg(value_name = "FILE|URL")]
    pub source: String,
    /// The SHA-256 that the file has to have, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
}

/// What may be there besides.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Take no offence at plugins that are built from source: files outside of the plugin
    /// folder, which run without having been added.
    #[arg(long)]
    pub allow_built: bool,
}

/// What to take away.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The plugin's name.
    pub name: String,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_that_makes_no_sense_is_understood_in_part() {
        let line = "run --project fenix --summary=out.json --num-days soon --every --jobs";
        let arguments: Vec<String> = line.split(' ').map(String::from).collect();
        assert!(Cli::looks_like_a_run(&arguments));
        assert_eq!(value_of(&arguments, "--project").as_deref(), Some("fenix"));
        assert_eq!(value_of(&arguments, "--summary").as_deref(), Some("out.json"));
        for missing in ["--every", "--jobs", "--report-type"] {
            assert_eq!(value_of(&arguments, missing), None, "{missing}");
        }
        assert!(!Cli::looks_like_a_run(&["status".into(), "--summary=README.md".into()]));
    }

    #[test]
    fn the_command_line_is_declared_without_contradictions() {
        Cli::command().debug_assert();
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a long history costs: `status` and `runs` over ten thousand runs in a SQLite file, each
//! time as a process from its start to its end, and forgetting half of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use comfy_table::{Table, presets};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use test_dashboard_store::{Store, Target};

use crate::database::{Database, Engine};
use crate::process::{self, Usage};
use crate::report::Machine;

/// How long each of the commands may take.
const WANTED: Duration = Duration::from_millis(200);
/// For how many days back there are runs.
const DAYS: i64 = 400;
/// Projects and reports, by which the runs go round.
const PROJECTS: u32 = 5;
const REPORTS: u32 = 16;
/// Rejected rows that wait.
const REJECTED: u32 = 1_000;

/// What is measured, and with what.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Runs in the history.
    #[arg(long, default_value_t = 10_000)]
    runs: u32,
    /// Partitions of each run.
    #[arg(long, default_value_t = 10)]
    partitions: u32,
    /// How often each command is run.
    #[arg(long, default_value_t = 30)]
    repeat: usize,
    /// The pump.
    #[arg(long, default_value = "target/release/test-dashboard")]
    pump: PathBuf,
    /// Where the results go as JSON.
    #[arg(long, default_value = "target/bench-history.json")]
    json: PathBuf,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Results {
    machine: Machine,
    version: String,
    runs: u32,
    partitions: u32,
    commands: Vec<Measured>,
    pruned: u64,
    prune_milliseconds: f64,
}

/// One command, many times.
#[derive(Debug, Serialize)]
struct Measured {
    command: String,
    median_milliseconds: f64,
    slowest_milliseconds: f64,
}

/// Measures, and prints it.
///
/// # Errors
///
/// When a command fails, or what is pruned is not half of the history. A goal that is not
/// reached is no error: it is told.
pub async fn run(args: &HistoryArgs) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let database = Database::fresh(Engine::Sqlite, folder.path()).await?;
    let pump = args.pump.canonicalize();
    let pump = pump.with_context(|| format!("{} is not there", args.pump.display()))?;
    process::run(&mut command(&pump, &database, folder.path(), &["db", "migrate"]))?;
    eprintln!("bench: making a history of {} runs", args.runs);
    fill(&database, args).await?;
    let newest = args.runs.to_string();
    let mut commands = Vec::new();
    for words in [
        &["status"][..],
        &["status", "--format", "json"],
        &["runs"],
        &["runs", "--format", "json"],
        &["runs", &newest],
    ] {
        commands.push(measure(&pump, &database, folder.path(), words, args.repeat)?);
    }
    let (pruned, took) = prune(&database, args.runs).await?;
    let results = Results {
        machine: Machine::this(),
        version: database.version().await?,
        runs: args.runs,
        partitions: args.partitions,
        commands,
        pruned,
        prune_milliseconds: milliseconds(took),
    };
    println!("{results}");
    std::fs::write(&args.json, serde_json::to_vec_pretty(&results)?)
        .with_context(|| format!("cannot write {}", args.json.display()))?;
    println!("All of it as JSON: {}", args.json.display());
    Ok(())
}

fn command(pump: &Path, database: &Database, folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(pump);
    command.current_dir(folder).args(words).args(["--database", &database.url]);
    command.env("XDG_CACHE_HOME", folder.join("cache"));
    command.env_remove("RUST_LOG").env_remove("TEST_DASHBOARD_DATABASE");
    command
}

/// A history that goes back evenly: by its own statements, as if the runs had been.
async fn fill(database: &Database, args: &HistoryArgs) -> anyhow::Result<()> {
    let HistoryArgs { runs, partitions, .. } = args;
    let apart = DAYS * 86_400 / i64::from(*runs).max(1);
    let moment = |seconds: &str| {
        format!("strftime('%Y-%m-%dT%H:%M:%S.000000Z', 'now', '-' || ({seconds}) || ' seconds')")
    };
    let (began, ended) =
        (format!("({runs} - n) * {apart} + 60"), format!("({runs} - n) * {apart}"));
    let (began, ended) = (moment(&began), moment(&ended));
    let numbers = |count: &u32| {
        format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"
        )
    };
    let project = format!("'project-' || (n % {PROJECTS})");
    let report = format!("'report-' || (n % {REPORTS})");
    let statements = [
        format!(
            "INSERT INTO runs (project, report, command, version, started_at, finished_at, outcome) \
             {} SELECT 'ALL', {report}, 'run --project ALL', '0.1.0', {began}, {ended}, 'succeeded' \
             FROM numbers",
            numbers(runs)
        ),
        format!(
            "INSERT INTO run_partitions (run_id, project, datasource, report, partition_id, \
             outcome, rows_read, rows_new, rows_changed, rows_unchanged, rows_removed, \
             rows_rejected, requests, response_bytes, started_at, elapsed_ms) \
             SELECT r.id, 'project-' || (n % {PROJECTS}), 'probe', \
             r.report, 'partition/' || n, 'succeeded', 1000, 10, 20, 970, 0, 0, 12, \
             500000, r.started_at, 1500 FROM runs AS r, ({} SELECT n FROM numbers)",
            numbers(partitions)
        ),
        format!(
            "INSERT INTO report_status (project, datasource, report, run_id, started_at, outcome, \
             good_run_id, good_rows_read, good_started_at) \
             {} SELECT {project}, 'probe', {report}, n, {began}, 'succeeded', n, 1000, {began} \
             FROM numbers WHERE n > {runs} - {PROJECTS} * {REPORTS}",
            numbers(runs)
        ),
        format!(
            "INSERT INTO rejected_rows (digest, run_id, project, datasource, report, \
             partition_id, table_name, reason, row_json, rejected_at) {} SELECT 'digest-' || n, n, {project}, 'probe', {report}, \
             'partition/1', 'probe_items', 'column label: too long', '{{}}', {began} FROM numbers",
            numbers(&REJECTED)
        ),
    ];
    let mut connection = SqliteConnection::connect(&database.url).await?;
    for statement in statements {
        let shown = statement.chars().take(60).collect::<String>();
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        statement.execute(&mut connection).await.with_context(|| format!("{shown}…"))?;
    }
    connection.close().await?;
    let rows = database.number("SELECT COUNT(*) FROM run_partitions").await?;
    let expected = i64::from(*runs) * i64::from(*partitions);
    ensure!(rows == expected, "{rows} partitions in place of {expected}");
    Ok(())
}

fn measure(
    pump: &Path,
    database: &Database,
    folder: &Path,
    words: &[&str],
    repeat: usize,
) -> anyhow::Result<Measured> {
    let once = || process::run(&mut command(pump, database, folder, words));
    once()?;
    let usages =
        (0..repeat.max(1)).map(|_| Ok(once()?.0)).collect::<anyhow::Result<Vec<Usage>>>()?;
    let slowest = usages.iter().map(|usage| usage.wall).max().unwrap_or_default();
    Ok(Measured {
        command: words.join(" "),
        median_milliseconds: milliseconds(crate::run::median(&usages)),
        slowest_milliseconds: milliseconds(slowest),
    })
}

/// Forgets the older half.
async fn prune(database: &Database, runs: u32) -> anyhow::Result<(u64, Duration)> {
    let store = Store::connect(&Target::parse(&database.url)?, 1).await?;
    let before = Timestamp::now() - SignedDuration::from_hours(24 * DAYS / 2);
    let clock = Instant::now();
    let pruned = store.prune_history(before).await?;
    let took = clock.elapsed();
    store.close().await;
    let half = u64::from(runs / 2);
    ensure!(pruned.abs_diff(half) <= 1, "{pruned} runs were forgotten in place of {half}");
    let left = database.number("SELECT COUNT(*) FROM runs").await?;
    let expected = i64::from(runs) - pruned.cast_signed();
    ensure!(left == expected, "{left} runs are left in place of {expected}");
    Ok((pruned, took))
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { version, runs, partitions, pruned, prune_milliseconds, .. } = self;
        writeln!(f, "{version}: {runs} runs of {partitions} partitions.\n")?;
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["command", "median", "slowest", "wanted", ""]);
        for Measured { command, median_milliseconds, slowest_milliseconds } in &self.commands {
            let is_reached = *median_milliseconds < milliseconds(WANTED);
            table.add_row([
                command.clone(),
                format!("{median_milliseconds:.0} ms"),
                format!("{slowest_milliseconds:.0} ms"),
                format!("under {} ms", WANTED.as_millis()),
                if is_reached { "reached" } else { "NOT REACHED" }.into(),
            ]);
        }
        writeln!(f, "{table}\n")?;
        write!(f, "Forgetting {pruned} runs with their partitions: {prune_milliseconds:.0} ms.")
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The output of a run: tables for a person, JSON for a program.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};
use serde_json::json;
use serde_json::value::RawValue;
use test_dashboard_model::{Counts, Value};
use tracing::Level;

use super::args::Format;
use super::terminal;
use crate::plugin::printable;
use crate::pump::{DryTable, PartitionReport};
use crate::run::RunReport;
pub use crate::run::shards;

/// How many rows of each table a dry run shows a person.
const DRY_ROWS: usize = 10;
/// Where a value is cut that a person is shown, in characters.
const LONGEST_CELL: usize = 40;

/// Prints a line of the answer. Who reads it may have gone away (`| head`) and then has seen
/// enough, which is no failure; `println!` would panic.
macro_rules! say {
    ($($line:tt)*) => { $crate::cli::output::line(format_args!($($line)*)) };
}
pub(super) use say;

/// What [`say!`] does.
///
/// # Errors
///
/// When standard output cannot be written to, unless nobody reads it any more.
pub fn line(text: std::fmt::Arguments<'_>) -> std::io::Result<()> {
    told(terminal::answer(text))
}

/// What became of an answer.
fn told(written: std::io::Result<()>) -> std::io::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        // What the system says of a full disk must not be taken for the database's.
        written => written.map_err(|error| {
            let told = format!("cannot write the answer to standard output: {error}");
            std::io::Error::new(error.kind(), told)
        }),
    }
}

/// Prints a line on standard error. When that fails there is nobody left to tell;
/// `eprintln!` would panic.
pub fn remark(text: impl std::fmt::Display) {
    terminal::remark(Level::INFO, &text.to_string());
}

/// Prints what went wrong on standard error.
pub fn error(text: impl std::fmt::Display) {
    terminal::remark(Level::ERROR, &text.to_string());
}

/// One line below the header, and nothing else.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// An empty table in the style of all answers.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    table
}

/// Puts the numbers of these columns to the right.
pub fn right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Tells a run that wrote to the database.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn run(format: Format, run: &RunReport, database: &str) -> anyhow::Result<()> {
    if format == Format::Json {
        return json(&run_json(run, database));
    }
    if !run.partitions.is_empty() {
        say!("{}", summary(run))?;
    }
    failures(run)?;
    let shard = run.shard.map_or_else(String::new, |shard| format!(", shard {shard}"));
    let number = run.run.map_or_else(String::new, |id| format!("run {id}{shard}: "));
    say!("{number}{} in {database}", verdict(run))?;
    Ok(())
}

/// A run that wrote to the database, for a program.
pub fn run_json(run: &RunReport, database: &str) -> serde_json::Value {
    json!({
        "run": run.run,
        "shard": run.shard.map(|shard| shard.to_string()),
        "outcome": run.outcome().to_string(),
        "database": database,
        "total": Total::of(run),
        "partitions": run.all().collect::<Vec<_>>(),
    })
}

/// Tells a dry run: its rows, and what would have been written.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn dry_run(
    format: Format,
    run: &RunReport,
    tables: BTreeMap<String, DryTable>,
) -> anyhow::Result<()> {
    if format == Format::Json {
        let outcome = run.outcome().to_string();
        let partitions = run.all().collect();
        let tables = tables.iter().map(|(name, dry)| (name.as_str(), DryRunTable::new(dry)));
        let tables = tables.collect();
        return json(&DryRun { outcome, total: Total::of(run), partitions, tables });
    }
    for dry in tables.values() {
        show_rows(dry)?;
    }
    say!("{}", summary(run))?;
    failures(run)?;
    say!("dry run: nothing was written; {}", verdict(run))?;
    Ok(())
}

/// Prints an answer for a program.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(told(terminal::answer_json(value))?)
}

/// A line per project and report.
fn summary(run: &RunReport) -> Table {
    let keys: BTreeSet<(&str, &str)> = run
        .partitions
        .iter()
        .map(|partition| (partition.project.as_str(), partition.report.as_str()))
        .collect();
    let mut table = table([
        "project",
        "report",
        "partitions",
        "new",
        "changed",
        "unchanged",
        "removed",
        "rejected",
        "requests",
        "time",
    ]);
    for (project, report) in keys {
        let mine = run.of(project, report);
        let total = mine.total();
        let Counts { rows_new, rows_changed, rows_unchanged, rows_removed, .. } = total;
        table.add_row([
            project.to_string(),
            report.to_string(),
            partitions(mine.done().count(), mine.failures().count()),
            rows_new.to_string(),
            rows_changed.to_string(),
            rows_unchanged.to_string(),
            rows_removed.to_string(),
            total.rows_rejected.to_string(),
            total.requests.to_string(),
            elapsed(mine.elapsed()),
        ]);
    }
    right(&mut table, 2..10);
    table
}

/// How many partitions were read, and how many failed if any did.
pub fn partitions(done: usize, failed: usize) -> String {
    if failed == 0 { done.to_string() } else { format!("{done}, {failed} failed") }
}

/// A line per partition that failed.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn failures(run: &RunReport) -> std::io::Result<()> {
    for partition in run.failures() {
        let message = partition.error.as_ref().map_or("", |error| error.message.as_str());
        let PartitionReport { project, report, partition, .. } = partition;
        say!("FAILED {project} {report} {partition}: {message}")?;
    }
    Ok(())
}

fn verdict(run: &RunReport) -> String {
    let failed = run.failures().count();
    let read = run.total().rows_read;
    let is_dry = run.run.is_none();
    let has_others = failed < run.partitions.len() || !run.done_before.is_empty();
    if failed == 0 {
        format!("succeeded, {read} rows read")
    } else if is_dry {
        format!("{failed} failed")
    } else if has_others {
        format!("{failed} failed; what the others wrote is complete, and running it again is safe")
    } else {
        format!("{failed} failed, and nothing else was read; running it again is safe")
    }
}

/// A time that something took, such as `2.3 s`.
pub fn elapsed(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} s", duration.as_secs())
    }
}

/// The sums of a run, for a program.
#[derive(Serialize)]
struct Total {
    #[serde(flatten)]
    counts: Counts,
    replaced_nuls: u64,
}

impl Total {
    fn of(run: &RunReport) -> Total {
        let replaced_nuls = run.partitions.iter().map(|partition| partition.replaced_nuls).sum();
        Total { counts: run.total(), replaced_nuls }
    }
}

/// A dry run, for a program. It is serialized as it is walked through: a tree of its rows would be
/// many times their size.
#[derive(Serialize)]
struct DryRun<'a> {
    outcome: String,
    total: Total,
    partitions: Vec<&'a PartitionReport>,
    tables: BTreeMap<&'a str, DryRunTable<'a>>,
}

#[derive(Serialize)]
struct DryRunTable<'a> {
    rows: Vec<DryRunRow<'a>>,
    rejected: Vec<DryRunRejected<'a>>,
}

#[derive(Serialize)]
struct DryRunRejected<'a> {
    reason: &'a str,
    row: &'a str,
}

/// A row, with its project and table.
struct DryRunRow<'a>(&'a str, &'a [Value], &'a DryTable);

impl<'a> DryRunTable<'a> {
    fn new(dry: &'a DryTable) -> Self {
        let rows = dry.rows.iter().map(|(project, row)| DryRunRow(project, row.values(), dry));
        let rejected = dry.rejected.iter();
        let rejected = rejected.map(|row| DryRunRejected { reason: &row.reason, row: &row.row });
        DryRunTable { rows: rows.collect(), rejected: rejected.collect() }
    }
}

impl Serialize for DryRunRow<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let DryRunRow(project, values, dry) = self;
        let mut object = to.serialize_map(None)?;
        object.serialize_entry("project", project)?;
        for (column, value) in dry.table.columns.iter().zip(*values) {
            match value {
                // As it is stored.
                Value::Json(text) => {
                    let document: &RawValue =
                        serde_json::from_str(text).map_err(S::Error::custom)?;
                    object.serialize_entry(&column.name, document)?;
                }
                value => object.serialize_entry(&column.name, &value.to_json())?,
            }
        }
        object.end()
    }
}

fn show_rows(dry: &DryTable) -> std::io::Result<()> {
    let name = &dry.table.name;
    let mut shown = Table::new();
    shown.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    let header = dry.table.columns.iter().map(|column| column.name.as_str());
    shown.set_header(std::iter::once("project").chain(header));
    for (project, row) in dry.rows.iter().take(DRY_ROWS) {
        shown.add_row(std::iter::once(project.clone()).chain(row.values().iter().map(cell)));
    }
    say!("{name}: {} rows\n{shown}", dry.rows.len())?;
    if dry.rows.len() > DRY_ROWS {
        say!("… and {} more (--format json shows all)", dry.rows.len() - DRY_ROWS)?;
    }
    for row in dry.rejected.iter().take(DRY_ROWS) {
        say!("would be rejected: {}: {}", printable(&row.reason), printable(&row.row))?;
    }
    say!("")
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) | Value::Json(text) | Value::Decimal(text) => cut(text),
        other => match other.to_json() {
            serde_json::Value::String(text) => cut(&text),
            other => cut(&other.to_string()),
        },
    }
}

/// A text for one cell of a table: one line, cut where it is long.
pub fn cut(text: &str) -> String {
    cut_at(text, LONGEST_CELL)
}

/// The same, cut after so many characters.
pub fn cut_at(text: &str, longest: usize) -> String {
    let mut line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect();
    if text.chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}

/// `1 row`, `2 rows`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How a run is told: tables for a person, JSON for a program.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use serde_json::json;
use test_dashboard_model::Value;
use tracing::Level;

use super::args::Format;
use super::terminal;
use crate::plugin::printable;
use crate::pump::{DryTable, PartitionReport, RunReport, Tally};

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
    match terminal::answer(text) {
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
        "total": run.total(),
        "partitions": run.partitions,
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
        let tables: serde_json::Map<String, serde_json::Value> = tables
            .into_iter()
            .map(|(name, dry)| {
                (name, json!({ "rows": json_rows(&dry), "rejected": rejected(&dry) }))
            })
            .collect();
        return json(&json!({
            "outcome": run.outcome().to_string(),
            "total": run.total(),
            "partitions": run.partitions,
            "tables": tables,
        }));
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
pub fn json(value: &serde_json::Value) -> anyhow::Result<()> {
    say!("{}", terminal::escaped(&serde_json::to_string_pretty(value)?))?;
    Ok(())
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
        let Tally { rows_new, rows_changed, rows_unchanged, rows_removed, .. } = total;
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

/// Shards by their numbers: `2/4`, `2/4 and 4/4`, `1/4, 2/4 and 4/4`.
pub fn shards(numbers: &[u16], count: u16) -> String {
    let texts: Vec<String> = numbers.iter().map(|number| format!("{number}/{count}")).collect();
    match texts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
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

fn json_rows(dry: &DryTable) -> Vec<serde_json::Value> {
    dry.rows
        .iter()
        .map(|(project, row)| {
            let mut object = serde_json::Map::new();
            object.insert("project".into(), json!(project));
            for (column, value) in dry.table.columns.iter().zip(row.values()) {
                object.insert(column.name.clone(), value.to_json());
            }
            serde_json::Value::Object(object)
        })
        .collect()
}

fn rejected(dry: &DryTable) -> Vec<serde_json::Value> {
    dry.rejected.iter().map(|row| json!({ "reason": row.reason, "row": row.row })).collect()
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

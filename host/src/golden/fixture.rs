// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One fixture's test: replayed, and compared with its golden files or written to them.

use std::path::PathBuf;

use serde::Serialize;

use super::{Difference, Replayed, compare, read, write};
use crate::fixtures::Fixture;

/// What came of one fixture.
#[derive(Debug, Serialize)]
pub struct FixtureResult {
    /// The project.
    pub project: String,
    /// The report.
    pub report: String,
    /// How many rows it delivered, in all its tables.
    pub rows: usize,
    /// Whether it was replayed without a fault, so that its rows may become golden.
    pub replayed: bool,
    /// What is wrong besides differences, each fit for a terminal.
    pub problems: Vec<String>,
    /// Its tables and their golden files.
    pub tables: Vec<TableResult>,
}

/// What came of one table's golden file.
#[derive(Debug, Serialize)]
pub struct TableResult {
    /// The table.
    pub table: String,
    /// The columns of its key.
    pub key: Vec<String>,
    /// Its golden file.
    pub file: PathBuf,
    /// The rows that differ from the file's.
    pub differences: Vec<Difference>,
    /// Whether the file was written.
    pub written: bool,
}

impl FixtureResult {
    /// Whether everything is as it should be.
    pub fn passed(&self) -> bool {
        self.problems.is_empty() && self.tables.iter().all(|table| table.differences.is_empty())
    }
}

/// Compares what a fixture gave with its golden files, or, to `update` them, writes those
/// that have another content. Rows that are not to be trusted are written nowhere.
pub fn test(fixture: &Fixture, replayed: anyhow::Result<Replayed>, update: bool) -> FixtureResult {
    let mut result = FixtureResult {
        project: fixture.project.clone(),
        report: fixture.report.clone(),
        rows: 0,
        replayed: false,
        problems: Vec::new(),
        tables: Vec::new(),
    };
    let replayed = match replayed {
        Ok(replayed) => replayed,
        Err(error) => {
            result.problems.push(format!("{error:#}"));
            return result;
        }
    };
    result.rows = replayed.tables.iter().map(|(_, rows)| rows.len()).sum();
    result.problems = replayed.problems;
    result.replayed = result.problems.is_empty();
    for (table, rows) in &replayed.tables {
        let file = fixture.golden(&table.name);
        let mut tested = TableResult {
            table: table.name.clone(),
            key: table.key.clone(),
            file,
            differences: Vec::new(),
            written: false,
        };
        if !update && replayed.complete {
            match read(&tested.file, table) {
                Ok(Some(golden)) => tested.differences = compare(&golden, rows),
                Ok(None) => result
                    .problems
                    .push(format!("{} is missing: `--update` writes it", tested.file.display())),
                Err(error) => {
                    result.problems.push(format!("{error:#}; `--update` rewrites the file"))
                }
            }
        } else if update && result.replayed {
            match write(&tested.file, rows) {
                Ok(written) => tested.written = written,
                Err(error) => result.problems.push(format!("{error:#}")),
            }
        }
        result.tables.push(tested);
    }
    result
}

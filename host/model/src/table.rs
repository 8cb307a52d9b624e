// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin declares about its tables.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// A 64-bit whole number with a sign.
    Int64,
    /// A finite binary floating point number.
    Float64,
    /// An exact decimal number.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Unicode text.
    Text,
    /// Bytes.
    Bytes,
    /// A calendar day.
    Date,
    /// A moment in UTC, to the microsecond.
    Timestamp,
    /// A JSON document.
    Json,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnType::Boolean => f.write_str("boolean"),
            ColumnType::Int64 => f.write_str("int64"),
            ColumnType::Float64 => f.write_str("float64"),
            ColumnType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            ColumnType::Text => f.write_str("text"),
            ColumnType::Bytes => f.write_str("bytes"),
            ColumnType::Date => f.write_str("date"),
            ColumnType::Timestamp => f.write_str("timestamp"),
            ColumnType::Json => f.write_str("json"),
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
    /// Whether a row may leave it null.
    pub nullable: bool,
    /// For text: the greatest number of characters (Unicode scalar values).
    pub max_length: Option<u32>,
    /// What a person who reads the table should know.
    pub description: String,
}

/// How the rows of a partition become the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableMode {
    /// Insert or update by key.
    Merge,
    /// The partition's rows replace what the partition held.
    Snapshot,
}

impl fmt::Display for TableMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TableMode::Merge => "merge",
            TableMode::Snapshot => "snapshot",
        })
    }
}

/// One table as a plugin declares it, without the columns that the host adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name, `<datasource>_…`.
    pub name: String,
    /// What one row is.
    pub description: String,
    /// Merge or snapshot.
    pub mode: TableMode,
    /// The columns, in the order of a row's values.
    pub columns: Vec<Column>,
    /// The names of the key columns, after the host's `project`.
    pub key: Vec<String>,
}

impl Table {
    /// Where the key columns stand in a row, in the key's order. Names that are not columns
    /// are left out; [`declaration::check`](crate::declaration::check) refuses those.
    pub fn key_positions(&self) -> Vec<usize> {
        self.key
            .iter()
            .filter_map(|name| self.columns.iter().position(|column| column.name == *name))
            .collect()
    }

    /// Whether the column is part of the key.
    pub fn is_key(&self, column: &str) -> bool {
        self.key.iter().any(|name| name == column)
    }
}

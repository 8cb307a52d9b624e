// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a guest declares unless it says otherwise.

use crate::bindings::testops::datasource::types::{Report, Setting};
use crate::{Column, ColumnType, Description, Table, TableMode};

/// The table that every guest has.
pub const ROWS: &str = "guest_rows";

/// The datasource `guest`, with the report `rows` that fills one table.
pub fn description() -> Description {
    with_tables(vec![rows()])
}

/// The datasource `guest`, with the report `rows` that fills these tables.
pub fn with_tables(tables: Vec<Table>) -> Description {
    Description {
        name: "guest".into(),
        version: "0.1.0".into(),
        summary: "A guest of the host's tests.".into(),
        default_base_url: None,
        hosts: vec![],
        credentials: vec![],
        requests_per_minute: None,
        settings: settings(),
        reports: vec![Report {
            name: "rows".into(),
            description: "What the guest has to tell.".into(),
            tables: tables.iter().map(|table| table.name.clone()).collect(),
            exhaustive: false,
        }],
        tables,
    }
}

/// A merge table of `id`, its key, and `label`, which may be null.
pub fn rows() -> Table {
    table(
        ROWS,
        vec![
            column("id", ColumnType::Int64),
            Column { nullable: true, ..column("label", ColumnType::Text) },
        ],
    )
}

/// A merge table whose key is its first column.
pub fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        name: name.into(),
        description: "Made by a guest.".into(),
        mode: TableMode::Merge,
        key: columns.iter().take(1).map(|column| column.name.clone()).collect(),
        columns,
    }
}

/// A column that takes no null.
pub fn column(name: &str, kind: ColumnType) -> Column {
    Column {
        name: name.into(),
        kind,
        nullable: false,
        max_length: None,
        description: String::new(),
    }
}

/// The settings that steer guests.
pub fn settings() -> Vec<Setting> {
    [
        ("behave", "true: the reader behaves, whichever guest this is"),
        ("rows", "how many rows there are, 3 unless told"),
        ("bytes", "how long a label is, for returns_without_end"),
        ("url", "what to ask, for the guests that make requests"),
        ("swallow", "true: a request that failed becomes a row, and the guest goes on"),
        ("kind", "the failure's kind, such as rate-limited, for fails_every_kind"),
        ("at", "where it fails: check, plan, open or next-batch (unless told)"),
    ]
    .into_iter()
    .map(|(name, description)| Setting {
        name: name.into(),
        description: description.into(),
        required: false,
    })
    .collect()
}

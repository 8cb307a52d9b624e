// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Has text that a careless database layer breaks on, in keys and beside them. All of it is
//! allowed, and every key differs from every other.

use test_dashboard_guests::{
    Batch, Behaviour, Column, ColumnType, Description, Failure, Reading, Table, Value, declared,
    guest,
};

/// Keyed by text.
fn texts() -> Table {
    let name = Column { max_length: Some(100), ..declared::column("name", ColumnType::Text) };
    declared::table("guest_texts", vec![name, declared::column("label", ColumnType::Text)])
}

const TEXTS: [&str; 27] = [
    "",
    " ",
    "P1",
    "p1",
    "P1 ",
    "a nul\0inside",
    "🐞 bug",
    "🐛 bug",
    "👩‍👩‍👧‍👦",
    "é",
    "e\u{301}",
    "ß",
    "ss",
    "İ",
    "right \u{202e}to left",
    "\u{fffd}",
    "\u{feff}first",
    "\u{ffff}",
    "\u{10ffff}",
    r"\ud800",
    r"\.",
    r"\N",
    "tab\tand\r\nlines",
    "NULL",
    "'; DROP TABLE guest_rows; --",
    "\"); DELETE FROM runs; /* `",
    "%s $1 ? :name {} \\' \\",
];

struct HostileText;

impl Behaviour for HostileText {
    fn describe() -> Description {
        declared::with_tables(vec![declared::rows(), texts()])
    }

    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let rows = TEXTS.map(|text| vec![Value::Text(text.into()), Value::Text(text.into())]);
        reading.once(|| Ok(Batch { table: texts().name, rows: rows.into(), checkpoint: None }))
    }
}

guest!(HostileText);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Has a text in its key that is longer than it declared.

use test_dashboard_guests::{
    Batch, Behaviour, Column, ColumnType, Description, Failure, Reading, Table, Value, declared,
    guest,
};

fn texts() -> Table {
    let name = Column { max_length: Some(100), ..declared::column("name", ColumnType::Text) };
    declared::table("guest_names", vec![name])
}

struct LongKey;

impl Behaviour for LongKey {
    fn describe() -> Description {
        declared::with_tables(vec![declared::rows(), texts()])
    }

    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let name = Value::Text("k".repeat(101));
        reading.once(|| Ok(Batch { table: texts().name, rows: vec![vec![name]], checkpoint: None }))
    }
}

guest!(LongKey);

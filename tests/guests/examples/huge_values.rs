// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Returns rows of ten megabytes without end: a document of small members, a document of small
//! arrays, and rows that are rejected, of which nothing can be shown without an escape.

use test_dashboard_guests::{
    Batch, Behaviour, ColumnType, Description, Failure, Reading, Value, declared, guest,
};

const VALUES: &str = "guest_values";
const BYTES: usize = 10_000_000;

struct HugeValues;

impl Behaviour for HugeValues {
    fn describe() -> Description {
        let columns = [("id", ColumnType::Int64), ("document", ColumnType::Json)];
        let columns = columns.map(|(name, kind)| declared::column(name, kind)).into();
        declared::with_tables(vec![declared::rows(), declared::table(VALUES, columns)])
    }

    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let id = reading.position();
        reading.go_to(id + 1);
        let mut text = String::with_capacity(BYTES + 100);
        let value = match id % 4 {
            0 => {
                text.push('{');
                let mut number = 1_000_000;
                while text.len() < BYTES {
                    // From the last to the first, so that all have to change places.
                    text.push_str(&format!("\"{number}\":1,"));
                    number -= 1;
                }
                text.push_str("\"\":1}");
                Value::Json(text)
            }
            1 => {
                text.push('[');
                while text.len() < BYTES {
                    text.push_str("[],");
                }
                text.push_str("[]]");
                Value::Json(text)
            }
            2 => Value::Text("\u{1}".repeat(BYTES)),
            _ => Value::Json("\u{1}".repeat(BYTES)),
        };
        let rows = vec![vec![Value::Int64(id), value]];
        Ok(Some(Batch {
            table: VALUES.into(),
            rows,
            checkpoint: Some(reading.position().to_string()),
        }))
    }
}

guest!(HugeValues);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Has text where it declared a number.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, Value, batch, guest};

struct WrongType;

impl Behaviour for WrongType {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let id = Value::Text("one".into());
        reading.once(|| Ok(batch(vec![vec![id, Value::Null]])))
    }
}

guest!(WrongType);

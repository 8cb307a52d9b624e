// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Has rows with one value too few, one too many, and none at all.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, Value, batch, guest};

struct WrongLength;

impl Behaviour for WrongLength {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let short = vec![Value::Int64(1)];
        let long = vec![Value::Int64(2), Value::Null, Value::Null];
        reading.once(|| Ok(batch(vec![short, long, vec![]])))
    }
}

guest!(WrongLength);

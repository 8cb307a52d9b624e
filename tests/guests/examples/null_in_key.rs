// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Leaves the key null.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, Value, batch, guest};

struct NullInKey;

impl Behaviour for NullInKey {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        reading.once(|| Ok(batch(vec![vec![Value::Null, Value::Text("nobody".into())]])))
    }
}

guest!(NullInKey);

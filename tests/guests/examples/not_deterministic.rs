// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Delivers what nobody can get again.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, Value, guest};
use wasip2::random::random::get_random_u64;

struct NotDeterministic;

impl Behaviour for NotDeterministic {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        let read = |number| page(fetch(reading, number));
        let batch = paged::next_batch(reading, max_rows, read)?;
        let rows = batch.map(|batch| {
            let drawn = |mut row: Vec<Value>| {
                row[1] = Value::Text(get_random_u64().to_string());
                row
            };
            Batch { rows: batch.rows.into_iter().map(drawn).collect(), ..batch }
        });
        Ok(rows)
    }
}

guest!(NotDeterministic);

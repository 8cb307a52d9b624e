// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Gives the checkpoint of a page before it has delivered the page.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct CheckpointBeforeItsRows;

impl Behaviour for CheckpointBeforeItsRows {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        let is_new = reading.buffer.borrow().is_empty() && !reading.is_over.get();
        let read = |number| page(fetch(reading, number));
        if !is_new {
            let batch = paged::next_batch(reading, max_rows, read)?;
            return Ok(batch.map(|batch| Batch { checkpoint: None, ..batch }));
        }
        let promised = paged::next_batch(reading, 0, read)?;
        let checkpoint = (!reading.is_over.get()).then(|| reading.position().to_string());
        Ok(promised.map(|batch| Batch { checkpoint, ..batch }))
    }
}

guest!(CheckpointBeforeItsRows);

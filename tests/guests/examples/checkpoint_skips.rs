// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Gives checkpoints that are a page too far.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct CheckpointSkips;

impl Behaviour for CheckpointSkips {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        let read = |number| page(fetch(reading, number));
        let batch = paged::next_batch(reading, max_rows, read)?;
        Ok(batch.map(|batch| Batch {
            checkpoint: batch.checkpoint.map(|_| (reading.position() + 1).to_string()),
            ..batch
        }))
    }
}

guest!(CheckpointSkips);

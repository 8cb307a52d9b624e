// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Gives the same checkpoint with every batch, for ever.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, batch, guest, row};

struct CheckpointNeverAdvances;

impl Behaviour for CheckpointNeverAdvances {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let rows = vec![row(i64::try_from(reading.calls()).unwrap_or(i64::MAX), "and on")];
        Ok(Some(Batch { checkpoint: Some("0".into()), ..batch(rows) }))
    }
}

guest!(CheckpointNeverAdvances);

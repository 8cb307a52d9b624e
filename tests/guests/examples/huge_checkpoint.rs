// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Gives a checkpoint of a megabyte.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, batch, guest, row};

struct HugeCheckpoint;

impl Behaviour for HugeCheckpoint {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let checkpoint = Some("9".repeat(1 << 20));
        reading.once(|| Ok(Batch { checkpoint, ..batch(vec![row(1, "heavy")]) }))
    }
}

guest!(HugeCheckpoint);

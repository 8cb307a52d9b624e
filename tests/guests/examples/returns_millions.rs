// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Returns far more rows in one batch than it was asked for: two million, or the setting `rows`.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, batch, guest, row};

struct ReturnsMillions;

impl Behaviour for ReturnsMillions {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        reading.once(|| Ok(batch((1..=reading.rows(2_000_000)).map(|id| row(id, "")).collect())))
    }
}

guest!(ReturnsMillions);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Returns batch after batch with nothing in it.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, batch, guest};

struct EndlessEmptyBatches;

impl Behaviour for EndlessEmptyBatches {
    fn next_batch(_reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        Ok(Some(batch(vec![])))
    }
}

guest!(EndlessEmptyBatches);

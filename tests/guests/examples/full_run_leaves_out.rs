// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Believes that a full refresh is for what is new.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct FullRunLeavesOut;

impl Behaviour for FullRunLeavesOut {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        if reading.request.full && reading.position() == 1 {
            reading.go_to(2);
        }
        paged::next_batch(reading, max_rows, |number| page(fetch(reading, number)))
    }
}

guest!(FullRunLeavesOut);

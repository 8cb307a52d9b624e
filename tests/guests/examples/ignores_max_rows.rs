// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Delivers whole pages, whatever the host wants.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct IgnoresMaxRows;

impl Behaviour for IgnoresMaxRows {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, u32::MAX, |number| page(fetch(reading, number)))
    }
}

guest!(IgnoresMaxRows);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reads every page, says what went wrong, and goes on where it stopped: what `plugin check`
//! has nothing to say about.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct PagesWell;

impl Behaviour for PagesWell {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| page(fetch(reading, number)))
    }
}

guest!(PagesWell);

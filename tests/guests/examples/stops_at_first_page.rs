// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Takes the first page for all there is.

use test_dashboard_guests::paged::{self, Page, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct StopsAtFirstPage;

impl Behaviour for StopsAtFirstPage {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| {
            Ok(Page { next: None, ..page(fetch(reading, number))? })
        })
    }
}

guest!(StopsAtFirstPage);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Takes a rate limit for the end of the list.

use test_dashboard_guests::paged::{self, Page, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct HoldsBackRowsOn429;

impl Behaviour for HoldsBackRowsOn429 {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| match fetch(reading, number) {
            Err(message) if message.contains("429") => Ok(Page::default()),
            fetched => page(fetched),
        })
    }
}

guest!(HoldsBackRowsOn429);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks again until the service is well, however long that takes.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct RetriesWithoutEnd;

impl Behaviour for RetriesWithoutEnd {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| {
            loop {
                match fetch(reading, number) {
                    Ok(response) if response.status >= 500 => {}
                    fetched => return page(fetched),
                }
            }
        })
    }
}

guest!(RetriesWithoutEnd);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Takes a refusal for an empty list.

use test_dashboard_guests::paged::{self, Page, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct SwallowsA401;

impl Behaviour for SwallowsA401 {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| match fetch(reading, number) {
            Ok(response) if response.status == 401 => Ok(Page::default()),
            fetched => page(fetched),
        })
    }
}

guest!(SwallowsA401);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Trusts that an answer is whole.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct PanicsAtHalfAPage;

impl Behaviour for PanicsAtHalfAPage {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| {
            let fetched = fetch(reading, number);
            if let Ok(response) = &fetched
                && response.body.starts_with(b"{")
            {
                assert!(response.body.ends_with(b"}"), "half a page");
            }
            page(fetched)
        })
    }
}

guest!(PanicsAtHalfAPage);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reads as many items as there are, and does not mind how the document ends.

use test_dashboard_guests::paged::{self, Page, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct TakesHalfAPage;

impl Behaviour for TakesHalfAPage {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| match fetch(reading, number) {
            Ok(response) if response.body.starts_with(b"{") && !response.body.ends_with(b"}") => {
                Ok(Page::default())
            }
            fetched => page(fetched),
        })
    }
}

guest!(TakesHalfAPage);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Finds no items in a page for people, and thinks that there are none.

use test_dashboard_guests::paged::{self, Page, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct TakesHtmlForAnEmptyList;

impl Behaviour for TakesHtmlForAnEmptyList {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| match fetch(reading, number) {
            Ok(response) if response.body.starts_with(b"<") => Ok(Page::default()),
            fetched => page(fetched),
        })
    }
}

guest!(TakesHtmlForAnEmptyList);

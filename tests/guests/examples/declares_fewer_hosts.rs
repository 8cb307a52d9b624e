// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks a host of which it has not said a word.

use test_dashboard_guests::http::get;
use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, FailureKind, Reading, failure, guest};

struct DeclaresFewerHosts;

impl Behaviour for DeclaresFewerHosts {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| {
            let page = page(fetch(reading, number))?;
            let details = format!("https://details.example.net/items?page={number}");
            get(&details, &[]).map_err(|message| failure(FailureKind::Transient, message))?;
            Ok(page)
        })
    }
}

guest!(DeclaresFewerHosts);

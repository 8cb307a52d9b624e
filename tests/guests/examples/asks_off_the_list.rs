// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks a host that no operator allowed.

use test_dashboard_guests::http::ask;
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct AsksOffTheList;

impl Behaviour for AsksOffTheList {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let url = reading.url("https://off-the-list.example.net/collect");
        reading.once(|| ask(reading, &url, &[]))
    }
}

guest!(AsksOffTheList);

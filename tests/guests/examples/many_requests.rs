// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks the setting `url` over and over.

use test_dashboard_guests::http::ask;
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct ManyRequests;

impl Behaviour for ManyRequests {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let url = reading.url("https://api.example.com/");
        loop {
            ask(reading, &url, &[])?;
        }
    }
}

guest!(ManyRequests);

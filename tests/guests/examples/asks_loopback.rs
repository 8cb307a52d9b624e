// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks the machine that it runs on.

use test_dashboard_guests::http::ask;
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct AsksLoopback;

impl Behaviour for AsksLoopback {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let url = reading.url("http://127.0.0.1:8080/");
        reading.once(|| ask(reading, &url, &[]))
    }
}

guest!(AsksLoopback);

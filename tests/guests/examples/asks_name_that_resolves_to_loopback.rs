// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks a name that looks harmless until it is resolved.

use test_dashboard_guests::http::ask;
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct AsksNameThatResolvesToLoopback;

impl Behaviour for AsksNameThatResolvesToLoopback {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let url = reading.url("http://localhost:8080/");
        reading.once(|| ask(reading, &url, &[]))
    }
}

guest!(AsksNameThatResolvesToLoopback);

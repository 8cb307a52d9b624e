// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Brings its own credential.

use test_dashboard_guests::http::ask;
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct SetsAuthorization;

impl Behaviour for SetsAuthorization {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let url = reading.url("https://api.example.com/");
        reading.once(|| ask(reading, &url, &[("authorization", "Bearer of-its-own")]))
    }
}

guest!(SetsAuthorization);

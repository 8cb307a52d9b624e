// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reads all of what the setting `url` answers, however much that is.

use test_dashboard_guests::http::ask;
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct HugeResponse;

impl Behaviour for HugeResponse {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let url = reading.url("https://api.example.com/huge");
        reading.once(|| ask(reading, &url, &[]))
    }
}

guest!(HugeResponse);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks the address where clouds hand out credentials.

use test_dashboard_guests::http::ask;
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct AsksMetadata;

impl Behaviour for AsksMetadata {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let url = reading.url(
            "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token",
        );
        reading.once(|| ask(reading, &url, &[]))
    }
}

guest!(AsksMetadata);

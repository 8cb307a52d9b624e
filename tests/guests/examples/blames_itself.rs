// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Calls every failure its own, so that nobody tries again: a 500 is likely to pass.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, FailureKind, Reading, failure, guest};

struct BlamesItself;

impl Behaviour for BlamesItself {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| match fetch(reading, number) {
            Ok(response) if response.status >= 500 => {
                Err(failure(FailureKind::Internal, "that did not work"))
            }
            fetched => page(fetched),
        })
    }
}

guest!(BlamesItself);

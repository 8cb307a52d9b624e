// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks once more when the service fails, and goes on behind the first row.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct LosesARowOnRetry;

impl Behaviour for LosesARowOnRetry {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| {
            let first = fetch(reading, number);
            if !first.as_ref().is_ok_and(|response| response.status >= 500) {
                return page(first);
            }
            let mut again = page(fetch(reading, number))?;
            again.rows.remove(0);
            Ok(again)
        })
    }
}

guest!(LosesARowOnRetry);

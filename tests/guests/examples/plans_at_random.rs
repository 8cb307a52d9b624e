// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Splits the same request otherwise every time.

use test_dashboard_guests::paged::{self, fetch, page};
use test_dashboard_guests::{Batch, Behaviour, Failure, Partition, Reading, Request, guest};
use wasip2::random::random::get_random_u64;

struct PlansAtRandom;

impl Behaviour for PlansAtRandom {
    fn plan(_request: Request) -> Result<Vec<Partition>, Failure> {
        Ok(vec![Partition { id: get_random_u64().to_string(), data: String::new() }])
    }

    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        paged::next_batch(reading, max_rows, |number| page(fetch(reading, number)))
    }
}

guest!(PlansAtRandom);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Splits a request into a million partitions.

use test_dashboard_guests::{Behaviour, Failure, Partition, Request, guest};

struct PlansMillions;

impl Behaviour for PlansMillions {
    fn plan(_request: Request) -> Result<Vec<Partition>, Failure> {
        Ok((0..1_000_000).map(|n| Partition { id: n.to_string(), data: String::new() }).collect())
    }
}

guest!(PlansMillions);

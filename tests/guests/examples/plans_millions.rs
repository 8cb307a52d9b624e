// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Splits a request into a million partitions, or as many as the setting `rows` says.

use test_dashboard_guests::behaviour::setting;
use test_dashboard_guests::{Behaviour, Failure, Partition, Request, guest};

struct PlansMillions;

impl Behaviour for PlansMillions {
    fn plan(request: Request) -> Result<Vec<Partition>, Failure> {
        let many = setting(&request.context, "rows").and_then(|rows| rows.as_u64());
        Ok((0..many.unwrap_or(1_000_000))
            .map(|n| Partition { id: n.to_string(), data: String::new() })
            .collect())
    }
}

guest!(PlansMillions);

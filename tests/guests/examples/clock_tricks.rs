// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Sleeps for an hour inside a host call, where it uses no CPU at all.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};
use wasip2::clocks::monotonic_clock::subscribe_duration;

struct ClockTricks;

impl Behaviour for ClockTricks {
    fn next_batch(_reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        loop {
            subscribe_duration(3_600_000_000_000).block();
        }
    }
}

guest!(ClockTricks);

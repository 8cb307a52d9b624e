// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Has the host work for it without end: it asks for random bytes.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};
use wasip2::random::random::get_random_bytes;

struct WorksInHostCalls;

impl Behaviour for WorksInHostCalls {
    fn next_batch(_reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        loop {
            let _ = get_random_bytes(1 << 20);
        }
    }
}

guest!(WorksInHostCalls);

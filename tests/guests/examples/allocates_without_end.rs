// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Takes memory until there is no more.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct AllocatesWithoutEnd;

impl Behaviour for AllocatesWithoutEnd {
    fn next_batch(_reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let mut hoard = Vec::new();
        loop {
            hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        }
    }
}

guest!(AllocatesWithoutEnd);

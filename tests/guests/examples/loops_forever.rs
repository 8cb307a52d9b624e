// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Never comes back from the first `next-batch`.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct LoopsForever;

impl Behaviour for LoopsForever {
    fn next_batch(_reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        loop {
            std::hint::spin_loop();
        }
    }
}

guest!(LoopsForever);

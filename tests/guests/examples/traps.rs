// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Executes the instruction `unreachable`.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct Traps;

impl Behaviour for Traps {
    fn next_batch(_reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        #[cfg(target_arch = "wasm32")]
        std::arch::wasm32::unreachable();
        #[cfg(not(target_arch = "wasm32"))]
        std::process::abort();
    }
}

guest!(Traps);

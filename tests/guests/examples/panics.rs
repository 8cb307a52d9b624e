// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Panics, as a plugin with a bug does.

#![allow(clippy::panic, reason = "this is the misbehaviour")]

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};

struct Panics;

impl Behaviour for Panics {
    fn next_batch(_reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        panic!("this guest was not expected to be read")
    }
}

guest!(Panics);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs out of stack.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, batch, guest, row};

/// Not a loop in disguise: something is left to do after each call.
fn sink(reading: &Reading, depth: i64) -> i64 {
    let mut ballast = [depth; 64];
    std::hint::black_box(&mut ballast);
    if reading.calls() > 1 { depth } else { sink(reading, depth + 1) + ballast[0] }
}

struct RecursesWithoutEnd;

impl Behaviour for RecursesWithoutEnd {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        Ok(Some(batch(vec![row(sink(reading, 1), "came back")])))
    }
}

guest!(RecursesWithoutEnd);

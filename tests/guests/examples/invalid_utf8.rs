// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Hands over bytes as text that are none: half of a surrogate pair.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, batch, guest, row};

#[allow(unsafe_code, invalid_from_utf8_unchecked, reason = "this is the misbehaviour")]
fn half_a_pair() -> String {
    // SAFETY: none. It is unsound on purpose; what is undefined about it stays in the sandbox.
    unsafe { String::from_utf8_unchecked(std::hint::black_box(vec![0xED, 0xA0, 0x80])) }
}

struct InvalidUtf8;

impl Behaviour for InvalidUtf8 {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        reading.once(|| Ok(batch(vec![row(1, half_a_pair())])))
    }
}

guest!(InvalidUtf8);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Has rows for a table that it never declared.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, batch, guest, row};

struct ReturnsUndeclaredTable;

impl Behaviour for ReturnsUndeclaredTable {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let table = "guest_afterthoughts".into();
        reading.once(|| Ok(Batch { table, ..batch(vec![row(1, "by the way")]) }))
    }
}

guest!(ReturnsUndeclaredTable);

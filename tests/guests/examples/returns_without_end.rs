// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Returns batch after batch, each with a checkpoint; a label has the setting `bytes` (1).

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, batch, guest, row};

struct ReturnsWithoutEnd;

impl Behaviour for ReturnsWithoutEnd {
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        let bytes = reading.setting("bytes").and_then(|bytes| bytes.as_u64()).unwrap_or(1);
        let label = "x".repeat(bytes as usize);
        let from = reading.position();
        let to = from + i64::from(max_rows);
        reading.go_to(to);
        let rows = (from..to).map(|id| row(id, label.as_str())).collect();
        Ok(Some(Batch { checkpoint: Some(to.to_string()), ..batch(rows) }))
    }
}

guest!(ReturnsWithoutEnd);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How much a plugin returns, per partition and per run of a report.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Limits;
use crate::plugin::Budget;

/// Rows and their bytes that came so far, rejected ones included: of one attempt at a partition, or
/// of all attempts at all partitions of a report in this process.
#[derive(Debug, Default)]
pub struct Output {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Output {
    fn add(&self, rows: u64, bytes: u64) -> (u64, u64) {
        (
            self.rows.fetch_add(rows, Ordering::Relaxed).saturating_add(rows),
            self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes),
        )
    }
}

/// Counts a batch before it is checked and written.
///
/// # Errors
///
/// The budget that it exceeds, of its partition or of the run.
pub fn count(
    partition: &Output,
    run: &Output,
    limits: &Limits,
    (rows, bytes): (u64, u64),
) -> Result<(), Budget> {
    let (partition_rows, partition_bytes) = partition.add(rows, bytes);
    let (run_rows, run_bytes) = run.add(rows, bytes);
    if partition_rows > limits.max_partition_rows {
        Err(Budget::PartitionRows(limits.max_partition_rows))
    } else if partition_bytes > limits.max_partition_bytes {
        Err(Budget::PartitionBytes(limits.max_partition_bytes))
    } else if run_rows > limits.max_run_rows {
        Err(Budget::RunRows(limits.max_run_rows))
    } else if run_bytes > limits.max_run_bytes {
        Err(Budget::RunBytes(limits.max_run_bytes))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_bytes_of_a_partition_and_of_a_run_are_budgets() {
        let limits = Limits {
            max_partition_rows: 10,
            max_partition_bytes: 100,
            max_run_rows: 15,
            max_run_bytes: 150,
            ..Limits::default()
        };
        let run = Output::default();
        let first = Output::default();
        assert_eq!(count(&first, &run, &limits, (10, 10)), Ok(()));
        assert_eq!(count(&first, &run, &limits, (1, 0)), Err(Budget::PartitionRows(10)));
        let second = Output::default();
        assert_eq!(count(&second, &run, &limits, (4, 100)), Ok(()));
        assert_eq!(count(&second, &run, &limits, (0, 1)), Err(Budget::PartitionBytes(100)));
        assert_eq!(count(&Output::default(), &run, &limits, (1, 0)), Err(Budget::RunRows(15)));
        let run = Output::default();
        assert_eq!(count(&Output::default(), &run, &limits, (0, 90)), Ok(()));
        assert_eq!(count(&Output::default(), &run, &limits, (0, 90)), Err(Budget::RunBytes(150)));
    }
}

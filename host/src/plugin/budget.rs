// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The budget that a plugin exceeded, and how to raise it.

use std::fmt;
use std::time::Duration;

/// A budget that was used up. Its text names the budget, its value and its setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// All that the process holds for the instance, in bytes.
    Memory(u64),
    /// The processor's time for its calls.
    Cpu(Duration),
    /// Time from the first call on, the host's own work on its rows included.
    Wall(Duration),
    /// Time to say what it is.
    Describe(Duration),
    /// Rows of one batch: how many came, how many are allowed.
    BatchRows(usize, u32),
    /// Bytes of one batch, and of one call of the host.
    BatchBytes(u64, u64),
    /// Bytes of an answer that is no batch, and of one call of the host.
    Answer(u64, u64),
    /// Rows of one partition.
    PartitionRows(u64),
    /// Bytes of one partition's rows.
    PartitionBytes(u64),
    /// Rows of one report and project in one run.
    RunRows(u64),
    /// Bytes of these rows.
    RunBytes(u64),
    /// Lines logged.
    LogLines(u64),
    /// Partitions planned: how many came, how many are allowed.
    Partitions(usize, usize),
    /// Host objects (requests, headers, streams) held at the same time.
    Resources(usize),
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytesize::ByteSize(bytes).display().iec().to_string();
        match self {
            Budget::Memory(bytes) => write!(
                f,
                "it needed more memory than its budget of {} (limits.memory)",
                mebibytes(*bytes)
            ),
            Budget::Cpu(time) => {
                write!(f, "its code ran for longer than its budget of {time:?} (limits.cpu-time)")
            }
            Budget::Wall(time) => {
                write!(f, "it took longer than its budget of {time:?} (limits.wall-time)")
            }
            Budget::Describe(time) => {
                write!(f, "it took longer than its budget of {time:?} (limits.describe-time)")
            }
            Budget::BatchRows(rows, allowed) => write!(
                f,
                "it returned a batch of {rows} rows; at most {allowed} are allowed (limits.max-batch-rows)"
            ),
            Budget::BatchBytes(bytes, call) => write!(
                f,
                "it handed over more than {} in one batch (limits.max-batch-bytes) or {} in one call of the host",
                mebibytes(*bytes),
                mebibytes(*call)
            ),
            Budget::Answer(bytes, call) => write!(
                f,
                "it handed over more than {} in one answer or {} in one call of the host",
                mebibytes(*bytes),
                mebibytes(*call)
            ),
            Budget::PartitionRows(rows) => write!(
                f,
                "it returned more than {rows} rows in one partition (limits.max-partition-rows)"
            ),
            Budget::PartitionBytes(bytes) => write!(
                f,
                "it returned more than {} of rows in one partition (limits.max-partition-bytes)",
                mebibytes(*bytes)
            ),
            Budget::RunRows(rows) => write!(
                f,
                "it returned more than {rows} rows in one run of the report (limits.max-run-rows)"
            ),
            Budget::RunBytes(bytes) => write!(
                f,
                "it returned more than {} of rows in one run of the report (limits.max-run-bytes)",
                mebibytes(*bytes)
            ),
            Budget::LogLines(lines) => {
                write!(f, "it logged more than {lines} lines (limits.max-log-lines)")
            }
            Budget::Partitions(planned, allowed) => write!(
                f,
                "it planned {planned} partitions; at most {allowed} are allowed (limits.max-partitions)"
            ),
            Budget::Resources(held) => {
                write!(
                    f,
                    "it holds more than {held} requests, headers and streams at the same time"
                )
            }
        }
    }
}

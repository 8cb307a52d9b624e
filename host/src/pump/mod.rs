// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The path of a row: from a plugin's reader, through the checks, to a commit in the
//! database. [`pump_partition`] reads one partition of a [`Job`](crate::source::Job).

mod output;
mod partition;
mod report;
mod sink;

pub use output::Output;
pub use partition::pump as pump_partition;
pub use report::{PartitionFailure, PartitionReport, RejectedRows};
pub use sink::{DryRows, DryTable, Sink};

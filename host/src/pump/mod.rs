// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The path of a row: from a plugin's reader, through the checks, to a commit in the
//! database.
//!
//! [`Job`](crate::source::Job)s say what is read: one report of one project, through one plugin. [`run`] plans
//! them, reads their partitions side by side and tells what became of each. A partition's
//! failure is that partition's: the others finish.

mod full;
mod output;
mod partition;
mod report;
mod run;
mod sink;

pub use full::{finish as finish_full, make_full_if_due, may_finish as may_finish_full};
pub use report::{PartitionReport, RejectedRows, RunReport, Tally};
pub use run::{Options, PLAN, RECORDING, Selection, run, views_failed};
pub use sink::{DryRows, DryTable, Sink};

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A run's life.
//!
//! [`read`] plans the jobs, reads their partitions side by side and tells what became of each. A
//! partition's failure is that partition's: the others finish.

pub mod freshness;
mod full;
mod read;
mod report;
mod shard;

pub use full::{finish as finish_full, make_full_if_due, may_finish as may_finish_full};
pub use read::{Options, PLAN, RECORDING, Selection, read, views_failed};
pub use report::RunReport;
pub use shard::{Part, part};

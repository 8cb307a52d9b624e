// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The events of a run, for its listeners: progress bars, log lines and summaries of the command
//! line, or whatever another program does with them.

use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_store::{PartitionKey, ReportKey, RunId, Shard};
use tracing::Level;

use crate::pump::PartitionReport;
use crate::source::Job;

/// Hears what happens, in order.
pub type Listener<'a> = &'a (dyn Fn(&Event<'_>) + Send + Sync);

/// Something that happens in a run.
pub enum Event<'a> {
    /// These jobs are what was asked for.
    Planned(&'a [Job]),
    /// The database of this name is reached.
    Connected(&'a str),
    /// Of all that was asked for only these are due.
    Due(&'a [ReportKey]),
    /// The run could not begin, and is on record as a failed one.
    NotBegun(RunId),
    /// This shard has found the run that it shares with others.
    Joined(Shard),
    /// The run is in the history, or this shard's part of it, of which these partitions were read
    /// before it was started again.
    Began(RunId, &'a [PartitionKey]),
    /// These are read from now on.
    Reading(&'a [Arc<Job>]),
    /// A partition has ended, or another step of a job.
    Ended(&'a Arc<PartitionReport>),
    /// Nothing is read any more.
    Read,
    /// The views could not be made: known since before the run, and part of what becomes of it.
    NoViews(&'a Arc<PartitionReport>),
    /// When the report will be late.
    FreshUntil(&'a ReportKey, Timestamp),
    /// What a person is to know of the run as a whole.
    Remark(String),
    /// A line for the log.
    Log(Level, String),
}

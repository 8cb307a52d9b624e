// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What became of a partition, for a person, a program and the history.

use std::time::Duration;

use serde::Serialize;
use test_dashboard_store::{Outcome, PartitionKey, PartitionResult, PartitionSummary};

use crate::source::Job;

/// What a partition, or a sum of them, did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Rows that the plugin delivered.
    pub rows_read: u64,
    /// Rows that were not in the table before.
    pub rows_new: u64,
    /// Rows that were in the table and differed.
    pub rows_changed: u64,
    /// Rows that were in the table exactly like this.
    pub rows_unchanged: u64,
    /// Rows of a snapshot that are gone upstream.
    pub rows_removed: u64,
    /// Rows that broke their declaration.
    pub rows_rejected: u64,
    /// Requests sent.
    pub requests: u64,
    /// Bytes of all response bodies.
    pub response_bytes: u64,
    /// Characters U+0000 that were replaced.
    pub replaced_nuls: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.rows_read += other.rows_read;
        self.rows_new += other.rows_new;
        self.rows_changed += other.rows_changed;
        self.rows_unchanged += other.rows_unchanged;
        self.rows_removed += other.rows_removed;
        self.rows_rejected += other.rows_rejected;
        self.requests += other.requests;
        self.response_bytes += other.response_bytes;
        self.replaced_nuls += other.replaced_nuls;
    }
}

/// What became of one partition.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionReport {
    /// The project.
    pub project: String,
    /// The datasource.
    pub datasource: String,
    /// The report.
    pub report: String,
    /// The partition's id; `(plan)` for what was done to find the partitions.
    pub partition: String,
    /// What was read and written.
    #[serde(flatten)]
    pub tally: Tally,
    /// The rows that broke their declaration, by table.
    pub rejected: Vec<RejectedRows>,
    /// When it began.
    pub started: jiff::Timestamp,
    /// How long it took, in seconds.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// How long the plugin's own code ran, in seconds.
    #[serde(rename = "cpu_seconds", serialize_with = "seconds")]
    pub cpu: Duration,
    /// Why it failed, if it did.
    pub error: Option<PartitionFailure>,
}

/// Rows of one table that broke their declaration. They are counted in all attempts, as in
/// the [`Tally`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedRows {
    /// The table.
    pub table: String,
    /// What was wrong with the first of them, fit for a terminal.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// Why a partition failed.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionFailure {
    /// The kind, such as `auth`, `budget`, `policy`, `database`.
    pub kind: String,
    /// What happened, to what, and what to do.
    pub message: String,
}

impl PartitionReport {
    /// Of something in a job's run that is no reading of a partition; what it is called is in
    /// parentheses.
    pub fn of_step(
        job: &Job,
        step: &str,
        started: jiff::Timestamp,
        tally: Tally,
        error: Option<PartitionFailure>,
    ) -> Self {
        PartitionReport {
            project: job.context().project.clone(),
            datasource: job.datasource.clone(),
            report: job.request.report.clone(),
            partition: step.into(),
            tally,
            rejected: Vec::new(),
            started,
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
            error,
        }
    }

    /// Whether it is a partition of the plugin's; what is in parentheses is none.
    pub fn is_partition(&self) -> bool {
        !self.partition.starts_with('(')
    }

    /// Under which key the history files it.
    pub fn key(&self) -> PartitionKey {
        PartitionKey {
            project: self.project.clone(),
            datasource: self.datasource.clone(),
            report: self.report.clone(),
            partition: self.partition.clone(),
        }
    }

    /// What the history keeps of it.
    pub fn result(&self) -> PartitionResult {
        PartitionResult {
            outcome: if self.error.is_some() { Outcome::Failed } else { Outcome::Succeeded },
            error: self.error.as_ref().map(|error| error.message.clone()),
            failure_kind: self.error.as_ref().map(|error| error.kind.clone()),
            rows_read: self.tally.rows_read,
            rows_new: self.tally.rows_new,
            rows_changed: self.tally.rows_changed,
            rows_unchanged: self.tally.rows_unchanged,
            rows_removed: self.tally.rows_removed,
            rows_rejected: self.tally.rows_rejected,
            requests: self.tally.requests,
            response_bytes: self.tally.response_bytes,
            started: self.started,
            elapsed: self.elapsed,
        }
    }

    /// A partition as the history has it, which does not keep all of this.
    pub fn of_history(PartitionSummary { key, result }: PartitionSummary) -> Self {
        let failure = |message| {
            let kind = result.failure_kind.clone().unwrap_or_default();
            PartitionFailure { kind, message }
        };
        PartitionReport {
            project: key.project,
            datasource: key.datasource,
            report: key.report,
            partition: key.partition,
            tally: Tally {
                rows_read: result.rows_read,
                rows_new: result.rows_new,
                rows_changed: result.rows_changed,
                rows_unchanged: result.rows_unchanged,
                rows_removed: result.rows_removed,
                rows_rejected: result.rows_rejected,
                requests: result.requests,
                response_bytes: result.response_bytes,
                replaced_nuls: 0,
            },
            rejected: Vec::new(),
            started: result.started,
            elapsed: result.elapsed,
            cpu: Duration::ZERO,
            error: (result.outcome != Outcome::Succeeded)
                .then(|| failure(result.error.clone().unwrap_or_default())),
        }
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

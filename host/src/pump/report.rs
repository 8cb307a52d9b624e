// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The result of a partition, for a person, a program and the history.

use std::time::Duration;

use serde::Serialize;
use test_dashboard_model::Counts;
use test_dashboard_store::{Outcome, PartitionKey, PartitionResult, PartitionSummary};

use crate::source::Job;

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
    pub counts: Counts,
    /// Characters U+0000 that were replaced.
    pub replaced_nuls: u64,
    /// The rejected rows, by table.
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

/// Rejected rows of one table, in all attempts, as in the [`Counts`].
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
        counts: Counts,
        error: Option<PartitionFailure>,
    ) -> Self {
        PartitionReport {
            project: job.context().project.clone(),
            datasource: job.datasource.clone(),
            report: job.request.report.clone(),
            partition: step.into(),
            counts,
            replaced_nuls: 0,
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
            counts: self.counts,
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
            counts: result.counts,
            replaced_nuls: 0,
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

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The result of a run, for a person, a program and the history.

use std::sync::Arc;
use std::time::Duration;

use test_dashboard_model::Counts;
use test_dashboard_store::{Outcome, PartitionKey, PartitionSummary, RunEnd, RunId, Shard};

use crate::pump::PartitionReport;

/// What became of a run.
#[derive(Debug, Clone, Default)]
pub struct RunReport {
    /// The run's number in the history; none for a dry run.
    pub run: Option<i64>,
    /// Its partitions, in the order in which they ended; the same ones as those of its events.
    pub partitions: Vec<Arc<PartitionReport>>,
    /// Which part of the run it is; none for a whole one.
    pub shard: Option<Shard>,
    /// The shard's partitions that were done before it was started again.
    pub done_before: Vec<PartitionKey>,
    /// What was planned, also where it was left to others.
    pub planned: Vec<PartitionKey>,
}

impl RunReport {
    /// A run as the history has it, with what all of its shards did.
    pub fn of_history(run: RunId, partitions: Vec<PartitionSummary>) -> Self {
        let partitions =
            partitions.into_iter().map(PartitionReport::of_history).map(Arc::new).collect();
        RunReport { run: Some(run.0), partitions, ..RunReport::default() }
    }

    /// The sum of all partitions.
    pub fn total(&self) -> Counts {
        self.partitions.iter().map(|partition| partition.counts).sum()
    }

    /// Its partitions, for those who only look at them.
    pub fn all(&self) -> impl Iterator<Item = &PartitionReport> {
        self.partitions.iter().map(Arc::as_ref)
    }

    /// The partitions that failed.
    pub fn failures(&self) -> impl Iterator<Item = &PartitionReport> {
        self.all().filter(|partition| partition.error.is_some())
    }

    /// The first failure, as a message for a person.
    pub fn first_failure(&self) -> Option<String> {
        let failure = self.failures().next()?;
        let error = failure.error.as_ref()?;
        Some(format!("{}: {}", failure.partition, error.message))
    }

    /// What the history keeps of a shard of it.
    pub fn end(&self) -> RunEnd {
        RunEnd { outcome: self.outcome(), error: self.first_failure() }
    }

    /// The part of it that is about one report of one project.
    pub fn of(&self, project: &str, report: &str) -> RunReport {
        let is_about = |partition: &&Arc<PartitionReport>| {
            partition.project == project && partition.report == report
        };
        let partitions = self.partitions.iter().filter(is_about).cloned().collect();
        let is_about = |key: &&PartitionKey| key.project == project && key.report == report;
        let done_before = self.done_before.iter().filter(is_about).cloned().collect();
        RunReport { run: self.run, shard: self.shard, partitions, done_before, planned: Vec::new() }
    }

    /// The partitions that were read to their end.
    pub fn done(&self) -> impl Iterator<Item = &PartitionReport> {
        let is_done = |report: &&PartitionReport| report.error.is_none() && report.is_partition();
        self.all().filter(is_done)
    }

    /// The time that was spent on its partitions, one after the other.
    pub fn elapsed(&self) -> Duration {
        self.partitions.iter().map(|partition| partition.elapsed).sum()
    }

    /// How it ended as a whole.
    pub fn outcome(&self) -> Outcome {
        let failed = self.failures().count();
        if failed == 0 {
            Outcome::Succeeded
        } else if self.done().next().is_some() || !self.done_before.is_empty() {
            Outcome::PartlyFailed
        } else {
            Outcome::Failed
        }
    }
}

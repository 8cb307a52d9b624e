// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Full refreshes: everything is read again, and rows that were deleted upstream are removed.
//!
//! If an API does not announce deletions, only a full refresh makes the tables match the service
//! again. A person requests one with `--full`; otherwise a report that fills merge tables gets one
//! every so many days (`full-every-days` of its datasource).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use test_dashboard_model::{Counts, TableMode};
use test_dashboard_store::{PartitionKey, RunId, Store, StoreError};

use super::life::Run;
use super::{RECORDING, RunReport};
use crate::config::DatasourceConfig;
use crate::pump::{PartitionFailure, PartitionReport};
use crate::source::Job;

/// What the history calls the end of a full refresh, which is no partition of the plugin's.
const FULL: &str = "(full)";

impl Run<'_> {
    /// Turns a job into a full refresh when one is due. A run over a window stays one: as a full
    /// refresh it would not read the days that were asked for, and the next run without a window is
    /// in time.
    pub(super) async fn make_full_if_due(&self, job: &mut Job) -> Result<(), StoreError> {
        // A job's datasource is in the configuration that the job comes from.
        let datasource = self.config.datasources.get(&job.datasource);
        let every_days = datasource.map_or(0, DatasourceConfig::full_every_days);
        let can_be = job.tape.is_none() && job.window().is_none() && has_merge(job);
        if every_days == 0 || job.request.full || !can_be {
            return Ok(());
        }
        let Some(last) = self.store.last_full(&job.key()).await? else { return Ok(()) };
        let pause = SignedDuration::from_hours(24 * i64::from(every_days));
        if job.context().now.duration_since(last) >= pause {
            self.inform(format!(
                "{}: the last full refresh was {}, so everything is read again (full-every-days = {every_days})",
                job.label(),
                last.strftime("%Y-%m-%d")
            ));
            job.request.full = true;
            job.request.since = None;
            job.request.until = None;
        }
        Ok(())
    }

    /// Ends the full readings of a run of which all partitions are read, in `whole` those of all
    /// shards and in `mine` those of this process. It may be done again: when a shard is killed
    /// here, the next start of any shard comes to it.
    pub(super) async fn end_full(
        &self,
        run: RunId,
        jobs: &[Arc<Job>],
        mine: &mut RunReport,
        whole: &mut RunReport,
    ) {
        for job in jobs.iter().filter(|_| self.request.only.is_none()) {
            let told = finish(job, &mine.planned, whole, self.store, run).await;
            let Some(told) = told.map(Arc::new) else { continue };
            self.ended(run, &told).await;
            mine.partitions.push(told.clone());
            whole.partitions.push(told);
        }
    }
}

/// Whether a full reading of a report may end, of which this is what became of its partitions.
///
/// A partition in which something is listed and not found may fail for weeks. If that kept the
/// reading from ending, each run from then on would be a full refresh: as much work as a first
/// load, and without a row of such a partition, which in a full refresh has no commit before its
/// end. So it waits for the next full refresh, and until then goes on from its checkpoint.
fn may_finish(report: &RunReport) -> bool {
    let is_missing = |failed: &PartitionReport| {
        failed.is_partition() && failed.error.as_ref().is_some_and(|e| e.kind == "not-found")
    };
    let is_good = report.failures().next().is_none();
    is_good || (report.failures().all(is_missing) && report.done().next().is_some())
}

/// Ends the full reading of a report, where it [may](may_finish) end, when all shards have read all
/// of theirs: puts a full refresh on record, and removes what no partition holds any more. The
/// first run of a report that is not over a window counts as a full refresh: there was nothing yet
/// that could have gone. Where a partition failed nothing is removed. Tells what was done, when
/// there is something to tell.
///
/// Plans move on while shards start: what any of them has read is there, as is what this one has
/// `planned`, and what is gone is in none of them.
async fn finish(
    job: &Job,
    planned: &[PartitionKey],
    whole: &RunReport,
    store: &Store,
    run: RunId,
) -> Option<PartitionReport> {
    let key = job.key();
    let mut mine = whole.of(&key.project, &key.report);
    // What is wrong with a recording is nothing that was not read.
    mine.partitions.retain(|partition| partition.partition != RECORDING);
    if !may_finish(&mine) {
        return None;
    }
    let read = mine.done().map(|partition| partition.partition.clone());
    let is_its = |id: &&PartitionKey| id.project == key.project && id.report == key.report;
    let planned = planned.iter().filter(is_its).map(|planned| planned.partition.clone());
    let all: BTreeSet<String> = read.chain(planned).collect();
    let all: Vec<String> = all.into_iter().collect();
    let is_good = mine.failures().next().is_none();
    let started = Timestamp::now();
    let clock = Instant::now();
    let outcome = async {
        if !has_merge(job) || job.window().is_some() {
            return Ok(None);
        }
        if !job.request.full && store.last_full(&key).await?.is_some() {
            return Ok(None);
        }
        let exhaustive =
            job.access.plugin.report(&job.request.report).is_some_and(|r| r.exhaustive);
        let all = (is_good && job.request.full && exhaustive).then_some(all.as_slice());
        store.finish_full(run, &key, &job.tables, all).await.map(Some)
    }
    .await;
    let told = |rows_removed, error| {
        let counts = Counts { rows_removed, ..Counts::default() };
        PartitionReport {
            elapsed: clock.elapsed(),
            ..PartitionReport::of_step(job, FULL, started, counts, error)
        }
    };
    match outcome {
        Ok(None | Some(0)) => None,
        Ok(Some(removed)) => Some(told(removed, None)),
        Err(error) => {
            let kind = "database".to_string();
            Some(told(0, Some(PartitionFailure { kind, message: error.to_string() })))
        }
    }
}

/// Snapshots are exact after every run.
fn has_merge(job: &Job) -> bool {
    job.tables.iter().any(|table| table.mode == TableMode::Merge)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn partition(name: &str, failure: Option<&str>) -> PartitionReport {
        PartitionReport {
            project: "fenix".into(),
            datasource: "github".into(),
            report: "workflow-runs".into(),
            partition: name.into(),
            counts: Counts::default(),
            replaced_nuls: 0,
            rejected: Vec::new(),
            started: Timestamp::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
            error: failure.map(|kind| PartitionFailure { kind: kind.into(), message: "no".into() }),
        }
    }

    #[test]
    fn only_what_is_not_found_lets_a_full_reading_end_without_it() {
        let plan = || partition("(plan)", None);
        for (partitions, may) in [
            (vec![plan(), partition("a", None)], true),
            (vec![plan()], true),
            (vec![plan(), partition("a", None), partition("b", Some("not-found"))], true),
            (vec![plan(), partition("a", None), partition("b", Some("transient"))], false),
            (vec![plan(), partition("a", Some("not-found")), partition("b", Some("auth"))], false),
            // All of them at once is trouble of the service.
            (vec![plan(), partition("a", Some("not-found"))], false),
            (vec![partition("(plan)", Some("not-found"))], false),
        ] {
            let partitions = partitions.into_iter().map(Arc::new).collect();
            let report = RunReport { partitions, ..RunReport::default() };
            assert_eq!(may_finish(&report), may, "{:?}", report.partitions);
        }
    }
}

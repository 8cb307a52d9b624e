// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Full runs: everything is read again, and what is gone upstream goes here too.
//!
//! Where an API gives no sign of a deletion, only that brings the tables back to what it
//! holds. A person asks for it with `--full`; otherwise a report that fills merge tables is
//! read in full every so many days (`full-every-days` of its datasource).

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use test_dashboard_egress::Tape;
use test_dashboard_model::TableMode;
use test_dashboard_store::{RunId, Store, StoreError};

use super::report::{PartitionFailure, PartitionReport};
use super::run::about;
use super::{Job, Tally};

/// What the history calls the end of a full run, which is no partition of the plugin's.
const FULL: &str = "(full)";

/// Makes a job a full one when it is time again. A run over a window stays one: as a full run it
/// would not read the days that were asked for, and the next run without a window is in time.
///
/// # Errors
///
/// When the history cannot be read.
pub async fn make_full_if_due(
    job: &mut Job,
    store: &Store,
    every_days: u32,
) -> Result<(), StoreError> {
    let can_be = matches!(job.tape, Tape::Live) && job.window().is_none() && has_merge(job);
    if every_days == 0 || job.request.full || !can_be {
        return Ok(());
    }
    let Some(last) = store.last_full(&job.key()).await? else { return Ok(()) };
    let pause = SignedDuration::from_hours(24 * i64::from(every_days));
    if job.context().now.duration_since(last) >= pause {
        tracing::info!(
            "{}: the last full run was {}, so everything is read again (full-every-days = {every_days})",
            job.label(),
            last.strftime("%Y-%m-%d")
        );
        job.request.full = true;
        job.request.since = None;
        job.request.until = None;
    }
    Ok(())
}

/// Ends a job whose partitions all succeeded: puts a full run on record, and removes what no
/// partition holds any more. The first run of a report that is not over a window counts as a
/// full one: there was nothing yet that could have gone. `planned` are the ids of all partitions that there are.
/// Tells what was done, when there is something to tell.
pub async fn finish(
    job: &Job,
    planned: Vec<String>,
    store: &Store,
    run: RunId,
) -> Option<PartitionReport> {
    let started = Timestamp::now();
    let clock = Instant::now();
    let outcome = async {
        let key = job.key();
        if !has_merge(job) || job.window().is_some() {
            return Ok(None);
        }
        if !job.request.full && store.last_full(&key).await?.is_some() {
            return Ok(None);
        }
        let exhaustive = job.plugin.report(&job.request.report).is_some_and(|r| r.exhaustive);
        let all = (job.request.full && exhaustive).then_some(planned.as_slice());
        store.finish_full(run, &key, &job.tables, all).await.map(Some)
    }
    .await;
    let told = |rows_removed, error| {
        let tally = Tally { rows_removed, ..Tally::default() };
        PartitionReport { elapsed: clock.elapsed(), ..about(job, FULL, started, tally, error) }
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

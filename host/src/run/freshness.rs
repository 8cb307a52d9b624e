// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How fresh a run leaves its reports, for `status` and `--every`.

use jiff::Timestamp;
use test_dashboard_egress::Tape;
use test_dashboard_store::{Outcome, ReportEnd, RunId, Store};

use super::RunReport;
use crate::source::Job;

/// How a job of a run ended.
pub fn end_of(job: &Job, run: &RunReport, started: Timestamp) -> ReportEnd {
    let mine = run.of(&job.context().project, &job.request.report);
    ReportEnd {
        started,
        outcome: mine.outcome(),
        error: mine.first_failure(),
        rows_read: mine.total().rows_read,
    }
}

/// How every job of a run ended that was stopped.
pub fn interrupted(started: Timestamp) -> ReportEnd {
    let error = Some("the run was interrupted; the next one goes on from there".to_string());
    ReportEnd { started, outcome: Outcome::Interrupted, error, rows_read: 0 }
}

/// How every job of a run ended that failed as a whole.
pub fn failed(started: Timestamp, error: String) -> ReportEnd {
    ReportEnd { started, outcome: Outcome::Failed, error: Some(error), rows_read: 0 }
}

/// Puts it on record. A replay leaves no trace: its answers are as old as the recording. Nor
/// does a run over a window, which has not looked at the rest: it neither makes the report
/// fresh nor hides why it is not.
pub async fn keep(store: &Store, run: RunId, job: &Job, end: &ReportEnd) {
    if matches!(job.tape, Tape::Replay(_)) || job.window().is_some() {
        return;
    }
    if let Err(error) = store.record_report(run, &job.key(), end).await {
        tracing::warn!("`status` does not know of run {run} of {}: {error}", job.label());
    }
}

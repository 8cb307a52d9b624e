// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The freshness of a run's reports, for `status` and `--every`.

use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_store::{Outcome, ReportEnd, ReportKey, RunId};

use super::life::Run;
use super::{Event, RunReport};
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
    let error = Some("the run was interrupted; the next one resumes from there".to_string());
    ReportEnd { started, outcome: Outcome::Interrupted, error, rows_read: 0 }
}

/// How every job of a run ended that failed as a whole.
pub fn failed(started: Timestamp, error: String) -> ReportEnd {
    ReportEnd { started, outcome: Outcome::Failed, error: Some(error), rows_read: 0 }
}

impl Run<'_> {
    /// Puts on record how fresh the jobs' reports are. A replay leaves no trace: its answers are as
    /// old as the recording. Nor do runs of some partitions or over a window, which have not looked
    /// at the rest: they neither make a report fresh nor hide why it is not.
    pub(super) async fn keep_freshness(
        &self,
        run: RunId,
        jobs: &[Arc<Job>],
        end: impl Fn(&Job) -> ReportEnd,
    ) {
        let is_whole = |job: &&Arc<Job>| self.is_of_whole_reports() && job.window().is_none();
        for job in jobs.iter().filter(is_whole) {
            if let Err(error) = self.store.record_report(run, &job.key(), &end(job)).await {
                let job = job.label();
                self.warn(format!("`status` does not know of run {run} of {job}: {error}"));
            }
        }
    }

    /// Looks up when each report will be late, by the rule of `status`.
    pub(super) async fn look_up_freshness(&self, keys: &[ReportKey]) {
        for key in keys {
            let ReportKey { project, report, .. } = key;
            let Some(every) = self.config.schedule.get(report) else { continue };
            match self.store.last_good(key).await {
                Ok(good) => {
                    let late = good.and_then(|good| every.late_after(good.started));
                    late.iter().for_each(|late| (self.hear)(&Event::FreshUntil(key, *late)));
                }
                Err(error) => self.warn(format!(
                    "the summary lacks the freshness of {project} {report}: {error}"
                )),
            }
        }
    }
}

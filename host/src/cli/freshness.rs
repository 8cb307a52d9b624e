//! How fresh a run leaves its reports, for `status` and `--every`.

use jiff::Timestamp;
use test_dashboard_egress::Tape;
use test_dashboard_store::{Outcome, ReportEnd, RunId, Store};

use crate::pump::{Job, RunReport};

/// How a job of a run ended.
pub fn end_of(job: &Job, run: &RunReport, started: Timestamp) -> ReportEnd {
    let mine = run.partitions.iter().filter(|partition| {
        partition.project == job.context().project && partition.report == job.request.report
    });
    let error = mine.clone().find_map(|partition| {
        let error = partition.error.as_ref()?;
        Some(format!("{}: {}", partition.partition, error.message))
    });
    let failed = mine.clone().filter(|partition| partition.error.is_some()).count();
    let outcome = match failed {
        0 => Outcome::Succeeded,
        // What is in parentheses is no partition of a plugin's.
        _ if mine.clone().any(|p| p.error.is_none() && !p.partition.starts_with('(')) => {
            Outcome::PartlyFailed
        }
        _ => Outcome::Failed,
    };
    let rows_read = mine.map(|partition| partition.tally.rows_read).sum();
    ReportEnd { started, outcome, error, rows_read }
}

/// How every job of a run ended that was stopped.
pub fn interrupted(started: Timestamp) -> ReportEnd {
    let error = Some("the run was interrupted; the next one goes on from there".to_string());
    ReportEnd { started, outcome: Outcome::Interrupted, error, rows_read: 0 }
}

/// Puts it on record. A replay leaves no trace: its answers are as old as the recording.
pub async fn keep(store: &Store, run: RunId, job: &Job, end: &ReportEnd) {
    if matches!(job.tape, Tape::Replay(_)) {
        return;
    }
    if let Err(error) = store.record_report(run, &job.key(), end).await {
        tracing::warn!("`status` does not know of run {run} of {}: {error}", job.label());
    }
}

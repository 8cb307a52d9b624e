// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `workflow-runs`: runs of GitHub Actions with every attempt, job and step.
//!
//! # Partitions
//!
//! One per repository and calendar week (from Monday, in UTC) in which runs were created:
//! `repository/187853571/2026-02-23`. A run never leaves its week, a week is a part small
//! enough to be read again, and the only filter that the list of runs has is the time of
//! creation. At most 1,000 runs of one filter can be reached: a window that holds so many, or
//! more, is split into parts that hold fewer.
//!
//! Every run plans the weeks of the last `workflow-days` days (90 unless the setting says
//! otherwise). Planning a week costs nothing by itself. One that is settled makes no request,
//! one that was never read is read, so a pump that stood still goes on where it was.
//!
//! Of a window the weeks are planned that it touches, and each is read again from its begin,
//! settled or not, as in a first load. A window without a begin is of the `workflow-days` days
//! before its end.
//!
//! # What is read again
//!
//! GitHub lets a run be rerun for thirty days, and lists only its latest attempt. So a later
//! run lists the runs of the thirty days before the last reading, and asks for the jobs of
//! those that are new, that were not finished (or had a job that was not), or that changed: whose
//! `updated_at` is not older than an hour before the last reading, unless it is the one that was
//! read already. Runs that were not finished and are not listed are asked for by their numbers, for
//! seventy days after their creation: after that GitHub has ended any run.
//!
//! With a run come the jobs of all its attempts in one list, and each earlier attempt with a
//! request of its own. That is done whenever a run with several attempts is read, because the
//! attempt that was seen may have been ended by the rerun. So an incremental run leaves what a
//! full refresh reads: all attempts that GitHub still has.
//!
//! The steps of a job are delivered once it is completed: before that they are not final, and
//! one that vanished could not be removed.
//!
//! # What is listed and not found
//!
//! A run whose jobs, or one of whose earlier attempts, GitHub lists and then does not find (404,
//! 410) is not taken for deleted. It stays open, all others are written, and the partition fails
//! and says which are missing. Each later run asks again, and a run that was deleted in between
//! is then in no list any more. What stays missing for ever fails its week until the week is
//! older than `workflow-days`; GitHub keeps runs for longer, so that age is no reason for it.
//!
//! An open run that is neither listed nor found by its number is let go of once the lists of its
//! whole week do not have it.
//!
//! # A full refresh
//!
//! It reads the weeks of `workflow-days`, and the host removes what they do not deliver. Weeks
//! before are not planned any more: GitHub forgets runs after about four hundred days, which
//! is no deletion, so their rows stay as they are.
//!
//! # For how long the tables may differ
//!
//! Until the next full refresh: runs that were deleted stay, with their jobs and steps; so do
//! attempts and jobs that GitHub took back. Names of a repository, a branch's repository or a
//! user are as they were when the run was last read. Beyond `workflow-days` all that stays for
//! good. Between two runs of the pump: what happened since. The clock of the pump may differ
//! from GitHub's by less than an hour.
//!
//! # Requests
//!
//! A daily refresh makes `1 + Σ (pages + splits) + c + a + o`: one for the repository; for each
//! window of the (at most six) weeks that overlap the thirty days `max(1, ⌈runs / 100⌉)` pages,
//! and one more for each window that held 1,000 runs or more; `c` for the jobs of runs that are
//! new, changed or not finished (one for each hundred jobs); `a` for the earlier attempts of
//! those; and `o` for runs not finished that are older than the listing or gone. Where one of
//! these is not found, the rest of its week is listed once. There is no list of the jobs of
//! several runs. A first load and a full refresh make the same over all weeks of `workflow-days`,
//! with `c` all runs.

mod answers;
mod ledger;
mod reader;
mod rows;
mod tables;
mod window;

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::time::day_of;
use test_dashboard_sdk::{Date, Failure, Partition, Request, Timestamp};

use crate::api::Repository;

pub use reader::reader;
pub use tables::{WorkflowJobRow, WorkflowJobStepRow, WorkflowRunRow};

/// For how long GitHub lets a run be rerun.
const RERUNNABLE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// For how long after its creation a run may be unfinished: rerun on the thirtieth day, and
/// ended by GitHub thirty-five days later, rounded up to weeks.
const LONGEST_OPEN: SignedDuration = SignedDuration::from_hours(70 * 24);
/// For answers that come from a replica a little behind, and clocks that differ.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// The data of a partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Week {
    /// The repository.
    pub repository: Repository,
    /// The first day.
    pub monday: Date,
}

/// The weeks that a request is about, the newest first.
///
/// # Errors
///
/// When a partition has no JSON form.
pub fn plan(
    request: &Request,
    repository: &Repository,
    workflow_days: i32,
) -> Result<Vec<Partition>, Failure> {
    let now = request.context.now;
    let last_moment = |until: Timestamp| until.checked_sub(SignedDuration::from_micros(1)).ok();
    let last = request.until.and_then(last_moment).map_or(now, |until| until.min(now));
    let earliest = last.checked_sub(SignedDuration::from_hours(24 * i64::from(workflow_days)));
    let first = request.since.or(earliest.ok()).max(repository.created_at).unwrap_or(now);
    let (first, last) = (monday_of(day_of(first)), monday_of(day_of(last)));
    let before = |monday: &Date| monday.checked_sub(SignedDuration::from_hours(7 * 24)).ok();
    std::iter::successors(Some(last), before)
        .take_while(|monday| *monday >= first)
        .map(|monday| {
            let id = format!("repository/{}/{monday}", repository.id);
            Partition::new(id, &Week { repository: repository.clone(), monday })
        })
        .collect()
}

/// The Monday of the week of a day.
fn monday_of(day: Date) -> Date {
    let days = i64::from(day.weekday().to_monday_zero_offset());
    day.saturating_sub(SignedDuration::from_hours(24 * days))
}

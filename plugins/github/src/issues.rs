// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `issues`: what changed since the last run, in the order in which it changed.
//!
//! # The watermark
//!
//! Issues are read by `updated_at`, ascending, from an hour before the greatest one seen. The
//! overlap is for answers that come from a replica a little behind; reading an issue again
//! changes nothing. A first load leaves `since` out: the epoch has been seen to give an empty
//! list.
//!
//! An issue that changes while the list is being read moves to its end. Where pages are told
//! apart by a cursor that loses nothing, so each tenth page is a commit point. Where they are
//! counted, everything behind the issue shifts, and one issue slips between two pages. It
//! shows: the moved issue is read twice. Then the watermark stays where it was, and the next
//! run reads the window again; and a counted list commits only at its end.
//!
//! # A window
//!
//! It is compared with `updated_at`, and read whatever the watermark says: from its begin,
//! without one from the first change on, to the first issue that changed at its end or later.
//! The watermark moves when the window begins an hour before it or earlier, or has no begin:
//! what lies between would never be read otherwise. So a first run over a window leaves none,
//! and the next run without one reads everything.
//!
//! # Labels that go away
//!
//! A partition delivers only what changed, and a merge deletes nothing, so rows of labels are
//! keyed by their position on the issue: reading the issue again overwrites them, and the
//! positions that became free are overwritten with null. The checkpoint remembers how many
//! positions the rows of each issue take up: overwriting more would make rows that depend on
//! how often an issue was read, and where a run broke off.
//!
//! With a checkpoint that cannot be read it is not known how many labels the rows in the
//! database have: then ten positions are overwritten. The column `labels` of `github_issues` is
//! always exact.
//!
//! # A full refresh
//!
//! It reads all issues, and the host removes what it does not deliver: issues that were deleted
//! or transferred to another repository, and the rows of positions that became free. Pages that
//! are counted are held until two readings agree, see the module `lists`.
//!
//! # For how long the tables may differ
//!
//! Until the next full refresh: issues that were deleted or transferred stay; rows of labels with a
//! null label stay; and what GitHub changes without touching an issue's `updated_at` is as it
//! was when the issue was last read: the names of a label, a milestone, a user or the
//! repository. An issue may be missing when another was deleted while a counted list was read.
//!
//! # Requests
//!
//! A daily refresh of which `c` issues changed makes `1 + max(1, ⌈c / 100⌉)` requests, one of
//! them for the repository; a first load of `n` issues `1 + max(1, ⌈n / 100⌉)`, and a full refresh
//! the same, but all pages twice where they are counted.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::{
    Batches, Buffered, Checkpoint, CheckpointState, Failure, Progress, Reader, Request, Source,
    Timestamp, log,
};

use crate::api::{Api, Issue, IssueFields, Label, Repository, label_names};
use crate::lists::Feed;
use crate::positions::Positions;
use crate::tables::{IssueLabelRow, IssueRow};

const OVERLAP: SignedDuration = SignedDuration::from_hours(1);
/// A thousand issues: often enough that a broken run loses seconds of work.
const PAGES_PER_COMMIT: u32 = 10;
/// How many positions the rows in the database are taken to have where it is not known.
const POSITIONS_WHEN_UNKNOWN: usize = 10;

/// What is remembered from run to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    /// The greatest `updated_at` up to which every issue was delivered.
    watermark: Option<Timestamp>,
    /// The greatest `updated_at` that was delivered, where that is beyond the watermark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<Timestamp>,
    /// How many rows of labels the issues have.
    positions: Positions,
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

/// Reads what changed since the checkpoint.
pub fn reader(
    request: &Request,
    repository: Repository,
    checkpoint: Option<Checkpoint>,
) -> Box<dyn Reader> {
    let may_have_rows = checkpoint.is_some();
    let state = checkpoint.and_then(|checkpoint| checkpoint.state()).unwrap_or_else(|| State {
        watermark: None,
        newest: None,
        positions: Positions::at_most(if may_have_rows { POSITIONS_WHEN_UNKNOWN } else { 0 }),
    });
    let known = state.watermark.and_then(|watermark| watermark.checked_sub(OVERLAP).ok());
    let since = if request.has_window() { request.since } else { known };
    let list = Api::of(&request.context).issues(&repository, |list| {
        let since = since.map(|since| format!("{since:.0}"));
        list.query("sort", "updated").query("direction", "asc").query_opt("since", since)
    });
    let issues = Issues {
        repository,
        pages: Feed::of(list, request.full),
        until: request.until,
        reaches_known: since.is_none_or(|since| known.is_some_and(|known| since <= known)),
        begin: state.clone(),
        state,
        seen: HashSet::new(),
        pages_read: 0,
        is_counted: false,
        last_update: None,
        is_in_order: true,
        has_repeats: false,
        is_cut: false,
        now: request.context.now,
    };
    Box::new(Buffered::of::<IssueRow>(issues))
}

struct Issues {
    repository: Repository,
    pages: Feed<Issue>,
    /// Where the window ends.
    until: Option<Timestamp>,
    /// Whether nothing is left out between what earlier runs have read and this one.
    reaches_known: bool,
    /// The state at the begin of this run.
    begin: State,
    /// The state that covers what was pushed.
    state: State,
    /// The issues that this run has read.
    seen: HashSet<i64>,
    pages_read: u32,
    is_counted: bool,
    /// When the issue read last was updated.
    last_update: Option<Timestamp>,
    is_in_order: bool,
    has_repeats: bool,
    /// Whether the end of the window was reached before the end of the list, where an issue that
    /// slipped between two pages would be seen.
    is_cut: bool,
    /// When the reading began.
    now: Timestamp,
}

impl Source for Issues {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(page) = self.pages.next_page()? else {
            self.finish(batches)?;
            return Ok(Progress::Finished);
        };
        self.is_counted |= self.pages.is_counted();
        for issue in page {
            if self.until.is_some_and(|until| issue.updated_at >= until) {
                self.is_cut = true;
                self.finish(batches)?;
                return Ok(Progress::Finished);
            }
            self.push(issue, batches)?;
        }
        self.pages_read += 1;
        let is_due = self.pages_read.is_multiple_of(PAGES_PER_COMMIT);
        if is_due && self.is_in_order && !self.is_counted {
            batches.checkpoint(&self.state())?;
        }
        Ok(Progress::More)
    }
}

impl Issues {
    fn push(&mut self, issue: Issue, batches: &mut Batches) -> Result<(), Failure> {
        self.has_repeats |= !self.seen.insert(issue.id);
        let stored = self.positions_stored(&issue);
        self.state.positions.set(issue.number, stored.max(issue.labels.len()));

        self.is_in_order &= self.last_update <= Some(issue.updated_at);
        self.last_update = Some(issue.updated_at);
        // A change in the future is a wrong clock's: what comes before it is still to be read.
        let changed = issue.updated_at.min(self.now);
        if self.reaches_known {
            self.state.watermark = self.state.watermark.max(Some(changed));
        }
        self.state.newest = self.state.newest.max(Some(changed));

        // Of labels that cannot be understood it is not known which are gone.
        if !issue.is_odd_in("labels") {
            for row in label_rows(&self.repository, &issue, stored) {
                batches.push(row);
            }
        }
        batches.push(issue.try_map(|issue| issue_row(&self.repository, issue))?);
        Ok(())
    }

    /// How many rows of labels the issue may have from earlier.
    fn positions_stored(&self, issue: &Issue) -> usize {
        let delivered = self.begin.newest.max(self.begin.watermark);
        let is_new = delivered.is_some_and(|delivered| issue.created_at > delivered);
        let unknown = if is_new { 0 } else { self.state.positions.of_others() };
        self.state.positions.of(issue.number).unwrap_or(unknown)
    }

    fn finish(&mut self, batches: &mut Batches) -> Result<(), Failure> {
        if self.is_counted && self.has_repeats {
            log::info(format!(
                "issues of {} changed while they were being read, so one may have been missed: the next run reads the same window again",
                self.repository.full_name
            ));
        }
        if self.is_counted && (self.has_repeats || self.is_cut) {
            self.state.watermark = self.begin.watermark;
        }
        let state = self.state();
        if state != self.begin {
            batches.checkpoint(&state)?;
        }
        Ok(())
    }

    /// What is to be remembered of what was pushed.
    fn state(&self) -> State {
        let State { watermark, newest, .. } = self.state;
        State { newest: newest.filter(|_| newest > watermark), ..self.state.clone() }
    }
}

fn label_rows(
    repository: &Repository,
    issue: &Issue,
    stored: usize,
) -> impl Iterator<Item = IssueLabelRow> {
    let absent = Label { id: None, name: None };
    let labels = issue.labels.iter().cloned();
    let freed = std::iter::repeat_n(absent, stored.saturating_sub(issue.labels.len()));
    (1..).zip(labels.chain(freed)).map(|(position, label)| IssueLabelRow {
        repository_id: repository.id,
        issue_id: issue.id,
        position,
        label: label.name,
        label_id: label.id,
    })
}

fn issue_row(repository: &Repository, issue: IssueFields) -> Result<IssueRow, Failure> {
    let labels = label_names(&issue.labels)?;
    Ok(IssueRow {
        repository_id: repository.id,
        id: issue.id,
        number: issue.number,
        repository: repository.full_name.clone(),
        title: issue.title,
        state: issue.state,
        state_reason: issue.state_reason,
        is_pull_request: issue.pull_request.is_some(),
        user_login: issue.user.map(|user| user.login),
        author_association: issue.author_association,
        milestone: issue.milestone.map(|milestone| milestone.title),
        labels,
        comments: issue.comments,
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        closed_at: issue.closed_at,
        html_url: issue.html_url,
    })
}

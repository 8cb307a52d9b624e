// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `pull-requests`: newest change first, as far back as nothing is known.
//!
//! # How it is read
//!
//! One partition per repository, because the list can be filtered neither by the time of a
//! change nor by that of the creation. It can be sorted: a first load and a full refresh read all
//! of it in the order of creation, in which a pull request keeps its place whatever happens to
//! it. Later runs read it by `updated_at`, newest first, and stop an hour before the watermark,
//! which is the newest change that the run before saw. What changes while that list is read
//! moves to its front; there the next run finds it. So the watermark is taken from the first
//! page alone, and given to the host at the end.
//!
//! # A window
//!
//! It is compared with `updated_at`, and read whatever the watermark says: all that changed
//! since its begin, without one everything. The list cannot be asked for the window's end, so
//! what changed after it is read and written, too. The watermark moves when the window begins
//! an hour before it or earlier, or has no begin: what lies between would never be read
//! otherwise. So a first run over a window leaves none, and the next run without one reads
//! everything.
//!
//! # For how long the table may differ
//!
//! Until the next full refresh: pull requests that GitHub removed stay, and what changes without
//! touching `updated_at` is as it was when the pull request was last read: the names of a
//! label, a milestone, a user or a repository, and that the repository or the branch that it
//! came from is gone. One may be missing when another was removed while the list was read. A
//! full refresh reads the list until two readings agree, see the module `lists`.
//!
//! # Requests
//!
//! A daily refresh makes `1 + ⌊c / 100⌋ + 1` requests, one of them for the repository, where
//! `c` pull requests changed since an hour before the newest change that the last run saw. A
//! first load of `n` makes `1 + max(1, ⌈n / 100⌉)`; a full refresh `1 + 2 · ⌈n / 100⌉`, or 2 where
//! one page holds them all.

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::{
    Answer, Batches, Buffered, Checkpoint, CheckpointState, Failure, Lenient, Progress, Reader,
    Request, Source, Timestamp, time,
};

use crate::api::{Api, Label, Milestone, Repository, User, label_names};
use crate::lists::{Feed, Listed, Pages};
use crate::tables::PullRequestRow;

const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// A pull request as the list has it.
type Pull = Lenient<PullFields>;

/// What is read of one.
#[derive(Debug, Deserialize)]
struct PullFields {
    id: i64,
    number: i64,
    title: String,
    state: String,
    draft: Option<bool>,
    user: Option<User>,
    author_association: Option<String>,
    milestone: Option<Milestone>,
    #[serde(default)]
    labels: Vec<Label>,
    base: Branch,
    head: Branch,
    merge_commit_sha: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(default, with = "time::optional")]
    closed_at: Option<Timestamp>,
    #[serde(default, with = "time::optional")]
    merged_at: Option<Timestamp>,
    html_url: String,
}

#[derive(Debug, Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    repo: Option<Home>,
}

/// The repository of a branch; null when it was deleted.
#[derive(Debug, Deserialize)]
struct Home {
    full_name: String,
}

impl Answer for PullFields {}

impl Listed for Pull {
    const PERMISSION: &'static str = "pull requests";

    fn id(&self) -> i64 {
        self.id
    }
}

/// What is remembered from run to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    /// Every change up to here was delivered.
    watermark: Timestamp,
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

/// Reads all pull requests, or those that changed since the checkpoint.
pub fn reader(
    request: &Request,
    repository: Repository,
    checkpoint: Option<Checkpoint>,
) -> Box<dyn Reader> {
    let api = Api::of(&request.context);
    let list = |sort: &str, direction: &str| {
        api.list(&repository, "pulls", |list| {
            list.query("state", "all").query("sort", sort).query("direction", direction)
        })
    };
    let before = checkpoint.and_then(|checkpoint| checkpoint.state::<State>());
    // A change in the future is a wrong clock's: what comes before it is still to be read.
    let now = request.context.now;
    let known = before.map(|State { watermark }| watermark.min(now));
    let ordinary = known.map(|known| known.saturating_sub(OVERLAP).unwrap_or(known));
    match if request.has_window() { request.since } else { ordinary } {
        Some(begin) => {
            let pages = list("updated", "desc").lazy_pages();
            let reaches_known = ordinary.is_some_and(|ordinary| begin <= ordinary);
            let newest = None;
            let source = Recent { repository, pages, begin, reaches_known, known, now, newest };
            Box::new(Buffered::of::<PullRequestRow>(source))
        }
        None => {
            let pulls = Feed::of(list("created", "asc"), request.full);
            let source = All { repository, pulls, began_at: now, newest: None };
            Box::new(Buffered::of::<PullRequestRow>(source))
        }
    }
}

/// Every pull request there is.
struct All {
    repository: Repository,
    pulls: Feed<Pull>,
    /// When the reading began: a later change may be missing of what was read before it.
    began_at: Timestamp,
    newest: Option<Timestamp>,
}

impl Source for All {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(page) = self.pulls.next_page()? else {
            if let Some(newest) = self.newest {
                batches.checkpoint(&State { watermark: newest.min(self.began_at) })?;
            }
            return Ok(Progress::Finished);
        };
        for pull in page {
            self.newest = self.newest.max(Some(pull.updated_at));
            batches.push(pull.try_map(|pull| row(&self.repository, pull))?);
        }
        Ok(Progress::More)
    }
}

/// Those that changed at `begin` or later, newest change first.
struct Recent {
    repository: Repository,
    pages: Pages<Pull>,
    begin: Timestamp,
    /// Whether nothing is left out between what earlier runs have read and this one.
    reaches_known: bool,
    /// The watermark of the run before.
    known: Option<Timestamp>,
    /// When the reading began.
    now: Timestamp,
    /// The newest change on the first page.
    newest: Option<Timestamp>,
}

impl Source for Recent {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let page = self.pages.next_page()?;
        let is_last = match page.as_deref() {
            None | Some([]) => true,
            Some([.., last]) => !last.is_odd() && last.updated_at < self.begin,
        };
        let page = page.unwrap_or_default();
        if self.newest.is_none() {
            self.newest =
                page.iter().map(|pull| pull.updated_at.min(self.now)).max().max(self.known);
        }
        for pull in page.into_iter().filter(|pull| pull.is_odd() || pull.updated_at >= self.begin) {
            batches.push(pull.try_map(|pull| row(&self.repository, pull))?);
        }
        if !is_last {
            return Ok(Progress::More);
        }
        match self.newest {
            Some(watermark) if self.reaches_known && self.newest != self.known => {
                batches.checkpoint(&State { watermark })?;
            }
            _ => {}
        }
        Ok(Progress::Finished)
    }
}

fn row(repository: &Repository, pull: PullFields) -> Result<PullRequestRow, Failure> {
    Ok(PullRequestRow {
        repository_id: repository.id,
        id: pull.id,
        number: pull.number,
        repository: repository.full_name.clone(),
        title: pull.title,
        state: pull.state,
        is_draft: pull.draft,
        user_login: pull.user.map(|user| user.login),
        author_association: pull.author_association,
        milestone: pull.milestone.map(|milestone| milestone.title),
        labels: label_names(&pull.labels)?,
        base_branch: pull.base.name,
        head_branch: pull.head.name,
        head_sha: pull.head.sha,
        head_repository: pull.head.repo.map(|home| home.full_name),
        merge_commit_sha: pull.merge_commit_sha,
        created_at: pull.created_at,
        updated_at: pull.updated_at,
        closed_at: pull.closed_at,
        merged_at: pull.merged_at,
        html_url: pull.html_url,
    })
}

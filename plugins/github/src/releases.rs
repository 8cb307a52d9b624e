// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `releases`: newest first, as far back as they are likely to change.
//!
//! # How it is read
//!
//! One partition per repository: the list has no filter, and its order is GitHub's, about
//! newest first. A first load and a full refresh read all of it. Later runs read to the first page
//! whose last release is older than thirty days before the newest known, by its creation and
//! its publication, and ask for the drafts that they did not come across by their numbers. When
//! one is not found, they read the list to its end: a draft that is not in it either is gone.
//! There is nothing on a release that tells when it changed.
//!
//! A window with a begin is read to that in the same way, by creation and publication, where
//! it is earlier than what is read anyway; without a begin, and in a first run, all is read.
//! The list cannot be asked for a window's end: what is newer is read, too.
//!
//! # For how long the table may differ
//!
//! Until the next full refresh: releases that were deleted stay; those older than the thirty days
//! are as they were when they were last read; and a release whose commit is older than that is
//! missing, if it was never seen as a draft and a page of newer ones is before it. One may be
//! missing when another was deleted while the list was read. A full refresh reads the list until
//! two readings agree, see the module `lists`.
//!
//! # Requests
//!
//! A daily refresh makes `1 + 1 + ⌊r / 100⌋ + d` requests, one of them for the repository,
//! where `r` releases are of the thirty days and `d` drafts are older. A first load of `n`
//! makes `1 + max(1, ⌈n / 100⌉)`; a full refresh `1 + 2 · ⌈n / 100⌉`, or 2 up to a hundred. A draft
//! that was deleted costs one more and the rest of the list, once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::{
    Answer, Batches, Buffered, Checkpoint, CheckpointState, Failure, FailureKind, Lenient,
    Progress, Reader, Request, Source, Timestamp, log, time,
};

use crate::api::{Api, Repository, User};
use crate::lists::{Feed, Listed};
use crate::tables::ReleaseRow;

/// For how long a release is likely to be changed.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A release as the list has it.
type Release = Lenient<ReleaseFields>;

/// What is read of one.
#[derive(Debug, Deserialize)]
struct ReleaseFields {
    id: i64,
    tag_name: String,
    target_commitish: String,
    name: Option<String>,
    draft: bool,
    prerelease: bool,
    author: Option<User>,
    created_at: Timestamp,
    #[serde(default, with = "time::optional")]
    published_at: Option<Timestamp>,
    html_url: String,
}

impl Answer for ReleaseFields {}

impl Listed for Release {
    const PERMISSION: &'static str = "contents";

    fn id(&self) -> i64 {
        self.id
    }
}

impl ReleaseFields {
    /// The last that is known to have happened to it.
    fn last_event(&self) -> Timestamp {
        self.published_at.map_or(self.created_at, |published| published.max(self.created_at))
    }
}

/// What is remembered from run to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    /// When the newest release was created or published.
    newest: Timestamp,
    /// The drafts, by their numbers.
    drafts: BTreeSet<i64>,
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

/// Reads all releases, or the newest since the checkpoint.
pub fn reader(
    request: &Request,
    repository: Repository,
    checkpoint: Option<Checkpoint>,
) -> Box<dyn Reader> {
    let api = Api::of(&request.context);
    let before: Option<State> = checkpoint.and_then(|checkpoint| checkpoint.state());
    let list = api.list(&repository, "releases", |list| list);
    let releases = match &before {
        Some(_) => Feed::Live(Box::new(list.lazy_pages())),
        None => Feed::of(list, request.full),
    };
    let now = request.context.now;
    let ordinary =
        before.as_ref().and_then(|state| state.newest.min(now).checked_sub(LOOK_BACK).ok());
    let begin = match (ordinary, request.since) {
        (Some(ordinary), Some(since)) => Some(ordinary.min(since)),
        (ordinary, _) => ordinary.filter(|_| !request.has_window()),
    };
    let source = Releases {
        api,
        repository,
        releases,
        begin,
        unseen: before.as_ref().map(|state| state.drafts.clone()).unwrap_or_default(),
        not_found: BTreeSet::new(),
        drafts: BTreeSet::new(),
        newest: before.as_ref().map(|state| state.newest.min(now)),
        now,
        before,
    };
    Box::new(Buffered::of::<ReleaseRow>(source))
}

struct Releases {
    api: Api,
    repository: Repository,
    releases: Feed<Release>,
    /// What is older needs not be read; none when everything is wanted.
    begin: Option<Timestamp>,
    /// Drafts of the run before that this one has not come across.
    unseen: BTreeSet<i64>,
    /// Those whose own addresses did not have them, until the rest of the list was read.
    not_found: BTreeSet<i64>,
    drafts: BTreeSet<i64>,
    newest: Option<Timestamp>,
    /// When the reading began: a later release is a wrong clock's.
    now: Timestamp,
    before: Option<State>,
}

impl Source for Releases {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let page = self.releases.next_page()?;
        let is_at_end = page.is_none();
        let is_recent = page.iter().flatten().last().is_none_or(|last| {
            last.draft || last.is_odd() || self.begin.is_none_or(|begin| last.last_event() >= begin)
        });
        page.into_iter().flatten().for_each(|release| self.push(release, batches));
        if !is_at_end && (is_recent || !self.not_found.is_empty()) {
            return Ok(Progress::More);
        }
        self.read_drafts(batches)?;
        if !is_at_end && !self.not_found.is_empty() {
            return Ok(Progress::More);
        }
        self.let_go();
        if let Some(newest) = self.newest {
            let newest = newest.min(self.now);
            let after = State { newest, drafts: std::mem::take(&mut self.drafts) };
            if self.before.as_ref() != Some(&after) {
                batches.checkpoint(&after)?;
            }
        }
        Ok(Progress::Finished)
    }
}

impl Releases {
    fn push(&mut self, release: Release, batches: &mut Batches) {
        self.unseen.remove(&release.id);
        self.not_found.remove(&release.id);
        // One that cannot be understood is asked for again, as a draft is.
        if release.draft || release.is_odd() {
            self.drafts.insert(release.id);
        } else {
            self.drafts.remove(&release.id);
        }
        self.newest = self.newest.max(Some(release.last_event()));
        batches.push(release.map(|release| row(&self.repository, release)));
    }

    /// Asks for the drafts that were not among the newest.
    fn read_drafts(&mut self, batches: &mut Batches) -> Result<(), Failure> {
        for id in std::mem::take(&mut self.unseen) {
            match self.api.entity(&self.repository, &format!("releases/{id}")) {
                Ok(release) => self.push(release, batches),
                Err(failure) if failure.kind == FailureKind::NotFound => {
                    self.not_found.insert(id);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// What the whole list does not have, and its own address neither, was deleted: the list
    /// shows that GitHub answers, and this token.
    fn let_go(&mut self) {
        for id in std::mem::take(&mut self.not_found) {
            log::info(format!(
                "the release {id} of {} was a draft and is gone: what was last known of it stays until the next full refresh",
                self.repository.full_name
            ));
        }
    }
}

fn row(repository: &Repository, release: ReleaseFields) -> ReleaseRow {
    ReleaseRow {
        repository_id: repository.id,
        id: release.id,
        repository: repository.full_name.clone(),
        tag_name: release.tag_name,
        target_commitish: release.target_commitish,
        name: release.name,
        is_draft: release.draft,
        is_prerelease: release.prerelease,
        author_login: release.author.map(|author| author.login),
        created_at: release.created_at,
        published_at: release.published_at,
        html_url: release.html_url,
    }
}

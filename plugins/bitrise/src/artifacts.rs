// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `build-artifacts`: what settled builds produced.
//!
//! There is no list of all artifacts of an app, so each build is asked, once, when it is
//! settled. First the week's builds are listed to the end, then those that are due are asked
//! from the oldest to the newest. So a commit point in between can say up to where all were
//! asked, and a load that breaks off goes on from there.
//!
//! A build whose artifacts are not found, although the list had it, stays pending: the next run
//! lists it again, and asks again.

use std::collections::VecDeque;

use test_dashboard_sdk::{
    Batches, Buffered, Checkpoint, Context, Failure, FailureKind, Missing, Partition, Progress,
    Reader, Source, log,
};

use crate::api::{Artifact, ArtifactFields};
use crate::changed::ChangedBuilds;
use crate::state::{Standing, State};
use crate::tables::ArtifactRow;
use crate::weeks::{ARTIFACTS_KEPT, earlier};

/// After how many builds there is a commit point.
const BUILDS_PER_COMMIT: usize = 50;

/// Reads what the builds of a week of an app produced.
///
/// # Errors
///
/// When the partition is not one that was planned.
pub fn reader(
    context: &Context,
    partition: &Partition,
    checkpoint: Option<&Checkpoint>,
) -> Result<Box<dyn Reader>, Failure> {
    let changed = ChangedBuilds::open(context, partition, checkpoint)?;
    let missing = Missing::of("builds' artifacts");
    let artifacts = Artifacts { changed, due: None, asked: 0, missing };
    Ok(Box::new(Buffered::of::<ArtifactRow>(artifacts)))
}

struct Artifacts {
    changed: ChangedBuilds,
    /// The builds to ask, the oldest first, once all are known.
    due: Option<VecDeque<String>>,
    asked: usize,
    /// The builds that were listed, and whose artifacts were not found.
    missing: Missing,
}

impl Source for Artifacts {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(due) = &mut self.due else {
            if self.changed.next()?.is_none() {
                self.due = Some(due(&mut self.changed));
            }
            return Ok(Progress::More);
        };
        let Some(build) = due.pop_front() else {
            self.commit(batches)?;
            return self.missing.failure().map_or(Ok(Progress::Finished), Err);
        };
        let got = self.changed.api.artifacts(&self.changed.slice.app, &build);
        let got = self.unless_forgotten(&build, got);
        if let Some(artifacts) = self.missing.there(format!("build {build}"), got)? {
            let is_odd = artifacts.iter().any(Artifact::is_odd);
            let app = &self.changed.slice.app;
            for artifact in artifacts {
                batches.push(artifact.map(|artifact| row(app, &build, artifact)));
            }
            if let Some((_, standing)) = self.changed.seen.get_mut(&build)
                && !is_odd
            {
                *standing = Standing::Done;
            }
        }
        self.asked += 1;
        if self.asked.is_multiple_of(BUILDS_PER_COMMIT) {
            self.commit(batches)?;
        }
        Ok(Progress::More)
    }
}

/// The settled builds that no earlier run asked. From now on they are pending.
fn due(changed: &mut ChangedBuilds) -> VecDeque<String> {
    let begin: &State = &changed.begin;
    let mut due = Vec::new();
    for (slug, (triggered_at, standing)) in &mut changed.seen {
        if *standing == Standing::Done && !begin.is_done(slug) {
            *standing = Standing::Pending;
            due.push((*triggered_at, slug.clone()));
        }
    }
    due.sort_unstable();
    due.into_iter().map(|(_, slug)| slug).collect()
}

impl Artifacts {
    /// Nothing, where Bitrise has forgotten what a build produced: that is no reason to fail.
    fn unless_forgotten(
        &self,
        build: &str,
        got: Result<Vec<Artifact>, Failure>,
    ) -> Result<Vec<Artifact>, Failure> {
        let kept_from = earlier(self.changed.now, ARTIFACTS_KEPT);
        let is_old = self.changed.seen.get(build).is_some_and(|(at, _)| *at < kept_from);
        match got {
            Err(failure) if is_old && failure.kind == FailureKind::NotFound => {
                log::info(format!("the build {build} is older than its artifacts are kept"));
                Ok(Vec::new())
            }
            got => got,
        }
    }

    fn commit(&self, batches: &mut Batches) -> Result<(), Failure> {
        let Artifacts { changed, .. } = self;
        let state = changed.state().remembering_done(&changed.seen, changed.week());
        if state != changed.begin && !changed.slice.is_fading {
            batches.checkpoint(&state)?;
        }
        Ok(())
    }
}

fn row(app: &str, build: &str, artifact: ArtifactFields) -> ArtifactRow {
    ArtifactRow {
        slug: artifact.slug,
        build_slug: build.into(),
        app_slug: app.into(),
        title: artifact.title,
        artifact_type: artifact.artifact_type,
        file_size_bytes: artifact.file_size_bytes,
        is_public_page_enabled: artifact.is_public_page_enabled,
        artifact_meta: artifact.artifact_meta,
    }
}

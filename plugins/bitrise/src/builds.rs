// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `builds`: every build of a week, and later those that are new or were not
//! settled.
//!
//! Bitrise lists the newest first, so a week is committed at its end: a watermark in the
//! middle would say that what is older was read.

use test_dashboard_sdk::time::seconds_between;
use test_dashboard_sdk::{
    Batches, Buffered, Checkpoint, Context, Failure, Partition, Progress, Reader, Source,
};

use crate::api::BuildFields;
use crate::changed::ChangedBuilds;
use crate::tables::BuildRow;

/// Reads a week of an app.
///
/// # Errors
///
/// When the partition is not one that was planned.
pub fn reader(
    context: &Context,
    partition: &Partition,
    checkpoint: Option<&Checkpoint>,
) -> Result<Box<dyn Reader>, Failure> {
    let builds = Builds(ChangedBuilds::open(context, partition, checkpoint)?);
    Ok(Box::new(Buffered::of::<BuildRow>(builds)))
}

struct Builds(ChangedBuilds);

impl Source for Builds {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Builds(changed) = self;
        if let Some(builds) = changed.next()? {
            for build in builds {
                batches.push(build.map(|build| row(&changed.slice.app, build)));
            }
            return Ok(Progress::More);
        }
        let state = changed.state();
        if state != changed.begin && !changed.slice.is_fading {
            batches.checkpoint(&state)?;
        }
        Ok(Progress::Finished)
    }
}

fn row(app: &str, build: BuildFields) -> BuildRow {
    BuildRow {
        queue_seconds: seconds_between(Some(build.triggered_at), build.started_on_worker_at),
        duration_seconds: seconds_between(build.environment_prepare_finished_at, build.finished_at),
        slug: build.slug,
        app_slug: app.into(),
        build_number: build.build_number,
        status: build.status,
        status_text: build.status_text,
        abort_reason: build.abort_reason,
        is_on_hold: build.is_on_hold,
        triggered_workflow: build.triggered_workflow,
        triggered_by: build.triggered_by,
        branch: build.branch,
        tag: build.tag,
        commit_hash: build.commit_hash,
        commit_message: build.commit_message,
        commit_view_url: build.commit_view_url,
        pull_request_id: build.pull_request_id,
        pull_request_target_branch: build.pull_request_target_branch,
        pull_request_view_url: build.pull_request_view_url,
        machine_type_id: build.machine_type_id,
        stack_identifier: build.stack_identifier,
        triggered_at: build.triggered_at,
        started_on_worker_at: build.started_on_worker_at,
        environment_prepare_finished_at: build.environment_prepare_finished_at,
        finished_at: build.finished_at,
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! From answers to rows.

use test_dashboard_sdk::time::seconds_between;
use test_dashboard_sdk::{Batches, Failure, Json, Lenient};

use super::answers::{Job, JobFields, Run, RunFields, StepFields};
use super::tables::{WorkflowJobRow, WorkflowJobStepRow, WorkflowRunRow};
use crate::api::Repository;

/// The row of an attempt.
pub fn run_row(repository: &Repository, run: Run) -> Lenient<WorkflowRunRow> {
    run.map(|run| row_of_run(repository, run))
}

fn row_of_run(repository: &Repository, run: RunFields) -> WorkflowRunRow {
    WorkflowRunRow {
        repository_id: repository.id,
        id: run.id,
        run_attempt: run.run_attempt,
        repository: repository.full_name.clone(),
        workflow_id: run.workflow_id,
        name: run.name,
        display_title: run.display_title,
        path: run.path,
        run_number: run.run_number,
        event: run.event,
        status: run.status,
        conclusion: run.conclusion,
        head_branch: run.head_branch,
        head_sha: run.head_sha,
        head_repository: run.head_repository.and_then(|home| home.full_name),
        actor_login: run.actor.map(|user| user.login),
        triggering_actor_login: run.triggering_actor.map(|user| user.login),
        created_at: run.created_at,
        run_started_at: run.run_started_at,
        updated_at: run.updated_at,
        html_url: run.html_url,
    }
}

/// Pushes the rows of a job and its steps.
///
/// # Errors
///
/// When its labels have no JSON form.
pub fn push_job(
    repository: &Repository,
    run: &Run,
    mut job: Job,
    batches: &mut Batches,
) -> Result<(), Failure> {
    let (id, steps) = (job.id, job.steps.take());
    if job.is_finished() {
        for step in steps.into_iter().flatten() {
            batches.push(step.map(|step| step_row(repository, run.id, id, step)));
        }
    }
    batches.push(job.try_map(|job| job_row(repository, run, job))?);
    Ok(())
}

fn job_row(repository: &Repository, run: &Run, job: JobFields) -> Result<WorkflowJobRow, Failure> {
    let has_begun = matches!(job.status.as_str(), "in_progress" | "completed");
    // A queued job has a time in started_at too, which is no begin.
    let started_at = job.started_at.filter(|_| has_begun);
    Ok(WorkflowJobRow {
        repository_id: repository.id,
        id: job.id,
        run_id: run.id,
        run_attempt: job.run_attempt.or((run.run_attempt == 1).then_some(1)),
        workflow_name: job.workflow_name,
        name: job.name,
        status: job.status,
        conclusion: job.conclusion,
        head_branch: job.head_branch,
        head_sha: job.head_sha,
        runner_name: job.runner_name,
        runner_group_name: job.runner_group_name,
        labels: Json::of(&job.labels)
            .map_err(|error| Failure::internal(format!("labels have no JSON form: {error}")))?,
        created_at: job.created_at,
        started_at,
        completed_at: job.completed_at,
        queue_seconds: seconds_between(job.created_at, started_at),
        duration_seconds: seconds_between(started_at, job.completed_at),
        html_url: job.html_url,
    })
}

fn step_row(
    repository: &Repository,
    run_id: i64,
    job_id: i64,
    step: StepFields,
) -> WorkflowJobStepRow {
    WorkflowJobStepRow {
        repository_id: repository.id,
        job_id,
        number: step.number,
        run_id,
        name: step.name,
        status: step.status,
        conclusion: step.conclusion,
        started_at: step.started_at,
        completed_at: step.completed_at,
        duration_seconds: seconds_between(step.started_at, step.completed_at),
    }
}

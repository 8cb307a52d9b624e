// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The tables of workflow runs.

use test_dashboard_sdk::{Json, Row, Timestamp};

/// One attempt of one workflow run, as it was when it was last read. A rerun is a further
/// attempt of the same run. To find what is flaky, compare the jobs of a run's attempts.
#[derive(Debug, Row)]
#[row(table = "github_workflow_runs", mode = "merge", key("repository_id", "id", "run_attempt"))]
pub struct WorkflowRunRow {
    /// GitHub's number of the repository, which a rename does not change.
    pub repository_id: i64,
    /// GitHub's number of the run, the same for all of its attempts.
    pub id: i64,
    /// Which attempt it is, from 1.
    pub run_attempt: i64,
    /// The repository's owner and name, as they were when the run was last read.
    #[row(max_length = 200)]
    pub repository: String,
    /// GitHub's number of the workflow.
    pub workflow_id: i64,
    /// The workflow's name; null when it has none.
    pub name: Option<String>,
    /// What GitHub lists the run as, such as a commit's or pull request's title; null where an old server does not say.
    pub display_title: Option<String>,
    /// The workflow's file, such as .github/workflows/test.yml; null where an old server does not say.
    pub path: Option<String>,
    /// The number of the run among those of its workflow.
    pub run_number: i64,
    /// What started it, such as push, pull_request or schedule.
    #[row(max_length = 100)]
    pub event: String,
    /// How far it is: queued, in_progress, completed and others; null where GitHub does not say.
    #[row(max_length = 40)]
    pub status: Option<String>,
    /// How it ended: success, failure, timed_out, cancelled, skipped and others; null before its end.
    #[row(max_length = 40)]
    pub conclusion: Option<String>,
    /// The branch; null when the run has none.
    pub head_branch: Option<String>,
    /// The commit that was tested.
    #[row(max_length = 64)]
    pub head_sha: String,
    /// Owner and name of the repository that the commit is from; null when that was deleted.
    #[row(max_length = 200)]
    pub head_repository: Option<String>,
    /// The login of who caused the first attempt; null when the account was deleted.
    #[row(max_length = 200)]
    pub actor_login: Option<String>,
    /// The login of who caused this attempt; null when the account was deleted.
    #[row(max_length = 200)]
    pub triggering_actor_login: Option<String>,
    /// When the run was created: the same for all of its attempts.
    pub created_at: Timestamp,
    /// When this attempt began; null where an old server does not say.
    pub run_started_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Its page.
    pub html_url: String,
}

/// One job of one attempt of a workflow run, as it was when its run was last read. Flaky is a
/// job whose name failed or timed out in one attempt of a run and succeeded in a later one.
#[derive(Debug, Row)]
#[row(table = "github_workflow_jobs", mode = "merge", key("repository_id", "id"))]
pub struct WorkflowJobRow {
    /// GitHub's number of the repository, which a rename does not change.
    pub repository_id: i64,
    /// GitHub's number of the job, another one in each attempt.
    pub id: i64,
    /// The run that it belongs to: the id of github_workflow_runs.
    pub run_id: i64,
    /// The attempt that it belongs to; null where an old server does not say and the run has more than one.
    pub run_attempt: Option<i64>,
    /// The workflow's name; null when it has none.
    pub workflow_name: Option<String>,
    /// The job's name, with the values of its matrix: the same in every attempt.
    pub name: String,
    /// How far it is: queued, in_progress, completed and others.
    #[row(max_length = 40)]
    pub status: String,
    /// How it ended: success, failure, timed_out, cancelled, skipped and others; null before its end.
    #[row(max_length = 40)]
    pub conclusion: Option<String>,
    /// The branch of its run; null when that has none.
    pub head_branch: Option<String>,
    /// The commit that was tested.
    #[row(max_length = 64)]
    pub head_sha: String,
    /// The name of the runner; null before there is one.
    pub runner_name: Option<String>,
    /// The name of the group that the runner belongs to; null before there is one.
    pub runner_group_name: Option<String>,
    /// The labels that a runner has to have, as a JSON list.
    pub labels: Json,
    /// When it was put into the queue; null where an old server does not say.
    pub created_at: Option<Timestamp>,
    /// When it began; null before.
    pub started_at: Option<Timestamp>,
    /// When it ended; null before.
    pub completed_at: Option<Timestamp>,
    /// Seconds from created_at to started_at; null before it began, and where a time is missing or the two are in the wrong order.
    pub queue_seconds: Option<f64>,
    /// Seconds from started_at to completed_at; null before its end, and where a time is missing or the two are in the wrong order.
    pub duration_seconds: Option<f64>,
    /// Its page; null where GitHub does not give one.
    pub html_url: Option<String>,
}

/// One step of a job of a workflow run. Steps are there once their job is completed.
#[derive(Debug, Row)]
#[row(
    table = "github_workflow_job_steps",
    mode = "merge",
    key("repository_id", "job_id", "number")
)]
pub struct WorkflowJobStepRow {
    /// GitHub's number of the repository, which a rename does not change.
    pub repository_id: i64,
    /// The job that it belongs to: the id of github_workflow_jobs.
    pub job_id: i64,
    /// Its number within the job, in the order in which they run; there may be gaps.
    pub number: i64,
    /// The run that it belongs to: the id of github_workflow_runs.
    pub run_id: i64,
    /// The step's name.
    pub name: String,
    /// How far it got: mostly completed.
    #[row(max_length = 40)]
    pub status: String,
    /// How it ended: success, failure, cancelled, skipped and others; null when it did not.
    #[row(max_length = 40)]
    pub conclusion: Option<String>,
    /// When it began; null when it did not.
    pub started_at: Option<Timestamp>,
    /// When it ended; null when it did not.
    pub completed_at: Option<Timestamp>,
    /// Seconds from started_at to completed_at; null where one is missing or they are in the wrong order.
    pub duration_seconds: Option<f64>,
}

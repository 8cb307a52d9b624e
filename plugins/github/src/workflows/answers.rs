// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What GitHub answers about workflow runs.

use serde::Deserialize;
use test_dashboard_sdk::http::Response;
use test_dashboard_sdk::{Answer, Failure, Lenient, Timestamp, time};

use crate::api::User;
use crate::lists::Listed;

const PERMISSION: &str = "actions";

/// A run as its list, its own address and those of its attempts have it.
pub type Run = Lenient<RunFields>;

/// What is read of one.
#[derive(Debug, Clone, Deserialize)]
pub struct RunFields {
    pub id: i64,
    #[serde(default = "first_attempt")]
    pub run_attempt: i64,
    pub workflow_id: i64,
    pub name: Option<String>,
    pub display_title: Option<String>,
    pub path: Option<String>,
    pub run_number: i64,
    pub event: String,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub head_branch: Option<String>,
    pub head_sha: String,
    pub head_repository: Option<Home>,
    pub actor: Option<User>,
    pub triggering_actor: Option<User>,
    pub created_at: Timestamp,
    #[serde(default, with = "time::optional")]
    pub run_started_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    pub html_url: String,
}

/// Old servers know no attempts.
fn first_attempt() -> i64 {
    1
}

/// The repository that a commit is from.
#[derive(Debug, Clone, Deserialize)]
pub struct Home {
    pub full_name: Option<String>,
}

impl Answer for RunFields {}

impl RunFields {
    /// Whether this attempt has ended.
    pub fn is_finished(&self) -> bool {
        match &self.status {
            Some(status) => status == "completed",
            None => self.conclusion.is_some(),
        }
    }
}

impl Listed for Run {
    const PERMISSION: &'static str = PERMISSION;

    fn id(&self) -> i64 {
        self.id
    }

    fn page(answer: &Response) -> Result<(Vec<Self>, Option<usize>), Failure> {
        #[derive(Deserialize)]
        struct Page {
            total_count: usize,
            workflow_runs: Vec<Run>,
        }
        let Page { total_count, workflow_runs } = answer.json()?;
        Ok((workflow_runs, Some(total_count)))
    }
}

/// A job of any attempt of a run.
pub type Job = Lenient<JobFields>;

/// What is read of one.
#[derive(Debug, Deserialize)]
pub struct JobFields {
    pub id: i64,
    pub run_attempt: Option<i64>,
    pub workflow_name: Option<String>,
    pub name: String,
    pub status: String,
    pub conclusion: Option<String>,
    pub head_branch: Option<String>,
    pub head_sha: String,
    pub runner_name: Option<String>,
    pub runner_group_name: Option<String>,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default, with = "time::optional")]
    pub created_at: Option<Timestamp>,
    #[serde(default, with = "time::optional")]
    pub started_at: Option<Timestamp>,
    #[serde(default, with = "time::optional")]
    pub completed_at: Option<Timestamp>,
    pub html_url: Option<String>,
    pub steps: Option<Vec<Step>>,
}

impl Answer for JobFields {}

impl JobFields {
    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.status == "completed"
    }
}

/// Whether a job has ended, and all of it could be understood: there is nothing to read again.
pub fn is_final(job: &Job) -> bool {
    let steps = job.steps.iter().flatten();
    job.is_finished() && !job.is_odd() && !steps.into_iter().any(Lenient::is_odd)
}

/// A step of a job.
pub type Step = Lenient<StepFields>;

/// What is read of one.
#[derive(Debug, Deserialize)]
pub struct StepFields {
    pub number: i64,
    pub name: String,
    pub status: String,
    pub conclusion: Option<String>,
    #[serde(default, with = "time::optional")]
    pub started_at: Option<Timestamp>,
    #[serde(default, with = "time::optional")]
    pub completed_at: Option<Timestamp>,
}

impl Answer for StepFields {
    const NEEDED: &'static [&'static str] = &["number"];
}

impl Listed for Job {
    const PERMISSION: &'static str = PERMISSION;
    const OF_REPOSITORY: bool = false;

    fn id(&self) -> i64 {
        self.id
    }

    fn page(answer: &Response) -> Result<(Vec<Self>, Option<usize>), Failure> {
        #[derive(Deserialize)]
        struct Page {
            total_count: usize,
            jobs: Vec<Job>,
        }
        let Page { total_count, jobs } = answer.json()?;
        Ok((jobs, Some(total_count)))
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Issues, pull requests, workflow runs and releases of GitHub repositories, through the REST
//! API.
//!
//! `issues`, `pull-requests` and `releases` have one partition per repository: their lists have
//! no filter that would cut them into parts which stay apart. `workflow-runs` has one per
//! repository and week. `issue-regression` counts, for each day of a window and each regression
//! label, the issues opened, closed, and open at the day's end. How each is read, for how long
//! its tables may differ from GitHub, and how many requests it makes stands in its module.
//!
//! A first run reads everything, later runs what changed. GitHub says nothing of what was
//! deleted: that goes with a full refresh. A window that is asked for is read whatever was read
//! before, and leaves the next run without one to read what it would have read anyway.
//!
//! Rows are keyed by the repository's number, because names change: a renamed repository is
//! followed, and goes on with its rows and its checkpoint.

mod api;
mod issues;
mod lists;
mod positions;
mod pulls;
mod regression;
mod releases;
mod settings;
mod tables;
mod workflows;

use test_dashboard_sdk::{
    Checkpoint, Context, CredentialKind, Datasource, Description, Failure, Partition, Reader,
    Request, Row,
};

use api::{Api, Repository};
use settings::Settings;

pub use tables::{IssueLabelRow, IssueRegressionRow, IssueRow, PullRequestRow, ReleaseRow};
pub use workflows::{WorkflowJobRow, WorkflowJobStepRow, WorkflowRunRow};

/// The datasource.
pub struct GitHub;

test_dashboard_sdk::export!(GitHub);

const ISSUES: &str = "issues";
const ISSUE_REGRESSION: &str = "issue-regression";
const PULL_REQUESTS: &str = "pull-requests";
const WORKFLOW_RUNS: &str = "workflow-runs";
const RELEASES: &str = "releases";

impl Datasource for GitHub {
    fn describe() -> Description {
        Description::new("github", env!("CARGO_PKG_VERSION"), "Issues, pull requests, workflow runs and releases of GitHub repositories")
            .base_url("https://api.github.com")
            .credential(CredentialKind::Bearer)
            .required_setting("repository", "Owner and name, such as mozilla-mobile/fenix")
            .optional_setting(
                "regression-labels",
                "The labels that mean a regression, such as [\"crash\", \"P1\"]; without it, those of the Mozilla mobile projects",
            )
            .optional_setting(
                "workflow-days",
                "How many days of workflow runs are kept up to date, 70 to 365, such as 180; without it 90. What is older stays as it is",
            )
            .table::<IssueRow>()
            .table::<IssueLabelRow>()
            .table::<IssueRegressionRow>()
            .table::<PullRequestRow>()
            .table::<WorkflowRunRow>()
            .table::<WorkflowJobRow>()
            .table::<WorkflowJobStepRow>()
            .table::<ReleaseRow>()
            .exhaustive_report(
                ISSUES,
                "Every issue and pull request with its labels, as it is now; reads what changed since the last run",
                &[IssueRow::TABLE, IssueLabelRow::TABLE],
            )
            .exhaustive_report(
                ISSUE_REGRESSION,
                "Issues opened, closed and open per day (UTC) and regression label; the last 30 days unless a window is asked for",
                &[IssueRegressionRow::TABLE],
            )
            .exhaustive_report(
                PULL_REQUESTS,
                "Every pull request as it is now; reads what changed since the last run",
                &[PullRequestRow::TABLE],
            )
            .report(
                WORKFLOW_RUNS,
                "Every attempt of every workflow run with its jobs and their steps; the weeks of the last 90 days unless a window is asked for",
                &[WorkflowRunRow::TABLE, WorkflowJobRow::TABLE, WorkflowJobStepRow::TABLE],
            )
            .exhaustive_report(
                RELEASES,
                "Every release as it is now; reads those that are likely to have changed since the last run",
                &[ReleaseRow::TABLE],
            )
    }

    fn check(context: &Context) -> Result<String, Failure> {
        let Settings { repository, .. } = Settings::of(context)?;
        let found = Api::of(context).repository(&repository)?;
        let issues = match found.has_issues {
            true => format!("{} issues and pull requests open", found.open_issues_count),
            false => "its issues are disabled".into(),
        };
        Ok(format!("{} can be read: repository {}, {issues}", found.full_name, found.id))
    }

    fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
        let Settings { repository, workflow_days, .. } = Settings::of(&request.context)?;
        let found = Api::of(&request.context).repository(&repository)?;
        if request.report == WORKFLOW_RUNS {
            return workflows::plan(request, &found, workflow_days);
        }
        Ok(vec![Partition::new(format!("repository/{}", found.id), &found)?])
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure> {
        if request.report == WORKFLOW_RUNS {
            let checkpoint = checkpoint.filter(|_| !request.has_window());
            return Ok(workflows::reader(&request, partition.data()?, checkpoint));
        }
        let repository: Repository = partition.data()?;
        match request.report.as_str() {
            ISSUES => Ok(issues::reader(&request, repository, checkpoint)),
            ISSUE_REGRESSION => regression::reader(&request, repository),
            PULL_REQUESTS => Ok(pulls::reader(&request, repository, checkpoint)),
            RELEASES => Ok(releases::reader(&request, repository, checkpoint)),
            _ => Err(request.unknown_report()),
        }
    }
}

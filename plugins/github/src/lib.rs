//! Issues of GitHub repositories, through the REST API.
//!
//! `issues` keeps `github_issues` and `github_issue_labels` up to date: a first run reads all
//! issues, later runs those that changed. `issue-regression` counts, for each day of a window
//! and each regression label, the issues opened, closed, and open at the day's end.
//!
//! Rows are keyed by the repository's number, because names change: a renamed repository is
//! followed, and goes on with its rows and its checkpoint.

mod api;
mod issues;
mod positions;
mod regression;
mod settings;
mod tables;

use test_dashboard_sdk::{
    Checkpoint, Context, CredentialKind, Datasource, Description, Failure, Partition, Reader,
    Request, Row,
};

use api::{Api, Repository};
use settings::Settings;

pub use tables::{IssueLabelRow, IssueRegressionRow, IssueRow};

/// The datasource.
pub struct GitHub;

test_dashboard_sdk::export!(GitHub);

const ISSUES: &str = "issues";
const ISSUE_REGRESSION: &str = "issue-regression";

impl Datasource for GitHub {
    fn describe() -> Description {
        Description::new("github", env!("CARGO_PKG_VERSION"), "Issues of GitHub repositories")
            .base_url("https://api.github.com")
            .credential(CredentialKind::Bearer)
            .required_setting("repository", "Owner and name, such as mozilla-mobile/fenix")
            .optional_setting(
                "regression-labels",
                "The labels that mean a regression, such as [\"crash\", \"P1\"]; without it, those of the Mozilla mobile projects",
            )
            .table::<IssueRow>()
            .table::<IssueLabelRow>()
            .table::<IssueRegressionRow>()
            .report(
                ISSUES,
                "Every issue and pull request with its labels, as it is now; reads what changed since the last run",
                &[IssueRow::TABLE, IssueLabelRow::TABLE],
            )
            .report(
                ISSUE_REGRESSION,
                "Issues opened, closed and open per day (UTC) and regression label; the last 30 days unless a window is asked for",
                &[IssueRegressionRow::TABLE],
            )
    }

    fn check(context: &Context) -> Result<String, Failure> {
        let Settings { repository, .. } = Settings::of(context)?;
        let found = Api::of(context).repository(&repository)?;
        if !found.has_issues {
            return Err(Failure::not_found(format!(
                "{} can be read, but its issues are disabled",
                found.full_name
            )));
        }
        Ok(format!(
            "{} can be read: repository {}, {} issues and pull requests open",
            found.full_name, found.id, found.open_issues_count
        ))
    }

    fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
        let Settings { repository, .. } = Settings::of(&request.context)?;
        let found = Api::of(&request.context).repository(&repository)?;
        Ok(vec![Partition::new(format!("repository/{}", found.id), &found)?])
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure> {
        let repository: Repository = partition.data()?;
        match request.report.as_str() {
            ISSUES => Ok(issues::reader(&request, repository, checkpoint)),
            ISSUE_REGRESSION => regression::reader(&request, repository),
            _ => Err(request.unknown_report()),
        }
    }
}

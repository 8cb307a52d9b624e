// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The tables.

use test_dashboard_sdk::{Date, Json, Row, Timestamp};

/// One issue or pull request of a repository, as it was when it was last read.
#[derive(Debug, Row)]
#[row(table = "github_issues", mode = "merge", key("repository_id", "id"))]
pub struct IssueRow {
    /// GitHub's number of the repository, which a rename does not change.
    pub repository_id: i64,
    /// GitHub's number of the issue, unique among all repositories.
    pub id: i64,
    /// The number within the repository, as in #123.
    pub number: i64,
    /// The repository's owner and name, as they were when the issue was last read.
    #[row(max_length = 200)]
    pub repository: String,
    /// The title.
    pub title: String,
    /// open or closed.
    #[row(max_length = 40)]
    pub state: String,
    /// Why it is in that state: completed, not_planned, duplicate or reopened; null for most open issues and for pull requests.
    #[row(max_length = 40)]
    pub state_reason: Option<String>,
    /// Whether it is a pull request: GitHub lists both as issues.
    pub is_pull_request: bool,
    /// The author's login; null when the account was deleted.
    #[row(max_length = 200)]
    pub user_login: Option<String>,
    /// What the author is to the repository, such as MEMBER or NONE; null where GitHub does not say.
    #[row(max_length = 40)]
    pub author_association: Option<String>,
    /// The milestone's title; null without one.
    pub milestone: Option<String>,
    /// The names of its labels as a JSON list, in GitHub's order; github_issue_labels has a row for each.
    pub labels: Json,
    /// How many comments it has.
    pub comments: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed in any way.
    pub updated_at: Timestamp,
    /// When it was closed; null while it is open, also after it was reopened.
    pub closed_at: Option<Timestamp>,
    /// Its page.
    pub html_url: String,
}

/// One label of one issue or pull request, by its position on the issue. When an issue loses
/// labels, the rows of the positions that became free stay, with a null label: a filter or a join
/// on the label needs no care, a count of rows has to leave nulls out.
#[derive(Debug, Row)]
#[row(table = "github_issue_labels", mode = "merge", key("repository_id", "issue_id", "position"))]
pub struct IssueLabelRow {
    /// GitHub's number of the repository.
    pub repository_id: i64,
    /// GitHub's number of the issue: the id of github_issues.
    pub issue_id: i64,
    /// The position of the label on the issue, from 1; it means nothing beyond telling rows apart.
    pub position: u32,
    /// The label's name; null when the issue has no label at this position any more.
    #[row(max_length = 200)]
    pub label: Option<String>,
    /// GitHub's number of the label, which a rename does not change; null with the label.
    pub label_id: Option<i64>,
}

/// One day (UTC) and regression label of a repository. Counts issues, not pull requests, from
/// their present labels and times: a label given later counts from the day the issue was
/// opened, and an issue that was reopened counts as never closed.
#[derive(Debug, Row)]
#[row(table = "github_issue_regression", mode = "merge", key("repository_id", "day", "label"))]
pub struct IssueRegressionRow {
    /// GitHub's number of the repository, which a rename does not change.
    pub repository_id: i64,
    /// The day, in UTC.
    pub day: Date,
    /// The label, as the setting regression-labels names it.
    #[row(max_length = 200)]
    pub label: String,
    /// Issues with the label that were opened on the day.
    pub opened: i64,
    /// Issues with the label that were closed on the day, and not reopened since.
    pub closed: i64,
    /// Issues with the label that were open at the end of the day; for today, open now.
    pub open_at_end: i64,
}

/// One pull request of a repository, as it was when it was last read.
#[derive(Debug, Row)]
#[row(table = "github_pull_requests", mode = "merge", key("repository_id", "id"))]
pub struct PullRequestRow {
    /// GitHub's number of the repository, which a rename does not change.
    pub repository_id: i64,
    /// GitHub's number of the pull request, unique among all repositories; not the id that it has in github_issues.
    pub id: i64,
    /// The number within the repository, as in #123: joins github_issues.
    pub number: i64,
    /// The repository's owner and name, as they were when the pull request was last read.
    #[row(max_length = 200)]
    pub repository: String,
    /// The title.
    pub title: String,
    /// open or closed; merged ones are closed and have merged_at.
    #[row(max_length = 40)]
    pub state: String,
    /// Whether it is a draft; null where an old server does not say.
    pub is_draft: Option<bool>,
    /// The author's login; null when the account was deleted.
    #[row(max_length = 200)]
    pub user_login: Option<String>,
    /// What the author is to the repository, such as MEMBER or NONE; null where GitHub does not say.
    #[row(max_length = 40)]
    pub author_association: Option<String>,
    /// The milestone's title; null without one.
    pub milestone: Option<String>,
    /// The names of its labels as a JSON list, in GitHub's order.
    pub labels: Json,
    /// The branch that it is to be merged into.
    pub base_branch: String,
    /// The branch that it comes from.
    pub head_branch: String,
    /// The commit at the tip of that branch: the head_sha of the workflow runs that tested it.
    #[row(max_length = 64)]
    pub head_sha: String,
    /// Owner and name of the repository that it comes from; null when that was deleted.
    #[row(max_length = 200)]
    pub head_repository: Option<String>,
    /// The commit that merged it, or that would; null when there is none.
    #[row(max_length = 64)]
    pub merge_commit_sha: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed in any way.
    pub updated_at: Timestamp,
    /// When it was closed; null while it is open.
    pub closed_at: Option<Timestamp>,
    /// When it was merged; null when it was not.
    pub merged_at: Option<Timestamp>,
    /// Its page.
    pub html_url: String,
}

/// One release of a repository, as it was when it was last read.
#[derive(Debug, Row)]
#[row(table = "github_releases", mode = "merge", key("repository_id", "id"))]
pub struct ReleaseRow {
    /// GitHub's number of the repository, which a rename does not change.
    pub repository_id: i64,
    /// GitHub's number of the release, unique among all repositories.
    pub id: i64,
    /// The repository's owner and name, as they were when the release was last read.
    #[row(max_length = 200)]
    pub repository: String,
    /// The tag, which a draft may not have been given yet in the repository.
    pub tag_name: String,
    /// The branch or commit that the tag is made from.
    pub target_commitish: String,
    /// The release's title; null or empty when only the tag names it.
    pub name: Option<String>,
    /// Whether it is a draft, which only a token that may write sees.
    pub is_draft: bool,
    /// Whether it is marked as not ready for production.
    pub is_prerelease: bool,
    /// The login of who made it; null when the account was deleted.
    #[row(max_length = 200)]
    pub author_login: Option<String>,
    /// The time that GitHub gives as its creation: for a published release, its commit's.
    pub created_at: Timestamp,
    /// When it was published; null for a draft.
    pub published_at: Option<Timestamp>,
    /// Its page.
    pub html_url: String,
}

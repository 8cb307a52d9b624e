// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The tables.

use test_dashboard_sdk::{Json, Row, Timestamp};

/// One app of Bitrise that the settings name.
#[derive(Debug, Row)]
#[row(table = "bitrise_apps", mode = "merge", key("slug"))]
pub struct AppRow {
    /// Bitrise's name for the app, the last part of its address.
    #[row(max_length = 100)]
    pub slug: String,
    /// What people call it.
    pub title: Option<String>,
    /// What is built, such as android, ios or flutter; null where Bitrise does not know.
    pub project_type: Option<String>,
    /// Where the code is, such as github.
    pub provider: Option<String>,
    /// Who owns the repository.
    pub repo_owner: Option<String>,
    /// The repository's name.
    pub repo_slug: Option<String>,
    /// The repository's address.
    pub repo_url: Option<String>,
    /// Whether builds of it are switched off.
    pub is_disabled: Option<bool>,
    /// Whether everybody may see its builds.
    pub is_public: Option<bool>,
    /// Bitrise's number for the app's state; 1 is an app in use.
    pub status: Option<i64>,
    /// The name of the workspace or person that it belongs to.
    pub owner_name: Option<String>,
    /// Bitrise's name for the workspace or person.
    pub owner_slug: Option<String>,
    /// What the owner is: organization or user.
    pub owner_account_type: Option<String>,
}

/// One build, as it was when it was last read. It is final when status is not 0 and finished_at
/// is set.
#[derive(Debug, Row)]
#[row(table = "bitrise_builds", mode = "merge", key("slug"))]
pub struct BuildRow {
    /// Bitrise's name for the build, the last part of its address.
    #[row(max_length = 100)]
    pub slug: String,
    /// The app: the slug of bitrise_apps.
    #[row(max_length = 100)]
    pub app_slug: String,
    /// The number within the app, as people say it.
    pub build_number: i64,
    /// 0 not finished, 1 success, 2 failed, 3 aborted (counts as a failure), 4 aborted (counts as a success).
    pub status: i64,
    /// The status in Bitrise's words, such as success or error.
    pub status_text: String,
    /// Why it was aborted; null when it was not, or nobody said.
    pub abort_reason: Option<String>,
    /// Whether it waits for something outside of Bitrise.
    pub is_on_hold: bool,
    /// The workflow that was asked for.
    pub triggered_workflow: String,
    /// Who or what asked for it, such as webhook; null where Bitrise does not say.
    pub triggered_by: Option<String>,
    /// The branch that was built; null where there was none.
    pub branch: Option<String>,
    /// The tag that was built; null where there was none.
    pub tag: Option<String>,
    /// The revision that was built; null until it is known.
    pub commit_hash: Option<String>,
    /// The revision's message.
    pub commit_message: Option<String>,
    /// The revision's page.
    pub commit_view_url: Option<String>,
    /// The pull request's number; 0 for a build of none.
    pub pull_request_id: i64,
    /// The branch that the pull request wants to change.
    pub pull_request_target_branch: Option<String>,
    /// The pull request's page.
    pub pull_request_view_url: Option<String>,
    /// What kind of machine built it.
    pub machine_type_id: Option<String>,
    /// What was installed on the machine.
    pub stack_identifier: Option<String>,
    /// When it was asked for.
    pub triggered_at: Timestamp,
    /// When a machine took it; null until then.
    pub started_on_worker_at: Option<Timestamp>,
    /// When the machine was ready for the first step; null until then.
    pub environment_prepare_finished_at: Option<Timestamp>,
    /// When it ended; null until then.
    pub finished_at: Option<Timestamp>,
    /// Seconds from triggered_at to started_on_worker_at; null where one is not known or they are in the wrong order.
    pub queue_seconds: Option<f64>,
    /// Seconds from environment_prepare_finished_at to finished_at; null where one is not known or they are in the wrong order.
    pub duration_seconds: Option<f64>,
}

/// One file that a build produced and kept.
#[derive(Debug, Row)]
#[row(table = "bitrise_artifacts", mode = "merge", key("slug"))]
pub struct ArtifactRow {
    /// Bitrise's name for the artifact.
    #[row(max_length = 100)]
    pub slug: String,
    /// The build: the slug of bitrise_builds.
    #[row(max_length = 100)]
    pub build_slug: String,
    /// The app: the slug of bitrise_apps.
    #[row(max_length = 100)]
    pub app_slug: String,
    /// The file's name.
    pub title: Option<String>,
    /// What it is, such as android-apk, ios-ipa or file; null where Bitrise does not know.
    pub artifact_type: Option<String>,
    /// Its size in bytes.
    pub file_size_bytes: Option<i64>,
    /// Whether everybody who has the address may install it.
    pub is_public_page_enabled: Option<bool>,
    /// What Bitrise found in the file, such as an app's version, as JSON.
    pub artifact_meta: Option<Json>,
}

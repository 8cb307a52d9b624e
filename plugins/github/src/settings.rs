// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a project's settings say.

use serde::Deserialize;
use test_dashboard_sdk::{Context, Failure};

/// The labels that mean a regression in the Mozilla mobile projects, which is what counts
/// where a project names none of its own.
const REGRESSION_LABELS: [&str; 9] = [
    "eng:intermittent-test",
    "eng:but-auto-found",
    "crash",
    "b:crash",
    "🐞 bug",
    "Bug 🐞",
    "P1",
    "P2",
    "P3",
];

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// `owner/name`, checked.
    pub repository: String,
    #[serde(default = "default_labels")]
    pub regression_labels: Vec<String>,
    /// How many days of workflow runs are planned, checked.
    #[serde(default = "default_days")]
    pub workflow_days: i32,
}

fn default_days() -> i32 {
    90
}

/// A run may be rerun for thirty days and last for thirty-five: with fewer, rows would stay
/// unfinished. GitHub forgets runs after about four hundred: with more, a full refresh would take
/// that for deletions.
const WORKFLOW_DAYS: std::ops::RangeInclusive<i32> = 70..=365;

fn default_labels() -> Vec<String> {
    REGRESSION_LABELS.map(String::from).into()
}

impl Settings {
    /// # Errors
    ///
    /// A setting that is missing or makes no sense.
    pub fn of(context: &Context) -> Result<Self, Failure> {
        let settings: Settings = context.settings()?;
        let project = &context.project;
        if !is_repository(&settings.repository) {
            return Err(Failure::config(format!(
                "project {project}: its setting repository is {:?}: expected owner/name, such as mozilla-mobile/fenix",
                settings.repository
            )));
        }
        if settings.regression_labels.is_empty() {
            return Err(Failure::config(format!(
                "project {project}: its setting regression-labels is an empty list: name a label, or leave the setting out"
            )));
        }
        if !WORKFLOW_DAYS.contains(&settings.workflow_days) {
            return Err(Failure::config(format!(
                "project {project}: its setting workflow-days is {}: expected 70, for as long as a run may still change, to 365, for about as long as GitHub keeps it",
                settings.workflow_days
            )));
        }
        // A comma separates labels where the API filters by them, and cannot be escaped.
        let is_bad = |label: &&String| label.trim().is_empty() || label.contains(',');
        if let Some(label) = settings.regression_labels.iter().find(is_bad) {
            return Err(Failure::config(format!(
                "project {project}: its setting regression-labels has {label:?}: GitHub cannot filter by a label that is empty or has a comma"
            )));
        }
        Ok(settings)
    }
}

fn is_repository(text: &str) -> bool {
    let is_name = |name: &str| {
        !matches!(name, "" | "." | "..")
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    text.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name))
}

#[cfg(test)]
mod tests {
    use test_dashboard_sdk::FailureKind;
    use test_dashboard_sdk::testing::{self, FakeHttp, Reply};

    use super::*;

    fn settings(json: serde_json::Value) -> Result<Settings, Failure> {
        Settings::of(&testing::context(&FakeHttp::serve(|_| Reply::empty(500)), json))
    }

    #[test]
    fn the_regression_labels_have_a_default() {
        let settings = settings(serde_json::json!({"repository": "mozilla-mobile/fenix"})).unwrap();
        assert_eq!(settings.regression_labels.len(), 9);
        assert!(settings.regression_labels.contains(&"Bug 🐞".to_owned()));
    }

    #[test]
    fn what_is_no_repository_is_refused_before_any_request() {
        for bad in ["", "fenix", "/fenix", "a/", "a/b/c", "a/..", "a/b?c", "https://github.com/a/b"]
        {
            let failure = settings(serde_json::json!({"repository": bad})).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Config);
            assert!(failure.message.contains("expected owner/name"), "{failure}");
        }
    }

    #[test]
    fn days_of_workflow_runs_are_as_many_as_can_be_kept_up_to_date() {
        let days = |days| settings(serde_json::json!({"repository": "o/r", "workflow-days": days}));
        for good in [70, 365] {
            assert_eq!(days(good).unwrap().workflow_days, good);
        }
        for bad in [-1, 69, 366] {
            assert_eq!(days(bad).unwrap_err().kind, FailureKind::Config);
        }
    }

    #[test]
    fn labels_that_cannot_be_asked_for_are_refused() {
        for bad in [serde_json::json!([]), serde_json::json!([" "]), serde_json::json!(["a,b"])] {
            let json = serde_json::json!({"repository": "o/r", "regression-labels": bad});
            assert_eq!(settings(json).unwrap_err().kind, FailureKind::Config);
        }
    }
}

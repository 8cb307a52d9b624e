// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which views there are, and what each is made of.
//!
//! A view may have several parts, each over tables of its own; it is the union of those whose
//! tables exist, in a frame where it has one.

/// One view.
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) parts: &'static [Part],
    /// A SELECT in which `{parts}` stands for the union.
    pub(super) around: Option<&'static str>,
}

/// One SELECT of a view, and the tables that it reads. `{table}` in it is the first of them.
pub(super) struct Part {
    pub(super) tables: &'static [&'static str],
    pub(super) select: &'static str,
}

macro_rules! text {
    ($file:literal) => {
        include_str!(concat!("../../../../views/", $file))
    };
}

macro_rules! part {
    ($file:literal, $($table:literal),+) => {
        Part { tables: &[$($table),+], select: text!($file) }
    };
}

const fn union(name: &'static str, parts: &'static [Part]) -> View {
    View { name, parts, around: None }
}

/// The tables that tell TestRail's number of a project, but for those with a row per day: where
/// those are, the suites are too.
pub(super) const NUMBERED: &[&str] =
    &["testrail_milestones", "testrail_test_plans", "testrail_test_runs", "testrail_test_suites"];

/// All of them.
pub(super) const VIEWS: &[View] = &[
    union(
        "ci_builds",
        &[
            part!("ci_builds/github.sql", "github_workflow_jobs"),
            part!("ci_builds/taskcluster.sql", "taskcluster_task_runs", "taskcluster_tasks"),
            part!("ci_builds/bitrise.sql", "bitrise_builds"),
        ],
    ),
    union(
        "flaky_jobs",
        &[
            part!("flaky_jobs/github.sql", "github_workflow_jobs"),
            part!("flaky_jobs/taskcluster.sql", "taskcluster_task_runs", "taskcluster_tasks"),
            part!("flaky_jobs/bitrise.sql", "bitrise_builds"),
        ],
    ),
    union(
        "test_run_summary",
        &[part!("test_run_summary/testrail.sql", "testrail_test_results", "testrail_test_runs")],
    ),
    union("coverage_trend", &[part!("coverage_trend/testrail.sql", "testrail_test_case_coverage")]),
    // From here on with the predecessor's names and columns.
    View {
        name: "projects",
        parts: &[
            part!("projects/of_table.sql", "testrail_milestones"),
            part!("projects/of_table.sql", "testrail_test_case_coverage"),
            part!("projects/of_table.sql", "testrail_test_plans"),
            part!("projects/of_table.sql", "testrail_test_runs"),
            part!("projects/of_table.sql", "testrail_test_suites"),
            part!("projects/of_table.sql", "github_issues"),
        ],
        around: Some(text!("projects/all.sql")),
    },
    union(
        "test_automation_status",
        &[
            part!("test_automation_status/known.sql", "testrail_test_case_coverage"),
            part!("test_automation_status/met.sql", "testrail_test_case_coverage"),
        ],
    ),
    union(
        "test_automation_coverage",
        &[
            part!("test_automation_coverage/known.sql", "testrail_test_case_coverage"),
            part!("test_automation_coverage/met.sql", "testrail_test_case_coverage"),
        ],
    ),
    union(
        "test_sub_suites",
        &[
            part!("test_sub_suites/known.sql", "testrail_test_case_coverage"),
            part!("test_sub_suites/met.sql", "testrail_test_case_coverage"),
        ],
    ),
    union(
        "test_run_result_types",
        &[
            part!("test_run_result_types/known.sql", "testrail_test_runs"),
            part!("test_run_result_types/met.sql", "testrail_statuses", "testrail_test_runs"),
        ],
    ),
    union(
        "report_test_case_coverage",
        &[part!("report_test_case_coverage/testrail.sql", "testrail_test_case_coverage")],
    ),
    union(
        "report_test_run_counts",
        &[part!("report_test_run_counts/testrail.sql", "testrail_test_runs")],
    ),
    union(
        "report_testrail_test_runs",
        &[part!("report_testrail_test_runs/testrail.sql", "testrail_test_runs")],
    ),
    union(
        "report_testrail_test_plans",
        &[part!("report_testrail_test_plans/testrail.sql", "testrail_test_plans")],
    ),
    union(
        "report_testrail_milestones",
        &[part!("report_testrail_milestones/testrail.sql", "testrail_milestones")],
    ),
    union(
        "report_github_bugs",
        &[part!("report_github_bugs/github.sql", "github_issues", "github_issue_labels")],
    ),
    union(
        "report_bitrise_builds_count",
        &[part!("report_bitrise_builds_count/bitrise.sql", "bitrise_builds")],
    ),
];

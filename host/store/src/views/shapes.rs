// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The columns of the views, with their types and meanings: what a reader in another database
//! has to be told. The tests compare them with what the databases say.

use test_dashboard_model::ColumnType::{self, Date, Float64, Int64, Text, Timestamp};

/// What a view looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// What one row is.
    pub description: &'static str,
    /// Name, type and meaning of each column, in order.
    pub columns: &'static [(&'static str, ColumnType, &'static str)],
}

const PROJECT: (&str, ColumnType, &str) =
    ("project", Text, "The project's name in the pump's configuration.");
const PROJECTS_ID: (&str, ColumnType, &str) = (
    "projects_id",
    Int64,
    "The project: the id of projects, which is TestRail's number; 0 while nobody knows it.",
);
const PASSED: (&str, ColumnType, &str) = ("test_case_passed_count", Int64, "Tests that passed.");
const RETEST: (&str, ColumnType, &str) =
    ("test_case_retest_count", Int64, "Tests to be done again.");
const FAILED: (&str, ColumnType, &str) = ("test_case_failed_count", Int64, "Tests that failed.");
const BLOCKED: (&str, ColumnType, &str) =
    ("test_case_blocked_count", Int64, "Tests that are blocked.");
const TOTAL: (&str, ColumnType, &str) = (
    "test_case_total_count",
    Int64,
    "All tests, with those that have no result or a status of the instance's own.",
);
const CREATED_ON: (&str, ColumnType, &str) =
    ("testrail_created_on", Date, "The day, in UTC, on which it was created in TestRail.");
const COMPLETED_ON: (&str, ColumnType, &str) =
    ("testrail_completed_on", Timestamp, "When it was closed; null while it is open.");

/// All of them, in the order in which they are made.
pub(super) const SHAPES: &[Shape] = &[
    Shape {
        name: "ci_builds",
        description: "What the CI systems built or tested: GitHub's jobs, Taskcluster's runs and Bitrise's builds in one shape.",
        columns: &[
            ("system", Text, "github, taskcluster or bitrise."),
            PROJECT,
            ("name", Text, "The job's name, the task's label, or the build's workflow."),
            (
                "branch",
                Text,
                "The branch, or the repository that Treeherder knows; null where there is none.",
            ),
            ("revision", Text, "The revision that was built; null where it is not known."),
            ("state", Text, "pending, running, succeeded, failed, cancelled, skipped, or other."),
            (
                "queue_seconds",
                Float64,
                "How long it waited for a machine; null when that is not known, or would be negative.",
            ),
            (
                "duration_seconds",
                Float64,
                "How long it took; null when that is not known, or would be negative.",
            ),
            ("started_at", Timestamp, "When it began; null before."),
            ("finished_at", Timestamp, "When it ended; null before."),
        ],
    },
    Shape {
        name: "flaky_jobs",
        description: "What failed and then succeeded on the same revision.",
        columns: &[
            ("system", Text, "github, taskcluster or bitrise."),
            PROJECT,
            ("name", Text, "The job's name, the task's label, or the build's workflow."),
            ("revision", Text, "The revision; null where it is not known."),
            ("failures", Int64, "How many times it failed."),
            ("failed_at", Timestamp, "When it first failed."),
            ("succeeded_at", Timestamp, "When it first succeeded."),
        ],
    },
    Shape {
        name: "test_run_summary",
        description: "Results given per test run of TestRail and day, by status; a comment alone is no result.",
        columns: &[
            PROJECT,
            ("run_id", Int64, "TestRail's number of the run."),
            ("run_name", Text, "The run's name; null when the run was not read."),
            ("day", Date, "The day, in UTC, on which the results were given."),
            ("passed", Int64, "Results that say passed."),
            ("failed", Int64, "Results that say failed."),
            ("blocked", Int64, "Results that say blocked."),
            ("retest", Int64, "Results that say retest."),
            ("results", Int64, "All results, whatever they say."),
        ],
    },
    Shape {
        name: "coverage_trend",
        description: "Test cases per day, suite, automation status and automation coverage, over all sub-suites.",
        columns: &[
            PROJECT,
            ("day", Date, "The day, in UTC, on which the cases were counted."),
            ("suite_id", Int64, "TestRail's number of the suite."),
            ("suite_name", Text, "The suite's name on that day."),
            ("automation_status", Text, "The automation status; null for one without a name."),
            ("automation_coverage", Text, "The automation coverage; null for one without a name."),
            ("case_count", Int64, "How many cases these are; one in two sub-suites counts twice."),
        ],
    },
    Shape {
        name: "projects",
        description: "The projects that the report_ views name, one row for each number.",
        columns: &[
            ("id", Int64, "TestRail's number of the project; 0 for all whose number is not known."),
            ("testrail_project_id", Int64, "The same."),
            (
                "project_name_abbrev",
                Text,
                "The project's name in the pump's configuration; of several with the same number the first.",
            ),
            ("project_name", Text, "The same."),
        ],
    },
    Shape {
        name: "test_automation_status",
        description: "The automation statuses of test cases.",
        columns: &[
            ("id", Int64, "TestRail's number of the status; 0 for a case that has none."),
            ("testrail_id", Int64, "The same."),
            (
                "status",
                Text,
                "Its name: Untriaged, Suitable, Unsuitable, Completed, Disabled, Not set, or Unknown with its number.",
            ),
        ],
    },
    Shape {
        name: "test_automation_coverage",
        description: "The automation coverages of test cases.",
        columns: &[
            ("id", Int64, "TestRail's number of the coverage; 0 for a case that has none."),
            ("testrail_id", Int64, "The same."),
            (
                "coverage",
                Text,
                "Its name: None, Partial, Full, Not set, or Unknown with its number.",
            ),
        ],
    },
    Shape {
        name: "test_sub_suites",
        description: "The sub-suites of test cases.",
        columns: &[
            (
                "id",
                Int64,
                "TestRail's number of the sub-suite; 7 as well for a case that names none.",
            ),
            ("testrail_id", Int64, "The same."),
            ("test_sub_suite_abbrev", Text, "Its short name, such as l10n."),
            (
                "test_sub_suite",
                Text,
                "Its name: Functional, Smoke, Accessibility, L10n, Security, FxA, Other, or Unknown with its number.",
            ),
        ],
    },
    Shape {
        name: "test_run_result_types",
        description: "The statuses that a test can have.",
        columns: &[
            ("id", Int64, "TestRail's number of the status."),
            ("testrail_id", Int64, "The same."),
            (
                "result_type_abbrev",
                Text,
                "Its name for programs, such as passed or custom_status1.",
            ),
            ("result_type", Text, "Its name for people, such as Passed."),
        ],
    },
    Shape {
        name: "report_test_case_coverage",
        description: "How many test cases of a suite have the same sub-suite, automation status and automation coverage on a day. A case in two sub-suites counts in both.",
        columns: &[
            PROJECTS_ID,
            ("testrail_test_suites_id", Int64, "TestRail's number of the suite."),
            ("test_sub_suites_id", Int64, "The sub-suite: the id of test_sub_suites."),
            (
                "test_automation_status_id",
                Int64,
                "The automation status: the id of test_automation_status.",
            ),
            (
                "test_automation_coverage_id",
                Int64,
                "The automation coverage: the id of test_automation_coverage.",
            ),
            ("test_count", Int64, "How many cases these are."),
            (
                "created_at",
                Timestamp,
                "The day on which they were counted, as its first moment in UTC.",
            ),
            PROJECT,
        ],
    },
    Shape {
        name: "report_test_run_counts",
        description: "A test run, in a plan or outside of plans, and how many of its tests have which status.",
        columns: &[
            ("id", Int64, "TestRail's number of the run."),
            PROJECTS_ID,
            ("testrail_run_id", Int64, "The same as id."),
            PASSED,
            RETEST,
            FAILED,
            BLOCKED,
            TOTAL,
            CREATED_ON,
            COMPLETED_ON,
            ("created_at", Timestamp, "When it was created in TestRail."),
            PROJECT,
        ],
    },
    Shape {
        name: "report_testrail_test_runs",
        description: "A test run, in a plan or outside of plans, with its plan, suite and counts.",
        columns: &[
            ("id", Int64, "TestRail's number of the run."),
            ("testrail_run_id", Int64, "The same."),
            (
                "plan_id",
                Int64,
                "The plan: the id of report_testrail_test_plans; null outside of plans.",
            ),
            ("suite_id", Int64, "TestRail's number of the suite."),
            ("name", Text, "The run's name."),
            ("config", Text, "The configuration, such as Android 14, Pixel 8; null without one."),
            PASSED,
            RETEST,
            FAILED,
            BLOCKED,
            TOTAL,
            CREATED_ON,
            COMPLETED_ON,
            PROJECTS_ID,
            PROJECT,
        ],
    },
    Shape {
        name: "report_testrail_test_plans",
        description: "A test plan, with the counts of all its runs together.",
        columns: &[
            ("id", Int64, "TestRail's number of the plan."),
            ("testrail_plan_id", Int64, "The same."),
            PROJECTS_ID,
            ("name", Text, "The plan's name."),
            PASSED,
            RETEST,
            FAILED,
            BLOCKED,
            TOTAL,
            CREATED_ON,
            COMPLETED_ON,
            PROJECT,
        ],
    },
    Shape {
        name: "report_testrail_milestones",
        description: "A milestone of TestRail.",
        columns: &[
            ("id", Int64, "TestRail's number of the milestone."),
            ("testrail_milestone_id", Int64, "The same."),
            PROJECTS_ID,
            ("name", Text, "Its name."),
            ("started_on", Date, "The day, in UTC, on which work on it began; null before."),
            ("is_completed", Text, "1 when it is closed, else 0."),
            ("description", Text, "Its description, in TestRail's markup; null without one."),
            ("completed_on", Timestamp, "When it was closed; null while it is open."),
            ("url", Text, "Its address for a person."),
            ("testing_status", Text, "Always null."),
            ("testing_recommendation", Text, "Always null."),
            ("build_name", Text, "Always null."),
            ("build_version", Text, "Always null."),
            PROJECT,
        ],
    },
    Shape {
        name: "report_github_bugs",
        description: "An issue of GitHub, not a pull request, that has a label which means regression.",
        columns: &[
            ("id", Int64, "GitHub's number of the issue, unique among all repositories."),
            PROJECTS_ID,
            ("issue_id", Int64, "The same as id."),
            ("issue_title", Text, "Its title."),
            ("issue_types_id", Int64, "Always 1, an issue."),
            ("github_created_at", Date, "The day, in UTC, on which it was opened."),
            ("github_updated_at", Date, "The day, in UTC, on which it last changed."),
            (
                "github_closed_at",
                Date,
                "The day, in UTC, on which it was closed; null while it is open.",
            ),
            ("github_merged_at", Date, "Always null: issues are not merged."),
            ("created_at", Timestamp, "When it was opened."),
            PROJECT,
        ],
    },
    Shape {
        name: "report_bitrise_builds_count",
        description: "A build of Bitrise that is finished.",
        columns: &[
            ("id", Text, "Bitrise's name for the build."),
            ("build_number", Int64, "The number within the app."),
            ("branch", Text, "The branch that was built; null where there was none."),
            (
                "status",
                Int64,
                "1 success, 2 failed, 3 aborted (counts as a failure), 4 aborted (counts as a success).",
            ),
            ("status_text", Text, "The status in Bitrise's words."),
            ("triggered_workflow", Text, "The workflow that was asked for."),
            ("triggered_by", Text, "Who or what asked for it; null where Bitrise does not say."),
            ("triggered_at", Timestamp, "When it was asked for."),
            ("app_slug", Text, "Bitrise's name for the app."),
            PROJECT,
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/views.md");

    #[test]
    fn the_page_about_views_has_each_of_them_with_every_column() {
        for shape in SHAPES {
            let heading = format!("### `{}`\n", shape.name);
            let (_, section) = PAGE.split_once(&heading).unwrap();
            let section = section.split("\n#").next().unwrap();
            assert!(section.contains(shape.description), "{}", shape.name);
            let expected = shape
                .columns
                .iter()
                .map(|(name, kind, about)| format!("| `{name}` | {kind} | {about} |"));
            let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
            assert_eq!(rows.len(), shape.columns.len(), "{}", shape.name);
            for (row, expected) in rows.iter().zip(expected) {
                assert!(row.starts_with(&expected), "{}: {row}\nexpected: {expected}", shape.name);
            }
        }
    }
}

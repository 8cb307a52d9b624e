// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The views with the predecessor's names, over the project's recordings in every database:
//! their numbers are worked out here from the recorded answers, by the rules that the
//! predecessor went by, and not from any table.

mod bigquery;
mod recorded;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Database, Demo, Kind};

/// The views that this is about.
const VIEWS: [&str; 12] = [
    "projects",
    "report_bitrise_builds_count",
    "report_github_bugs",
    "report_test_case_coverage",
    "report_test_run_counts",
    "report_testrail_milestones",
    "report_testrail_test_plans",
    "report_testrail_test_runs",
    "test_automation_coverage",
    "test_automation_status",
    "test_run_result_types",
    "test_sub_suites",
];

/// What fills the tables that they read.
const REPORTS: [(&str, &str); 7] = [
    ("testrail", "test-case-coverage"),
    ("testrail", "test-run-counts"),
    ("testrail", "test-plans-and-runs"),
    ("testrail", "milestones"),
    ("testrail", "reference"),
    ("github", "issues"),
    ("bitrise", "builds"),
];

/// The day of the recordings.
const DAY: &str = "2026-03-01";

#[test]
fn views_give_the_numbers_of_the_recordings_in_sqlite() {
    views_give_the_numbers_of_the_recordings(Kind::Sqlite);
}

#[test]
fn views_give_the_numbers_of_the_recordings_in_the_servers() {
    for kind in Kind::all().into_iter().filter(|kind| *kind != Kind::Sqlite) {
        views_give_the_numbers_of_the_recordings(kind);
    }
}

fn views_give_the_numbers_of_the_recordings(kind: Kind) {
    let demo = Demo::new();
    let database = Database::new(kind);
    let pump = || REPORTS.map(|(plugin, report)| _ = demo.pump(plugin, report, &database));
    pump();
    coverage_is_what_was_recorded(&database);
    coverage_loses_nothing_when_it_is_joined(&database);
    runs_and_plans_are_what_was_recorded(&database);
    milestones_are_what_was_recorded(&database);
    bugs_are_what_was_recorded(&database);
    builds_are_what_was_recorded(&database);
    lookups_hold_each_id_once(&database);
    let once = VIEWS.map(|view| rows(&database, &format!("SELECT * FROM {view}")));
    pump();
    let twice = VIEWS.map(|view| rows(&database, &format!("SELECT * FROM {view}")));
    for ((view, once), twice) in VIEWS.iter().zip(&once).zip(&twice) {
        assert!(!once.is_empty(), "{kind:?} {view}");
        assert_eq!(once, twice, "{kind:?} {view}: a second run on the day changed what it shows");
    }
}

/// The rows of a query, sorted, each value as text: `null` where there is none.
fn rows(database: &Database, sql: &str) -> Vec<Vec<String>> {
    let as_text = if database.kind() == Kind::Mysql { "CHAR" } else { "TEXT" };
    let columns = database.columns(sql);
    let columns = columns.iter().map(|(name, _)| format!("CAST(q.{name} AS {as_text})"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let rows = database.rows(&format!("SELECT {columns} FROM ({sql}) AS q")).into_iter();
    let mut rows: Vec<Vec<String>> =
        rows.map(|row| row.as_array().unwrap().iter().map(text).collect()).collect();
    rows.sort_unstable();
    rows
}

/// A value as [`rows`] gives it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Rows as [`rows`] gives them.
fn texts(expected: impl IntoIterator<Item = Value>) -> Vec<Vec<String>> {
    let row = |row: Value| row.as_array().unwrap().iter().map(text).collect();
    let mut rows: Vec<Vec<String>> = expected.into_iter().map(row).collect();
    rows.sort_unstable();
    rows
}

#[track_caller]
fn assert_rows(database: &Database, sql: &str, expected: impl IntoIterator<Item = Value>) {
    let (found, expected) = (rows(database, sql), texts(expected));
    assert!(!expected.is_empty(), "the recordings hold nothing of this, so it shows nothing");
    let only = |these: &[Vec<String>], those: &[Vec<String>]| -> Vec<Vec<String>> {
        these.iter().filter(|row| !those.contains(row)).take(5).cloned().collect()
    };
    assert!(
        found == expected,
        "{:?} {sql}: {} rows, expected {}\nonly here: {:#?}\nmissing: {:#?}",
        database.kind(),
        found.len(),
        expected.len(),
        only(&found, &expected),
        only(&expected, &found)
    );
}

fn coverage_is_what_was_recorded(database: &Database) {
    let mut counts: BTreeMap<_, i64> = BTreeMap::new();
    for case in recorded::cases() {
        for sub_suite in &case.sub_suites {
            let key = (case.number, case.suite, *sub_suite, case.status, case.coverage);
            *counts.entry(key).or_default() += 1;
        }
    }
    assert_rows(
        database,
        "SELECT projects_id, testrail_test_suites_id, test_sub_suites_id, \
         test_automation_status_id, test_automation_coverage_id, test_count \
         FROM report_test_case_coverage",
        counts.into_iter().map(|((number, suite, sub_suite, status, coverage), count)| {
            json!([number, suite, sub_suite, status, coverage, count])
        }),
    );
    let days = rows(database, "SELECT DISTINCT created_at FROM report_test_case_coverage");
    assert_eq!(days.len(), 1, "{days:?}");
    assert!(days[0][0].starts_with(DAY) && days[0][0].contains("00:00:00"), "{days:?}");
}

/// As a dashboard joins: everything with everything, only what has a partner.
fn coverage_loses_nothing_when_it_is_joined(database: &Database) {
    let cases = recorded::cases();
    // What is peculiar is there, or this shows nothing.
    assert!(cases.iter().any(|case| case.has_null_status), "a null status");
    assert!(cases.iter().any(|case| case.has_no_status), "an absent status");
    assert!(cases.iter().any(|case| case.has_no_sub_suite), "no sub-suite");
    assert!(cases.iter().any(|case| case.sub_suites.len() == 2), "two sub-suites");
    assert!(cases.iter().any(|case| case.status == 9), "a status that nobody knows");
    assert!(cases.iter().any(|case| case.sub_suites.contains(&12)), "a sub-suite likewise");

    let mut counts: BTreeMap<_, i64> = BTreeMap::new();
    for case in &cases {
        for sub_suite in &case.sub_suites {
            let names = [
                case.project.to_owned(),
                match case.status {
                    0 => "Not set".into(),
                    1 => "Untriaged".into(),
                    2 => "Suitable".into(),
                    3 => "Unsuitable".into(),
                    4 => "Completed".into(),
                    5 => "Disabled".into(),
                    other => format!("Unknown {other}"),
                },
                match case.coverage {
                    0 => "Not set".into(),
                    1 => "None".into(),
                    2 => "Partial".into(),
                    3 => "Full".into(),
                    other => format!("Unknown {other}"),
                },
                match sub_suite {
                    1 => "functional".into(),
                    2 => "smoke".into(),
                    3 => "accessibility".into(),
                    4 => "l10n".into(),
                    5 => "security".into(),
                    6 => "fxa".into(),
                    7 => "other".into(),
                    other => format!("unknown-{other}"),
                },
            ];
            *counts.entry(names).or_default() += 1;
        }
    }
    assert_rows(
        database,
        "SELECT p.project_name_abbrev, s.status, c.coverage, u.test_sub_suite_abbrev, \
         SUM(r.test_count) AS tests FROM report_test_case_coverage r \
         JOIN projects p ON p.id = r.projects_id \
         JOIN test_automation_status s ON s.id = r.test_automation_status_id \
         JOIN test_automation_coverage c ON c.id = r.test_automation_coverage_id \
         JOIN test_sub_suites u ON u.id = r.test_sub_suites_id \
         GROUP BY p.project_name_abbrev, s.status, c.coverage, u.test_sub_suite_abbrev",
        counts.into_iter().map(|(names, count)| {
            let [project, status, coverage, sub_suite] = names;
            json!([project, status, coverage, sub_suite, count])
        }),
    );
}

fn runs_and_plans_are_what_was_recorded(database: &Database) {
    let (runs, plans) = (recorded::runs(), recorded::plans());
    assert!(runs.iter().any(|run| run.of["plan_id"].is_null()), "a run outside of plans");
    assert!(runs.iter().any(|run| !run.of["plan_id"].is_null()), "a run in a plan");
    let created = |thing: &Value| recorded::day(&thing["created_on"]);
    let is_completed = |thing: &Value| i64::from(!thing["completed_on"].is_null());
    let is = "CASE WHEN testrail_completed_on IS NULL THEN 0 ELSE 1 END AS is_completed";
    let counts = "test_case_passed_count, test_case_retest_count, test_case_failed_count, \
                  test_case_blocked_count, test_case_total_count";
    assert_rows(
        database,
        &format!(
            "SELECT id, projects_id, testrail_run_id, {counts}, testrail_created_on, {is} \
             FROM report_test_run_counts"
        ),
        runs.iter().map(|run| {
            let (id, [passed, retest, failed, blocked, total]) = (&run.of["id"], run.counts());
            let (created, is_completed) = (created(&run.of), is_completed(&run.of));
            json!([
                id,
                run.number,
                id,
                passed,
                retest,
                failed,
                blocked,
                total,
                created,
                is_completed
            ])
        }),
    );
    assert_rows(
        database,
        &format!(
            "SELECT id, testrail_run_id, plan_id, suite_id, name, config, {counts}, \
             testrail_created_on, {is} FROM report_testrail_test_runs"
        ),
        runs.iter().map(|run| {
            let of = &run.of;
            let (id, [passed, retest, failed, blocked, total]) = (&of["id"], run.counts());
            let (plan, suite, name, config) =
                (&of["plan_id"], &of["suite_id"], &of["name"], &of["config"]);
            json!([
                id,
                id,
                plan,
                suite,
                name,
                config,
                passed,
                retest,
                failed,
                blocked,
                total,
                created(of),
                is_completed(of)
            ])
        }),
    );
    assert_rows(
        database,
        &format!(
            "SELECT id, testrail_plan_id, projects_id, name, {counts}, testrail_created_on, {is} \
             FROM report_testrail_test_plans"
        ),
        plans.iter().map(|plan| {
            let of = &plan.of;
            let of_plan = runs.iter().filter(|run| run.of["plan_id"] == of["id"]);
            let mut sums = [0; 5];
            for run in of_plan {
                sums.iter_mut().zip(run.counts()).for_each(|(sum, count)| *sum += count);
            }
            let [passed, retest, failed, blocked, total] = sums;
            json!([
                of["id"],
                of["id"],
                plan.number,
                of["name"],
                passed,
                retest,
                failed,
                blocked,
                total,
                created(of),
                is_completed(of)
            ])
        }),
    );
    let joined = "SELECT COUNT(*) FROM report_testrail_test_runs r \
                  JOIN report_testrail_test_plans p ON p.id = r.plan_id \
                  JOIN projects j ON j.id = p.projects_id";
    let in_plans = runs.iter().filter(|run| !run.of["plan_id"].is_null()).count();
    assert_eq!(database.number(joined), in_plans as i64, "{:?}", database.kind());
}

fn milestones_are_what_was_recorded(database: &Database) {
    assert_rows(
        database,
        "SELECT id, testrail_milestone_id, projects_id, name, started_on, is_completed, \
         description, url, CASE WHEN completed_on IS NULL THEN 0 ELSE 1 END AS is_closed, \
         testing_status, testing_recommendation, build_name, build_version \
         FROM report_testrail_milestones",
        recorded::milestones().iter().map(|milestone| {
            let of = &milestone.of;
            let is_completed = i64::from(of["is_completed"] == true);
            let is_closed = i64::from(!of["completed_on"].is_null());
            json!([
                of["id"],
                of["id"],
                milestone.number,
                of["name"],
                recorded::day(&of["started_on"]),
                is_completed,
                of["description"],
                of["url"],
                is_closed,
                null,
                null,
                null,
                null
            ])
        }),
    );
}

fn bugs_are_what_was_recorded(database: &Database) {
    let labels = [
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
    let names = |issue: &Value| -> BTreeSet<String> {
        let of = issue["labels"].as_array().unwrap().iter();
        of.map(|label| label["name"].as_str().unwrap().to_string()).collect()
    };
    let regressions = |issue: &Value| -> Vec<String> {
        names(issue).into_iter().filter(|name| labels.contains(&name.as_str())).collect()
    };
    let issues = recorded::issues();
    let is_pull = |issue: &Value| !issue["pull_request"].is_null();
    let bugs: Vec<_> = issues
        .iter()
        .filter(|issue| !is_pull(&issue.of) && !regressions(&issue.of).is_empty())
        .collect();
    // What is peculiar is there, or this shows nothing.
    for only in ["🐞 bug", "Bug 🐞"] {
        let is_only = |issue: &Value| regressions(issue) == [only.to_string()];
        assert!(bugs.iter().any(|bug| is_only(&bug.of)), "an issue whose only label is {only}");
    }
    assert!(bugs.iter().any(|bug| regressions(&bug.of).len() > 1), "an issue with two labels");
    assert!(
        issues.iter().any(|issue| is_pull(&issue.of) && !regressions(&issue.of).is_empty()),
        "a pull request with such a label"
    );
    assert_rows(
        database,
        "SELECT b.id, p.project_name_abbrev, b.projects_id, b.issue_id, b.issue_title, \
         b.issue_types_id, b.github_created_at, b.github_updated_at, b.github_closed_at, \
         b.github_merged_at FROM report_github_bugs b JOIN projects p ON p.id = b.projects_id",
        bugs.iter().map(|bug| {
            let of = &bug.of;
            let day = |name: &str| of[name].as_str().map(|moment| moment[..10].to_string());
            json!([
                of["id"],
                bug.project,
                bug.number,
                of["id"],
                of["title"],
                1,
                day("created_at"),
                day("updated_at"),
                day("closed_at"),
                null
            ])
        }),
    );
}

fn builds_are_what_was_recorded(database: &Database) {
    let builds = recorded::builds();
    assert!(builds.iter().any(|build| build.of["status"] == 0), "a build that is not finished");
    assert_rows(
        database,
        "SELECT id, build_number, branch, status, status_text, triggered_workflow, triggered_by, \
         project FROM report_bitrise_builds_count",
        builds.iter().filter(|build| build.of["status"] != 0).map(|build| {
            let of = &build.of;
            json!([
                of["slug"],
                of["build_number"],
                of["branch"],
                of["status"],
                of["status_text"],
                of["triggered_workflow"],
                of["triggered_by"],
                build.project
            ])
        }),
    );
}

fn lookups_hold_each_id_once(database: &Database) {
    for view in [
        "projects",
        "test_automation_status",
        "test_automation_coverage",
        "test_sub_suites",
        "test_run_result_types",
    ] {
        let count = |what: &str| database.number(&format!("SELECT COUNT({what}) FROM {view}"));
        assert_eq!(count("*"), count("DISTINCT id"), "{:?} {view}", database.kind());
    }
    assert_rows(
        database,
        "SELECT id, testrail_project_id, project_name_abbrev, project_name FROM projects",
        recorded::PROJECTS.iter().map(|(name, number)| json!([number, number, name, name])),
    );
    assert_rows(
        database,
        "SELECT id, testrail_id, result_type_abbrev FROM test_run_result_types WHERE id < 6",
        (1..)
            .zip(["passed", "blocked", "untested", "retest", "failed"])
            .map(|(id, name)| json!([id, id, name])),
    );
    let known = rows(database, "SELECT id FROM test_run_result_types");
    for status in recorded::statuses() {
        assert!(known.contains(&vec![status["id"].to_string()]), "{status}");
    }
}

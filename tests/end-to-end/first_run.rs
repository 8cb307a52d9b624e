// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The recordings of the shipped plugins, pumped as `make demo` does, into every database; and
//! what the views make of them.

use std::collections::BTreeMap;

use crate::support::{Database, Demo, Kind};

#[test]
fn every_recording_is_pumped_into_sqlite_and_a_second_run_changes_nothing() {
    pump_everything_twice(Kind::Sqlite);
}

#[test]
fn every_recording_is_pumped_into_the_servers_and_a_second_run_changes_nothing() {
    for kind in Kind::all().into_iter().filter(|kind| *kind != Kind::Sqlite) {
        pump_everything_twice(kind);
    }
}

fn pump_everything_twice(kind: Kind) {
    let demo = Demo::new();
    let reports = demo.reports();
    assert_eq!(reports.len(), 16, "{reports:?}");
    let database = Database::new(kind);
    let mut first = BTreeMap::new();
    for (plugin, report) in &reports {
        let total = demo.pump(plugin, report, &database);
        assert!(total["rows_read"].as_u64().unwrap() > 0, "{kind:?} {report}: {total}");
        assert_eq!(total["rows_rejected"], 0, "{kind:?} {report}");
        first.insert(report, total["rows_read"].clone());
    }
    for (plugin, report) in &reports {
        let total = demo.pump(plugin, report, &database);
        for count in ["rows_new", "rows_changed", "rows_removed"] {
            assert_eq!(total[count], 0, "{kind:?} {report} {count}: {total}");
        }
        assert_eq!(total["rows_read"], first[report], "{kind:?} {report}");
    }
    let status = demo.run(&["db", "status", "--database", &database.url]).expect_code(0).json();
    for table in status["tables"].as_array().unwrap() {
        let name = table["table"].as_str().unwrap();
        let rows = database.number(&format!("SELECT COUNT(*) FROM {name}"));
        assert_eq!(table["rows"], rows, "{kind:?} {name}");
        assert!(rows > 0, "{kind:?} {name} is empty");
    }
    let label = "SELECT COUNT(*) FROM github_issue_regression WHERE label = '🐞 bug'";
    assert!(database.number(label) > 0, "{kind:?}: a four-byte label was not kept");
    views_agree_with_their_tables(&database, kind);
}

fn views_agree_with_their_tables(database: &Database, kind: Kind) {
    let count = |what: &str| database.number(&format!("SELECT COUNT(*) FROM {what}"));
    for (system, table) in [
        ("github", "github_workflow_jobs"),
        ("taskcluster", "taskcluster_task_runs"),
        ("bitrise", "bitrise_builds"),
    ] {
        let shown = quoted(kind, &format!("ci_builds WHERE \"system\" = '{system}'"));
        assert_eq!(count(&shown), count(table), "{kind:?} {system}");
        let other =
            quoted(kind, &format!("ci_builds WHERE \"system\" = '{system}' AND state = 'other'"));
        assert_eq!(count(&other), 0, "{kind:?} {system}: a state that the view does not know");
    }
    let succeeded =
        count(&quoted(kind, "ci_builds WHERE \"system\" = 'bitrise' AND state = 'succeeded'"));
    assert_eq!(succeeded, count("bitrise_builds WHERE status = 1"), "{kind:?}");

    let cases = |what: &str| {
        database.number(&format!("SELECT CAST(SUM(case_count) AS {}) FROM {what}", integer(kind)))
    };
    assert_eq!(cases("coverage_trend"), cases("testrail_test_case_coverage"), "{kind:?}");

    let results = database
        .number(&format!("SELECT CAST(SUM(results) AS {}) FROM test_run_summary", integer(kind)));
    assert_eq!(results, count("testrail_test_results WHERE status_id IS NOT NULL"), "{kind:?}");
    let failed = database
        .number(&format!("SELECT CAST(SUM(failed) AS {}) FROM test_run_summary", integer(kind)));
    assert_eq!(failed, count("testrail_test_results WHERE status_id = 5"), "{kind:?}");

    for (system, expected) in [
        ("github", flaky_github(database)),
        ("taskcluster", flaky_taskcluster(database)),
        ("bitrise", flaky_bitrise(database)),
    ] {
        let flaky = quoted(kind, &format!("flaky_jobs WHERE \"system\" = '{system}'"));
        assert_eq!(count(&flaky), expected, "{kind:?} {system}");
        assert!(expected > 0, "{system}: the recordings hold nothing flaky, so this shows nothing");
    }
}

fn quoted(kind: Kind, sql: &str) -> String {
    if kind == Kind::Mysql { sql.replace('"', "`") } else { sql.to_string() }
}

fn integer(kind: Kind) -> &'static str {
    if kind == Kind::Mysql { "SIGNED" } else { "BIGINT" }
}

/// Attempts of one thing: whether each failed or succeeded, by what orders them.
type Attempts = BTreeMap<String, Vec<(String, String)>>;

fn group(database: &Database, sql: &str) -> Attempts {
    let mut groups = Attempts::new();
    for row in database.rows(sql) {
        let text = |index: usize| row[index].as_str().unwrap_or_default().to_string();
        groups.entry(text(0)).or_default().push((text(1), text(2)));
    }
    groups
}

/// How many have a failure that a later success follows.
fn failed_then_succeeded(groups: Attempts, failed: &[&str], succeeded: &str) -> i64 {
    let is_flaky = |attempts: &Vec<(String, String)>| {
        attempts.iter().any(|(when, what)| {
            failed.contains(&what.as_str())
                && attempts.iter().any(|(later, what)| what == succeeded && later > when)
        })
    };
    groups.values().filter(|attempts| is_flaky(attempts)).count() as i64
}

fn flaky_github(database: &Database) -> i64 {
    let jobs = group(
        database,
        "SELECT CONCAT(project, ' ', run_id, ' ', name), CONCAT('', run_attempt), conclusion \
         FROM github_workflow_jobs",
    );
    failed_then_succeeded(jobs, &["failure", "timed_out"], "success")
}

fn flaky_taskcluster(database: &Database) -> i64 {
    let runs = group(
        database,
        "SELECT CONCAT(t.project, ' ', t.task_group_id, ' ', t.label), '', r.state \
         FROM taskcluster_tasks t JOIN taskcluster_task_runs r \
         ON r.project = t.project AND r.task_id = t.task_id WHERE t.label IS NOT NULL",
    );
    let has = |attempts: &[(String, String)], state: &str| attempts.iter().any(|(_, s)| s == state);
    runs.values().filter(|runs| has(runs, "failed") && has(runs, "completed")).count() as i64
}

fn flaky_bitrise(database: &Database) -> i64 {
    let builds = group(
        database,
        "SELECT CONCAT(project, ' ', app_slug, ' ', commit_hash, ' ', triggered_workflow), \
         CONCAT(triggered_at, ' ', 1000000 + build_number), CONCAT('', status) \
         FROM bitrise_builds WHERE commit_hash IS NOT NULL",
    );
    failed_then_succeeded(builds, &["2"], "1")
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A TestRail that does not find what it lists, and one whose fields have other names.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::tables::{Tables, assert_same, tables};
use crate::support::testrail::{self, Project, TestRail};
use crate::support::{Database, Ended, Kind, Server, Workplace};

/// Runs a report with a summary: how it ended, and what the summary says of the report.
fn pump(place: &Workplace, report: &str, database: &Database, more: &[&str]) -> (Ended, Value) {
    let arguments = ["--project", "fenix", "--report-type", report, "--database", &database.url];
    let arguments = [&arguments[..], &["--summary", "summary.json"], more].concat();
    let ended = place.run_with(&arguments, &testrail::VARIABLES);
    let summary = std::fs::read_to_string(place.path("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    (ended, summary["reports"][0].clone())
}

fn asked(place: &Workplace, command: &[&str], database: &Database) -> Value {
    let more = ["--database", &database.url, "--format", "json"];
    place.run_with(&[command, &more].concat(), &testrail::VARIABLES).json()
}

#[test]
fn a_plan_that_is_listed_and_not_found_is_told_and_comes_with_the_next_run() {
    let all: &[&str] = &["100001", "100002", "100003", "100004", "100005"];
    for (missing, rows) in [(&all[2..3], 20 + 2 * 4), (all, 20)] {
        for kind in Kind::all() {
            let calm = Database::new(kind);
            let testrail = TestRail::start(Project::of(&[], 20, 5));
            let place = Workplace::new(&testrail.section());
            pump(&place, "test-run-counts", &calm, &[]).0.expect_code(0);

            let is_down = Arc::new(AtomicBool::new(true));
            let down = Arc::clone(&is_down);
            let testrail = TestRail::behind(Project::of(&[], 20, 5), move |asked, _| {
                let plan = asked.target.split("/get_plan/").nth(1)?;
                let is_meant = down.load(Ordering::SeqCst) && missing.contains(&plan);
                let body = json!({"error": "Field :plan_id is not a valid test plan."});
                is_meant.then(|| Server::json(400, body))
            });
            let place = Workplace::new(&testrail.section());
            let database = Database::new(kind);
            let held = || database.number("SELECT COUNT(*) FROM testrail_test_runs");
            for run in 1..=2 {
                let (ended, summary) = pump(&place, "test-run-counts", &database, &[]);
                let told = format!("{} of", missing.len());
                ended.expect_code(3).expect_said(&told).expect_said("listed and yet not found");
                assert_eq!(held(), rows, "{kind:?}");
                let failure = &summary["failures"][0];
                assert_eq!(summary["outcome"], "partly-failed", "{summary}");
                assert_eq!(
                    (&failure["partition"], &failure["kind"]),
                    (&"plans".into(), &"not-found".into())
                );
                let message = failure["message"].as_str().unwrap();
                for part in [format!("plan {}", missing[0]), "Field :plan_id is not a".into()] {
                    assert_eq!(message.matches(&part).count(), 1, "{part} in {message}");
                }
                let runs = asked(&place, &["runs"], &database);
                assert_eq!(runs.as_array().unwrap().len(), run, "{runs}");
                assert!(
                    runs.as_array().unwrap().iter().all(|run| run["outcome"] == "partly-failed")
                );
                let status = asked(&place, &["status"], &database);
                assert_eq!(status["reports"][0]["state"], "failed", "{status}");
            }
            is_down.store(false, Ordering::SeqCst);
            pump(&place, "test-run-counts", &database, &[]).0.expect_code(0);
            assert_eq!(held(), 20 + 2 * 5);
            let status = asked(&place, &["status"], &database);
            assert_eq!(status["reports"][0]["state"], "fresh", "{status}");
            assert_same(
                &rows_of(&database),
                &rows_of(&calm),
                &format!("{kind:?} after {} were missing", missing.len()),
            );
        }
    }
}

/// The rows. A checkpoint remembers for good that something was missing once.
fn rows_of(database: &Database) -> Tables {
    let mut tables = tables(database);
    tables.remove("checkpoints");
    tables
}

#[test]
fn fields_with_other_names_are_told_by_check_and_by_the_run_until_the_settings_name_them() {
    let fields = |name: &str| {
        json!([{
            "id": 4, "type_id": 6, "system_name": name, "name": "automation_type",
            "label": "Automation type", "is_active": true, "configs": [{
                "context": {"is_global": true, "project_ids": null},
                "options": {"items": "1, Manual\n2, Automated"},
            }],
        }])
    };
    let mut project = Project::of(&[], 0, 0);
    let cases = [1, 2, 2, 2].into_iter().zip(1..);
    let case = |(kind, id)| json!({"id": id, "title": "Case", "custom_automation_type": kind});
    project.suites = vec![(1, cases.map(case).collect())];
    let testrail = TestRail::behind(project, move |asked, _| {
        let is_meant = asked.target.contains("get_case_fields");
        is_meant.then(|| Server::json(200, fields("custom_automation_type")))
    });
    let place = Workplace::new(&testrail.section());
    let database = Database::new(Kind::Sqlite);
    let check = |code| {
        let arguments = ["check", "--database", &database.url];
        place.run_with(&arguments, &testrail::VARIABLES).expect_code(code)
    };
    let absent = "no active case field custom_automation_status (automation-status-field)";
    let there = "custom_automation_type (Automation type)";
    check(1).expect_said(absent).expect_said(there);
    let (ended, summary) = pump(&place, "test-case-coverage", &database, &[]);
    ended.expect_code(1).expect_said(absent).expect_said(there);
    assert_eq!(summary["failures"][0]["kind"], "config", "{summary}");

    place.configure(
        &(testrail.section()
            + "automation-status-field = \"custom_automation_type\"\n\
               automation-coverage-field = \"none\"\nsub-suites-field = \"none\"\n"),
    );
    check(0);
    pump(&place, "test-case-coverage", &database, &[]).0.expect_code(0);
    let counts = database.rows(
        "SELECT automation_status, automation_coverage, sub_suite, case_count \
         FROM testrail_test_case_coverage ORDER BY case_count",
    );
    assert_eq!(
        counts,
        [json!(["Manual", "Not set", "other", 1]), json!(["Automated", "Not set", "other", 3])]
    );
    let over = ["--until", "2020-01-31"];
    let (ended, _) = pump(&place, "test-case-coverage", &database, &over);
    ended.expect_code(1).expect_said("counts the cases as they are today");
}

#[test]
fn days_that_are_asked_for_are_read_after_the_first_run() {
    let testrail = TestRail::start(Project::of(&[], 20, 5));
    let place = Workplace::new(&testrail.section());
    let database = Database::new(Kind::Sqlite);
    let held = |what: &str| {
        database.number(&format!("SELECT COUNT(*) FROM testrail_test_runs WHERE {what}"))
    };
    pump(&place, "test-run-counts", &database, &["--since", "2026-01-01"]).0.expect_code(0);
    assert_eq!(held("1 = 1"), 0);
    pump(&place, "test-run-counts", &database, &[]).0.expect_code(0);
    assert_eq!(held("1 = 1"), 20 + 2 * 5);
    testrail.change(|project| {
        let plans = project
            .plans
            .iter_mut()
            .flat_map(|plan| plan["entries"][0]["runs"].as_array_mut().unwrap().iter_mut());
        project.runs.iter_mut().chain(plans).for_each(|run| run["name"] = json!("Renamed"));
    });
    let days = ["--since", "2025-01-01", "--until", "2025-01-01"];
    pump(&place, "test-run-counts", &database, &days).0.expect_code(0);
    assert_eq!(held("name = 'Renamed'"), 20 + 2 * 5);
}

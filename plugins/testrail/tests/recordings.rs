// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Whole exchanges: the project's own recordings, made by `fixtures/generate.py`, and bodies that a
//! real TestRail sent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod shared;
mod world;

use serde_json::json;
use test_dashboard_sdk::testing::{
    self, FakeHttp, MemoryHost, OddFields, Reply, odd_fields_cost_their_rows,
};
use test_dashboard_sdk::{Request, Value};
use test_dashboard_testrail::TestRail;
use world::{CASES, COVERAGE, MILESTONES, PLANS_AND_RUNS, REFERENCE, RESULTS, RUN_COUNTS};

/// The recordings' projects with their numbers.
const PROJECTS: [(&str, i64); 5] = [
    ("fenix", 59),
    ("focus-android", 48),
    ("reference-browser", 58),
    ("firefox-ios", 14),
    ("focus-ios", 27),
];

fn request(report: &str, project: &str, project_id: i64, http: &FakeHttp) -> Request {
    let mut context = testing::context(http, json!({"project-id": project_id}));
    context.project = project.into();
    context.base_url = "https://testrail.example.com".into();
    testing::request(report, context)
}

fn run_recording(report: &str, project: &str, project_id: i64) -> MemoryHost {
    let file = format!("{}/fixtures/{project}/{report}.har", env!("CARGO_MANIFEST_DIR"));
    let http = FakeHttp::har(&std::fs::read_to_string(&file).unwrap());
    let mut host = MemoryHost::new();
    host.run::<TestRail>(&request(report, project, project_id, &http)).unwrap();
    http.assert_all_used();
    host
}

fn sum(host: &MemoryHost, table: &str, column: &str) -> i64 {
    let rows = host.select(table, &[column]);
    rows.iter().map(|row| if let Value::Int64(number) = row[0] { number } else { 0 }).sum()
}

#[test]
fn every_recording_holds_exactly_the_requests_that_are_made() {
    for (project, project_id) in PROJECTS {
        for (report, table, rows) in [
            (COVERAGE, "testrail_test_case_coverage", None),
            (RUN_COUNTS, "testrail_test_runs", Some(9)),
            (CASES, "testrail_test_cases", None),
            (PLANS_AND_RUNS, "testrail_test_runs", Some(9)),
            (PLANS_AND_RUNS, "testrail_test_plans", Some(2)),
            (RESULTS, "testrail_tests", Some(9 * 3)),
            (RESULTS, "testrail_test_results", Some(9 * 4)),
            (MILESTONES, "testrail_milestones", Some(4)),
            (REFERENCE, "testrail_statuses", Some(6)),
            (REFERENCE, "testrail_case_fields", Some(4)),
        ] {
            let found = run_recording(report, project, project_id).rows(table).len();
            assert!(rows.map_or(found > 0, |rows| found == rows), "{project} {report}: {found}");
        }
    }
}

#[test]
fn an_odd_field_costs_its_row_and_no_other() {
    let project = "reference-browser";
    for report in [COVERAGE, RUN_COUNTS, CASES, PLANS_AND_RUNS, RESULTS, MILESTONES, REFERENCE] {
        let file = format!("{}/fixtures/{project}/{report}.har", env!("CARGO_MANIFEST_DIR"));
        let recording = std::fs::read_to_string(&file).unwrap();
        let may = OddFields {
            needed: match report {
                // Counts follow from all cases, and choices from the fields' definitions.
                COVERAGE => &[
                    "id",
                    "name",
                    "is_deleted",
                    "system_name",
                    "type_id",
                    "is_active",
                    "_links",
                    "next",
                ],
                CASES => &["id", "system_name", "type_id", "is_active", "_links", "next"],
                _ => &["id", "created_on", "entries", "runs", "name", "_links", "next"],
            },
            anything: &[
                "custom_automation_status",
                "custom_automation_coverage",
                "custom_sub_test_suites",
                "custom_preconds",
                "custom_step_results",
                "elapsed",
                "estimate",
                "estimate_forecast",
                "labels",
                "configs",
            ],
            derived: &[],
        };
        let request = |http: &FakeHttp| request(report, project, 58, http);
        let odd = odd_fields_cost_their_rows::<TestRail>(&recording, request, may);
        assert!(odd.len() > 3, "{report}: {odd:?}");
    }
}

#[test]
fn no_case_of_a_recording_is_lost() {
    let host = run_recording(COVERAGE, "fenix", 59);
    // Of 13 cases in a row the two in [1, 2] and [1, 2, 6] count once and twice more.
    let more = |cases: i64| (cases + 11) / 13 + 2 * ((cases + 4) / 13);
    let expected = 260 + more(260) + 12 + more(12);
    assert_eq!(sum(&host, "testrail_test_case_coverage", "case_count"), expected);
    assert_eq!(host.rows("testrail_test_suites").len(), 2);
}

#[test]
fn every_case_of_a_recording_has_its_choices() {
    let host = run_recording(CASES, "fenix", 59);
    assert_eq!(host.rows("testrail_test_cases").len(), 260 + 12);
    assert_eq!(host.rows("testrail_sections").len(), 2 * 3);
    let values = host.select("testrail_test_case_custom_values", &["position", "value_id"]);
    let first = values.iter().filter(|row| row[0] == Value::Int64(0)).count();
    assert_eq!(first, 3 * (260 + 12));
    let of_cases = |cases: usize, each: usize, from: usize| (cases + each - 1 - from) / each;
    // Of 13 cases in a row one names a second sub-suite, and one a second and a third.
    let more = |cases| of_cases(cases, 13, 1) + 2 * of_cases(cases, 13, 8);
    assert_eq!(values.len() - first, more(260) + more(12));
}

#[test]
fn both_reports_of_runs_give_the_same_rows() {
    for (project, project_id) in PROJECTS {
        let counts = run_recording(RUN_COUNTS, project, project_id);
        let runs = run_recording(PLANS_AND_RUNS, project, project_id);
        assert_eq!(counts.rows("testrail_test_runs"), runs.rows("testrail_test_runs"), "{project}");
    }
}

#[test]
fn the_runs_of_a_recording_are_in_plans_and_outside() {
    let host = run_recording(RUN_COUNTS, "firefox-ios", 14);
    let rows = host.select("testrail_test_runs", &["id", "plan_id", "is_completed"]);
    assert_eq!(rows.len(), 3 + 2 * 3);
    let loose = rows.iter().filter(|row| row[1] == Value::Null).count();
    assert_eq!(loose, 3);
    let open = rows.iter().filter(|row| row[2] == Value::Boolean(false)).count();
    assert_eq!(open, 1 + 3);
    let parts = ["passed", "blocked", "untested", "retest", "failed", "custom_status1"];
    let counted: i64 =
        parts.iter().map(|part| sum(&host, "testrail_test_runs", &format!("{part}_count"))).sum();
    assert_eq!(sum(&host, "testrail_test_runs", "total_count"), counted);
}

#[test]
fn a_recorded_entry_of_a_plan_is_read() {
    let Some(entry) = shared::body("plan-entry.json") else { return };
    let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
    let created_on = entry["runs"][0]["created_on"].clone();
    let listed = json!([{"id": 15355, "created_on": created_on}]).to_string();
    let plan =
        json!({"id": 15355, "name": "P", "is_completed": false, "entries": [entry]}).to_string();
    let http = FakeHttp::serve(move |request| match request.url.split("/v2/").last() {
        Some("get_runs/13") => Reply::json(200, "[]"),
        Some("get_plans/13") => Reply::json(200, &listed),
        Some("get_plan/15355") => Reply::json(200, &plan),
        other => panic!("{other:?}"),
    });
    let mut host = MemoryHost::new();
    host.run::<TestRail>(&request(RUN_COUNTS, "p", 13, &http)).unwrap();
    let columns = ["id", "plan_id", "suite_id", "untested_count", "total_count", "created_on"];
    assert_eq!(
        host.select("testrail_test_runs", &columns),
        [[
            Value::Int64(15356),
            Value::Int64(15355),
            Value::Int64(12807),
            Value::Int64(2),
            Value::Int64(2),
            Value::Timestamp(1_782_078_315_000_000),
        ]]
    );
}

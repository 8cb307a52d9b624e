// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-case-coverage` of instances with other fields, and with other meanings of the same ids.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use serde_json::{Value as JsonValue, json};
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Datasource, Failure, FailureKind};
use test_dashboard_testrail::TestRail;
use world::fields::{case_fields, field};
use world::{COVERAGE, table};

/// An instance with fields of its own.
fn other_fields() -> JsonValue {
    let mut elsewhere = field(6, "custom_automation_status", "Of another project", "1, A");
    elsewhere["configs"][0]["context"] = json!({"is_global": false, "project_ids": [4]});
    let mut unused = field(6, "custom_automation_coverage", "Not in use", "1, A");
    unused["is_active"] = json!(false);
    json!([
        elsewhere,
        unused,
        field(6, "custom_automation_type", "Automation type", "0, Manual\n1, Automated\n2, Fuller"),
        field(12, "custom_areas", "Areas", "1, Functional\n7, Printing"),
        field(3, "custom_preconds", "Preconditions", ""),
    ])
}

fn testrail(fields: JsonValue, cases: JsonValue) -> FakeHttp {
    FakeHttp::serve(move |request| {
        let body = match request.url.split(['/', '&']).nth(6).unwrap() {
            "get_project" => &json!({"id": 59, "name": "Fenix"}),
            "get_suites" => &json!([{"id": 1, "name": "One"}]),
            "get_case_fields" => &fields,
            _ => &cases,
        };
        Reply::json(200, &body.to_string())
    })
}

const COLUMNS: [&str; 7] = [
    "sub_suite_id",
    "sub_suite",
    "automation_status_id",
    "automation_status",
    "automation_coverage_id",
    "automation_coverage",
    "case_count",
];

fn counted(http: &FakeHttp, settings: JsonValue) -> Result<Vec<String>, Failure> {
    let request = testing::request(COVERAGE, testing::context(http, settings));
    let mut host = MemoryHost::new();
    host.run::<TestRail>(&request)?;
    Ok(table(&host, "testrail_test_case_coverage", &COLUMNS))
}

#[test]
fn the_dashboards_words_stand_where_the_ids_mean_them() {
    let http = testrail(
        case_fields(),
        json!([
            {"id": 1, "custom_automation_status": 4, "custom_automation_coverage": 3,
             "custom_sub_test_suites": [2, 6]},
            {"id": 2, "custom_automation_status": 9, "custom_sub_test_suites": [3]},
            {"id": 3},
        ]),
    );
    assert_eq!(
        counted(&http, json!({"project-id": 59})).unwrap(),
        [
            "2 smoke 4 Completed 3 Full 1",
            "3 - 9 - 0 Not set 1",
            "6 fxa 4 Completed 3 Full 1",
            "7 other 0 Not set 0 Not set 1",
        ]
    );
}

#[test]
fn ids_that_mean_something_else_are_called_what_the_instance_calls_them() {
    let http = testrail(
        other_fields(),
        json!([
            {"id": 1, "custom_automation_type": 0, "custom_areas": [7]},
            {"id": 2, "custom_automation_type": 1, "custom_areas": [1]},
            {"id": 3, "custom_automation_type": 2},
            {"id": 4, "custom_automation_status": 4, "custom_automation_type": null},
        ]),
    );
    let settings = json!({
        "project-id": 59, "automation-status-field": "custom_automation_type",
        "automation-coverage-field": "none", "sub-suites-field": "custom_areas",
    });
    assert_eq!(
        counted(&http, settings).unwrap(),
        [
            "0 Not set -1 Not set 0 Not set 1",
            "0 Not set 2 Fuller 0 Not set 1",
            "1 functional 1 Automated 0 Not set 1",
            "7 Printing 0 Manual 0 Not set 1",
        ]
    );
}

#[test]
fn an_instance_without_any_of_the_fields_can_say_so() {
    let http = testrail(json!([]), json!([{"id": 1, "custom_automation_status": 4}]));
    let settings = json!({
        "project-id": 59, "automation-status-field": "none", "automation-coverage-field": "none",
        "sub-suites-field": "none",
    });
    let context = testing::context(&http, settings.clone());
    assert!(TestRail::check(&context).is_ok());
    assert_eq!(counted(&http, settings).unwrap(), ["7 other 0 Not set 0 Not set 1"]);
}

#[test]
fn a_field_that_is_not_there_is_told_by_check_and_by_the_run() {
    let http = testrail(other_fields(), json!([{"id": 1, "custom_automation_type": 1}]));
    for (settings, absent) in [
        (
            json!({"project-id": 59}),
            "custom_automation_status (automation-status-field), custom_automation_coverage (automation-coverage-field), custom_sub_test_suites (sub-suites-field).",
        ),
        (
            json!({
                "project-id": 59, "automation-status-field": "custom_automation",
                "automation-coverage-field": "none", "sub-suites-field": "custom_areas",
            }),
            "custom_automation (automation-status-field).",
        ),
    ] {
        let failures = [
            TestRail::check(&testing::context(&http, settings.clone())).unwrap_err(),
            counted(&http, settings).unwrap_err(),
        ];
        for failure in failures {
            assert_eq!(failure.kind, FailureKind::Config);
            assert_eq!(
                failure.message,
                format!(
                    "project fenix: TestRail's project 59 has no active case field {absent} Its dropdown and multi-select fields: custom_automation_type (Automation type), custom_areas (Areas). Set what is in parentheses to the field that is meant; or to \"none\" if cases have no such field, and all of them count as Not set there"
                )
            );
        }
    }
}

#[test]
fn the_definitions_are_asked_for_once_for_all_suites_unless_they_are_too_long() {
    let asked = |items: String| {
        let mut fields = case_fields();
        fields[0]["configs"][0]["options"]["items"] = items.into();
        let cases = json!([{"id": 1, "custom_automation_status": 4}]);
        let suites: Vec<JsonValue> = (1..=9).map(|id| json!({"id": id, "name": "S"})).collect();
        let http = FakeHttp::serve(move |request| {
            let body = match request.url.split(['/', '&']).nth(6).unwrap() {
                "get_suites" => &json!(suites),
                "get_case_fields" => &fields,
                _ => &cases,
            };
            Reply::json(200, &body.to_string())
        });
        let rows = counted(&http, json!({"project-id": 59})).unwrap();
        assert!(rows.len() == 9 && rows.iter().all(|row| row.starts_with("7 other 4 Completed")));
        http.requests().iter().filter(|url| url.contains("get_case_fields")).count()
    };
    assert_eq!(asked("4, Completed".into()), 1);
    let many: Vec<String> = (5..5_000).map(|id| format!("{id}, {}", "label".repeat(4))).collect();
    assert_eq!(asked(format!("4, Completed\n{}", many.join("\n"))), 1 + 9);
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-case-coverage`, of suites whose cases have the fields that the dashboards know.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use serde_json::{Value as JsonValue, json};
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Datasource, Failure, FailureKind, Request, Value};
use test_dashboard_testrail::TestRail;
use world::COVERAGE;
use world::fields::case_fields;

const TABLE: &str = "testrail_test_case_coverage";
const SUITES: &str = "testrail_test_suites";

fn suites(ids: &[i64]) -> JsonValue {
    let suite = |id: &i64| json!({"id": id, "name": format!("Suite {id}"), "description": null});
    json!({"_links": {"next": null}, "suites": ids.iter().map(suite).collect::<Vec<_>>()})
}

/// A TestRail with these suites; every one of them has these cases.
fn testrail(suite_ids: &'static [i64], cases: JsonValue) -> FakeHttp {
    let cases = json!({"_links": {"next": null}, "cases": cases});
    FakeHttp::serve(move |request| {
        let body = match request.url.split(['/', '&']).nth(6) {
            Some("get_cases") => &cases,
            Some("get_case_fields") => &case_fields(),
            _ => &suites(suite_ids),
        };
        Reply::json(200, &body.to_string())
    })
}

fn request(http: &FakeHttp) -> Request {
    testing::request(COVERAGE, testing::context(http, json!({"project-id": 59})))
}

fn run(http: &FakeHttp) -> Result<MemoryHost, Failure> {
    let mut host = MemoryHost::new();
    host.run::<TestRail>(&request(http)).map(|()| host)
}

/// `sub-suite/status/coverage` and the count of each row.
fn counts(host: &MemoryHost) -> Vec<(String, i64)> {
    let names = ["sub_suite_id", "automation_status_id", "automation_coverage_id", "case_count"];
    let number = |value: &Value| match value {
        Value::Int64(number) => *number,
        other => panic!("{other:?}"),
    };
    let rows = host.select(TABLE, &names);
    rows.iter()
        .map(|row| row.iter().map(number).collect::<Vec<_>>())
        .map(|row| (format!("{}/{}/{}", row[0], row[1], row[2]), row[3]))
        .collect()
}

fn counts_of(cases: JsonValue) -> Vec<(String, i64)> {
    counts(&run(&testrail(&[1], cases)).unwrap())
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

#[test]
fn a_missing_and_a_null_value_are_one_group_and_are_counted() {
    let counts = counts_of(json!([
        {"id": 1},
        {"id": 2, "custom_automation_status": null, "custom_sub_test_suites": null},
        {"id": 3, "custom_automation_coverage": null, "custom_sub_test_suites": []},
        {"id": 4, "custom_automation_status": 4, "custom_automation_coverage": 3,
         "custom_sub_test_suites": [7]},
        {"id": 5, "custom_automation_status": "", "custom_sub_test_suites": [null]},
    ]));
    assert_eq!(counts, [("7/0/0".into(), 4), ("7/4/3".into(), 1)]);
}

#[test]
fn a_case_in_two_sub_suites_counts_in_both_and_once_in_each() {
    let counts = counts_of(json!([
        {"id": 1, "custom_automation_status": 1, "custom_sub_test_suites": [2, 1, 2]},
        {"id": 2, "custom_automation_status": 1, "custom_sub_test_suites": [1]},
    ]));
    assert_eq!(counts, [("1/1/0".into(), 2), ("2/1/0".into(), 1)]);
}

#[test]
fn ids_may_come_as_text_or_alone() {
    let counts = counts_of(json!([
        {"id": 1, "custom_automation_status": "4", "custom_sub_test_suites": "2"},
        {"id": 2, "custom_automation_status": 4, "custom_sub_test_suites": 2},
    ]));
    assert_eq!(counts, [("2/4/0".into(), 2)]);
}

#[test]
fn a_value_that_is_no_id_fails_the_suite_instead_of_dropping_the_case() {
    for value in [json!("Completed"), json!({"id": 1}), json!(1.5), json!([4])] {
        let cases = json!([{"id": 17, "custom_automation_status": value}]);
        let failure = run(&testrail(&[1], cases)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse, "{failure}");
        assert!(failure.message.contains("custom_automation_status of case 17"), "{failure}");
    }
}

#[test]
fn deleted_cases_are_not_counted_and_told() {
    let counts = counts_of(json!([{"id": 1, "is_deleted": 1}, {"id": 2, "is_deleted": 0}]));
    assert_eq!(counts, [("7/0/0".into(), 1)]);
    let log = testing::take_log();
    assert!(log.iter().any(|(_, line)| line.contains("1 deleted cases")), "{log:?}");
}

#[test]
fn names_stand_beside_ids_and_an_unknown_id_keeps_itself() {
    let host = run(&testrail(
        &[1],
        json!([
            {"id": 1, "custom_automation_status": 4, "custom_automation_coverage": 1,
             "custom_sub_test_suites": [2]},
            {"id": 2, "custom_automation_status": 99, "custom_automation_coverage": 98,
             "custom_sub_test_suites": [97]},
            {"id": 3},
        ]),
    ))
    .unwrap();
    let names = ["sub_suite", "automation_status", "automation_coverage"];
    assert_eq!(
        host.select(TABLE, &names),
        [
            [text("smoke"), text("Completed"), text("None")],
            [text("other"), text("Not set"), text("Not set")],
            [Value::Null, Value::Null, Value::Null],
        ]
    );
}

#[test]
fn each_suite_is_a_partition_of_its_day() {
    let http = testrail(&[12, 3], json!([]));
    let partitions = TestRail::plan(&request(&http)).unwrap();
    let ids: Vec<&str> = partitions.iter().map(|partition| partition.id.as_str()).collect();
    assert_eq!(ids, ["suites", "suite:3/2026-03-01", "suite:12/2026-03-01"]);
}

#[test]
fn a_window_that_is_over_is_refused_and_one_of_today_is_counted() {
    let http = testrail(&[1], json!([]));
    let plan_until = |until: &str, since: Option<&str>| {
        let mut request = request(&http);
        request.until = Some(until.parse().unwrap());
        request.since = since.map(|since| since.parse().unwrap());
        TestRail::plan(&request)
    };
    let failure = plan_until("2026-03-01T00:00:00Z", None).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Config);
    assert!(failure.message.contains("as they are today, 2026-03-01"), "{failure}");
    for since in [None, Some("2026-02-01T00:00:00Z"), Some("2026-03-01T00:00:00Z")] {
        assert_eq!(plan_until("2026-03-02T00:00:00Z", since).unwrap().len(), 2);
    }
}

#[test]
fn a_run_done_twice_gives_the_same_tables_and_another_day_stays_beside_it() {
    let http = testrail(&[1, 2], json!([{"id": 1}, {"id": 2}]));
    let once = run(&http).unwrap();
    let mut host = once.clone();
    host.run::<TestRail>(&request(&http)).unwrap();
    assert_eq!(host, once);
    let mut tomorrow = request(&http);
    tomorrow.context.now = "2026-03-02T06:00:00Z".parse().unwrap();
    host.run::<TestRail>(&tomorrow).unwrap();
    assert_eq!(host.rows(TABLE).len(), 4);
    assert_eq!(host.rows(SUITES).len(), 2);
}

#[test]
fn a_group_that_is_gone_by_the_evening_disappears() {
    let mut host = run(&testrail(&[1], json!([{"id": 1}]))).unwrap();
    let later = testrail(&[1], json!([{"id": 1, "custom_automation_status": 2}]));
    host.run::<TestRail>(&request(&later)).unwrap();
    assert_eq!(counts(&host), [("7/2/0".into(), 1)]);
}

#[test]
fn suites_can_be_chosen_and_one_that_is_not_there_is_named() {
    let http = testrail(&[1, 2, 3], json!([{"id": 1}]));
    let with = |ids: JsonValue| {
        let settings = json!({"project-id": 59, "suite-ids": ids});
        let request = testing::request(COVERAGE, testing::context(&http, settings));
        let mut host = MemoryHost::new();
        host.run::<TestRail>(&request).map(|()| host)
    };
    let host = with(json!([3, 1])).unwrap();
    assert_eq!(host.rows(TABLE).len(), 2);
    assert_eq!(host.rows(SUITES).len(), 2);
    let failure = with(json!([3, 4])).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(failure.message.contains("names 4"), "{failure}");
    assert!(failure.message.contains("it has 1, 2, 3"), "{failure}");
}

#[test]
fn the_pages_of_a_suite_are_counted_together() {
    let page = |ids: std::ops::Range<i64>, next: Option<&str>| {
        let cases: Vec<JsonValue> = ids.map(|id| json!({"id": id})).collect();
        let body = json!({"_links": {"next": next}, "cases": cases});
        Reply::json(200, &body.to_string())
    };
    let base = "https://api.example.org/index.php?/api/v2";
    let http = FakeHttp::script([
        (format!("{base}/get_suites/59"), Reply::json(200, &suites(&[5]).to_string())),
        (format!("{base}/get_case_fields"), Reply::json(200, &case_fields().to_string())),
        (format!("{base}/get_suites/59"), Reply::json(200, &suites(&[5]).to_string())),
        (
            format!("{base}/get_cases/59&suite_id=5"),
            page(0..250, Some("/api/v2/get_cases/59&suite_id=5&limit=250&offset=250")),
        ),
        (format!("{base}/get_cases/59&suite_id=5&limit=250&offset=250"), page(249..260, None)),
    ]);
    assert_eq!(counts(&run(&http).unwrap()), [("7/0/0".into(), 260)]);
    http.assert_all_used();
}

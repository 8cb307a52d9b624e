// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the plugin declares, how it checks its settings, and what holds for several reports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use serde_json::json;
use test_dashboard_sdk::testing::{self, FakeHttp, Reply};
use test_dashboard_sdk::{CredentialKind, Datasource, Failure, FailureKind};
use test_dashboard_testrail::TestRail;
use world::fields::case_fields;
use world::{
    CASES, COVERAGE, MILESTONES, PLANS_AND_RUNS, PROJECT, Pump, REFERENCE, RESULTS, RUN_COUNTS,
    World, table,
};

fn check(settings: serde_json::Value, reply: Reply) -> Result<String, Failure> {
    let http = FakeHttp::serve(move |_| reply.clone());
    TestRail::check(&testing::context(&http, settings))
}

#[test]
fn a_check_names_the_project() {
    let http = FakeHttp::script([
        (
            "https://api.example.org/index.php?/api/v2/get_project/59",
            Reply::json(200, r#"{"id": 59, "name": "Fenix 🦊", "suite_mode": 3}"#),
        ),
        (
            "https://api.example.org/index.php?/api/v2/get_case_fields",
            Reply::json(200, &case_fields().to_string()),
        ),
    ]);
    let context = testing::context(&http, json!({"project-id": 59}));
    assert_eq!(TestRail::check(&context), Ok("the project 59 is \"Fenix 🦊\"".into()));
    http.assert_all_used();
}

#[test]
fn a_check_tells_what_is_wrong() {
    let settings = json!({"project-id": 59});
    let error = |status| Reply::json(status, r#"{"error": "Authentication failed."}"#);
    let failure = |reply| check(settings.clone(), reply).unwrap_err();
    let kind = |reply| failure(reply).kind;
    assert_eq!(kind(error(401)), FailureKind::Auth);
    assert_eq!(kind(error(400)), FailureKind::UnexpectedResponse);
    let said = "Field :project_id is not a valid or accessible project.";
    let unknown = failure(Reply::json(400, &json!({ "error": said }).to_string()));
    assert_eq!(unknown.kind, FailureKind::NotFound);
    assert_eq!(
        unknown.message,
        format!(
            "TestRail has no project 59, or this user may not see it; project-id is the number in the address of the project's overview (GET https://api.example.org/index.php?/api/v2/get_project/59: answered 400 Bad Request, saying: {said})"
        )
    );
    assert_eq!(kind(error(409)), FailureKind::Transient);
    assert_eq!(kind(error(200)), FailureKind::UnexpectedResponse);
    assert_eq!(kind(Reply::text(400, "text/html", "<h1>Bad")), FailureKind::UnexpectedResponse);
    let failure = check(json!({"suite-ids": [1]}), error(200)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Config);
    assert!(failure.message.contains("project-id"), "{failure}");
}

#[test]
fn a_report_of_the_present_says_that_it_has_no_window() {
    for (report, has_window) in
        [(COVERAGE, false), (CASES, false), (MILESTONES, false), (REFERENCE, false)]
            .into_iter()
            .chain([RUN_COUNTS, PLANS_AND_RUNS, RESULTS].map(|report| (report, true)))
    {
        let mut request = Pump::new(report, World::grown(3)).request(false);
        request.since = Some(request.context.now);
        testing::take_log();
        TestRail::plan(&request).unwrap();
        let is_said = testing::take_log().iter().any(|(_, line)| line.contains("as it is now"));
        assert_eq!(is_said, !has_window, "{report}");
    }
}

#[test]
fn it_asks_for_basic_authentication_and_the_project() {
    let description = TestRail::describe();
    assert_eq!(description.name, "testrail");
    assert_eq!(description.credentials, [CredentialKind::Basic]);
    assert_eq!(description.requests_per_minute, Some(180));
    let required: Vec<&str> = description
        .settings
        .iter()
        .filter(|setting| setting.required)
        .map(|setting| setting.name.as_str())
        .collect();
    assert_eq!(required, ["project-id"]);
    for report in &description.reports {
        for table in &report.tables {
            assert!(description.tables.iter().any(|declared| declared.name == *table), "{table}");
        }
    }
}

/// The tables that dashboards divide by project say which one of TestRail's it is.
#[test]
fn rows_have_testrails_number_of_the_project() {
    for (report, tables) in [
        (COVERAGE, &["testrail_test_case_coverage", "testrail_test_suites"][..]),
        (RUN_COUNTS, &["testrail_test_runs"]),
        (PLANS_AND_RUNS, &["testrail_test_plans", "testrail_test_runs"]),
        (MILESTONES, &["testrail_milestones"]),
    ] {
        let mut world = World::grown(3);
        let parts = json!([{"id": 2, "name": "Beta"}]);
        world.milestones.insert(1, json!({"id": 1, "name": "136", "milestones": parts}));
        let mut pump = Pump::new(report, world);
        pump.load().unwrap();
        for name in tables {
            let rows = table(&pump.host, name, &["project_id"]);
            assert!(!rows.is_empty(), "{report} {name}");
            assert!(rows.iter().all(|row| *row == PROJECT.to_string()), "{report} {name} {rows:?}");
        }
    }
}

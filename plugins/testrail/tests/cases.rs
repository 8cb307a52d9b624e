// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Cases, sections and choices, in a TestRail of one suite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use serde_json::json;
use test_dashboard_sdk::FailureKind;
use test_dashboard_sdk::testing;
use test_dashboard_testrail::TestRail;
use world::{CASES, DAY, HOUR, Pump, World, table};

const CHOICES: &str = "testrail_test_case_custom_values";
const CHOICE: [&str; 4] = ["field", "position", "value_id", "value"];

/// A suite with a case, and its number.
fn one_case() -> (Pump, i64, i64) {
    let mut world = World::new(1);
    let suite = world.add_suite();
    let case = world.add_case_to(suite, world.now - 3 * DAY);
    let fields = world.cases.get_mut(&case).unwrap();
    fields["custom_automation_status"] = json!(4);
    fields["custom_sub_test_suites"] = json!([3, 1]);
    (Pump::new(CASES, world), suite, case)
}

/// Changes a case as somebody does who edits it an hour ago.
fn edit(pump: &Pump, case: i64, field: &str, value: serde_json::Value) {
    pump.change(|world| {
        world.now += DAY;
        let updated_on = world.now - HOUR;
        let case = world.cases.get_mut(&case).unwrap();
        case[field] = value;
        case["updated_on"] = json!(updated_on);
    });
}

#[test]
fn choices_are_rows_with_their_names() {
    let (mut pump, ..) = one_case();
    pump.load().unwrap();
    assert_eq!(
        table(&pump.host, CHOICES, &CHOICE),
        [
            "custom_automation_status 0 4 Completed",
            "custom_sub_test_suites 0 3 A11y, spoken",
            "custom_sub_test_suites 1 1 Functional",
        ]
    );
}

#[test]
fn what_is_unchosen_is_emptied_and_gone_after_a_full_run() {
    let (mut pump, _, case) = one_case();
    pump.load().unwrap();
    edit(&pump, case, "custom_sub_test_suites", json!([2]));
    pump.load().unwrap();
    assert_eq!(
        table(&pump.host, CHOICES, &CHOICE)[1..],
        ["custom_sub_test_suites 0 2 Smoke", "custom_sub_test_suites 1 - -"]
    );
    edit(&pump, case, "custom_sub_test_suites", json!(null));
    pump.load_full().unwrap();
    assert_eq!(table(&pump.host, CHOICES, &CHOICE)[1..], ["custom_sub_test_suites 0 - -"]);
}

#[test]
fn a_case_that_is_read_again_has_the_rows_that_it_had() {
    let (mut pump, _, case) = one_case();
    edit(&pump, case, "title", json!("Edited"));
    pump.load().unwrap();
    let once = table(&pump.host, CHOICES, &CHOICE);
    let asked = pump.asked_by(|pump| pump.load().unwrap());
    assert!(asked.iter().any(|call| call.contains("updated_after")), "{asked:?}");
    assert_eq!(table(&pump.host, CHOICES, &CHOICE), once);
    // What was chosen once is remembered for as long as the case is.
    edit(&pump, case, "custom_sub_test_suites", json!([2]));
    pump.load().unwrap();
    edit(&pump, case, "custom_sub_test_suites", json!([2, 3]));
    pump.load().unwrap();
    edit(&pump, case, "custom_sub_test_suites", json!(null));
    pump.load().unwrap();
    assert_eq!(
        table(&pump.host, CHOICES, &CHOICE)[1..],
        ["custom_sub_test_suites 0 - -", "custom_sub_test_suites 1 - -"]
    );
}

#[test]
fn a_checkpoint_of_an_earlier_version_empties_all_that_may_have_been_chosen() {
    let (mut pump, _, case) = one_case();
    pump.load().unwrap();
    let before = json!({"version": 1, "state": {
        "watermark": "2026-02-26T06:00:00Z", "fields": "", "most": {"custom_sub_test_suites": 3},
    }});
    pump.host.replace_checkpoints(&before.to_string());
    edit(&pump, case, "custom_sub_test_suites", json!([2]));
    pump.load().unwrap();
    assert_eq!(
        table(&pump.host, CHOICES, &CHOICE)[1..],
        [
            "custom_sub_test_suites 0 2 Smoke",
            "custom_sub_test_suites 1 - -",
            "custom_sub_test_suites 2 - -"
        ]
    );
}

#[test]
fn what_is_unchosen_in_another_suite_is_emptied() {
    let (mut pump, _, case) = one_case();
    let other = pump.world.borrow_mut().add_suite();
    pump.load().unwrap();
    edit(&pump, case, "suite_id", json!(other));
    edit(&pump, case, "custom_sub_test_suites", json!([2]));
    pump.load().unwrap();
    assert_eq!(
        table(&pump.host, CHOICES, &CHOICE)[1..3],
        ["custom_sub_test_suites 0 2 Smoke", "custom_sub_test_suites 1 - -"]
    );
}

#[test]
fn another_name_of_a_choice_reaches_cases_that_nobody_touched() {
    let (mut pump, ..) = one_case();
    pump.load().unwrap();
    pump.change(|world| {
        world.now += DAY;
        let config = &mut world.fields.get_mut(&1).unwrap()["configs"][0];
        config["options"]["items"] = json!("4, Automated ✅");
    });
    pump.load().unwrap();
    assert_eq!(table(&pump.host, CHOICES, &CHOICE)[0], "custom_automation_status 0 4 Automated ✅");
    pump.change(|world| world.now += DAY);
    let asked = pump.asked_by(|pump| pump.load().unwrap());
    assert!(asked.iter().any(|call| call.contains("updated_after")), "{asked:?}");
}

#[test]
fn a_field_that_is_not_in_use_has_no_rows() {
    let (mut pump, ..) = one_case();
    pump.change(|world| world.fields.get_mut(&2).unwrap()["is_active"] = json!(false));
    pump.load().unwrap();
    assert_eq!(table(&pump.host, CHOICES, &CHOICE), ["custom_automation_status 0 4 Completed"]);
}

#[test]
fn estimates_are_text_and_seconds_and_any_other_form_is_text_alone() {
    let (mut pump, suite, case) = one_case();
    pump.change(|world| {
        world.cases.get_mut(&case).unwrap()["estimate"] = json!("1m 45s");
        for estimate in [json!("a while"), json!(null), json!(90), json!("")] {
            let case = world.add_case_to(suite, world.now);
            world.cases.get_mut(&case).unwrap()["estimate"] = estimate;
        }
    });
    pump.load().unwrap();
    assert_eq!(
        table(&pump.host, "testrail_test_cases", &["estimate", "estimate_seconds"]),
        ["1m 45s 105", "a while -", "- -", "90 -", " -"]
    );
}

#[test]
fn a_case_of_nothing_but_its_number_is_a_row() {
    let (mut pump, suite, _) = one_case();
    pump.change(|world| {
        world.cases.clear();
        world.cases.insert(7, json!({"id": 7, "suite_id": suite}));
    });
    pump.load().unwrap();
    let columns =
        ["id", "title", "section_id", "updated_on", "is_deleted", "labels", "custom_fields"];
    assert_eq!(table(&pump.host, "testrail_test_cases", &columns), ["7 - - - false - {}"]);
    assert_eq!(pump.host.rows(CHOICES).len(), 2);
}

#[test]
fn custom_fields_are_kept_whole() {
    let (mut pump, _, case) = one_case();
    let steps = json!([{"content": "Open 🦊", "expected": null, "refs": ["A", 1.5]}]);
    pump.change(|world| {
        world.cases.get_mut(&case).unwrap()["custom_steps_separated"] = steps.clone();
    });
    pump.load().unwrap();
    let kept = &table(&pump.host, "testrail_test_cases", &["custom_fields"])[0];
    let kept: serde_json::Value = serde_json::from_str(kept).unwrap();
    assert_eq!(kept["custom_steps_separated"], steps);
    assert_eq!(kept["custom_automation_status"], 4);
    assert_eq!(kept.as_object().unwrap().len(), 3);
}

#[test]
fn a_deleted_case_stays_and_a_deleted_section_goes_until_a_full_run() {
    let (mut pump, suite, case) = one_case();
    pump.change(|world| _ = world.add_section_to(suite));
    pump.load().unwrap();
    pump.change(|world| {
        world.sections.clear();
        world.delete_case(case);
    });
    pump.load().unwrap();
    assert_eq!(pump.host.rows("testrail_sections").len(), 0);
    assert_eq!(pump.host.rows("testrail_test_cases").len(), 1);
    pump.load_full().unwrap();
    assert_eq!(pump.host.rows("testrail_test_cases").len(), 0);
    assert_eq!(pump.host.rows(CHOICES).len(), 0);
}

#[test]
fn updates_are_asked_for_since_an_hour_before_the_last() {
    let (mut pump, suite, case) = one_case();
    edit(&pump, case, "title", json!("Edited"));
    pump.load().unwrap();
    let updated_on = pump.world.borrow().now - HOUR;
    let asked = pump.asked_by(|pump| pump.load().unwrap());
    let after = updated_on - HOUR;
    let expected = format!("get_cases/59&suite_id={suite}&updated_after={after}");
    assert!(asked.contains(&expected), "{asked:?}");
    // Nothing was updated for long: the day before the last run is enough.
    pump.change(|world| world.now += 9 * DAY);
    pump.load().unwrap();
    let asked = pump.asked_by(|pump| pump.load().unwrap());
    let after = pump.world.borrow().now - DAY - HOUR;
    let expected = format!("get_cases/59&suite_id={suite}&updated_after={after}");
    assert!(asked.contains(&expected), "{asked:?}");
}

#[test]
fn a_time_in_the_future_does_not_hide_later_updates() {
    let (mut pump, suite, case) = one_case();
    pump.change(|world| {
        world.cases.get_mut(&case).unwrap()["updated_on"] = json!(world.now + 900 * DAY);
    });
    pump.load().unwrap();
    pump.change(|world| {
        world.now += DAY;
        world.add_case_to(suite, world.now - HOUR);
    });
    pump.load().unwrap();
    assert_eq!(pump.host.rows("testrail_test_cases").len(), 2);
}

#[test]
fn a_checkpoint_that_is_not_understood_reads_the_suite_from_its_start() {
    let (mut pump, ..) = one_case();
    pump.load().unwrap();
    pump.host.replace_checkpoints("?");
    let asked = pump.asked_by(|pump| pump.load().unwrap());
    assert!(!asked.iter().any(|call| call.contains("updated_after")), "{asked:?}");
    assert!(testing::take_log().iter().any(|(_, line)| line.contains("from the start")));
}

#[test]
fn suites_can_be_chosen() {
    let (mut pump, suite, _) = one_case();
    pump.change(|world| _ = world.add_suite());
    let mut request = pump.request(false);
    request.context.settings_json = json!({"project-id": 59, "suite-ids": [suite]}).to_string();
    pump.host.run::<TestRail>(&request).unwrap();
    assert!(
        !pump.http.requests().iter().any(|url| url.contains(&format!("suite_id={}", suite + 2)))
    );
    request.context.settings_json = json!({"project-id": 59, "suite-ids": [1]}).to_string();
    let failure = pump.host.run::<TestRail>(&request).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
}

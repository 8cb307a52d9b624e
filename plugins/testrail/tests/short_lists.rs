// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `milestones` and `reference`: short lists that are read whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod shared;
mod world;

use serde_json::json;
use world::{MILESTONES, Pump, REFERENCE, World, table};

#[test]
fn the_parts_of_a_milestone_are_rows_of_their_own() {
    let mut world = World::new(1);
    let milestone = json!({
        "id": 1, "name": "Release 136 🦊", "is_started": 1, "is_completed": true,
        "completed_on": 1_770_000_000, "due_on": null,
        "milestones": [{"id": 2, "name": "Beta"}, {"id": 3, "name": null, "parent_id": 1}],
    });
    world.milestones.insert(1, milestone);
    let mut pump = Pump::new(MILESTONES, world);
    pump.load().unwrap();
    let columns = ["id", "name", "parent_id", "is_started", "completed_on", "due_on"];
    assert_eq!(
        table(&pump.host, "testrail_milestones", &columns),
        ["1 Release 136 🦊 - true 1770000000 -", "2 Beta 1 false - -", "3 - 1 false - -"]
    );
}

#[test]
fn ids_get_their_names() {
    let mut pump = Pump::new(REFERENCE, World::new(1));
    pump.load().unwrap();
    let columns = ["id", "label", "is_system", "is_untested", "is_final"];
    assert_eq!(
        table(&pump.host, "testrail_statuses", &columns),
        [
            "1 Passed true false true",
            "3 Untested false true false",
            "5 Failed 🔥 true false true",
            "6 - false false false"
        ]
    );
    let columns = ["id", "name", "short_name", "priority", "is_default"];
    assert_eq!(table(&pump.host, "testrail_priorities", &columns), ["2 High H 3 false"]);
    let columns = ["id", "name", "is_default"];
    assert_eq!(
        table(&pump.host, "testrail_case_types", &columns),
        ["6 Functional true", "7 Other false"]
    );
    let columns = ["id", "system_name", "type_name", "options"];
    assert_eq!(
        table(&pump.host, "testrail_case_fields", &columns),
        [
            r#"1 custom_automation_status Dropdown {"1":"Untriaged","2":"Suitable","4":"Completed"}"#,
            r#"2 custom_sub_test_suites Multi-select {"1":"Functional","2":"Smoke","3":"A11y, spoken"}"#,
            "3 custom_preconds Text -",
        ]
    );
}

#[test]
fn what_an_administrator_removes_disappears() {
    let mut pump = Pump::new(REFERENCE, World::new(1));
    pump.load().unwrap();
    pump.change(|world| {
        world.statuses.remove(&6);
        world.fields.get_mut(&3).unwrap()["configs"] = json!(null);
    });
    pump.load().unwrap();
    assert_eq!(pump.host.rows("testrail_statuses").len(), 3);
    let configs = table(&pump.host, "testrail_case_fields", &["configs"]);
    assert_eq!(configs[2], "-");
}

/// Lists that TestRail Cloud sent.
#[test]
fn recorded_lists_are_rows() {
    let mut world = World::new(1);
    let recorded = |file: &str| {
        let items: Vec<serde_json::Value> = serde_json::from_str(&shared::body(file)?).ok()?;
        Some(items.into_iter().map(|item| (item["id"].as_i64().unwrap(), item)).collect())
    };
    let (Some(statuses), Some(fields)) = (recorded("statuses.json"), recorded("case-fields.json"))
    else {
        return;
    };
    (world.statuses, world.fields) = (statuses, fields);
    let mut pump = Pump::new(REFERENCE, world);
    pump.load().unwrap();
    assert_eq!(pump.host.rows("testrail_statuses").len(), 7);
    assert_eq!(pump.host.rows("testrail_case_fields").len(), 4);
}

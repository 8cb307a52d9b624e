// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The tables that dashboards divide by project say which one of TestRail's it is.

use serde_json::json;

use crate::world::{PROJECT, Pump, World, table};
use crate::{COVERAGE, MILESTONES, PLANS_AND_RUNS, RUN_COUNTS};

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

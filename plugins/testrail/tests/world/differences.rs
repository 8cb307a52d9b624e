// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! By what the tables may differ from TestRail until the next full refresh.

use test_dashboard_sdk::testing::MemoryHost;
use test_dashboard_sdk::{Datasource, Value};
use test_dashboard_testrail::TestRail;

use super::{Pump, World};

/// The tables of a report, with their keys.
fn tables(report: &str) -> Vec<(String, Vec<String>)> {
    let description = TestRail::describe();
    let report = description.reports.into_iter().find(|found| found.name == report).unwrap();
    let tables = description.tables.into_iter().filter(|table| report.tables.contains(&table.name));
    tables.map(|table| (table.name, table.key)).collect()
}

/// What the documentation names: the keys of rows that may be there although TestRail does
/// not hold them, and of rows that may be older than what it holds.
pub struct Differences {
    stays: fn(&World, &str, &[Value]) -> bool,
    is_older: fn(&World, &str, &[Value]) -> bool,
}

pub const NONE: Differences = Differences { stays: |_, _, _| false, is_older: |_, _, _| false };

fn number(value: &Value) -> i64 {
    match value {
        Value::Int64(number) => *number,
        other => panic!("{other:?}"),
    }
}

fn was_deleted(world: &World, row: &[Value]) -> bool {
    world.deleted.contains(&number(&row[0]))
}

/// A row of testrail_test_case_custom_values that says nothing.
pub fn is_empty_choice(row: &[Value]) -> bool {
    number(&row[2]) > 0 && row[3] == Value::Null && row[4] == Value::Null
}

/// Deleted cases stay with their values; of an updated case, rows may be empty.
pub const OF_CASES: Differences = Differences {
    stays: |world, table, row| match table {
        "testrail_sections" => false,
        "testrail_test_case_custom_values" => {
            let was_moved = world.moved.contains(&number(&row[0])) && number(&row[2]) > 0;
            was_deleted(world, row) || was_moved || is_empty_choice(row)
        }
        _ => was_deleted(world, row),
    },
    is_older: |_, _, _| false,
};

pub const OF_PLANS_AND_RUNS: Differences =
    Differences { stays: |world, _, row| was_deleted(world, row), is_older: |_, _, _| false };

/// What was deleted stays, and an edit is not seen before its run is completed.
pub const OF_RESULTS: Differences = Differences {
    stays: |world, _, row| was_deleted(world, row),
    is_older: |world, table, row| {
        let id = number(&row[0]);
        let is_open = |id: &i64| {
            let run = &world.results[id]["run_id"];
            world.open_runs().iter().any(|open| run == open)
        };
        table == "testrail_test_results" && world.edited.contains(&id) && is_open(&id)
    },
};

/// Compares with `fresh`, a full refresh from nothing.
pub fn assert_equal_but_for(
    pump: &Pump,
    fresh: &MemoryHost,
    differences: &Differences,
    when: &str,
) {
    let world = pump.world.borrow();
    for (table, key) in tables(pump.report) {
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        let held = Pump::rows(&pump.host, &table, &key);
        let fresh = Pump::rows(fresh, &table, &key);
        for (key, row) in &fresh {
            let held = held.get(key).unwrap_or_else(|| panic!("{when}: {table} lost {key}"));
            let may_differ = (differences.is_older)(&world, &table, row);
            assert!(held == row || may_differ, "{when}: {table} {key}: {held:?} is {row:?}");
        }
        for (key, row) in held.iter().filter(|(key, _)| !fresh.contains_key(*key)) {
            assert!(
                (differences.stays)(&world, &table, row),
                "{when}: {table} keeps {key}: {row:?}"
            );
        }
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Every request for one thing, answered in every wrong way, for one of twenty and for all: the
//! run fails and names what is missing, everything else is written, and the next run brings it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use std::collections::BTreeSet;

use serde_json::Value as JsonValue;
use test_dashboard_sdk::testing::{self, MemoryHost, Reply};
use test_dashboard_sdk::{Datasource, Failure, FailureKind, Value};
use test_dashboard_testrail::TestRail;
use world::{
    BEGIN, CASES, COVERAGE, DAY, HOUR, PLANS_AND_RUNS, Pump, RESULTS, RUN_COUNTS, Things, World,
    error, runs,
};

const MANY: i64 = 20;

/// The reports, with the requests that they make for one thing: in a first load, and in one
/// after all that was open was completed.
const TABLE: [(&str, [&[&str]; 2]); 5] = [
    (RUN_COUNTS, [&["get_plan"], &["get_plan", "get_run"]]),
    (PLANS_AND_RUNS, [&["get_plan"], &["get_plan", "get_run"]]),
    (
        RESULTS,
        [
            &["get_plan", "get_tests", "get_results_for_run"],
            &["get_plan", "get_run", "get_tests", "get_results_for_run"],
        ],
    ),
    (CASES, [&["get_cases", "get_sections"], &["get_cases", "get_sections"]]),
    (COVERAGE, [&["get_cases"], &["get_cases"]]),
];

/// What TestRail says of a number that it does not know.
const FIELDS: [(&str, &str); 6] = [
    ("get_plan", "plan_id"),
    ("get_run", "run_id"),
    ("get_tests", "run_id"),
    ("get_results_for_run", "run_id"),
    ("get_cases", "suite_id"),
    ("get_sections", "suite_id"),
];

/// A wrong answer to a method, and the kind of the failure that follows.
fn faults(method: &str) -> [(&'static str, Reply, FailureKind); 7] {
    let (_, field) = FIELDS.into_iter().find(|(known, _)| *known == method).unwrap();
    let json = |status| Reply::json(status, r#"{"error": "Not now."}"#);
    let unknown = match field {
        // The plan has just shown the suite: what is wrong is not known.
        "suite_id" => FailureKind::UnexpectedResponse,
        _ => FailureKind::NotFound,
    };
    [
        ("404", json(404), FailureKind::NotFound),
        ("410", json(410), FailureKind::NotFound),
        ("400", error(&format!("Field :{field} is not valid.")), unknown),
        ("403", json(403), FailureKind::Auth),
        ("500", json(500), FailureKind::Transient),
        ("HTML", Reply::text(200, "text/html", "<html>Log in"), FailureKind::UnexpectedResponse),
        ("half", Reply::json(200, r#"{"id": 7, "na"#), FailureKind::UnexpectedResponse),
    ]
}

/// A month with twenty of everything, all of it open, and each two hours after the other.
fn many() -> World {
    let mut world = World::new(3);
    for n in 0..MANY {
        world.add_plan_at(BEGIN - 9 * DAY + 2 * n * HOUR, 2, 1);
        world.add_run_at(BEGIN - 9 * DAY + (2 * n + 1) * HOUR, 1);
        let suite = world.add_suite();
        world.add_section_to(suite);
        world.add_case_to(suite, BEGIN - 9 * DAY);
    }
    let tests: Vec<i64> = world.tests.keys().copied().collect();
    for test in tests {
        world.add_result(test, BEGIN - DAY, Some(1));
    }
    world
}

/// Everything is completed, and every case edited.
fn complete_all(world: &mut World) {
    world.now += DAY;
    let ids = |things: &Things| things.keys().copied().collect::<Vec<_>>();
    ids(&world.runs).into_iter().for_each(|id| world.complete_run(id));
    ids(&world.plans).into_iter().for_each(|id| world.complete_plan(id));
    for case in world.cases.values_mut() {
        case["title"] = "Edited".into();
        case["updated_on"] = (world.now - HOUR).into();
    }
}

/// A pump before a load: the first one, or the one after everything was completed.
fn before(report: &'static str, is_later: bool) -> Pump {
    let mut pump = Pump::new(report, many());
    if is_later {
        pump.load().unwrap();
        pump.change(complete_all);
    }
    pump
}

/// `get_plan/7`, or for what is asked for by suite `get_cases/7`.
fn thing(call: &str) -> String {
    let (path, parameters) = call.split_once('&').unwrap_or((call, ""));
    let suite = parameters.split('&').find_map(|pair| pair.strip_prefix("suite_id="));
    match (suite, path.split_once('/')) {
        (Some(suite), Some((method, _))) => format!("{method}/{suite}"),
        _ => path.to_owned(),
    }
}

/// The numbers in the rows that come from a thing.
fn of_thing(world: &World, id: i64) -> BTreeSet<i64> {
    let plan = world.plans.get(&id);
    let entries = plan.into_iter().flat_map(|plan| plan["entries"].as_array().unwrap());
    let in_plan = entries.flat_map(runs).filter_map(|run| run["id"].as_i64());
    let of_suite = |case: &&JsonValue| case["suite_id"].as_i64() == Some(id);
    let cases = world.cases.values().filter(of_suite).filter_map(|case| case["id"].as_i64());
    in_plan.chain(cases).chain([id]).collect()
}

/// The rows of all tables.
fn rows(host: &MemoryHost) -> Vec<(String, Vec<Value>)> {
    let tables = TestRail::describe().tables.into_iter();
    let rows = tables.flat_map(|table| {
        let rows = host.rows(&table.name).into_iter().cloned();
        rows.map(move |row| (table.name.clone(), row)).collect::<Vec<_>>()
    });
    rows.collect()
}

/// Loads with a wrong answer to `wanted`, or to all of `method`, and without it.
fn survive(report: &'static str, is_later: bool, method: &str, wanted: Option<&str>) {
    let mut calm = before(report, is_later);
    let old = rows(&calm.host);
    calm.load().unwrap();
    let right = rows(&calm.host);
    for (fault, reply, kind) in faults(method) {
        let when = format!("{report}, later: {is_later}, {method} {wanted:?}: {fault}");
        let mut pump = before(report, is_later);
        let (prefix, one) = (format!("{method}/"), wanted.map(String::from));
        pump.intercept(move |_, _, call| {
            let is_meant = match &one {
                Some(one) => thing(call) == *one,
                None => call.starts_with(&prefix),
            };
            is_meant.then(|| reply.clone())
        });
        let failures = pump.load_each();
        assert!(!failures.is_empty(), "{when}");
        for failure in &failures {
            assert_eq!(failure.kind, kind, "{when}: {failure}");
            is_named(failure, method, wanted, &when);
        }
        let held = rows(&pump.host);
        for row in &held {
            assert!(right.contains(row) || old.contains(row), "{when}: {row:?}");
        }
        // A whole month or suite ends at the first of the other failures.
        if let (FailureKind::NotFound, Some(one)) = (kind, wanted)
            && method != "get_sections"
        {
            let id = one.split('/').nth(1).unwrap().parse().unwrap();
            let of_thing = of_thing(&pump.world.borrow(), id);
            let comes_from_it =
                |value: &Value| matches!(value, Value::Int64(id) if of_thing.contains(id));
            for (table, row) in right.iter().filter(|row| !held.contains(row)) {
                assert!(row.iter().any(comes_from_it), "{when}: {table} lost {row:?}");
            }
        }
        pump.behave();
        assert_eq!(pump.load_each(), [], "{when}");
        assert!(rows(&pump.host) == right, "{when}: the next load is not the same");
    }
}

fn is_named(failure: &Failure, method: &str, wanted: Option<&str>, when: &str) {
    let name = wanted.filter(|one| !one.contains("get_cases") && !one.contains("get_sections"));
    assert!(failure.message.contains(name.unwrap_or(method)), "{when}: {failure}");
    if let Some((_, suite)) = wanted.and_then(|one| one.split_once('/'))
        && name.is_none()
    {
        assert!(failure.message.contains(&format!("suite_id={suite}")), "{when}: {failure}");
    }
}

#[test]
fn what_is_not_found_or_not_read_is_named_and_comes_with_the_next_run() {
    for (report, methods) in TABLE {
        for (is_later, methods) in [(false, methods[0]), (true, methods[1])] {
            let asked = before(report, is_later).asked_by(|pump| pump.load().unwrap());
            for method in methods {
                let prefix = format!("{method}/");
                let things: BTreeSet<String> = asked
                    .iter()
                    .filter(|call| call.starts_with(&prefix))
                    .map(|c| thing(c))
                    .collect();
                // The newest runs are in the list, and not asked for.
                assert!(things.len() >= 15, "{report} {method}: {things:?}");
                survive(report, is_later, method, things.iter().nth(9).map(String::as_str));
                survive(report, is_later, method, None);
            }
        }
    }
}

#[test]
fn a_full_run_that_does_not_find_something_removes_nothing() {
    for (report, methods) in TABLE {
        for method in methods[0] {
            for (fault, reply, _) in faults(method) {
                let mut pump = Pump::new(report, many());
                pump.load().unwrap();
                let held = rows(&pump.host);
                let prefix = format!("{method}/");
                pump.intercept(move |_, _, call| call.starts_with(&prefix).then(|| reply.clone()));
                assert!(pump.load_full().is_err(), "{report} {method} {fault}");
                assert!(rows(&pump.host) == held, "{report} {method} {fault}");
            }
        }
    }
}

/// Only a list says what was deleted.
#[test]
fn what_the_list_shows_is_asked_for_until_it_is_found_or_not_shown_any_more() {
    for report in [RUN_COUNTS, PLANS_AND_RUNS, RESULTS] {
        let mut pump = before(report, true);
        let plan = *pump.world.borrow().plans.keys().nth(4).unwrap();
        let call = format!("get_plan/{plan}");
        let wanted = call.clone();
        pump.intercept(move |_, _, call| (call == wanted).then(|| error("Unknown.")));
        for _ in 0..3 {
            let [failure] = pump.load_each().try_into().unwrap();
            assert!(failure.message.contains("1 of "), "{failure}");
            assert!(failure.message.contains(&format!("not found: plan {plan}.")), "{failure}");
            pump.change(|world| world.now += 40 * DAY);
        }
        pump.behave();
        pump.change(|world| world.delete_plan(plan));
        testing::take_log();
        assert!(pump.asked_by(|pump| pump.load().unwrap()).contains(&call), "{report}");
        let told = format!("plan {plan} is gone from TestRail");
        assert!(testing::take_log().iter().any(|(_, line)| line.contains(&told)), "{report}");
        assert!(!pump.asked_by(|pump| pump.load().unwrap()).contains(&call), "{report}");
    }
}

/// A load of which nothing changed what is remembered still has a commit point at its end.
#[test]
fn rows_behind_the_last_commit_point_are_kept() {
    for report in [RUN_COUNTS, PLANS_AND_RUNS, RESULTS] {
        let mut pump = Pump::new(report, many());
        pump.load().unwrap();
        let first = *pump.world.borrow().plans.keys().next().unwrap();
        let wanted = format!("get_plan/{first}");
        pump.intercept(move |_, _, call| (call == wanted).then(|| error("Unknown.")));
        for day in 0..3 {
            pump.change(|world| {
                world.now += 60;
                for run in world.all_runs_mut() {
                    run["name"] = format!("Day {day}").into();
                }
                let tests: Vec<i64> = world.tests.keys().copied().collect();
                tests.into_iter().for_each(|test| {
                    world.tests.get_mut(&test).unwrap()["title"] = format!("Day {day}").into();
                });
            });
            assert_eq!(pump.load_each().len(), 1);
            let (table, column) = match report {
                RESULTS => ("testrail_tests", "title"),
                _ => ("testrail_test_runs", "name"),
            };
            let name = Value::Text(format!("Day {day}"));
            let names = pump.host.select(table, &[column]);
            // All but the two of the plan.
            let stale = names.iter().filter(|row| row[0] != name).count();
            assert_eq!(stale, 2, "{report}, day {day}");
        }
    }
}

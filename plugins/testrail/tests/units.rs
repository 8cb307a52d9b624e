// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs and plans by month, and the tests and results in them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use serde_json::json;
use test_dashboard_sdk::{Datasource, Timestamp, testing};
use test_dashboard_testrail::TestRail;
use world::{BEGIN, DAY, HOUR, PLANS_AND_RUNS, Pump, RESULTS, World, table};

const RESULT: [&str; 4] = ["status_id", "elapsed", "elapsed_seconds", "comment"];

/// An open run with a test; with their numbers.
fn one_run(report: &'static str) -> (Pump, i64, i64) {
    let mut world = World::new(1);
    let run = world.add_run_at(BEGIN - DAY, 1);
    let test = world.tests_of(run)[0];
    (Pump::new(report, world), run, test)
}

fn partitions(pump: &Pump, since: Option<&str>, until: Option<&str>) -> Vec<String> {
    let mut request = pump.request(false);
    request.since = since.map(|text| text.parse().unwrap());
    request.until = until.map(|text| text.parse().unwrap());
    let partitions = TestRail::plan(&request).unwrap();
    partitions.into_iter().map(|partition| partition.id).collect()
}

fn second(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

#[test]
fn there_is_a_partition_for_each_month_and_a_window_takes_months_whole() {
    let mut world = World::new(1);
    for time in ["2024-12-31T23:59:59Z", "2025-03-15T12:00:00Z", "2025-03-31T23:59:59Z"] {
        world.add_run_at(second(time), 1);
    }
    world.add_plan_at(second("2025-04-01T00:00:00Z"), 1, 1);
    let pump = Pump::new(RESULTS, world);
    assert_eq!(partitions(&pump, None, None), ["2024-12", "2025-03", "2025-04"]);
    let since = Some("2025-03-20T00:00:00Z");
    assert_eq!(partitions(&pump, since, None), ["2025-03", "2025-04"]);
    assert_eq!(partitions(&pump, since, Some("2025-04-01T00:00:00Z")), ["2025-03"]);
    assert_eq!(partitions(&pump, None, Some("2025-01-01T00:00:00Z")), ["2024-12"]);

    let mut request = pump.request(false);
    request.since = since.map(|text| text.parse().unwrap());
    let mut host = testing::MemoryHost::new();
    host.run::<TestRail>(&request).unwrap();
    assert_eq!(host.rows("testrail_tests").len(), 3);
    // Later the rest is read, too.
    host.run::<TestRail>(&pump.request(false)).unwrap();
    assert_eq!(host, pump.fresh());
}

/// What was completed and settled, in months that are over, with all of its results.
#[test]
fn days_that_are_asked_for_are_read_again_whole() {
    for report in [PLANS_AND_RUNS, RESULTS] {
        let mut world = World::new(1);
        for age in [70, 40, 10] {
            let plan = world.add_plan_at(BEGIN - age * DAY, 1, 2);
            let run = world.add_run_at(BEGIN - age * DAY + HOUR, 2);
            let tests: Vec<i64> = world.tests.keys().copied().collect();
            tests.into_iter().for_each(|test| _ = world.add_result(test, BEGIN - HOUR, Some(1)));
            if age > 10 {
                world.complete_plan(plan);
                world.complete_run(run);
            }
        }
        let mut pump = Pump::new(report, world);
        pump.load().unwrap();
        pump.change(|world| {
            world.now += DAY;
            // Nobody would see it in what is settled, or before the mark of an open run.
            world.all_runs_mut().for_each(|run| run["name"] = "New".into());
            world.results.values_mut().for_each(|result| result["version"] = "New".into());
        });
        let (table, column) = match report {
            RESULTS => ("testrail_test_results", "version"),
            _ => ("testrail_test_runs", "name"),
        };
        let is_new = |pump: &Pump| {
            let rows = world::table(&pump.host, table, &[column]);
            rows.iter().filter(|value| *value == "New").count()
        };
        let mut request = pump.request(false);
        request.since = Some("2025-11-20T00:00:00Z".parse().unwrap());
        request.until = Some("2025-12-02T00:00:00Z".parse().unwrap());
        pump.host.run::<TestRail>(&request).unwrap();
        let of_two_months = is_new(&pump);
        assert!((1..pump.host.rows(table).len()).contains(&of_two_months), "{of_two_months}");
        request.until = None;
        pump.host.run::<TestRail>(&request).unwrap();
        assert_eq!(is_new(&pump), pump.host.rows(table).len(), "{report}");
        assert_eq!(pump.host, pump.fresh(), "{report}");
        // And nothing is read again by the next load that need not be.
        let asked = pump.asked_by(|pump| pump.load().unwrap());
        let plans = asked.iter().filter(|call| call.starts_with("get_plan/")).count();
        assert_eq!(plans, 1, "{report}: {asked:?}");
    }
}

#[test]
fn a_project_without_runs_has_no_partitions() {
    assert!(partitions(&Pump::new(RESULTS, World::new(1)), None, None).is_empty());
}

#[test]
fn units_at_the_ends_of_a_month_are_in_it_whatever_the_filters_include() {
    for inclusive in [true, false] {
        let mut world = World::new(1);
        world.inclusive = inclusive;
        world.now = second("2026-04-02T06:00:00Z");
        for time in [
            "2026-02-28T23:59:59Z",
            "2026-03-01T00:00:00Z",
            "2026-03-31T23:59:59Z",
            "2026-04-01T00:00:00Z",
        ] {
            world.add_run_at(second(time), 1);
            world.add_plan_at(second(time), 1, 1);
        }
        let mut pump = Pump::new(PLANS_AND_RUNS, world);
        pump.load().unwrap();
        assert_eq!(pump.host.rows("testrail_test_plans").len(), 4);
        assert_eq!(pump.host.rows("testrail_test_runs").len(), 8);
        let lists = pump.asked_by(|pump| _ = pump.fresh());
        let plans = lists.iter().filter(|call| call.starts_with("get_plan/")).count();
        assert_eq!(plans, 4, "each plan is in one month");
    }
}

#[test]
fn a_plan_is_summed_up_from_its_runs() {
    let mut world = World::new(1);
    let plan = world.add_plan_at(BEGIN - DAY, 2, 3);
    let test = *world.tests.keys().next().unwrap();
    world.add_result(test, BEGIN - HOUR, Some(5));
    let mut pump = Pump::new(PLANS_AND_RUNS, world);
    pump.load().unwrap();
    let columns = [
        "id",
        "entry_count",
        "run_count",
        "failed_count",
        "untested_count",
        "total_count",
        "completed_on",
    ];
    assert_eq!(table(&pump.host, "testrail_test_plans", &columns), [format!("{plan} 1 2 1 5 6 -")]);
    let columns = ["plan_id", "config", "failed_count"];
    assert_eq!(
        table(&pump.host, "testrail_test_runs", &columns),
        [format!("{plan} Android 0 1"), format!("{plan} Android 1 0")]
    );
}

#[test]
fn what_becomes_visible_late_is_found() {
    let (mut pump, ..) = one_run(PLANS_AND_RUNS);
    pump.load().unwrap();
    pump.change(|world| {
        world.now += DAY;
        world.add_run_at(BEGIN - DAY - HOUR / 2, 1);
        world.add_plan_at(BEGIN - DAY, 1, 1);
    });
    pump.load().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn the_last_of_a_month_is_found_in_the_next() {
    let mut world = World::new(1);
    world.now = second("2026-01-31T06:00:00Z");
    world.add_run_at(world.now - HOUR, 1);
    let mut pump = Pump::new(RESULTS, world);
    pump.load().unwrap();
    pump.change(|world| {
        world.now = second("2026-02-01T06:00:00Z");
        world.add_run_at(second("2026-01-31T23:59:59Z"), 1);
        world.add_run_at(second("2026-02-01T00:00:00Z"), 1);
    });
    pump.load().unwrap();
    assert_eq!(pump.host, pump.fresh());
    assert_eq!(pump.host.rows("testrail_tests").len(), 3);
}

#[test]
fn an_entry_that_is_added_to_an_open_plan_of_an_old_month_is_read() {
    let mut world = World::new(1);
    let plan = world.add_plan_at(BEGIN - 90 * DAY, 1, 1);
    let mut pump = Pump::new(RESULTS, world);
    pump.load().unwrap();
    pump.change(|world| {
        world.now += DAY;
        world.add_entry_to(plan, 2, 2);
    });
    pump.load().unwrap();
    assert_eq!(pump.host.rows("testrail_tests").len(), 5);
    pump.change(|world| world.complete_plan(plan));
    pump.load().unwrap();
    assert_eq!(pump.host, pump.fresh());
    pump.change(|world| world.now += DAY);
    assert_eq!(pump.cost(), 2);
}

#[test]
fn elapsed_is_text_and_seconds_and_any_other_form_is_text_alone() {
    let (mut pump, _, test) = one_run(RESULTS);
    pump.change(|world| {
        for elapsed in
            [json!("1min 5sec"), json!("-3m"), json!(null), json!("1w 1d"), json!(""), json!(75)]
        {
            let id = world.add_result(test, BEGIN - HOUR, Some(1));
            world.results.get_mut(&id).unwrap()["elapsed"] = elapsed;
        }
        world.add_result(test, BEGIN - HOUR, None);
        world.results.last_entry().unwrap().get_mut()["elapsed"] = json!(null);
    });
    pump.load().unwrap();
    assert_eq!(
        table(&pump.host, "testrail_test_results", &RESULT),
        [
            "1 1min 5sec 65 -",
            "1 -3m - -",
            "1 - - -",
            "1 1w 1d 691200 -",
            "1  - -",
            "1 75 - -",
            "- - - Look at it 🔍",
        ]
    );
}

#[test]
fn a_result_of_nothing_but_its_number_is_a_row() {
    let (mut pump, run, test) = one_run(RESULTS);
    pump.change(|world| {
        world.tests.insert(test, json!({"id": test, "run_id": run}));
        world.results.insert(7, json!({"id": 7, "run_id": run, "created_on": null}));
    });
    pump.load().unwrap();
    let columns = ["id", "run_id", "test_id", "status_id", "created_on", "custom_fields"];
    assert_eq!(
        table(&pump.host, "testrail_test_results", &columns),
        [format!("7 {run} - - - {{}}")]
    );
    let columns = ["id", "run_id", "case_id", "status_id", "estimate_seconds"];
    assert_eq!(table(&pump.host, "testrail_tests", &columns), [format!("{test} {run} - - -")]);
}

#[test]
fn results_of_an_open_run_are_asked_for_since_an_hour_before_the_last() {
    let (mut pump, run, test) = one_run(RESULTS);
    pump.change(|world| _ = world.add_result(test, BEGIN - HOUR, Some(1)));
    pump.load().unwrap();
    pump.change(|world| {
        world.now += DAY;
        world.add_result(test, BEGIN + HOUR, Some(5));
    });
    let asked = pump.asked_by(|pump| pump.load().unwrap());
    let expected = format!("get_results_for_run/{run}&created_after={}", BEGIN - 2 * HOUR);
    assert!(asked.contains(&expected), "{asked:?}");
    assert_eq!(pump.host, pump.fresh());
    let status = table(&pump.host, "testrail_tests", &["status_id"]);
    assert_eq!(status, ["5"]);
}

#[test]
fn an_edit_is_seen_when_the_run_is_completed() {
    let (mut pump, run, test) = one_run(RESULTS);
    pump.change(|world| {
        let id = world.add_result(test, BEGIN - 9 * HOUR, None);
        world.add_result(test, BEGIN - HOUR, Some(1));
        world.results.get_mut(&id).unwrap()["comment"] = json!("First");
    });
    pump.load().unwrap();
    pump.change(|world| {
        world.now += DAY;
        world.results.first_entry().unwrap().get_mut()["comment"] = json!("Second");
    });
    pump.load().unwrap();
    assert_eq!(table(&pump.host, "testrail_test_results", &["comment"])[0], "First");
    pump.change(|world| world.complete_run(run));
    pump.load().unwrap();
    assert_eq!(table(&pump.host, "testrail_test_results", &["comment"])[0], "Second");
}

#[test]
fn what_is_deleted_stays_until_a_full_run() {
    for report in [PLANS_AND_RUNS, RESULTS] {
        let mut world = World::new(1);
        let run = world.add_run_at(BEGIN - 40 * DAY, 2);
        let plan = world.add_plan_at(BEGIN - DAY, 2, 2);
        let mut pump = Pump::new(report, world);
        pump.load().unwrap();
        let before = pump.host.clone();
        pump.change(|world| {
            world.now += DAY;
            world.delete_run(run);
            world.delete_plan(plan);
        });
        testing::take_log();
        pump.load().unwrap();
        assert_eq!(pump.host, before);
        pump.load_full().unwrap();
        assert_eq!(pump.host, testing::MemoryHost::new());
    }
}

#[test]
fn a_run_that_is_gone_when_its_lists_are_asked_for_is_let_go_of() {
    let (mut pump, run, _) = one_run(RESULTS);
    pump.change(|world| _ = world.add_run_at(BEGIN - HOUR, 1));
    pump.intercept(move |world, _, call| {
        if call.starts_with("get_tests") {
            world.delete_run(run);
        }
        None
    });
    testing::take_log();
    pump.load().unwrap();
    let log = testing::take_log();
    assert!(log.iter().any(|(_, line)| line.contains(&format!("run {run} is gone"))), "{log:?}");
    pump.behave();
    assert_eq!(pump.host, pump.fresh());
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How many requests a report makes, by the formulas of its documentation, on a TestRail of
//! two years with the proportions of a large one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use std::collections::BTreeSet;

use serde_json::json;
use test_dashboard_sdk::time::from_epoch_seconds;
use world::{
    CASES, DAY, HOUR, MILESTONES, PLANS_AND_RUNS, PROJECT, Pump, REFERENCE, RESULTS, World,
};

const MONTHS: i64 = 24;
const PLANS_A_MONTH: i64 = 6;
const RUNS_A_PLAN: i64 = 6;
const LOOSE_A_MONTH: i64 = 12;
/// Of the last month.
const OPEN_PLANS: i64 = 3;
const OPEN_LOOSE: i64 = 4;

const SUITES: i64 = 8;
const CASES_A_SUITE: i64 = 600;
const SECTIONS_A_SUITE: i64 = 30;

/// Requests for a list: each page after the first begins with the last item before it.
fn pages(items: i64) -> i64 {
    ((items - 1) + 248) / 249
}

/// Two years of plans and runs, with a test in each; those of the last days are open.
fn two_years() -> World {
    let mut world = World::new(5);
    let end = world.now;
    for month in 0..MONTHS {
        let age = (MONTHS - 1 - month) * 30 + 2;
        world.now = end - age * DAY;
        for n in 0..PLANS_A_MONTH {
            let created_on = world.now;
            let id = world.add_plan_at(created_on, RUNS_A_PLAN, 1);
            if age > 2 || n >= OPEN_PLANS {
                world.complete_plan(id);
            }
        }
        for n in 0..LOOSE_A_MONTH {
            let created_on = world.now + 2 * n * HOUR;
            let id = world.add_run_at(created_on, 1);
            if age > 2 || n >= OPEN_LOOSE {
                world.complete_run(id);
            }
        }
    }
    world.now = end;
    world
}

/// What happened by the next day: of each kind one is new, and one was completed.
fn a_day_later(world: &mut World) {
    world.now += DAY;
    let now = world.now - 60;
    world.add_plan_at(now, RUNS_A_PLAN, 1);
    world.add_run_at(now, 1);
    let open_run = world.runs.values().find(|run| run["is_completed"] == false).unwrap();
    let (run, plans) = (open_run["id"].as_i64().unwrap(), world.plans.values());
    let plan = plans.clone().find(|plan| plan["is_completed"] == false).unwrap()["id"].as_i64();
    world.complete_run(run);
    world.complete_plan(plan.unwrap());
}

fn cost(pump: &mut Pump) -> i64 {
    i64::try_from(pump.cost()).unwrap()
}

fn months_of(world: &World) -> i64 {
    let months = world.plans.values().chain(world.runs.values()).map(|unit| {
        let created_on = unit["created_on"].as_i64().unwrap();
        from_epoch_seconds(created_on).unwrap().strftime("%Y-%m").to_string()
    });
    i64::try_from(months.collect::<BTreeSet<_>>().len()).unwrap()
}

/// The first load's and the next day's requests for what a run or plan has in its lists.
fn of_units(world: &World) -> (i64, i64) {
    let (plans, loose) = (MONTHS * PLANS_A_MONTH, MONTHS * LOOSE_A_MONTH);
    let first = pages(loose) + pages(plans) + 2 * months_of(world) + plans;
    let planning = pages(loose + 1) + pages(plans + 1);
    // The list of open runs, the completed one, and the plans: open ones and a new one.
    (first, planning + 2 + 1 + 1 + OPEN_PLANS + 1)
}

#[test]
fn plans_and_runs_cost_a_request_for_each_open_plan() {
    let mut pump = Pump::new(PLANS_AND_RUNS, two_years());
    let (first, next) = of_units(&pump.world.borrow());
    assert_eq!(cost(&mut pump), first);
    pump.change(a_day_later);
    assert_eq!(cost(&mut pump), next);
    assert!(10 * next <= first, "{next} after {first}");
}

#[test]
fn results_cost_two_requests_for_each_run_that_is_not_settled() {
    let mut pump = Pump::new(RESULTS, two_years());
    let (first, next) = of_units(&pump.world.borrow());
    let runs = MONTHS * (PLANS_A_MONTH * RUNS_A_PLAN + LOOSE_A_MONTH);
    let not_settled = (OPEN_PLANS + 1) * RUNS_A_PLAN + OPEN_LOOSE + 1;
    let (first, next) = (first + 2 * runs, next + 2 * not_settled);
    assert_eq!(cost(&mut pump), first);
    pump.change(a_day_later);
    assert_eq!(cost(&mut pump), next);
    assert!(10 * next <= first, "{next} after {first}");
}

#[test]
fn a_run_that_was_completed_is_read_once_more_and_never_again() {
    let mut world = World::new(5);
    let run = world.add_run_at(world.now - 2 * HOUR, 2);
    world.add_run_at(world.now - 60, 2);
    let mut pump = Pump::new(RESULTS, world);
    let lists = |asked: Vec<String>| {
        asked.into_iter().filter(|call| call.contains(&format!("/{run}"))).collect::<Vec<_>>()
    };
    let load = |pump: &mut Pump| pump.load().unwrap();
    let both = [format!("get_tests/{run}"), format!("get_results_for_run/{run}")];
    assert_eq!(lists(pump.asked_by(load)), both);
    pump.change(|world| {
        world.now += DAY;
        world.complete_run(run);
    });
    let closing = [&[format!("get_run/{run}")], &both[..]].concat();
    assert_eq!(lists(pump.asked_by(load)), closing);
    for _ in 0..3 {
        pump.change(|world| world.now += DAY);
        assert!(lists(pump.asked_by(load)).is_empty());
    }
}

#[test]
fn a_month_that_is_over_and_settled_costs_nothing() {
    let mut world = World::new(5);
    let run = world.add_run_at(world.now - 60, 2);
    world.complete_run(run);
    world.now += 40 * DAY;
    let mut pump = Pump::new(RESULTS, world);
    pump.load().unwrap();
    assert_eq!(
        pump.asked_by(|pump| pump.load().unwrap()),
        [format!("get_runs/{PROJECT}"), format!("get_plans/{PROJECT}")]
    );
}

fn suites() -> World {
    let mut world = World::new(5);
    for _ in 0..SUITES {
        let suite = world.add_suite();
        (0..SECTIONS_A_SUITE).for_each(|_| _ = world.add_section_to(suite));
        // An import: all at the same time.
        (0..CASES_A_SUITE).for_each(|_| _ = world.add_case_to(suite, world.now - 3 * DAY));
    }
    world
}

#[test]
fn cases_cost_two_requests_for_each_suite() {
    let mut pump = Pump::new(CASES, suites());
    let first = 2 + SUITES * (pages(SECTIONS_A_SUITE) + pages(CASES_A_SUITE) + 1);
    assert_eq!(cost(&mut pump), first);
    pump.change(|world| world.now += DAY);
    assert_eq!(cost(&mut pump), 2 + 2 * SUITES);
    pump.change(|world| {
        world.now += DAY;
        let now = world.now - 60;
        let case = world.cases.values_mut().next().unwrap();
        case["updated_on"] = json!(now);
    });
    assert_eq!(cost(&mut pump), 2 + 2 * SUITES + 1);
}

#[test]
fn the_short_lists_cost_a_request_each() {
    assert_eq!(Pump::new(MILESTONES, World::grown(5)).cost(), 1);
    assert_eq!(Pump::new(REFERENCE, World::grown(5)).cost(), 4);
}

#[test]
fn the_next_day_costs_a_tenth_all_in_all() {
    let (mut first, mut next) = (0, 0);
    for report in [CASES, PLANS_AND_RUNS, RESULTS, MILESTONES, REFERENCE] {
        let mut world = two_years();
        let cases = suites();
        (world.suites, world.sections, world.cases) = (cases.suites, cases.sections, cases.cases);
        let mut pump = Pump::new(report, world);
        first += pump.cost();
        pump.change(a_day_later);
        next += pump.cost();
    }
    assert!(10 * next <= first, "{next} after {first}");
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Days of work on several TestRails: after each, the tables are what TestRail holds, but for
//! what the reports' documentation names; and after a full refresh without exception.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use world::differences::{
    Differences, NONE, OF_CASES, OF_PLANS_AND_RUNS, OF_RESULTS, assert_equal_but_for,
};
use world::{CASES, MILESTONES, PLANS_AND_RUNS, Pump, REFERENCE, RESULTS, World};

const SEEDS: std::ops::Range<u64> = 1..6;
const DAYS: usize = 20;

/// Every day an incremental run, every ten days a full refresh.
fn live_through(report: &'static str, differences: &Differences) {
    for seed in SEEDS {
        let mut world = World::grown(seed);
        world.page = 3 + usize::try_from(seed).unwrap() % 3;
        let mut pump = Pump::new(report, world);
        for day in 0..DAYS {
            let when = format!("seed {seed}, day {day}");
            pump.load().unwrap();
            let fresh = pump.fresh();
            assert_equal_but_for(&pump, &fresh, differences, &when);
            if day % 8 == 7 {
                pump.load_full().unwrap();
                assert_equal_but_for(&pump, &fresh, &NONE, &format!("{when}, in full"));
                assert_eq!(pump.host, fresh, "{when}, in full");
            }
            pump.change(World::pass_a_day);
        }
    }
}

#[test]
fn the_cases_are_those_of_testrail_day_by_day() {
    live_through(CASES, &OF_CASES);
}

#[test]
fn the_plans_and_runs_are_those_of_testrail_day_by_day() {
    live_through(PLANS_AND_RUNS, &OF_PLANS_AND_RUNS);
}

#[test]
fn the_results_are_those_of_testrail_day_by_day() {
    live_through(RESULTS, &OF_RESULTS);
}

#[test]
fn milestones_and_the_reference_are_those_of_testrail_every_day() {
    live_through(MILESTONES, &NONE);
    live_through(REFERENCE, &NONE);
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What goes wrong between a report and TestRail, at every request: the run fails and says
//! with what, and the next one has everything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod world;

use test_dashboard_sdk::testing::{MemoryHost, Reply};
use test_dashboard_sdk::{Datasource, Failure, FailureKind, Value};
use test_dashboard_testrail::TestRail;
use world::differences::{
    Differences, NONE, OF_CASES, OF_PLANS_AND_RUNS, OF_RESULTS, assert_equal_but_for,
    is_empty_choice,
};
use world::{CASES, DAY, HOUR, MILESTONES, PLANS_AND_RUNS, Pump, REFERENCE, RESULTS, World};

const REPORTS: [(&str, Differences); 5] = [
    (CASES, OF_CASES),
    (PLANS_AND_RUNS, OF_PLANS_AND_RUNS),
    (RESULTS, OF_RESULTS),
    (MILESTONES, NONE),
    (REFERENCE, NONE),
];

/// A world whose lists have several pages.
fn world() -> World {
    let mut world = World::grown(11);
    world.page = 4;
    world
}

/// Some of the requests of a load, first and last among them.
fn places(requests: usize) -> impl Iterator<Item = usize> {
    let step = requests / 14 + 1;
    (0..requests).step_by(step).chain([requests - 1])
}

/// Answers the request at `place`, and with `on_and_on` every one after it, with `reply`.
fn disturb(pump: &Pump, place: usize, on_and_on: bool, reply: &Reply) {
    let reply = reply.clone();
    pump.intercept(move |_, index, _| {
        (index == place || on_and_on && index > place).then(|| reply.clone())
    });
}

/// Disturbs a first load and the one of the next day at every place, and checks what the
/// disturbed loads fail with, and that the loads after them have everything.
fn survive(on_and_on: bool, reply: &Reply, check: fn(&Failure)) {
    for (report, _) in REPORTS {
        let mut calm = Pump::new(report, world());
        let first = calm.cost();
        let after_first = calm.host.clone();
        calm.change(World::pass_a_day);
        let second = calm.cost();
        for place in places(first) {
            let mut pump = Pump::new(report, world());
            disturb(&pump, place, on_and_on, reply);
            check(&pump.load().expect_err(report));
            pump.behave();
            pump.load().unwrap();
            assert!(is_same(&pump.host, &after_first), "{report}, request {place}");
        }
        for place in places(second) {
            let mut pump = Pump::new(report, world());
            pump.load().unwrap();
            pump.change(World::pass_a_day);
            disturb(&pump, place, on_and_on, reply);
            check(&pump.load().expect_err(report));
            pump.behave();
            pump.load().unwrap();
            let when = format!("{report}, request {place} of the second day");
            assert!(is_same(&pump.host, &calm.host), "{when}");
        }
    }
}

/// Whether two hosts hold the same, but for choices of nothing, which a second reading leaves.
fn is_same(a: &MemoryHost, b: &MemoryHost) -> bool {
    let tables = TestRail::describe().tables;
    tables.iter().all(|table| {
        let says_something = |row: &&Vec<Value>| {
            !(table.name == "testrail_test_case_custom_values" && is_empty_choice(row))
        };
        let of = |host: &MemoryHost| -> Vec<Vec<Value>> {
            host.rows(&table.name).into_iter().filter(says_something).cloned().collect()
        };
        of(a) == of(b)
    })
}

fn is(failure: &Failure, kind: FailureKind, said: &str) {
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.message.contains(said), "{failure}");
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let body = r#"{"error": "API Rate Limit Exceeded"}"#;
    let reply = Reply::json(429, body).header("Retry-After", "7");
    survive(false, &reply, |failure| {
        is(failure, FailureKind::RateLimited, "API Rate Limit Exceeded");
        assert_eq!(failure.retry_after, Some(7));
    });
}

#[test]
fn a_broken_server_and_its_maintenance_pass() {
    survive(false, &Reply::json(500, r#"{"error": "Database down"}"#), |failure| {
        is(failure, FailureKind::Transient, "Database down");
    });
    survive(false, &Reply::json(409, r#"{"error": "Maintenance"}"#), |failure| {
        is(failure, FailureKind::Transient, "try again later");
    });
}

#[test]
fn a_broken_connection_passes() {
    survive(false, &Reply::broken_connection(), |failure| {
        is(failure, FailureKind::Transient, "the connection broke");
    });
}

#[test]
fn a_page_of_html_or_half_a_page_is_no_list() {
    survive(false, &Reply::text(200, "text/html", "<html>Log in</html>"), |failure| {
        is(failure, FailureKind::UnexpectedResponse, "HTML");
    });
    survive(
        false,
        &Reply::json(200, r#"{"offset": 0, "_links": {"next": null}, "ca"#),
        |failure| {
            is(failure, FailureKind::UnexpectedResponse, "/api/v2/get_");
        },
    );
}

#[test]
fn a_token_that_expires_half_way_fails_what_is_left() {
    let body = r#"{"error": "Authentication failed: invalid or missing user/password."}"#;
    survive(true, &Reply::json(401, body), |failure| {
        is(failure, FailureKind::Auth, "Authentication failed");
    });
}

#[test]
fn a_run_that_is_killed_anywhere_is_completed_by_the_next() {
    for (report, _) in REPORTS {
        let calm = Pump::new(report, world()).fresh();
        for batches in (0..60).step_by(3) {
            let mut pump = Pump::new(report, world());
            pump.host = pump.host.with_max_rows(5);
            pump.host.run_partially::<TestRail>(&pump.request(false), batches).unwrap();
            pump.load().unwrap();
            assert!(is_same(&pump.host, &calm), "{report} after {batches} batches");
        }
    }
}

/// Pages shift, runs are completed, and runs, plans, cases and suites are gone when they are
/// asked for, at any request.
#[test]
fn what_happens_while_it_is_read_is_there_the_next_day() {
    for (report, differences) in REPORTS {
        let requests = Pump::new(report, world()).cost();
        for place in places(requests) {
            let when = format!("{report}, request {place}");
            let mut pump = Pump::new(report, world());
            pump.intercept(move |world, index, _| {
                if index == place || index == place + 2 {
                    (0..3).for_each(|_| world.work_fast());
                }
                None
            });
            // A suite that is gone fails its partition, and so does a run of a plan that had it
            // a moment before; nothing else does.
            if let Err(failure) = pump.load() {
                let of_plan = failure.message.contains("yet not found: run")
                    && failure.message.contains("of plan");
                let is_known = of_plan || failure.message.contains(":suite_id");
                assert!(is_known, "{when}: {failure}");
            }
            pump.behave();
            pump.change(World::pass_a_day);
            pump.load().unwrap();
            let fresh = pump.fresh();
            assert_equal_but_for(&pump, &fresh, &differences, &when);
            pump.load_full().unwrap();
            assert_equal_but_for(&pump, &fresh, &NONE, &when);
            assert_eq!(pump.host, fresh, "{when}");
        }
    }
}

/// Takes two items from the begin of a list of which later pages are being read.
fn shorten(world: &mut World, call: &str) {
    let id = call.split(['/', '&']).nth(1).and_then(|id| id.parse::<i64>().ok());
    let of_run = |item: &serde_json::Value| item["run_id"].as_i64() == id;
    for _ in 0..2 {
        if call.starts_with("get_cases") {
            let first = world.cases.keys().next().copied();
            first.into_iter().for_each(|id| world.delete_case(id));
        } else if call.starts_with("get_sections") {
            world.sections.pop_first();
        } else if call.starts_with("get_milestones") {
            world.milestones.pop_first();
        } else if call.starts_with("get_runs") {
            let newest = world.runs.keys().next_back().copied();
            newest.into_iter().for_each(|id| world.delete_run(id));
        } else if call.starts_with("get_plans") {
            let newest = world.plans.keys().next_back().copied();
            newest.into_iter().for_each(|id| world.delete_plan(id));
        } else if call.starts_with("get_tests") {
            let first = world.tests.iter().find(|(_, test)| of_run(test)).map(|(id, _)| *id);
            world.deleted.extend(first);
            first.into_iter().for_each(|id| _ = world.tests.remove(&id));
        } else {
            let newest = world.results.iter().rfind(|(_, result)| of_run(result));
            let newest = newest.map(|(id, _)| *id);
            world.deleted.extend(newest);
            newest.into_iter().for_each(|id| _ = world.results.remove(&id));
        }
    }
}

/// One suite, and a month of runs and plans, with long lists.
fn long_lists() -> World {
    let mut world = World::new(3);
    world.page = 4;
    let suite = world.add_suite();
    for n in 0..11 {
        world.add_section_to(suite);
        world.add_case_to(suite, world.now - DAY);
        world.add_plan_at(world.now - DAY + n, 1, 1);
        world.add_run_at(world.now - DAY + n, 11);
        let test = *world.tests.keys().next_back().unwrap();
        (0..11).for_each(|n| _ = world.add_result(test, world.now - HOUR + n, Some(1)));
        let milestone = serde_json::json!({"id": n, "name": "Beta"});
        world.milestones.insert(n, milestone);
    }
    world
}

#[test]
fn nothing_is_lost_when_items_before_it_are_deleted_while_a_list_is_read() {
    for (report, differences) in REPORTS {
        let asked = Pump::new(report, long_lists()).asked_by(|pump| pump.load().unwrap());
        let methods: std::collections::BTreeSet<String> = asked
            .iter()
            .filter(|call| call.contains("offset="))
            .filter_map(|call| call.split('/').next().map(String::from))
            .collect();
        assert!(report == REFERENCE || !methods.is_empty(), "{report}: {asked:?}");
        for method in methods {
            for nth in 0..3 {
                let mut pump = Pump::new(report, long_lists());
                let (wanted, mut seen) = (method.clone(), 0);
                pump.intercept(move |world, _, call| {
                    if call.starts_with(&wanted) && call.contains("offset=") {
                        if seen == nth {
                            shorten(world, call);
                        }
                        seen += 1;
                    }
                    None
                });
                pump.load().unwrap();
                pump.behave();
                let fresh = pump.fresh();
                let when = format!("{report}, {method}, page {nth}");
                if method == "get_milestones" || method == "get_sections" {
                    // A snapshot may have what was deleted in the middle of it until tomorrow.
                    let table = fresh.rows(&format!("testrail_{}", &method[4..]));
                    let held = pump.host.rows(&format!("testrail_{}", &method[4..]));
                    assert!(table.iter().all(|row| held.contains(row)), "{when}");
                } else {
                    assert_equal_but_for(&pump, &fresh, &differences, &when);
                }
            }
        }
    }
}

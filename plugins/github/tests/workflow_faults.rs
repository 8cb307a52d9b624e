// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `workflow-runs`: each request for one thing, answered in each wrong way, for one of
//! them and for all. The other rows are right, the run says what is missing, and the next one
//! brings it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod moving;

use moving::runs::{RUNS, TABLES, pump_with};
use moving::{BEGIN, DAY, HOUR, Pump};
use serde_json::json;
use test_dashboard_sdk::testing::Reply;
use test_dashboard_sdk::{Failure, FailureKind, Value};

/// What is asked for alone.
struct Thing {
    /// How the address of each ends.
    all: fn(&str) -> bool,
    /// How that of one ends, and how a message names it.
    one: &'static str,
    name: &'static str,
}

const JOBS: Thing = Thing {
    all: |path| path.ends_with("/jobs"),
    one: "/runs/110/jobs",
    name: "the jobs of run 110",
};
const ATTEMPT: Thing = Thing {
    all: |path| path.contains("/attempts/"),
    one: "/runs/110/attempts/1",
    name: "attempt 1 of run 110",
};
const RUN: Thing = Thing {
    all: |path| path.rsplit_once("/runs/").is_some_and(|(_, id)| id.parse::<i64>().is_ok()),
    one: "/runs/110",
    name: "",
};

fn faults() -> [(Reply, FailureKind); 7] {
    let error = |status| Reply::json(status, &json!({"message": "Not now"}).to_string());
    [
        (error(404), FailureKind::NotFound),
        (error(410), FailureKind::NotFound),
        (error(400), FailureKind::UnexpectedResponse),
        (error(403), FailureKind::Auth),
        (error(500), FailureKind::Transient),
        (Reply::text(200, "text/html", "<html>Unicorn!"), FailureKind::UnexpectedResponse),
        (Reply::json(200, r#"{"id": 110, "jobs": [{"#), FailureKind::UnexpectedResponse),
    ]
}

/// Twenty runs, of which two were rerun: all of them are due, or those two.
fn rerun(is_first_load: bool) -> Pump {
    let mut pump = pump_with(1, 20);
    if !is_first_load {
        pump.pump().unwrap();
    }
    pump.change(|repository| {
        for id in [110, 112] {
            repository.attempt(id, repository.now);
            repository.finish(id, repository.now + 60, "success");
        }
        repository.now += HOUR;
    });
    pump
}

/// Twenty runs that were open, so long ago that no list has them any more.
fn long_open() -> Pump {
    let mut pump = pump_with(1, 0);
    pump.change(|repository| (0..20).for_each(|n| _ = repository.create(BEGIN + n)));
    pump.pump().unwrap();
    pump.change(|repository| repository.now += 35 * DAY);
    pump.pump().unwrap();
    pump.change(|repository| {
        (100..120).for_each(|id| repository.finish(id, repository.now - 60, "success"));
        repository.now += DAY;
    });
    pump
}

/// Runs with a fault, and then without.
fn meet(mut pump: Pump, thing: &Thing, is_one: bool, reply: &Reply) -> Result<Pump, Failure> {
    let (all, one, answer) = (thing.all, thing.one, reply.clone());
    let (before, fresh) = (pump.host.clone(), pump.fresh());
    pump.intercept(move |_, url, _| {
        let path = url.split('?').next().unwrap();
        let is_met = if is_one { path.ends_with(one) } else { all(path) };
        is_met.then(|| answer.clone())
    });
    let outcome = pump.pump();
    for (table, _) in TABLES {
        let (held, right) = (pump.host.rows(table), fresh.rows(table));
        let is_right = |row: &&Vec<Value>| right.contains(row) || before.rows(table).contains(row);
        assert!(held.iter().all(is_right), "{table}");
    }
    if outcome.is_ok() {
        assert_eq!(pump.host, fresh, "{reply:?}");
    }
    let with_fault = pump.host.clone();
    pump.undisturbed();
    pump.pump().unwrap();
    assert_eq!(pump.host, fresh, "the next run, after {reply:?}");
    pump.host = with_fault;
    outcome.map(|()| pump)
}

#[test]
fn what_a_list_had_and_its_own_address_has_not_is_no_deletion() {
    for thing in [JOBS, ATTEMPT] {
        for (reply, kind) in faults() {
            for (is_one, is_first_load) in [(true, true), (true, false), (false, true)] {
                let failure = meet(rerun(is_first_load), &thing, is_one, &reply).err().unwrap();
                assert_eq!(failure.kind, kind, "{failure}");
                let named = if kind == FailureKind::NotFound { thing.name } else { thing.one };
                if is_one {
                    assert!(failure.message.contains(named), "{named}: {failure}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_found_costs_nothing_else() {
    let (not_found, _) = faults().into_iter().next().unwrap();
    for (thing, is_one, runs) in
        [(JOBS, true, 20), (ATTEMPT, true, 21), (JOBS, false, 0), (ATTEMPT, false, 20)]
    {
        let mut pump = rerun(true);
        let (all, one) = (thing.all, thing.one);
        let reply = not_found.clone();
        pump.intercept(move |_, url, _| {
            let path = url.split('?').next().unwrap();
            (if is_one { path.ends_with(one) } else { all(path) }).then(|| reply.clone())
        });
        let failure = pump.pump().unwrap_err();
        assert_eq!(pump.host.rows(RUNS).len(), runs, "{failure}");
        let before = pump.host.clone();
        pump.reconcile().unwrap_err();
        assert_eq!(pump.host, before, "a full refresh takes nothing away");
    }
}

#[test]
fn a_run_that_its_own_address_has_not_is_taken_from_the_list_of_its_week() {
    for (reply, kind) in faults() {
        for is_one in [true, false] {
            match (kind, meet(long_open(), &RUN, is_one, &reply)) {
                (FailureKind::NotFound, met) => _ = met.map_err(|failure| panic!("{failure}")),
                (kind, met) => assert_eq!(met.err().unwrap().kind, kind),
            }
        }
    }
}

#[test]
fn a_repository_that_is_not_there_fails_the_report_and_takes_nothing_away() {
    const REPOSITORY: Thing =
        Thing { all: |path| path.ends_with("/fenix"), one: "/fenix", name: "" };
    for (reply, kind) in faults() {
        let failure = meet(rerun(false), &REPOSITORY, true, &reply).err().unwrap();
        assert_eq!(failure.kind, kind);
        assert!(failure.message.contains("mozilla-mobile/fenix"), "{failure}");
    }
}

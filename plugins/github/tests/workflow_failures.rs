// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `workflow-runs`, when GitHub fails, or changes while it is read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod moving;

use moving::runs::{RUNS, asked_for, pump_with};
use moving::{BEGIN, DAY, HOUR, Repository, faults};
use serde_json::{Value as Json, json};
use test_dashboard_github::GitHub;
use test_dashboard_sdk::FailureKind;
use test_dashboard_sdk::testing::{self, MemoryHost, Reply};

#[test]
fn runs_that_slip_between_pages_are_read_before_the_list_is_believed() {
    let mut pump = pump_with(1, 30);
    pump.change(|repository| repository.per_page = 5);
    pump.intercept(|asked, _, repository| {
        match asked {
            // The list begins with the newest: one on its first page goes.
            3 => repository.remove_run(128),
            5 => assert_eq!(repository.create(BEGIN + 30 * HOUR), 130),
            _ => {}
        }
        None
    });
    pump.pump().unwrap();
    pump.undisturbed();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_count_that_github_gets_wrong_holds_nothing_up_and_is_told() {
    let mut pump = pump_with(1, 10);
    let list = |total: usize| {
        move |_: usize, url: &str, repository: &mut Repository| {
            let is_list = url.contains("runs?") && url.contains("2025-11-03");
            let runs: Vec<Json> = repository.runs.values().map(|run| run.json(1)).collect();
            let body = json!({"total_count": total, "workflow_runs": runs});
            is_list.then(|| Reply::json(200, &body.to_string()))
        }
    };
    pump.intercept(list(12));
    testing::take_log();
    pump.pump().unwrap();
    assert_eq!(pump.host.rows(RUNS).len(), 10);
    assert_eq!(asked_for(&pump, "created=2025-11-03"), 2);
    let log: Vec<String> = testing::take_log().into_iter().map(|(_, line)| line).collect();
    assert!(
        log.iter().any(|line| line.contains("agree on 10 items, of which GitHub counts 12")),
        "{log:?}"
    );
}

#[test]
fn a_run_that_is_deleted_while_it_is_read_fails_once_and_is_then_let_go_of() {
    let mut pump = pump_with(1, 10);
    pump.change(|repository| {
        repository.attempt(103, BEGIN + 5 * HOUR);
        repository.create(BEGIN + 5 * HOUR);
    });
    pump.intercept(|asked, _, repository| {
        if asked == 2 {
            [103, 104, 110].into_iter().for_each(|id| repository.remove_run(id));
        }
        None
    });
    let failure = pump.pump().unwrap_err();
    assert!(failure.message.starts_with("3 of 11 "), "{failure}");
    assert_eq!(pump.host.rows(RUNS).len(), 8);
    pump.undisturbed();
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/runs/"), 0);
}

#[test]
fn a_first_load_that_breaks_off_goes_on_where_it_was() {
    let mut pump = pump_with(3, 100);
    pump.intercept(|asked, _, _| (asked == 250).then(Reply::broken_connection));
    assert_eq!(pump.pump().unwrap_err().kind, FailureKind::Transient);
    let committed = pump.host.rows(RUNS).len();
    assert_eq!(committed, 200);
    pump.undisturbed();
    pump.change(|repository| {
        let now = repository.now;
        repository.attempt(150, now);
        repository.now += HOUR;
    });
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/jobs"), 300 - committed + 1);
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_refresh_that_breaks_off_is_done_again_and_takes_nothing_known_for_unread() {
    let mut pump = pump_with(3, 100);
    pump.pump().unwrap();
    pump.change(|repository| {
        let now = repository.now;
        (100..250).for_each(|id| repository.finish(id, now + 60, "failure"));
        repository.now += DAY;
    });
    pump.intercept(|asked, _, _| (asked == 140).then(Reply::broken_connection));
    assert_eq!(pump.pump().unwrap_err().kind, FailureKind::Transient);
    pump.undisturbed();
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/jobs"), 150);
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_run_that_is_killed_anywhere_is_completed_by_the_next() {
    let pump = pump_with(2, 75);
    let fresh = pump.fresh();
    for batches in 0..12 {
        let mut host = MemoryHost::new().with_max_rows(200);
        host.run_partially::<GitHub>(&pump.request(), batches).unwrap();
        host.run::<GitHub>(&pump.request()).unwrap();
        assert_eq!(host, fresh, "after {batches} batches");
    }
}

#[test]
fn a_failure_anywhere_is_repaired_by_the_next_run() {
    for (reply, kind) in faults() {
        for part in ["actions/runs?", "page=2", "/jobs", "/attempts/"] {
            for is_first in [true, false] {
                let mut pump = pump_with(1, 30);
                pump.change(|repository| repository.per_page = 20);
                if !is_first {
                    pump.pump().unwrap();
                }
                pump.change(|repository| {
                    let now = repository.now;
                    repository.attempt(110, now);
                    repository.create(now + 60);
                    repository.now += HOUR;
                });
                let reply = reply.clone();
                pump.intercept(move |_, url, _| url.contains(part).then(|| reply.clone()));
                let failure = pump.pump().unwrap_err();
                assert_eq!(failure.kind, kind, "{failure}");
                pump.undisturbed();
                pump.pump().unwrap();
                assert_eq!(pump.host, pump.fresh(), "{part} {failure}");
            }
        }
    }
}

#[test]
fn a_token_that_expires_during_a_full_run_removes_nothing() {
    let mut pump = pump_with(1, 30);
    pump.pump().unwrap();
    let before = pump.host.clone();
    pump.intercept(|asked, _, _| (asked > 12).then(|| Reply::json(401, "{}")));
    let failure = pump.reconcile().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Auth);
    assert!(failure.message.contains("expired"), "{failure}");
    assert_eq!(pump.host, before);
}

#[test]
fn a_missing_permission_is_named() {
    let mut pump = pump_with(1, 1);
    pump.intercept(|asked, _, _| (asked == 1).then(|| Reply::json(403, "{}")));
    let failure = pump.pump().unwrap_err();
    assert!(failure.message.contains("needs the permission to read actions"), "{failure}");
}

#[test]
fn a_second_of_too_many_runs_is_a_failure() {
    let mut pump = pump_with(1, 1);
    pump.change(|repository| {
        (0..1_001).for_each(|_| {
            repository.create(BEGIN + 7);
        });
    });
    let failure = pump.pump().unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
    assert!(failure.message.contains("within the second 2025-11-03T06:00:07Z"), "{failure}");
}

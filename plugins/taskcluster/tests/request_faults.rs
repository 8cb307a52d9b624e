// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Each request for one thing, answered in each wrong way, for one of them and for all. The other
//! rows are right, the run says what is missing, and the next one brings it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use serde_json::{Value as Json, json};
use test_dashboard_sdk::testing::{MemoryHost, Reply};
use test_dashboard_sdk::{Failure, FailureKind};
use upstream::{CENTRAL, HOOK, ROUTE, Upstream, hours, not_found, push, tasks_of};

const TABLES: [&str; 4] = [
    "taskcluster_task_groups",
    "taskcluster_tasks",
    "taskcluster_task_runs",
    "taskcluster_hook_fires",
];

/// What a request is answered with, and what the run that meets it fails with.
fn faults() -> Vec<(Reply, FailureKind)> {
    let error = |status, code: &str| {
        let body = json!({"code": code, "message": "not now", "requestInfo": {"payload": {}}});
        Reply::json(status, &body.to_string())
    };
    vec![
        (not_found(), FailureKind::NotFound),
        (error(410, "Gone"), FailureKind::NotFound),
        (error(400, "InputError"), FailureKind::UnexpectedResponse),
        (error(403, "InsufficientScopes"), FailureKind::Auth),
        (error(500, "InternalServerError"), FailureKind::Transient),
        (Reply::text(200, "text/html", "<html>502"), FailureKind::UnexpectedResponse),
        (Reply::json(200, r#"{"tasks": [{"sta"#), FailureKind::UnexpectedResponse),
    ]
}

/// Twenty groups that a hook created on one day, of four tasks each.
fn twenty() -> (Upstream, Vec<String>) {
    let upstream = Upstream::at("2026-03-01T06:00:00Z");
    let groups = upstream.world(|world| {
        (0..20)
            .map(|n| {
                let group = world.new_id();
                world.create_as(&group, &group, "cron", "cron-daily", 24);
                for _ in 0..3 {
                    let task = world.create(&group, "test", "mochitest", 24);
                    world.resolve(&task, if n % 3 == 0 { "failed" } else { "completed" }, "failed");
                }
                world.fire(HOOK, &group, "success", "");
                group
            })
            .collect()
    });
    (upstream, groups)
}

/// A push whose decision task a route leads to.
fn pushed() -> (Upstream, String) {
    let upstream = Upstream::at("2026-03-01T06:00:00Z");
    let group = upstream.world(|world| {
        let group = push(world, 5, 24);
        for id in tasks_of(world, &group).iter().skip(1) {
            world.resolve(id, "completed", "completed");
        }
        group
    });
    (upstream, group)
}

fn whole(upstream: &Upstream, report: &str, settings: &Json) -> MemoryHost {
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, report, settings, false).unwrap();
    host
}

/// Runs with an answer in place of those that are `met`, and then without.
fn meet(
    upstream: &Upstream,
    (host, report, settings): (&mut MemoryHost, &str, &Json),
    met: impl Fn(&str) -> bool + 'static,
    reply: &Reply,
) -> Result<(), Failure> {
    let (before, whole) = (host.clone(), whole(upstream, report, settings));
    let answer = reply.clone();
    upstream.fault(move |_, url| met(url).then(|| answer.clone()));
    let outcome = upstream.pump(host, report, settings, false).map(|_| ());
    for table in TABLES {
        let (before, whole) = (before.rows(table), whole.rows(table));
        for row in host.rows(table) {
            assert!(whole.contains(&row) || before.contains(&row), "{table}: {row:?}");
        }
    }
    if outcome.is_ok() {
        assert!(*host == whole, "{reply:?}");
    }
    let with_fault = host.clone();
    upstream.fault(|_, _| None);
    upstream.pump(host, report, settings, false).unwrap();
    assert!(*host == whole, "the next run, after {reply:?}");
    *host = with_fault;
    outcome
}

#[test]
fn a_task_or_group_that_a_hook_led_to_and_that_is_not_found_is_missing() {
    let settings = json!({"hooks": [HOOK], "days": 4});
    for (reply, kind) in faults() {
        for (part, is_refresh, is_one) in [
            ("/status", false, true),
            ("/status", false, false),
            ("/list?limit=200", false, true),
            ("/list?limit=200", false, false),
            ("/list?limit=200", true, true),
            ("/list?limit=200", true, false),
            ("continuationToken=p3", false, true),
            ("continuationToken=p3", false, false),
        ] {
            let ((upstream, groups), mut host) = (twenty(), MemoryHost::new());
            if is_refresh {
                upstream.pump(&mut host, "task-groups", &settings, false).unwrap();
                upstream.world(|world| {
                    groups.iter().for_each(|id| world.resolve(id, "completed", "completed"));
                });
            }
            let one = groups[7].clone();
            let met = move |url: &str| {
                // A hook has a status of its own, which is not meant.
                url.contains("/queue/") && url.contains(part) && (!is_one || url.contains(&one))
            };
            let run = (&mut host, "task-groups", &settings);
            let failure = meet(&upstream, run, met, &reply).unwrap_err();
            assert_eq!(failure.kind, kind, "{failure}");
            if is_one {
                assert!(failure.message.contains(&groups[7]), "{failure}");
            }
            if kind == FailureKind::NotFound {
                let missing = if is_one { 1 } else { 20 };
                assert!(failure.message.starts_with(&format!("{missing} of ")), "{failure}");
                let expected = if is_refresh { 20 } else { 20 - missing };
                assert_eq!(host.rows("taskcluster_task_groups").len(), expected, "{part}");
            }
        }
    }
}

#[test]
fn what_is_missing_costs_no_other_row_and_no_row_that_there_was() {
    let ((upstream, groups), mut host) = (twenty(), MemoryHost::new());
    let settings = json!({"hooks": [HOOK], "days": 9});
    let lost = groups[7].clone();
    upstream.fault(move |_, url| url.contains(&lost).then(not_found));
    for day in 0..4 {
        let failure = upstream.pump(&mut host, "task-groups", &settings, false).unwrap_err();
        assert!(failure.message.contains(&format!("found: task {}.", groups[7])), "{failure}");
        assert!(failure.message.contains("set days to fewer"), "{failure}");
        assert_eq!(host.rows("taskcluster_task_groups").len(), 19 + day);
        let before = host.clone();
        upstream.pump(&mut host, "task-groups", &settings, true).unwrap_err();
        assert!(host == before, "a full refresh takes nothing away");
        upstream.world(|world| {
            let group = world.new_id();
            world.create_as(&group, &group, "cron", "cron-daily", 24);
            world.fire(HOOK, &group, "success", "");
        });
    }
    // Of a day that is not looked at any more.
    upstream.pass(24 * 10);
    upstream.pump(&mut host, "task-groups", &settings, false).unwrap();
}

#[test]
fn a_group_that_was_read_may_expire_and_may_not_be_missing() {
    for days in [30, 61] {
        let (upstream, group) = pushed();
        let settings = json!({"task-group-ids": [group]});
        let mut host = whole(&upstream, "task-groups", &settings);
        let before = host.clone();
        upstream.pass(24 * days);
        upstream.fault(|_, url| url.contains("/list").then(not_found));
        let outcome = upstream.pump(&mut host, "task-groups", &settings, false);
        assert_eq!(outcome.is_ok(), days > 60, "its tasks are kept for sixty days");
        assert!(host == before);
    }
}

#[test]
fn what_a_setting_names_and_is_not_there_fails_until_it_is_corrected() {
    let (upstream, group) = pushed();
    let id = json!({"task-group-ids": [group]});
    let route = json!({"decision-routes": [ROUTE]});
    for (settings, part, said) in [
        (&id, "/list", "Correct the setting task-group-ids"),
        (&route, "/index/v1/task/", "Correct the setting decision-routes"),
    ] {
        upstream.fault(|_, _| None);
        for (reply, kind) in faults() {
            let mut host = MemoryHost::new();
            let run = (&mut host, "task-groups", settings);
            let failure = meet(&upstream, run, move |url| url.contains(part), &reply).unwrap_err();
            assert_eq!(failure.kind, kind, "{failure}");
            assert_eq!(failure.message.contains(said), kind == FailureKind::NotFound, "{failure}");
        }
        // No checkpoint of a full refresh knows whether it has expired since.
        upstream.fault(move |_, url| url.contains(part).then(not_found));
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, "task-groups", settings, true).unwrap();
        upstream.pump(&mut host, "task-groups", settings, false).unwrap_err();
    }
}

#[test]
fn a_task_that_a_route_led_to_is_asked_for_when_the_route_leads_on() {
    for part in ["/status", "/list"] {
        let (upstream, first) = pushed();
        let settings = json!({"decision-routes": [ROUTE]});
        let mut host = MemoryHost::new();
        let lost = first.clone();
        upstream.fault(move |_, url| (url.contains(part) && url.contains(&lost)).then(not_found));
        upstream.pump(&mut host, "task-groups", &settings, false).unwrap_err();
        upstream.pass(2);
        let second = upstream.world(|world| push(world, 2, 24));
        let failure = upstream.pump(&mut host, "task-groups", &settings, false).unwrap_err();
        assert!(failure.message.contains(&first), "{failure}");
        assert_eq!(host.rows("taskcluster_task_groups").len(), 1, "that of {second}");
        let mut healed = host.clone();
        upstream.fault(|_, _| None);
        upstream.pump(&mut healed, "task-groups", &settings, false).unwrap();
        assert_eq!(healed.rows("taskcluster_task_groups").len(), 2, "{part}");
        // Not for ever: until it has expired.
        let lost = first.clone();
        upstream.fault(move |_, url| (url.contains(part) && url.contains(&lost)).then(not_found));
        upstream.pass(24 * 60);
        upstream.world(|world| push(world, 2, 24));
        upstream.pump(&mut host, "task-groups", &settings, false).unwrap();
    }
}

#[test]
fn the_index_and_the_hooks_fail_what_they_would_have_led_to() {
    let by_index = json!({"index-namespace": CENTRAL, "days": 4});
    let by_hook = json!({"hooks": [HOOK], "days": 4});
    for (report, settings, part) in [
        ("task-groups", &by_index, "/namespaces/gecko.v2.mozilla-central.pushdate.2026.03.01?"),
        ("task-groups", &by_index, "/namespaces/gecko.v2.mozilla-central.pushdate.2026.03.01."),
        ("task-groups", &by_index, "/index/v1/tasks/"),
        ("task-groups", &by_hook, "/last-fires"),
        ("hook-fires", &by_hook, "/last-fires"),
    ] {
        for (reply, kind) in faults() {
            let upstream = if settings == &by_index { pushed().0 } else { twenty().0 };
            upstream.world(|world| world.now += hours(1));
            let mut host = MemoryHost::new();
            let run = (&mut host, report, settings);
            let failure = meet(&upstream, run, move |url| url.contains(part), &reply).unwrap_err();
            assert_eq!(failure.kind, kind, "{failure}");
            assert!(failure.message.contains(part.trim_end_matches(['?', '.'])), "{failure}");
        }
    }
}

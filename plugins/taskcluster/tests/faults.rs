// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What goes wrong between here and there. Either the tables are right, or the run fails and
//! the next one repairs them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use serde_json::{Value as Json, json};
use test_dashboard_sdk::testing::{MemoryHost, Reply};
use test_dashboard_sdk::{FailureKind, Value};
use test_dashboard_taskcluster::Taskcluster;
use upstream::{CENTRAL, HOOK, ROUTE, Upstream, push, tasks_of, text};

const REPORTS: [&str; 2] = ["task-groups", "hook-fires"];

/// Two pushes of several pages, in different states, and a hook's group.
fn busy() -> Upstream {
    let upstream = Upstream::at("2026-03-01T06:00:00Z");
    upstream.world(|world| {
        for hours_ago in [30, 4] {
            let now = world.now;
            world.now -= upstream::hours(hours_ago);
            let group = push(world, 5, 24);
            for (number, id) in tasks_of(world, &group).into_iter().enumerate().skip(1) {
                let ends = [("completed", "completed"), ("failed", "failed")];
                let (state, reason) = ends[usize::from(number % 3 == 0)];
                world.resolve(&id, state, reason);
            }
            world.now = now;
        }
        for _ in 0..4 {
            let own = world.new_id();
            world.create_as(&own.clone(), &own, "cron", "cron-daily", 24);
            world.fire(HOOK, &own, "success", "");
        }
    });
    upstream
}

fn settings() -> Json {
    json!({"index-namespace": CENTRAL, "hooks": [HOOK], "decision-routes": [ROUTE], "days": 4})
}

/// What the tables hold when nothing goes wrong.
fn whole(report: &str) -> MemoryHost {
    let mut host = MemoryHost::new();
    busy().pump(&mut host, report, &settings(), false).unwrap();
    host
}

/// Parts of URLs, by which a request is chosen: one of each sort that is made.
const REQUESTS: [&str; 8] = [
    "/namespaces/gecko.v2.mozilla-central.pushdate.2026.02.28?",
    "/namespaces/gecko.v2.mozilla-central.pushdate.2026.03.01.",
    "/index/v1/tasks/",
    "/index/v1/task/",
    "/status",
    "/list?limit=200",
    "continuationToken=p3",
    "/last-fires",
];

fn faults() -> Vec<(Reply, FailureKind)> {
    let error = |status, code: &str| {
        let body = json!({"code": code, "message": "not now", "requestInfo": {"payload": {}}});
        Reply::json(status, &body.to_string())
    };
    let html = "<!DOCTYPE html><title>502</title>";
    vec![
        (error(429, "TooManyRequests").header("Retry-After", "30"), FailureKind::RateLimited),
        (error(500, "InternalServerError"), FailureKind::Transient),
        (Reply::text(502, "text/html", html), FailureKind::Transient),
        (Reply::text(200, "text/html", html), FailureKind::UnexpectedResponse),
        (Reply::json(200, r#"{"tasks": [{"status": {"ta"#), FailureKind::UnexpectedResponse),
        (Reply::json(200, "[]"), FailureKind::UnexpectedResponse),
        (error(401, "AuthenticationFailed"), FailureKind::Auth),
        (error(403, "InsufficientScopes"), FailureKind::Auth),
        (error(424, "InputError"), FailureKind::UnexpectedResponse),
        (Reply::broken_connection(), FailureKind::Transient),
    ]
}

#[test]
fn a_run_that_fails_is_repaired_by_the_next() {
    for report in REPORTS {
        let whole = whole(report);
        let mut met = 0;
        for part in REQUESTS {
            for (reply, kind) in faults() {
                let upstream = busy();
                upstream.answer_once(part, reply);
                let mut host = MemoryHost::new();
                match upstream.pump(&mut host, report, &settings(), false) {
                    Err(failure) => assert_eq!(failure.kind, kind, "{report} {part}: {failure}"),
                    // This report makes no such request.
                    Ok(_) if report == "hook-fires" => continue,
                    Ok(_) => panic!("{report} {part}: {kind:?} was not noticed"),
                }
                met += 1;
                upstream.pump(&mut host, report, &settings(), false).unwrap();
                assert!(host == whole, "{report} {part} {kind:?}");
            }
        }
        assert!(met >= 10, "{report}: {met}");
    }
}

#[test]
fn the_time_to_wait_is_passed_on() {
    let upstream = busy();
    let (reply, _) = faults().swap_remove(0);
    upstream.answer_once("/list", reply);
    let failure =
        upstream.pump(&mut MemoryHost::new(), "task-groups", &settings(), false).unwrap_err();
    assert_eq!(failure.retry_after, Some(30));
}

#[test]
fn groups_read_before_a_failure_are_kept_and_not_read_again() {
    let upstream = busy();
    let groups: Vec<String> = upstream.world(|world| {
        world.now += upstream::hours(48);
        let mut groups: Vec<String> = world.tasks.values().map(|task| task.group.clone()).collect();
        groups.sort();
        groups.dedup();
        groups.iter().flat_map(|group| tasks_of(world, group)).collect::<Vec<_>>().iter().for_each(
            |id| {
                if !world.task(id).is_final() {
                    world.resolve(id, "completed", "completed");
                }
            },
        );
        groups
    });
    let settings = json!({"hooks": [HOOK], "days": 4});
    let mut lists = 0;
    upstream.fault(move |_, url| {
        lists += usize::from(url.contains("/list"));
        (lists == 3).then(|| Reply::empty(500))
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, "task-groups", &settings, false).unwrap_err();
    assert_eq!(host.rows("taskcluster_task_groups").len(), 2);
    upstream.fault(|_, _| None);
    let requests = upstream.pump(&mut host, "task-groups", &settings, false).unwrap();
    assert_eq!(host.rows("taskcluster_task_groups").len(), 4, "of {} groups", groups.len());
    // The fires in two pages with an empty one between; two groups were left.
    assert_eq!(requests, 3 + 2 * 2);
}

#[test]
fn a_host_that_is_killed_anywhere_loses_and_doubles_nothing() {
    let whole = whole("task-groups");
    for batches in 0..12 {
        let upstream = busy();
        let mut host = MemoryHost::new().with_max_rows(2);
        let http = upstream.http();
        let request = upstream.request("task-groups", &http, &settings());
        host.run_partially::<Taskcluster>(&request, batches).unwrap();
        upstream.pump(&mut host, "task-groups", &settings(), false).unwrap();
        assert!(host == whole, "after {batches} batches");
    }
}

#[test]
fn a_list_that_shifts_while_it_is_read_does_not_settle_its_group() {
    let upstream = Upstream::at("2026-03-01T06:00:00Z");
    let group = upstream.world(|world| {
        let group = push(world, 5, 24);
        for id in tasks_of(world, &group).iter().skip(1) {
            world.resolve(id, "completed", "completed");
        }
        world.now += upstream::hours(48);
        group
    });
    let settings = json!({"task-group-ids": [group]});
    // After the first page a task appears that stands before all others.
    let added = group.clone();
    upstream.fault(move |world, url| {
        if url.contains("continuationToken=e3") && !world.tasks.contains_key("0") {
            world.create_as("0", &added, "test", "late", 24);
            world.resolve("0", "completed", "completed");
            world.task("0").deadline = world.now;
        }
        None
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, "task-groups", &settings, false).unwrap();
    assert_eq!(host.rows("taskcluster_tasks").len(), 7, "the added one slipped past");
    upstream.pump(&mut host, "task-groups", &settings, false).unwrap();
    assert_eq!(host.rows("taskcluster_tasks").len(), 8);
    assert_eq!(upstream.pump(&mut host, "task-groups", &settings, false).unwrap(), 0);
}

#[test]
fn a_hook_that_has_not_fired_is_told_from_one_that_is_not_there() {
    let upstream = Upstream::at("2026-03-01T06:00:00Z");
    let settings = json!({"hooks": [HOOK]});
    for report in REPORTS {
        upstream.world(|world| world.fires.clear());
        let failure = upstream.pump(&mut MemoryHost::new(), report, &settings, false).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound);
        assert!(failure.message.contains("there is no hook releng/cron/daily"), "{failure}");

        upstream.world(|world| world.fires.insert(HOOK.into(), Vec::new()));
        let mut host = MemoryHost::new();
        assert_eq!(upstream.pump(&mut host, report, &settings, false).unwrap(), 2);
        assert!(host.rows("taskcluster_hook_fires").is_empty());
    }
}

#[test]
fn everything_that_may_be_missing_is_null() {
    let list = json!({
        "taskGroupId": "DswJgYaPSuio6XPITUB9Lg",
        "tasks": [
            {
                "status": {
                    "taskId": "AFSpsAVERfSdF5LJLTYeYg", "taskGroupId": "DswJgYaPSuio6XPITUB9Lg",
                    "deadline": "2026-03-02T10:38:11.456Z", "state": "pending",
                    "runs": [{
                        "runId": 0, "state": "pending", "reasonCreated": "scheduled",
                        "scheduled": "2026-03-01T10:48:33.262Z",
                    }],
                },
                "task": {
                    "created": "2026-03-01T10:38:11.456Z", "metadata": {"name": "a"}, "tags": {},
                },
            },
            {
                "status": {
                    "taskId": "BFSpsAVERfSdF5LJLTYeYg", "taskGroupId": "DswJgYaPSuio6XPITUB9Lg",
                    "deadline": "2026-03-02T10:38:11.456Z", "state": "unscheduled",
                    "taskQueueId": null, "projectId": null, "retriesLeft": null,
                },
                "task": {
                    "created": "2026-03-01T10:38:11.456Z", "metadata": {"name": "b"},
                    "tags": null, "routes": [],
                },
            },
        ],
    });
    let upstream = Upstream::at("2026-03-01T12:00:00Z");
    let list = list.to_string();
    upstream.fault(move |_, url| url.contains("/list").then(|| Reply::json(200, &list)));
    let mut host = MemoryHost::new();
    let settings = json!({"task-group-ids": ["DswJgYaPSuio6XPITUB9Lg"]});
    upstream.pump(&mut host, "task-groups", &settings, false).unwrap();

    let group = &host.rows("taskcluster_task_groups")[0];
    assert_eq!(group[1..7], vec![Value::Null; 6]);
    for columns in [
        ["label", "kind", "test_suite", "test_platform", "task_queue_id"],
        ["project_id", "provisioner_id", "worker_type", "scheduler_id", "retries_left"],
        ["revision", "treeherder_project", "priority", "source", "expires"],
    ] {
        let rows = host.select("taskcluster_tasks", &columns);
        assert_eq!(rows, [vec![Value::Null; 5], vec![Value::Null; 5]], "{columns:?}");
    }
    let tags = host.select("taskcluster_tasks", &["name", "tags"]);
    assert_eq!(tags, [[text("a"), Value::Json("{}".into())], [text("b"), Value::Null]]);
    let times = ["reason_resolved", "started", "resolved", "queue_seconds", "duration_seconds"];
    assert_eq!(host.select("taskcluster_task_runs", &times), [vec![Value::Null; 5]]);
}

#[test]
fn a_run_that_ends_before_it_begins_has_no_durations() {
    let upstream = Upstream::at("2026-03-01T06:00:00Z");
    let group = upstream.world(|world| {
        let group = push(world, 1, 24);
        let task = tasks_of(world, &group)[1].clone();
        world.resolve(&task, "completed", "completed");
        let run = &mut world.task(&task).runs[0];
        run["scheduled"] = json!("2026-03-01T06:00:02.000Z");
        run["resolved"] = json!("2026-03-01T06:00:01.000Z");
        group
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, "task-groups", &json!({"task-group-ids": [group]}), false).unwrap();
    let columns = ["resolved", "queue_seconds", "duration_seconds"];
    let rows = host.select("taskcluster_task_runs", &columns);
    let resolved = upstream::moment("2026-03-01T06:00:01Z").as_microsecond();
    assert!(rows.contains(&vec![Value::Timestamp(resolved), Value::Null, Value::Null]), "{rows:?}");
}

#[test]
fn the_tasks_of_another_group_are_not_taken() {
    let upstream = busy();
    let list = json!({"taskGroupId": "another", "tasks": []}).to_string();
    upstream.answer_once("/list", Reply::json(200, &list));
    let failure =
        upstream.pump(&mut MemoryHost::new(), "task-groups", &settings(), false).unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
    assert!(failure.message.contains("another"), "{failure}");
}

#[test]
fn a_check_says_what_each_setting_leads_to_or_that_it_leads_nowhere() {
    use test_dashboard_sdk::Datasource;
    let upstream = busy();
    let check = |settings: Json| {
        Taskcluster::check(&upstream.request("task-groups", &upstream.http(), &settings).context)
    };
    let said = check(settings()).unwrap();
    for part in ["leads to the task", "has pushes of 2026", "fired last 2026-03-01T06:00:00Z"] {
        assert!(said.contains(part), "{said}");
    }
    let group = upstream.world(|world| world.tasks.values().next().unwrap().group.clone());
    assert!(check(json!({"task-group-ids": [group]})).unwrap().contains(&group));
    for (settings, named) in [
        (json!({"task-group-ids": ["DswJgYaPSuio6XPITUB9Lg"]}), "DswJgYaPSuio6XPITUB9Lg"),
        (json!({"index-namespace": "gecko.v2.other"}), "gecko.v2.other.pushdate"),
        (json!({"decision-routes": ["gecko.v2.other"]}), "gecko.v2.other"),
        (json!({"hooks": ["no/such"]}), "no/such"),
    ] {
        let failure = check(settings).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound);
        assert!(failure.message.contains(named), "{failure}");
    }
}

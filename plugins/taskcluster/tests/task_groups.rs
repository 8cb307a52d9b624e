// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `task-groups`: what is read when, and what the tables then hold.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use serde_json::json;
use test_dashboard_sdk::Value;
use test_dashboard_sdk::testing::{self, MemoryHost};
use upstream::{CENTRAL, HOOK, ROUTE, Upstream, push, tasks_of, text};

const REPORT: &str = "task-groups";
const NOW: &str = "2026-03-01T06:00:00Z";

/// How many of a table's rows there are.
fn count(host: &MemoryHost, table: &str) -> usize {
    host.rows(table).len()
}

/// All tasks of a group come to an end.
fn complete(upstream: &Upstream, group: &str) {
    upstream.world(|world| {
        for id in tasks_of(world, group) {
            if !world.task(&id).is_final() {
                world.resolve(&id, "completed", "completed");
            }
        }
    });
}

#[test]
fn a_push_is_found_by_an_indexed_task_and_read_whole() {
    let upstream = Upstream::at(NOW);
    let group = upstream.world(|world| push(world, 5, 24));
    let settings = json!({"index-namespace": CENTRAL, "days": 3});
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    assert_eq!(count(&host, "taskcluster_tasks"), 0, "nothing of it is in the index yet");

    upstream.world(|world| {
        let ids = tasks_of(world, &group);
        world.resolve(&ids[1], "completed", "completed");
        world.resolve(&ids[2], "failed", "failed");
        world.resolve(&ids[3], "exception", "a-reason-of-next-year");
    });
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    let groups = ["task_group_id", "treeherder_project", "revision", "is_settled"];
    assert_eq!(
        host.select("taskcluster_task_groups", &groups),
        [[text(&group), text("mozilla-central"), text(&group), Value::Boolean(false)]]
    );
    assert_eq!(count(&host, "taskcluster_tasks"), 7);
    let runs = ["state", "reason_resolved", "queue_seconds", "duration_seconds"];
    let mut runs = host.select("taskcluster_task_runs", &runs);
    runs.sort_by_key(|run| format!("{run:?}"));
    let run =
        |state, reason| [text(state), text(reason), Value::Float64(1.5), Value::Float64(59.5)];
    assert_eq!(
        runs,
        [
            run("completed", "completed"),
            run("completed", "completed"),
            run("exception", "a-reason-of-next-year"),
            run("failed", "failed"),
        ]
    );
}

#[test]
fn a_group_is_read_again_until_it_is_settled_and_then_costs_nothing() {
    let upstream = Upstream::at(NOW);
    let group = upstream.world(|world| push(world, 5, 24));
    let settings = json!({"task-group-ids": [group]});
    let mut host = MemoryHost::new();
    let run = |host: &mut MemoryHost| upstream.pump(host, REPORT, &settings, false).unwrap();
    let settled = |host: &MemoryHost| {
        host.select("taskcluster_task_groups", &["is_settled"]).concat() == [Value::Boolean(true)]
    };
    let pages = 5;
    assert_eq!(run(&mut host), pages, "seven tasks, three a page, an empty one before each next");
    complete(&upstream, &group);
    assert_eq!(run(&mut host), pages, "its deadline is to come");
    assert!(!settled(&host));
    upstream.pass(24);
    assert_eq!(run(&mut host), pages);
    assert!(settled(&host));
    assert_eq!(run(&mut host), 0);
}

#[test]
fn a_push_that_has_settled_is_given_up_after_two_days() {
    let upstream = Upstream::at(NOW);
    let group = upstream.world(|world| push(world, 1, 24));
    complete(&upstream, &group);
    let settings = json!({"index-namespace": CENTRAL, "days": 9});
    let mut host = MemoryHost::new();
    let mut requests = Vec::new();
    for _ in 0..5 {
        requests.push(upstream.pump(&mut host, REPORT, &settings, false).unwrap());
        upstream.pass(24);
    }
    // Ten days are looked at; four lists of the index; its group; one look-up.
    assert_eq!(requests, [10 + 4 + 1 + 1, 10 + 4 + 1, 10 + 4, 10 + 4, 10]);
}

#[test]
fn scheduled_jobs_on_the_revision_of_a_push_are_groups_of_their_own() {
    let upstream = Upstream::at(NOW);
    let settings = json!({"index-namespace": CENTRAL, "days": 3});
    let (group, cron) = upstream.world(|world| {
        let group = push(world, 1, 24);
        let build = tasks_of(world, &group)[1].clone();
        let path = world.task(&build).path.clone().unwrap();
        let cron = world.new_id();
        for number in 0..4 {
            let id = world.create(&cron, "searchfox", &format!("searchfox-{number}"), 24);
            let below = format!("firefox.searchfox-{number}");
            world.task(&id).path = Some(path.replace("firefox.linux64-opt", &below));
        }
        (group, cron)
    });
    let mut host = MemoryHost::new();
    complete(&upstream, &group);
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    assert_eq!(count(&host, "taskcluster_task_groups"), 1);
    complete(&upstream, &cron);
    let http = upstream.http();
    host.run::<test_dashboard_taskcluster::Taskcluster>(
        &upstream.request(REPORT, &http, &settings),
    )
    .unwrap();
    assert_eq!(count(&host, "taskcluster_task_groups"), 2);
    let is_look_up = |url: &&String| url.ends_with("/status");
    assert_eq!(http.requests().iter().filter(is_look_up).count(), 1, "one for a group, not a task");
}

#[test]
fn a_route_leads_on_to_the_next_group_while_the_one_before_is_finished() {
    let upstream = Upstream::at(NOW);
    let settings = json!({"decision-routes": [ROUTE]});
    let mut host = MemoryHost::new();
    let failure = upstream.pump(&mut host, REPORT, &settings, false).unwrap_err();
    assert!(failure.message.starts_with("there is no task at gecko"), "{failure}");

    let first = upstream.world(|world| push(world, 2, 24));
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    upstream.pass(2);
    upstream.world(|world| push(world, 2, 24));
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    complete(&upstream, &first);
    upstream.pass(23);
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    let mut states = host.select("taskcluster_task_groups", &["is_settled"]).concat();
    states.sort_by_key(|value| *value == Value::Boolean(true));
    assert_eq!(states, [Value::Boolean(false), Value::Boolean(true)]);

    let before = host.clone();
    upstream.pump(&mut host, REPORT, &settings, true).unwrap();
    assert_eq!(host, before, "a full refresh reads the present group and removes none");
    let (asked, pages) = (1, 3);
    assert_eq!(upstream.pump(&mut host, REPORT, &settings, false).unwrap(), asked + pages);
}

#[test]
fn a_hook_leads_to_the_groups_of_its_tasks_wherever_those_belong() {
    let upstream = Upstream::at(NOW);
    let settings = json!({"hooks": [HOOK], "days": 3});
    let group = upstream.world(|world| push(world, 2, 24));
    upstream.world(|world| {
        let own = world.new_id();
        world.create_as(&own.clone(), &own, "cron", "cron-daily", 24);
        world.fire(HOOK, &own, "success", "");
        let action = world.create(&group, "action", "retrigger", 24);
        world.fire(HOOK, &action, "success", "");
        let never = world.new_id();
        world.fire(HOOK, &never, "error", "InsufficientScopes");
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    assert_eq!(count(&host, "taskcluster_task_groups"), 2);
    assert_eq!(count(&host, "taskcluster_tasks"), 1 + 5);
}

#[test]
fn a_retrigger_keeps_label_and_group() {
    let upstream = Upstream::at(NOW);
    let group = upstream.world(|world| push(world, 1, 24));
    upstream.world(|world| {
        let test = tasks_of(world, &group)[2].clone();
        world.resolve(&test, "failed", "failed");
        let label = world.task(&test).label.clone();
        let again = world.create(&group, "test", &label, 24);
        world.resolve(&again, "completed", "completed");
    });
    let mut host = MemoryHost::new();
    let settings = json!({"task-group-ids": [group]});
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    let rows = host.select("taskcluster_tasks", &["task_group_id", "label", "state"]);
    let label = text("test-linux64/opt-mochitest-0");
    let of_label: Vec<_> = rows.iter().filter(|row| row[1] == label).collect();
    assert_eq!(of_label.len(), 2);
    assert!(of_label.iter().all(|row| row[0] == text(&group)));
    assert_ne!(of_label[0][2], of_label[1][2]);
}

#[test]
fn what_has_expired_is_not_deleted() {
    let upstream = Upstream::at(NOW);
    let group = upstream.world(|world| push(world, 4, 24));
    complete(&upstream, &group);
    let given = json!({"task-group-ids": [group]});
    let found = json!({"index-namespace": CENTRAL, "decision-routes": [ROUTE], "days": 9});
    for settings in [given, found] {
        let upstream = upstream.clone();
        upstream.world(|world| world.now = upstream::moment(NOW));
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, REPORT, &settings, false).unwrap();
        let read = host.clone();
        // Some of its tasks expire, then all.
        upstream.world(|world| {
            let test = tasks_of(world, &group)[3].clone();
            world.task(&test).expires = world.now + upstream::hours(24 * 20);
        });
        for days in [30, 60] {
            upstream.pass(24 * days);
            upstream.pump(&mut host, REPORT, &settings, false).unwrap();
            upstream.pump(&mut host, REPORT, &settings, true).unwrap();
            let tasks = |host: &MemoryHost| host.select("taskcluster_tasks", &["task_id", "state"]);
            assert_eq!(tasks(&host), tasks(&read));
        }
    }
}

#[test]
fn a_full_run_that_would_remove_what_expired_fails_and_says_what_to_set() {
    let upstream = Upstream::at(NOW);
    let settings = json!({"hooks": [HOOK], "days": 9});
    upstream.world(|world| {
        world.tells_states = true;
        let own = world.new_id();
        world.create_as(&own.clone(), &own, "cron", "cron-daily", 24);
        world.resolve(&own, "completed", "completed");
        world.task(&own).expires = world.now + upstream::hours(72);
        world.fire(HOOK, &own, "success", "");
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    let log = testing::take_log();
    assert!(log.iter().any(|(_, line)| line.contains("within the 9 days")), "{log:?}");
    let read = host.clone();
    upstream.pass(24 * 4);
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    let failure = upstream.pump(&mut host, REPORT, &settings, true).unwrap_err();
    assert!(failure.message.contains("set days to fewer"), "{failure}");
    assert_eq!(host.rows("taskcluster_tasks"), read.rows("taskcluster_tasks"));
}

#[test]
fn a_task_of_a_hook_has_expired_where_its_fire_tells_no_state_of_it() {
    let upstream = Upstream::at(NOW);
    let settings = json!({"hooks": [HOOK], "days": 9});
    upstream.world(|world| {
        let unknown = world.new_id();
        world.fire(HOOK, &unknown, "success", "");
        let known = world.create("known", "cron", "cron-daily", 24);
        world.resolve(&known, "completed", "completed");
        world.fire(HOOK, &known, "success", "");
    });
    let failure = upstream.pump(&mut MemoryHost::new(), REPORT, &settings, false).unwrap_err();
    assert!(failure.message.starts_with("1 of 3 tasks and task groups are listed"), "{failure}");
    upstream.world(|world| world.tells_states = true);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    assert_eq!(count(&host, "taskcluster_tasks"), 1);
}

#[test]
fn a_group_that_the_index_does_not_lead_to_any_more_stays_until_a_full_run() {
    let upstream = Upstream::at(NOW);
    let settings = json!({"index-namespace": CENTRAL, "days": 3});
    let first = upstream.world(|world| push(world, 1, 24));
    complete(&upstream, &first);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    upstream.world(|world| {
        let build = tasks_of(world, &first)[1].clone();
        let path = world.task(&build).path.clone();
        let other = world.new_id();
        let again = world.create(&other, "build", "build-linux64/opt", 24);
        world.task(&again).path = path;
        world.resolve(&again, "completed", "completed");
    });
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    assert_eq!(count(&host, "taskcluster_task_groups"), 2);
    upstream.pump(&mut host, REPORT, &settings, true).unwrap();
    let mut fresh = MemoryHost::new();
    upstream.pump(&mut fresh, REPORT, &settings, false).unwrap();
    assert_eq!(count(&fresh, "taskcluster_task_groups"), 1);
    assert_eq!(host, fresh);
}

#[test]
fn the_fires_of_a_hook_take_a_request_for_each_page() {
    let upstream = Upstream::at(NOW);
    upstream.world(|world| {
        world.page = 1_000;
        world.has_empty_pages = false;
        world.tells_states = true;
        for number in 0..2_001 {
            let id = world.new_id();
            // Of all others nothing is known any more.
            if number == 8 {
                world.create_as(&id, &id, "cron", "cron-daily", 24);
            }
            let (result, error) =
                if number == 7 { ("error", "no scopes") } else { ("success", "") };
            world.fire(HOOK, &id, result, error);
        }
    });
    let mut host = MemoryHost::new();
    let settings = json!({"hooks": [HOOK]});
    assert_eq!(upstream.pump(&mut host, "hook-fires", &settings, false).unwrap(), 3);
    let rows = host.select("taskcluster_hook_fires", &["result", "error"]);
    assert_eq!(rows.len(), 2_001);
    let failed: Vec<_> = rows.iter().filter(|row| row[1] != Value::Null).collect();
    assert_eq!(failed, [&vec![text("error"), text("no scopes")]]);

    // So many of one day are several partitions, each of whose tasks is looked up.
    let first = upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    assert_eq!(first, 3 + 2_000 + 1);
    assert_eq!(upstream.pump(&mut host, REPORT, &settings, false).unwrap(), 3 + 1_999 + 1);
}

#[test]
fn a_window_chooses_the_pushes_of_its_days() {
    let upstream = Upstream::at("2026-01-10T06:00:00Z");
    for _ in 0..3 {
        let group = upstream.world(|world| push(world, 0, 24));
        complete(&upstream, &group);
        upstream.pass(24);
    }
    upstream.world(|world| world.now = upstream::moment("2026-02-20T06:00:00Z"));
    let http = upstream.http();
    let settings = json!({"index-namespace": CENTRAL});
    let mut request = upstream.request(REPORT, &http, &settings);
    request.since = Some(upstream::moment("2026-01-11T12:00:00Z"));
    request.until = Some(upstream::moment("2026-01-12T00:00:00Z"));
    let mut host = MemoryHost::new();
    host.run::<test_dashboard_taskcluster::Taskcluster>(&request).unwrap();
    assert_eq!(count(&host, "taskcluster_task_groups"), 1);
}

#[test]
fn a_window_reads_groups_again_that_were_settled_and_given_up() {
    let upstream = Upstream::at("2026-01-10T06:00:00Z");
    let group = upstream.world(|world| push(world, 0, 24));
    complete(&upstream, &group);
    let (settings, mut host) = (json!({"index-namespace": CENTRAL}), MemoryHost::new());
    for _ in 0..8 {
        upstream.pass(24);
        upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    }
    let settled = host.clone();
    let tasks = count(&host, "taskcluster_tasks");
    upstream.world(|world| world.create(&group, "test", "a-retrigger", 24));
    upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    assert_eq!(host, settled, "the push is given up");

    let http = upstream.http();
    let mut request = upstream.request(REPORT, &http, &settings);
    request.since = Some(upstream::moment("2026-01-10T00:00:00Z"));
    request.until = Some(upstream::moment("2026-01-11T00:00:00Z"));
    host.run::<test_dashboard_taskcluster::Taskcluster>(&request).unwrap();
    assert_eq!(count(&host, "taskcluster_tasks"), tasks + 1);

    // Without a begin it is of the days before its end.
    upstream.pass(24 * 20);
    let http = upstream.http();
    let mut request = upstream.request(REPORT, &http, &settings);
    request.until = Some(upstream::moment("2026-01-11T00:00:00Z"));
    let mut other = MemoryHost::new();
    other.run::<test_dashboard_taskcluster::Taskcluster>(&request).unwrap();
    assert_eq!(count(&other, "taskcluster_tasks"), tasks + 1);
}

/// The size of a busy repository: 28 days of four pushes, each a group of twenty pages (some
/// 4,000 tasks; here pages are smaller) and two products in the index, with a deadline of a day.
#[test]
fn the_requests_of_a_refresh_follow_the_formula_and_are_few() {
    const PUSHES: usize = 4;
    const PAGES: usize = 20;
    let upstream = Upstream::at("2026-02-01T00:30:00Z");
    upstream.world(|world| {
        world.page = 5;
        world.has_empty_pages = false;
    });
    let day = |upstream: &Upstream| {
        for _ in 0..PUSHES {
            let group = upstream.world(|world| {
                let group = push(world, PAGES * world.page - 2, 24);
                let ids = tasks_of(world, &group);
                let path = world.task(&ids[1]).path.clone().unwrap();
                world.task(&ids[2]).path = Some(path.replace("firefox", "mobile"));
                group
            });
            complete(upstream, &group);
            upstream.pass(6);
        }
    };
    for _ in 0..28 {
        day(&upstream);
    }
    upstream.pass(-1);
    let settings = json!({"index-namespace": CENTRAL});
    let mut host = MemoryHost::new();
    let (plan, walk, look_up) = (28, 2 * (1 + 2), 1);
    let first = upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    assert_eq!(first, plan + 28 * PUSHES * (walk + PAGES + look_up));

    upstream.pass(1);
    day(&upstream);
    upstream.pass(-1);
    let second = upstream.pump(&mut host, REPORT, &settings, false).unwrap();
    // The pushes of today and of the three days before are not given up; those whose deadline
    // had not passed are read again.
    let open = PUSHES;
    let searched = 4 * PUSHES;
    assert_eq!(second, plan + searched * walk + open * PAGES + PUSHES * (PAGES + look_up));
    assert!(second * 10 <= first, "{second} requests after {first}");
}

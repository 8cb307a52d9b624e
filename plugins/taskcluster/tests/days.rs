// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `task-groups` and `hook-fires` over a sequence of days: pushes, scheduled jobs, retriggers,
//! reruns, lost workers, missed deadlines, and tasks that expire.
//!
//! After every run the tables are compared with a full load of all there ever was, into empty
//! tables, from the same Taskcluster but one that forgets nothing. They may differ only by
//! what the plugin's documentation names: tasks added to groups that had settled, until the
//! next full refresh.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use test_dashboard_sdk::Value;
use test_dashboard_sdk::testing::MemoryHost;
use test_dashboard_taskcluster::Taskcluster;
use upstream::{CENTRAL, HOOK, Upstream, World, hours, push, tasks_of};

const TABLES: [&str; 3] = ["taskcluster_task_groups", "taskcluster_tasks", "taskcluster_task_runs"];
const ACTIONS: &str = "releng/in-tree-action/retrigger";
/// How many days the pump looks back; what is read is kept twice as long.
const DAYS: i64 = 8;

/// A small generator of numbers, the same for the same seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

/// What a person would know of the world beside what the API says.
#[derive(Default)]
struct Story {
    /// Groups of pushes, with the path of their first build.
    pushes: Vec<String>,
    /// Tasks that were added to a group that had settled, and that no full refresh has seen since.
    late: BTreeSet<String>,
}

/// Before anything has happened.
fn begin() -> Upstream {
    let upstream = Upstream::at("2026-02-01T00:00:00Z");
    upstream.world(|world| world.fires.insert(ACTIONS.into(), Vec::new()));
    upstream
}

/// Some hours in which things happen.
fn live(world: &mut World, story: &mut Story, draw: &mut Draw) {
    for _ in 0..4 {
        world.now += hours(6);
        progress(world, draw);
        if draw.one_in(3) {
            let deadline = if draw.one_in(4) { 5 * 24 } else { 24 };
            let tests = 1 + draw.below(5);
            story.pushes.push(push(world, tests, deadline));
        }
        if draw.one_in(6) {
            scheduled_job_on_a_revision(world, story, draw);
        }
        retrigger(world, story, draw);
    }
    if draw.one_in(2) {
        fire(world, draw);
    }
}

/// Tasks move on: to the queue, to a worker, to an end, and some begin again.
fn progress(world: &mut World, draw: &mut Draw) {
    let ids: Vec<String> = world.tasks.keys().cloned().collect();
    for id in ids {
        let now = world.now;
        let task = world.task(&id);
        // A task that is over may be rerun before its deadline.
        if task.is_final() {
            if task.deadline > now && task.state == "failed" && draw.one_in(3) {
                task.begin_run(now, "rerun");
            }
            continue;
        }
        if task.deadline <= now {
            if task.runs.is_empty() {
                task.begin_run(now, "exception");
            }
            task.end_run(now, "exception", "deadline-exceeded");
            task.state = "exception";
            continue;
        }
        match (task.state, draw.below(4)) {
            (_, 0) => {}
            ("unscheduled", _) => task.begin_run(now, "scheduled"),
            ("pending", _) => task.take(now),
            ("running", 1) => {
                task.end_run(now, "exception", "worker-shutdown");
                task.begin_run(now, "retry");
            }
            ("running", 2) if task.kind == "test" => world.resolve(&id, "failed", "failed"),
            _ => world.resolve(&id, "completed", "completed"),
        }
    }
}

fn scheduled_job_on_a_revision(world: &mut World, story: &Story, draw: &mut Draw) {
    let Some(group) = story.pushes.last() else { return };
    let build = tasks_of(world, group)[1].clone();
    if world.tasks[&build].deadline <= world.now {
        return;
    }
    let path = world.task(&build).path.clone().unwrap();
    let job = world.new_id();
    for number in 0..=draw.below(3) {
        let id = world.create(&job, "searchfox", &format!("searchfox-{number}"), 24);
        let name = format!("searchfox.{}-{number}", &job[..6]);
        world.task(&id).path = Some(path.replace("firefox.linux64-opt", &name));
    }
}

/// Someone wants a test again, now and then in a group that was settled.
fn retrigger(world: &mut World, story: &mut Story, draw: &mut Draw) {
    let recent = story.pushes.len().saturating_sub(6);
    let pushes: Vec<String> = story.pushes[recent..].to_vec();
    for group in pushes {
        let ids = tasks_of(world, &group);
        let age = world.now.duration_since(world.tasks[&ids[0]].created).as_hours();
        let is_open = |id: &String| world.tasks[id].deadline > world.now;
        if ids.iter().any(is_open) && draw.one_in(4) {
            let label = world.tasks[ids.last().unwrap()].label.clone();
            let again = world.create(&group, "test", &label, 24);
            if ids.iter().any(|id| story.late.contains(id)) {
                story.late.insert(again.clone());
            }
            if draw.one_in(2) {
                world.fire(ACTIONS, &again, "success", "");
            }
        } else if !ids.iter().any(is_open) && (2 * 24..4 * 24).contains(&age) && draw.one_in(6) {
            let again = world.create(&group, "test", "test-linux64/opt-mochitest-0", 24);
            story.late.insert(again);
        }
    }
}

fn fire(world: &mut World, draw: &mut Draw) {
    let id = world.new_id();
    if draw.one_in(4) {
        world.fire(HOOK, &id, "error", "InsufficientScopes: 🔒");
        return;
    }
    world.create_as(&id.clone(), &id, "cron", "cron-daily", 24);
    for _ in 0..draw.below(4) {
        world.create(&id, "test", "nightly", 24);
    }
    world.fire(HOOK, &id, "success", "");
}

fn settings(days: i64) -> Json {
    json!({"index-namespace": CENTRAL, "hooks": [HOOK, ACTIONS], "days": days})
}

/// The tables as a full load of everything makes them, nothing having expired.
fn everything(upstream: &Upstream, report: &str) -> MemoryHost {
    let mut host = MemoryHost::new();
    upstream.world(|world| world.keeps_everything = true);
    upstream.pump(&mut host, report, &settings(31), false).unwrap();
    upstream.world(|world| world.keeps_everything = false);
    host
}

/// The rows of the tables, without the rows of these tasks, and without telling whether their
/// groups are settled and when they expire.
fn rows_without(
    host: &MemoryHost,
    late: &BTreeSet<String>,
    groups: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    let is_late = |id: &Value| matches!(id, Value::Text(id) if late.contains(id));
    for table in &TABLES[1..] {
        let kept = host.rows(table).into_iter().filter(|row| !is_late(&row[0]));
        rows.extend(kept.map(|row| format!("{row:?}")));
    }
    for row in host.rows(TABLES[0]) {
        let mut row = row.clone();
        if matches!(&row[0], Value::Text(id) if groups.contains(id)) {
            // A late task is in the way of both columns: `expires` and `is_settled`.
            (row[5], row[7]) = (Value::Null, Value::Null);
        }
        rows.insert(format!("{row:?}"));
    }
    rows
}

fn assert_same(
    host: &MemoryHost,
    other: &MemoryHost,
    late: &BTreeSet<String>,
    upstream: &Upstream,
    what: &str,
) {
    let group = |id: &String| upstream.world(|world| world.tasks[id].group.clone());
    let groups = late.iter().map(group).collect();
    let (rows, expected) = (rows_without(host, late, &groups), rows_without(other, late, &groups));
    let missing: Vec<_> = expected.difference(&rows).take(3).collect();
    let extra: Vec<_> = rows.difference(&expected).take(3).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{what}: missing {missing:#?} extra {extra:#?}"
    );
}

fn three_weeks_of(seed: u64) {
    let upstream = begin();
    let (mut story, mut draw) = (Story::default(), Draw(seed));
    let mut host = MemoryHost::new();
    let mut differed = false;
    for day in 1..=22 {
        upstream.world(|world| {
            live(world, &mut story, &mut draw);
            world
                .tasks
                .values_mut()
                .for_each(|task| task.expires = task.created + hours(24 * 2 * DAYS));
        });
        if draw.one_in(3) {
            let http = upstream.http();
            let mut request = upstream.request("task-groups", &http, &settings(DAYS));
            let since = request.context.now - hours(24 * DAYS);
            let since = since + hours(draw.below(24 * DAYS as usize) as i64);
            request.since = Some(since);
            request.until = Some(since + hours(1 + draw.below(72) as i64));
            host.run::<Taskcluster>(&request).unwrap();
        }
        upstream.pump(&mut host, "task-groups", &settings(DAYS), false).unwrap();
        let all = everything(&upstream, "task-groups");
        assert_same(&host, &all, &story.late, &upstream, &format!("seed {seed}, day {day}"));
        differed |= host != all;

        let mut reconciled = host.clone();
        upstream.pump(&mut reconciled, "task-groups", &settings(DAYS), true).unwrap();
        assert!(reconciled == all, "seed {seed}, day {day}: after a full refresh");
        if day % 3 == 0 {
            host = reconciled;
            story.late.clear();
        }
    }
    let all = everything(&upstream, "task-groups");
    let mut full = MemoryHost::new();
    upstream.world(|world| world.keeps_everything = true);
    upstream.pump(&mut full, "task-groups", &settings(31), true).unwrap();
    assert!(full == all, "seed {seed}: a full refresh from nothing");
    let rows = |table| host.rows(table).len();
    let expired = upstream
        .world(|world| world.tasks.values().filter(|task| task.expires <= world.now).count());
    assert!(expired > 20 && rows(TABLES[1]) > 100, "seed {seed}: too little happens");
    assert!(differed, "seed {seed}: no late task made a difference");
}

#[test]
fn daily_runs_give_what_a_full_load_gives() {
    for seed in 1..=4 {
        three_weeks_of(seed);
    }
}

#[test]
fn a_run_done_twice_gives_the_same_tables() {
    let upstream = begin();
    let (mut story, mut draw) = (Story::default(), Draw(7));
    let mut host = MemoryHost::new();
    for _ in 0..6 {
        upstream.world(|world| live(world, &mut story, &mut draw));
        upstream.pump(&mut host, "task-groups", &settings(DAYS), false).unwrap();
        let once = host.clone();
        upstream.pump(&mut host, "task-groups", &settings(DAYS), false).unwrap();
        assert_eq!(host, once);
    }
}

#[test]
fn fires_are_kept_and_their_tasks_followed() {
    for seed in 1..=3 {
        let upstream = begin();
        let (mut story, mut draw) = (Story::default(), Draw(seed));
        let mut host = MemoryHost::new();
        for day in 1..=12 {
            upstream.world(|world| live(world, &mut story, &mut draw));
            upstream.pump(&mut host, "hook-fires", &settings(DAYS), false).unwrap();
            assert_eq!(host, everything(&upstream, "hook-fires"), "seed {seed}, day {day}");
        }
        // The service forgets half of them.
        upstream.world(|world| {
            world.fires.values_mut().for_each(|fires| drop(fires.drain(..fires.len() / 2)));
        });
        let before = host.clone();
        for full in [false, true, true] {
            upstream.pump(&mut host, "hook-fires", &settings(DAYS), full).unwrap();
            assert_eq!(host, before, "seed {seed}: what is forgotten stays");
        }
        assert!(host.rows("taskcluster_hook_fires").len() > 4, "seed {seed}: too little happens");
    }
}

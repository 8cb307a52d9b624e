// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Days go by: after every run the tables are what a full refresh from nothing gives, but for the
//! differences that the plugin's documentation names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use test_dashboard_sdk::testing::MemoryHost;
use test_dashboard_sdk::{FailureKind, Value};
use upstream::{Build, DAY, Upstream, World, by_slug, second};

const HOUR: i64 = 3_600;
const APPS: [&str; 2] = ["fenix-app", "focus-app"];

/// A report, its table, how many days Bitrise keeps what is in it, and which column names the
/// build.
const REPORTS: [(&str, &str, i64, usize); 2] =
    [("builds", "bitrise_builds", 200, 0), ("build-artifacts", "bitrise_artifacts", 90, 1)];

/// A build that somebody triggers. Most are done in an hour, some take the night, and some wait
/// for somebody.
fn put_build(world: &mut World, random: &mut StdRng, app: &str, triggered: i64) -> String {
    let slug = world.put_settled(app, triggered);
    let started = triggered + random.random_range(0..900);
    let prepared = started + random.random_range(0..60);
    let duration = match random.random_range(0..20) {
        0 => random.random_range(5 * HOUR..40 * HOUR),
        _ => random.random_range(30..HOUR),
    };
    let is_on_hold = random.random_range(0..25) == 0;
    let artifacts = random.random_range(0..4);
    let build = world.build(&slug);
    build.visible = triggered + random.random_range(0..HOUR / 2);
    build.runs = (!is_on_hold).then_some([started, prepared, prepared + duration]);
    build.outcome = random.random_range(1..5);
    build.artifacts = (0..artifacts).map(|n| format!("{slug}-{n}")).collect();
    build.is_bare = random.random_range(0..10) == 0;
    slug
}

/// Builds of a time, about so many a day in the first app and a third of that in the second.
fn trigger(world: &mut World, random: &mut StdRng, from: i64, to: i64, a_day: i64) {
    for (app, interval) in APPS.iter().zip([DAY / a_day, 3 * DAY / a_day]) {
        let mut triggered = from + random.random_range(0..2 * interval);
        while triggered < to {
            put_build(world, random, app, triggered);
            triggered += random.random_range(1..2 * interval);
        }
    }
}

/// Two builds just before a run: the list has the later one, and it is settled, before it has
/// the earlier one.
fn trigger_just_now(world: &mut World, random: &mut StdRng) {
    let now = world.now;
    let slug = put_build(world, random, APPS[0], now - 1_500);
    world.build(&slug).visible = now + 1;
    let slug = put_build(world, random, APPS[0], now - 600);
    let build = world.build(&slug);
    build.visible = now - 60;
    build.runs = Some([now - 500, now - 400, now - 60]);
}

/// Builds that were on hold go on, and people delete some builds and artifacts.
fn change(world: &mut World, random: &mut StdRng) {
    let now = world.now;
    for build in world.builds.values_mut() {
        if build.runs.is_none() && build.triggered < now && random.random_range(0..6) == 0 {
            let started = now + random.random_range(0..2 * HOUR);
            build.runs = Some([started, started + 30, started + 1_000]);
        }
    }
    let (mut builds, mut artifacts) = (Vec::new(), Vec::new());
    for build in world.builds.values().filter(|build| build.visible <= now) {
        if random.random_range(0..300) == 0 {
            builds.push(build.slug.clone());
        }
        let deleted = build.artifacts.iter().filter(|_| random.random_range(0..300) == 0);
        artifacts.extend(deleted.cloned());
    }
    world.deleted.extend(builds.into_iter().chain(artifacts));
}

/// The Monday on which the week of a moment begins. 1970-01-01 was a Thursday.
fn monday(second: i64) -> i64 {
    (second - 4 * DAY).div_euclid(7 * DAY) * 7 * DAY + 4 * DAY
}

/// Compares what the host holds with what a full refresh from nothing gives: all of that has to
/// be there, equal, and of what is there beside it `may_stay` says whether it may, by its slug
/// and its build.
fn compare(
    upstream: &Upstream,
    host: &MemoryHost,
    (report, table, _, build_column): (&str, &str, i64, usize),
    may_stay: impl Fn(&World, &str, &Build) -> bool,
) {
    let fresh = by_slug(&upstream.fresh(report), table);
    let mut held = by_slug(host, table);
    for (slug, row) in &fresh {
        assert_eq!(held.remove(slug).as_ref(), Some(row), "{table}: {slug}");
    }
    upstream.change(|world| {
        for (slug, row) in held {
            let Value::Text(build) = &row[build_column] else { panic!() };
            let build = &world.builds[build];
            assert!(may_stay(world, &slug, build), "{table}: {slug} of {build:?} is gone");
        }
    });
}

fn is_deleted(world: &World, slug: &str, build: &Build) -> bool {
    world.deleted.contains(slug) || world.deleted.contains(&build.slug)
}

fn is_forgotten(world: &World, build: &Build, kept: i64) -> bool {
    build.triggered <= world.now - kept * DAY
}

/// A month, after seven months of history, at a build every few hours.
fn simulate(seed: u64) {
    let random = &mut StdRng::seed_from_u64(seed);
    let windows = &mut StdRng::seed_from_u64(seed);
    let upstream = Upstream::new(&APPS, "2026-03-01T06:00:00Z");
    upstream.change(|world| world.page_size = 8);
    let mut previous = second("2025-07-20T00:00:00Z");
    let mut hosts: BTreeMap<&str, MemoryHost> = BTreeMap::new();
    for run in 0..16 {
        upstream.change(|world| {
            // Mostly in the morning, on the next day or the one after; once a week away.
            let days = if run == 9 { 8 } else { random.random_range(1..3) };
            world.now += days * DAY + random.random_range(-2 * HOUR..2 * HOUR);
            // What comes after the run began is there too, half an hour of it.
            trigger(world, random, previous, world.now + HOUR / 2, 2);
            trigger_just_now(world, random);
            previous = world.now + HOUR / 2;
            change(world, random);
        });
        for report in REPORTS {
            let (name, table, kept, _) = report;
            let host = hosts.entry(name).or_default();
            if run % 6 == 5 {
                let before = by_slug(host, table);
                upstream.pump_all(host, name).unwrap();
                // What Bitrise forgot, and nobody deleted, is still there.
                let after = by_slug(host, table);
                upstream.change(|world| {
                    for slug in before.keys().filter(|slug| !after.contains_key(*slug)) {
                        let build = slug.split('-').next().unwrap();
                        assert!(is_deleted(world, slug, &world.builds[build]), "{table}: {slug}");
                    }
                });
                // What is gone from a week that is wholly kept is gone here too.
                compare(&upstream, host, report, |world, slug, build| {
                    let fades = monday(build.triggered) < world.now - (kept - 1) * DAY;
                    is_forgotten(world, build, kept) || fades && is_deleted(world, slug, build)
                });
            } else {
                if windows.random_range(0..3) == 0 {
                    let now = upstream.change(|world| world.now);
                    let since = now - windows.random_range(0..80 * DAY);
                    let until = since + windows.random_range(1..20 * DAY);
                    upstream.pump_window(host, name, since, until).unwrap();
                }
                upstream.pump(host, name).unwrap();
                compare(&upstream, host, report, |world, slug, build| {
                    is_forgotten(world, build, kept) || is_deleted(world, slug, build)
                });
            }
            // The same again changes nothing.
            let before = host.clone();
            upstream.pump(host, name).unwrap();
            assert!(*host == before, "{table}: a second run changed it");
        }
    }
    let world = upstream.0.borrow();
    let held = by_slug(&hosts["builds"], "bitrise_builds");
    let forgotten = |build: &&Build| is_forgotten(&world, build, 200);
    let kept_on = world.builds.values().filter(forgotten).filter(|b| held.contains_key(&b.slug));
    assert!(kept_on.count() > 20, "builds that Bitrise forgot stay");
    assert!(world.deleted.iter().any(|slug| world.builds.contains_key(slug)));
    assert!(held.values().any(|row| row.contains(&Value::Boolean(true))));
}

#[test]
fn days_go_by_and_the_tables_are_what_a_full_run_gives() {
    for seed in [1, 2, 3] {
        simulate(seed);
    }
}

#[test]
fn a_build_that_runs_over_the_end_of_its_week_is_read_to_its_end() {
    let upstream = Upstream::new(&APPS[..1], "2026-03-02T02:00:00Z");
    upstream.change(|world| {
        let slug = world.put_settled(APPS[0], second("2026-03-01T23:00:00Z"));
        world.build(&slug).runs.as_mut().unwrap()[2] = second("2026-03-02T05:00:00Z");
    });
    for (report, table, ..) in REPORTS {
        upstream.change(|world| world.now = second("2026-03-02T02:00:00Z"));
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, report).unwrap();
        let before = host.clone();
        upstream.pass(4 * HOUR);
        upstream.pump(&mut host, report).unwrap();
        assert!(host != before, "{table}");
        assert_eq!(host, upstream.fresh(report));
    }
}

#[test]
fn a_status_without_an_end_is_not_the_last_word() {
    let upstream = Upstream::new(&APPS[..1], "2026-03-01T06:00:00Z");
    let slug = upstream.change(|world| {
        (0..6).for_each(|n| drop(world.put_settled(APPS[0], world.now - DAY - n)));
        let slug = world.put_settled(APPS[0], world.now - HOUR / 2);
        world.build(&slug).runs.as_mut().unwrap()[2] = world.now + 3 * HOUR;
        slug
    });
    for (report, table, ..) in REPORTS {
        upstream.change(|world| world.now = second("2026-03-01T06:00:00Z"));
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, report).unwrap();
        if report == "builds" {
            let status = host.select(table, &["slug", "status", "finished_at"]).pop().unwrap();
            assert_eq!(status, [Value::Text(slug.clone()), Value::Int64(1), Value::Null]);
        }
        upstream.pass(DAY);
        upstream.pump(&mut host, report).unwrap();
        assert_eq!(host, upstream.fresh(report));
        assert_eq!(host.rows(table).len(), 7);
    }
}

#[test]
fn what_bitrise_forgot_stays_through_any_number_of_full_runs() {
    let upstream = Upstream::new(&APPS[..1], "2026-03-01T06:00:00Z");
    let begin = second("2026-01-01T00:00:00Z");
    upstream.change(|world| {
        for hour in 0..20 * 24 {
            world.put_settled(APPS[0], begin + hour * HOUR);
        }
    });
    for (report, table, kept, _) in REPORTS {
        let mut host = MemoryHost::new();
        upstream.change(|world| world.now = second("2026-03-01T06:00:00Z"));
        upstream.pump(&mut host, report).unwrap();
        let all = host.clone();
        assert_eq!(host.rows(table).len(), 20 * 24);
        upstream.change(|world| world.now = begin + (kept - 1) * DAY);
        // Every seven hours, while week after week fades: each limit falls elsewhere.
        for _ in 0..24 * 24 / 7 {
            upstream.pass(7 * HOUR);
            upstream.pump_all(&mut host, report).unwrap();
            assert!(host == all, "{table}");
        }
        assert!(upstream.fresh(report).rows(table).is_empty(), "{table}: all is forgotten");
    }
}

#[test]
fn a_deletion_is_followed_by_the_next_full_run_in_weeks_that_are_wholly_kept() {
    let upstream = Upstream::new(&APPS[..1], "2026-03-01T06:00:00Z");
    for (report, table, kept, _) in REPORTS {
        let mut host = MemoryHost::new();
        let now = second("2026-03-01T06:00:00Z");
        let whole = monday(now - (kept - 1) * DAY) + 7 * DAY;
        let [fading, old, new] = upstream.change(|world| {
            [whole - 1, whole, now - DAY].map(|triggered| world.put_settled(APPS[0], triggered))
        });
        let of = |build: &str| match report {
            "builds" => build.to_owned(),
            _ => format!("artifact-{build}-1"),
        };
        upstream.pump(&mut host, report).unwrap();
        upstream.change(|world| world.deleted.extend([&fading, &old, &new].map(|slug| of(slug))));
        upstream.pump(&mut host, report).unwrap();
        for slug in [&fading, &old, &new] {
            assert!(by_slug(&host, table).contains_key(&of(slug)), "nothing tells of {slug}");
        }
        upstream.pump_all(&mut host, report).unwrap();
        let there = [&fading, &old, &new].map(|slug| by_slug(&host, table).contains_key(&of(slug)));
        assert_eq!(there, [true, false, false], "{table}");
    }
}

#[test]
fn a_window_reads_its_weeks_again_also_when_they_are_settled() {
    let upstream = Upstream::new(&APPS[..1], "2026-03-01T06:00:00Z");
    let triggered = second("2026-01-20T06:00:00Z");
    let slug = upstream.change(|world| world.put_settled(APPS[0], triggered));
    for (report, table, ..) in REPORTS {
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, report).unwrap();
        let once = host.clone();
        upstream.change(|world| {
            let build = world.build(&slug);
            build.outcome += 1;
            build.artifacts.push(format!("{slug}-late-{report}"));
        });
        upstream.pump(&mut host, report).unwrap();
        assert!(host == once, "{table}: the week is settled");
        upstream.pump_window(&mut host, report, triggered - DAY, triggered).unwrap();
        assert!(host == upstream.fresh(report), "{table}");
        assert!(host != once, "{table}");
    }
}

#[test]
fn a_window_of_which_bitrise_keeps_nothing_is_refused_with_the_reason() {
    let upstream = Upstream::new(&APPS[..1], "2026-03-01T06:00:00Z");
    let (since, until) = (second("2025-01-01T00:00:00Z"), second("2025-02-01T00:00:00Z"));
    for (report, _, kept, _) in REPORTS {
        let mut host = MemoryHost::new();
        let failure = upstream.pump_window(&mut host, report, since, until).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Config);
        assert!(failure.message.contains(&format!("for {kept} days")), "{failure}");
        assert!(failure.message.contains("2025-01-01T00:00:00Z to 2025-02-01"), "{failure}");
    }
}

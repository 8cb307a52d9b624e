// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What runs cost: the formulas of the plugin's documentation, against what a Bitrise is asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use test_dashboard_sdk::testing::MemoryHost;
use upstream::{DAY, Upstream, second};

/// A Wednesday.
const NOW: &str = "2026-02-25T06:00:00Z";
const HOUR: i64 = 3_600;

/// Apps with a settled build at each whole number of minutes, from so many days ago up to an
/// hour ago.
fn busy(apps: &[&str], days: i64, minutes: i64) -> Upstream {
    let upstream = Upstream::new(apps, NOW);
    upstream.change(|world| {
        for app in apps {
            for n in (HOUR / 60 / minutes)..(days * 24 * 60 / minutes) {
                let triggered = world.now - n * minutes * 60;
                world.put_settled(app, triggered);
            }
        }
    });
    upstream
}

/// Lets a day pass, with a build every so many minutes up to an hour before its end.
fn a_day_later(upstream: &Upstream, apps: &[&str], minutes: i64) {
    upstream.change(|world| {
        let from = world.now - HOUR + 1;
        world.now += DAY;
        for app in apps {
            for triggered in (from..world.now - HOUR).step_by((minutes * 60) as usize) {
                world.put_settled(app, triggered);
            }
        }
    });
}

fn pages(items: usize) -> usize {
    items.div_ceil(50).max(1)
}

/// How many builds of an app the API holds that were triggered in a time.
fn triggered(upstream: &Upstream, app: &str, from: i64, to: i64) -> usize {
    upstream.change(|world| {
        let builds = world.builds.values();
        builds
            .filter(|b| b.app == app && from < b.triggered && b.triggered < to && world.has(b))
            .count()
    })
}

/// The pages of the lists of every week that may be kept.
fn pages_of_all_weeks(upstream: &Upstream, app: &str, kept: i64) -> usize {
    let now = second(NOW);
    let mut monday = second("2026-02-23T00:00:00Z");
    let mut all = 0;
    while monday + 7 * DAY > now - (kept + 1) * DAY {
        let (from, to) = (monday - HOUR, monday + 7 * DAY + HOUR);
        all += pages(triggered(upstream, app, from, to));
        monday -= 7 * DAY;
    }
    all
}

#[test]
fn builds_cost_what_the_formula_says_and_a_day_a_hundredth_of_the_first_load() {
    // 100 builds a day and app, as in a team of 20,000 builds.
    let apps = ["fenix-app", "focus-app"];
    let upstream = busy(&apps, 100, 15);
    let mut host = MemoryHost::new();
    let first = upstream.pump(&mut host, "builds").unwrap().len();
    let lists: usize = apps.iter().map(|app| pages_of_all_weeks(&upstream, app, 200)).sum();
    assert_eq!(first, 1 + lists);

    let watermark = upstream.change(|world| world.builds.values().map(|b| b.triggered).max());
    a_day_later(&upstream, &apps, 15);
    let second = upstream.pump(&mut host, "builds").unwrap().len();
    let new = triggered(&upstream, apps[0], watermark.unwrap() - HOUR, i64::MAX);
    assert_eq!(second, 1 + 2 * pages(new));
    assert!(first > 40 * second, "{first} requests for the first load, {second} for a day");
    assert_eq!(host, upstream.fresh("builds"));
}

#[test]
fn artifacts_are_asked_for_once_per_settled_build() {
    let apps = ["fenix-app"];
    let upstream = busy(&apps, 30, 60);
    // One build with more artifacts than a page holds.
    let many: Vec<String> = (0..101).map(|n| format!("many-{n}")).collect();
    upstream.change(|world| {
        let slug = world.builds.keys().next().unwrap().clone();
        world.build(&slug).artifacts = many;
    });
    let mut host = MemoryHost::new();
    let first = upstream.pump(&mut host, "build-artifacts").unwrap().len();
    let settled = upstream.change(|world| world.builds.len());
    assert_eq!(first, pages_of_all_weeks(&upstream, apps[0], 90) + settled + 2);

    a_day_later(&upstream, &apps, 60);
    let asked = upstream.pump(&mut host, "build-artifacts").unwrap();
    let new = upstream.change(|world| world.builds.len()) - settled;
    assert_eq!((new, asked.len()), (24, 1 + 24));
    let twice = upstream.pump(&mut host, "build-artifacts").unwrap();
    assert_eq!(twice.len(), 1, "nothing is new: {twice:#?}");
    assert!(first > 10 * asked.len());
    assert_eq!(host, upstream.fresh("build-artifacts"));
}

#[test]
fn a_turn_of_the_week_reads_two_weeks_once() {
    let upstream = Upstream::new(&["fenix-app"], "2026-03-01T23:50:00Z");
    upstream.change(|world| world.put_settled("fenix-app", world.now - DAY));
    for report in ["builds", "build-artifacts"] {
        upstream.change(|world| world.now = second("2026-03-01T23:50:00Z"));
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, report).unwrap();
        let lists = |asked: Vec<String>| asked.iter().filter(|url| url.contains("after=")).count();
        assert_eq!(lists(upstream.pump(&mut host, report).unwrap()), 1);
        // Half an hour into Monday a build of Sunday may still become visible.
        upstream.pass(HOUR * 2 / 3);
        assert_eq!(lists(upstream.pump(&mut host, report).unwrap()), 2);
        upstream.pass(HOUR);
        assert_eq!(lists(upstream.pump(&mut host, report).unwrap()), 2);
        assert_eq!(lists(upstream.pump(&mut host, report).unwrap()), 1);
    }
}

#[test]
fn a_build_on_hold_costs_one_request_a_day_and_no_lists() {
    let upstream = busy(&["fenix-app"], 14, 60);
    let begin = second("2026-02-10T00:00:00Z");
    let held = upstream.change(|world| {
        let slug = world.put_settled("fenix-app", begin + 60);
        world.build(&slug).runs = None;
        slug
    });
    let by_name = format!("/apps/fenix-app/builds/{held}");
    let mut builds = MemoryHost::new();
    let mut artifacts = MemoryHost::new();
    upstream.pump(&mut builds, "builds").unwrap();
    let first = upstream.pump(&mut artifacts, "build-artifacts").unwrap();
    assert!(!first.iter().any(|url| url.contains(&held)), "it produced nothing yet");
    let asked = upstream.pump(&mut builds, "builds").unwrap();
    assert_eq!(asked.len(), 3, "apps, the present week, the build: {asked:#?}");
    assert!(asked.contains(&by_name), "{asked:#?}");

    upstream.change(|world| world.build(&held).runs = Some([world.now, world.now, world.now]));
    assert_eq!(upstream.pump(&mut builds, "builds").unwrap().len(), 3);
    let asked = upstream.pump(&mut artifacts, "build-artifacts").unwrap();
    assert_eq!(asked.len(), 3, "the present week, the build, what it produced: {asked:#?}");
    assert!(asked.contains(&format!("{by_name}/artifacts?limit=50")), "{asked:#?}");
    assert_eq!(builds, upstream.fresh("builds"));
    assert_eq!(artifacts, upstream.fresh("build-artifacts"));
    assert_eq!(upstream.pump(&mut builds, "builds").unwrap().len(), 2);
    assert_eq!(upstream.pump(&mut artifacts, "build-artifacts").unwrap().len(), 1);
}

#[test]
fn the_list_of_apps_is_read_to_the_last_that_is_wanted() {
    let names: Vec<String> = (0..120).map(|n| format!("app-{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let upstream = Upstream::new(&names, NOW);
    for (last, pages) in [("app-049", 1), ("app-050", 2), ("app-119", 3)] {
        let http = upstream.http();
        let mut request = upstream.request("builds", &http);
        request.context.settings_json = format!(r#"{{"app-slugs": ["{last}", "app-000"]}}"#);
        let mut host = MemoryHost::new();
        host.run::<test_dashboard_bitrise::Bitrise>(&request).unwrap();
        let asked = http.requests();
        assert_eq!(asked.iter().filter(|url| url.contains("/apps?")).count(), pages);
        assert_eq!(upstream::slugs(&host, "bitrise_apps"), ["app-000", last]);
    }
}

#[test]
fn requests_are_made_one_after_the_other_and_ask_for_whole_pages() {
    let upstream = busy(&["fenix-app"], 14, 60);
    let asked = upstream.pump(&mut MemoryHost::new(), "builds").unwrap();
    assert_eq!(
        asked[..3],
        [
            "/apps?limit=50",
            // The week from 2026-02-23 to 2026-03-01, and an hour more at both ends.
            "/apps/fenix-app/builds?sort_by=created_at&after=1771801200&before=1772413200&limit=50",
            "/apps/fenix-app/builds?sort_by=created_at&after=1771801200&before=1772413200&limit=50&next=0000000000000033",
        ]
    );
}

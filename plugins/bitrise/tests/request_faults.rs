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

use test_dashboard_sdk::testing::{MemoryHost, Reply};
use test_dashboard_sdk::{Failure, FailureKind};
use upstream::{DAY, Upstream, by_slug, slugs};

const APP: &str = "fenix-app";
const BUILDS: &str = "bitrise_builds";
const ARTIFACTS: &str = "bitrise_artifacts";
const HOUR: i64 = DAY / 24;

/// What a request is answered with, and what the run that meets it fails with.
fn faults() -> Vec<(Reply, FailureKind)> {
    let error = |status| Reply::json(status, r#"{"message": "Not now"}"#);
    vec![
        (error(404), FailureKind::NotFound),
        (error(410), FailureKind::NotFound),
        (error(400), FailureKind::UnexpectedResponse),
        (error(403), FailureKind::Auth),
        (error(500), FailureKind::Transient),
        (Reply::text(200, "text/html", "<html>Just a moment…"), FailureKind::UnexpectedResponse),
        (Reply::json(200, r#"{"data": [{"slug": "#), FailureKind::UnexpectedResponse),
    ]
}

/// Twenty builds of a week, and five of the week before. It is Saturday.
fn settled() -> Upstream {
    let upstream = Upstream::new(&[APP], "2026-02-28T06:00:00Z");
    upstream.change(|world| {
        for n in 1..=25 {
            let hours = if n <= 20 { n * 5 } else { n * 8 };
            world.put_settled(APP, world.now - hours * HOUR);
        }
    });
    upstream
}

/// Twenty builds that were on hold in an earlier run, have run since, and are older than what a
/// later run lists.
fn held(host: &mut MemoryHost, report: &str) -> Upstream {
    let upstream = Upstream::new(&[APP], "2026-02-28T06:00:00Z");
    let held = upstream.change(|world| {
        world.put_settled(APP, world.now - HOUR);
        let held = (1..=20).map(|n| world.put_settled(APP, world.now - 2 * DAY - n * HOUR));
        let held: Vec<String> = held.collect();
        held.iter().for_each(|slug| world.build(slug).runs = None);
        held
    });
    upstream.pump(host, report).unwrap();
    upstream.change(|world| {
        for slug in held {
            world.build(&slug).runs = Some([world.now, world.now + 30, world.now + 600]);
        }
        world.now += HOUR;
    });
    upstream
}

/// Runs with an answer in place of those that are `met`, and then without.
fn meet(
    upstream: &Upstream,
    (host, report): (&mut MemoryHost, &str),
    met: impl Fn(&str) -> bool + 'static,
    reply: &Reply,
) -> Result<(), Failure> {
    let (before, whole) = (host.clone(), upstream.fresh(report));
    let answer = reply.clone();
    upstream.fault(move |_, url| met(url).then(|| answer.clone()));
    let outcome = upstream.pump(host, report).map(|_| ());
    for table in [BUILDS, ARTIFACTS] {
        let (before, whole) = (by_slug(&before, table), by_slug(&whole, table));
        for (slug, row) in by_slug(host, table) {
            assert!([whole.get(&slug), before.get(&slug)].contains(&Some(&row)), "{slug}");
        }
    }
    if outcome.is_ok() {
        assert_eq!(*host, whole, "{reply:?}");
    }
    let with_fault = host.clone();
    upstream.no_fault();
    upstream.pump(host, report).unwrap();
    assert_eq!(*host, whole, "the next run, after {reply:?}");
    *host = with_fault;
    outcome
}

#[test]
fn artifacts_of_a_listed_build_that_are_not_found_are_no_deletion() {
    for (reply, kind) in faults() {
        for is_one in [true, false] {
            let (upstream, mut host) = (settled(), MemoryHost::new());
            let one = upstream.change(|world| world.builds.keys().nth(7).unwrap().clone());
            let path = if is_one { format!("/{one}/artifacts") } else { "/artifacts".into() };
            let run = (&mut host, "build-artifacts");
            let failure = meet(&upstream, run, move |url| url.contains(&path), &reply).unwrap_err();
            assert_eq!(failure.kind, kind, "{failure}");
            if is_one {
                assert!(failure.message.contains(&one), "{failure}");
            }
            if kind == FailureKind::NotFound {
                let missing = if is_one { 1 } else { 20 };
                assert!(failure.message.starts_with(&format!("{missing} of 20 ")), "{failure}");
                // The partition after it is not read by this host, which stops at a failure.
                assert_eq!(host.rows(ARTIFACTS).len(), 20 - missing);
            }
        }
    }
}

#[test]
fn artifacts_that_stay_missing_cost_no_other_row_and_end_with_their_retention() {
    let upstream = Upstream::new(&[APP], "2026-02-23T06:00:00Z");
    let lost = upstream.change(|world| {
        world.put_settled(APP, world.now - 2 * HOUR);
        world.put_settled(APP, world.now - HOUR)
    });
    let path = format!("/{lost}/artifacts");
    upstream.fault(move |_, url| {
        url.contains(&path).then(|| Reply::json(404, r#"{"message": "Not Found"}"#))
    });
    let mut host = MemoryHost::new();
    for day in 0..5 {
        let failure = upstream.pump(&mut host, "build-artifacts").unwrap_err();
        assert!(failure.message.starts_with("1 of "), "{failure}");
        assert!(failure.message.contains(&format!("found: build {lost}.")), "{failure}");
        assert_eq!(host.rows(ARTIFACTS).len(), 1 + day);
        let before = host.clone();
        upstream.pump_all(&mut host, "build-artifacts").unwrap_err();
        assert_eq!(host, before, "a full refresh takes nothing away");
        upstream.pass(DAY);
        upstream.change(|world| world.put_settled(APP, world.now - HOUR));
    }
    upstream.pass(86 * DAY);
    upstream.pump(&mut host, "build-artifacts").unwrap();
    assert_eq!(host.rows(ARTIFACTS).len(), 5 + 1);
    let asked = upstream.pump(&mut host, "build-artifacts").unwrap();
    assert!(!asked.iter().any(|url| url.contains(&lost)), "{asked:?}");
}

#[test]
fn a_build_that_its_own_address_has_not_is_taken_from_the_list_of_its_week() {
    for report in ["builds", "build-artifacts"] {
        for (reply, kind) in faults() {
            for is_one in [true, false] {
                let mut host = MemoryHost::new();
                let upstream = held(&mut host, report);
                let one = upstream.change(|world| world.builds.keys().nth(7).unwrap().clone());
                let met = move |url: &str| {
                    let slug = url.rsplit_once("/builds/").map(|(_, slug)| slug);
                    slug.is_some_and(|slug| !slug.contains('/') && (!is_one || slug == one))
                };
                match (kind, meet(&upstream, (&mut host, report), met, &reply)) {
                    (FailureKind::NotFound, outcome) => assert_eq!(outcome, Ok(())),
                    (kind, outcome) => assert_eq!(outcome.unwrap_err().kind, kind),
                }
            }
        }
    }
}

#[test]
fn an_app_that_is_not_found_fails_its_weeks_and_takes_nothing_away() {
    for (report, part) in
        [("builds", "/builds?"), ("build-artifacts", "/builds?"), ("builds", "/apps?")]
    {
        for (reply, kind) in faults() {
            let (upstream, mut host) = (settled(), MemoryHost::new());
            upstream.pump(&mut host, report).unwrap();
            let before = slugs(&host, BUILDS);
            upstream.change(|world| world.put_settled(APP, world.now - HOUR));
            let run = (&mut host, report);
            let failure = meet(&upstream, run, move |url| url.contains(part), &reply).unwrap_err();
            assert_eq!(failure.kind, kind);
            assert!(failure.message.contains("/apps"), "{failure}");
            assert_eq!(slugs(&host, BUILDS), before);
        }
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `issue-regression`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use serde_json::{Value as Json, json};
use test_dashboard_github::GitHub;
use test_dashboard_sdk::testing::MemoryHost;
use test_dashboard_sdk::{Date, Timestamp, Value, time};
use upstream::{Upstream, issue, with_labels};

const BUG: &str = "🐞 bug";

fn bug(number: i64, created_at: &str, closed_at: Option<&str>) -> Json {
    let mut bug = with_labels(issue(number, "2026-02-28T00:00:00Z"), &[BUG, "other"]);
    bug["created_at"] = json!(created_at);
    bug["closed_at"] = json!(closed_at);
    bug
}

fn run(upstream: &Upstream, host: &mut MemoryHost, since: Option<&str>, until: Option<&str>) {
    let moment = |text: &str| text.parse::<Timestamp>().unwrap();
    let mut request = upstream.request("issue-regression");
    request.since = since.map(moment);
    request.until = until.map(moment);
    host.run::<GitHub>(&request).unwrap();
}

/// Day, opened, closed and open at its end, for one label.
fn counts(host: &MemoryHost, label: &str) -> Vec<(String, i64, i64, i64)> {
    let columns = ["day", "label", "opened", "closed", "open_at_end"];
    let rows = host.select("github_issue_regression", &columns);
    let counts = rows.into_iter().filter_map(|row| match &row[..] {
        [Value::Date(day), Value::Text(of), Value::Int64(o), Value::Int64(c), Value::Int64(e)] => {
            (of == label).then(|| (date(*day).to_string(), *o, *c, *e))
        }
        other => panic!("{other:?}"),
    });
    counts.collect()
}

fn date(days: i32) -> Date {
    time::day_of(time::from_epoch_seconds(i64::from(days) * 86_400).unwrap())
}

fn days(counts: &[(&str, i64, i64, i64)]) -> Vec<(String, i64, i64, i64)> {
    counts.iter().map(|(day, o, c, e)| ((*day).to_owned(), *o, *c, *e)).collect()
}

#[test]
fn an_issue_is_open_from_its_day_to_the_day_before_it_closes() {
    let upstream = Upstream::new(vec![
        bug(1, "2026-02-10T00:00:00Z", Some("2026-02-11T23:59:59Z")),
        bug(2, "2026-02-10T23:59:59Z", Some("2026-02-12T00:00:00Z")),
        bug(3, "2026-02-11T12:00:00Z", Some("2026-02-11T13:00:00Z")),
        bug(4, "2025-01-01T00:00:00Z", None),
        bug(5, "2025-01-01T00:00:00Z", Some("2026-02-09T10:00:00Z")),
        bug(6, "2025-01-01T00:00:00Z", Some("2026-02-13T00:00:00Z")),
        bug(7, "2026-02-13T00:00:00Z", None),
    ]);
    let mut host = MemoryHost::new();
    run(&upstream, &mut host, Some("2026-02-09T00:00:00Z"), Some("2026-02-13T00:00:00Z"));
    let expected = days(&[
        ("2026-02-09", 0, 1, 2),
        ("2026-02-10", 2, 0, 4),
        ("2026-02-11", 1, 2, 3),
        ("2026-02-12", 0, 1, 2),
    ]);
    assert_eq!(counts(&host, BUG), expected);
    let nothing = |day| (day, 0, 0, 0);
    let quiet = ["2026-02-09", "2026-02-10", "2026-02-11", "2026-02-12"].map(nothing);
    assert_eq!(counts(&host, "P1"), days(&quiet));
}

#[test]
fn windows_that_overlap_agree_and_a_day_is_always_whole() {
    let upstream = Upstream::new(
        (1..=9)
            .map(|n| {
                let closed = format!("2026-02-{:02}T06:00:00Z", 2 * n + 1);
                bug(n, &format!("2026-02-{n:02}T18:00:00Z"), (n % 2 == 0).then_some(&closed))
            })
            .collect(),
    );
    let mut whole = MemoryHost::new();
    run(&upstream, &mut whole, Some("2026-02-01T00:00:00Z"), Some("2026-02-21T00:00:00Z"));
    let mut parts = MemoryHost::new();
    run(&upstream, &mut parts, Some("2026-02-05T12:00:00Z"), Some("2026-02-20T12:00:00Z"));
    run(&upstream, &mut parts, Some("2026-02-01T09:00:00Z"), Some("2026-02-09T00:00:01Z"));
    assert_eq!(parts, whole);
    run(&upstream, &mut parts, Some("2026-02-01T09:00:00Z"), Some("2026-02-09T00:00:01Z"));
    assert_eq!(parts, whole);
}

#[test]
fn pull_requests_do_not_count_and_pages_are_read_to_the_end() {
    let mut issues: Vec<Json> =
        (1..=7).map(|n| bug(n, &format!("2026-02-1{n}T00:00:00Z"), None)).collect();
    issues[3]["pull_request"] = json!({});
    for upstream in [Upstream::new(issues.clone()), Upstream::new(issues).counted()] {
        let mut host = MemoryHost::new();
        run(&upstream, &mut host, Some("2026-02-20T00:00:00Z"), Some("2026-02-21T00:00:00Z"));
        assert_eq!(counts(&host, BUG), days(&[("2026-02-20", 0, 0, 6)]));
    }
}

#[test]
fn without_a_window_it_is_thirty_days_with_today() {
    let upstream =
        Upstream::new(vec![bug(1, "2026-02-28T23:00:00Z", Some("2026-03-01T05:00:00Z"))]);
    let mut host = MemoryHost::new();
    run(&upstream, &mut host, None, None);
    let counts = counts(&host, BUG);
    assert_eq!(counts.len(), 30);
    assert_eq!(counts[0], ("2026-01-31".into(), 0, 0, 0));
    assert_eq!(counts[28], ("2026-02-28".into(), 1, 0, 1));
    assert_eq!(counts[29], ("2026-03-01".into(), 0, 1, 0));
}

#[test]
fn days_that_have_not_come_yet_are_left_out() {
    let upstream = Upstream::new(vec![]);
    let mut host = MemoryHost::new();
    run(&upstream, &mut host, Some("2026-02-28T00:00:00Z"), Some("2026-04-01T00:00:00Z"));
    assert_eq!(counts(&host, BUG).len(), 2);
    let mut host = MemoryHost::new();
    run(&upstream, &mut host, Some("2026-05-01T00:00:00Z"), None);
    assert_eq!(counts(&host, BUG), []);
}

#[test]
fn an_issue_closed_before_it_was_opened_is_never_open() {
    let upstream =
        Upstream::new(vec![bug(1, "2026-02-11T00:00:00Z", Some("2026-02-10T00:00:00Z"))]);
    let mut host = MemoryHost::new();
    run(&upstream, &mut host, Some("2026-02-09T00:00:00Z"), Some("2026-02-13T00:00:00Z"));
    let open: Vec<i64> = counts(&host, BUG).into_iter().map(|(_, _, _, open)| open).collect();
    assert_eq!(open, [0, 0, 0, 0]);
}

#[test]
fn a_full_run_counts_every_day_since_the_first_issue_with_the_label() {
    let upstream = Upstream::new(vec![
        bug(1, "2025-11-03T12:00:00Z", Some("2025-11-05T00:00:00Z")),
        bug(2, "2026-02-20T00:00:00Z", None),
    ]);
    let mut host = MemoryHost::new();
    run(&upstream, &mut host, Some("2025-11-01T00:00:00Z"), None);
    run(&upstream, &mut host, None, None);
    let full = |host: &mut MemoryHost| {
        let mut request = upstream.request("issue-regression");
        request.full = true;
        host.run::<GitHub>(&request).unwrap();
    };
    // Given the label only now, so the days that no run counts any more do not know of it.
    upstream.change(|issues| issues.push(bug(3, "2025-11-04T00:00:00Z", None)));
    run(&upstream, &mut host, None, None);
    assert_eq!(counts(&host, BUG)[3], ("2025-11-04".into(), 0, 0, 1));
    full(&mut host);
    let mut fresh = MemoryHost::new();
    full(&mut fresh);
    assert_eq!(host, fresh);

    let counts = counts(&host, BUG);
    let expected = [("2025-11-03", 1, 0, 1), ("2025-11-04", 1, 0, 2), ("2025-11-05", 0, 1, 1)];
    assert_eq!(counts[..3], days(&expected));
    assert_eq!(counts.len(), 28 + 31 + 31 + 28 + 1, "each day to the first of March");
    assert_eq!(self::counts(&host, "P1").len(), 30, "a label that no issue has");
}

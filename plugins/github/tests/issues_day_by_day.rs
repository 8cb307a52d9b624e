// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `issues`, against a GitHub whose issues change, move away and are deleted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod moving;
mod upstream;

use std::collections::BTreeSet;

use moving::{BEGIN, DAY, Dice, faults, int, time};
use serde_json::{Value as Json, json};
use test_dashboard_github::GitHub;
use test_dashboard_sdk::testing::{FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Request, Value};
use upstream::{Upstream, issue, repository, with_labels};

const LABELS: [&str; 6] = ["P1", "p1", "crash", "🐞 bug", "needs:triage", "a11y"];

fn some_labels(dice: &mut Dice) -> Vec<&'static str> {
    LABELS.into_iter().filter(|_| dice.one_in(3)).collect()
}

/// The issues on one day, which begins at that second.
fn a_day_of_issues(issues: &mut Vec<Json>, gone: &mut BTreeSet<i64>, day: i64, dice: &mut Dice) {
    for _ in 0..dice.below(4) {
        let number = i64::try_from(issues.len() + gone.len()).unwrap() + 1;
        let at = time(day + dice.below(DAY));
        let mut new = with_labels(issue(number, &at), &some_labels(dice));
        new["created_at"] = json!(at);
        issues.push(new);
    }
    for _ in 0..dice.below(5) {
        let Some(at) = issues.len().checked_sub(1).map(|last| dice.below(last as i64 + 1)) else {
            continue;
        };
        let changed = &mut issues[usize::try_from(at).unwrap()];
        *changed = with_labels(changed.take(), &some_labels(dice));
        changed["updated_at"] = json!(time(day + DAY - 1 - dice.below(600)));
        changed["state"] = json!(if dice.one_in(2) { "closed" } else { "open" });
    }
    if dice.one_in(6) && issues.len() > 3 {
        let removed = issues.remove(usize::try_from(dice.below(issues.len() as i64)).unwrap());
        gone.insert(removed["id"].as_i64().unwrap());
    }
}

fn full(upstream: &Upstream) -> Request {
    Request { full: true, ..upstream.request("issues") }
}

fn fresh(upstream: &Upstream) -> MemoryHost {
    let mut host = MemoryHost::new();
    host.run::<GitHub>(&full(upstream)).unwrap();
    host
}

/// The rows of a table about what is not gone, and that have a label where it is about labels.
fn rows(host: &MemoryHost, table: &str, columns: &[&str], gone: &BTreeSet<i64>) -> Vec<Vec<Value>> {
    let rows = host.select(table, columns).into_iter();
    rows.filter(|row| !gone.contains(&int(row, 0)) && row[1] != Value::Null).collect()
}

#[test]
fn every_day_ends_with_what_a_full_run_reads_but_for_what_was_deleted_and_labels_of_null() {
    let issue_columns =
        ["id", "number", "title", "state", "labels", "created_at", "updated_at", "repository"];
    for seed in 1..=4 {
        let upstream = match seed % 2 {
            0 => Upstream::new(vec![]),
            _ => Upstream::new(vec![]).counted(),
        };
        let (mut host, mut dice, mut gone) = (MemoryHost::new(), Dice::new(seed), BTreeSet::new());
        for day in 0..40 {
            upstream.change(|issues| {
                a_day_of_issues(issues, &mut gone, BEGIN + day * DAY, &mut dice);
            });
            if day % 13 == 12 {
                host.run::<GitHub>(&full(&upstream)).unwrap();
                assert_eq!(host, fresh(&upstream), "seed {seed}, day {day}");
            } else if !dice.one_in(4) {
                if dice.one_in(3) {
                    let (since, until) = dice.window(BEGIN, BEGIN + (day + 1) * DAY);
                    let request = Request { since, until, ..upstream.request("issues") };
                    host.run::<GitHub>(&request).unwrap();
                }
                upstream.pump(&mut host).unwrap();
                let fresh = fresh(&upstream);
                for (table, columns) in [
                    ("github_issues", &issue_columns[..]),
                    ("github_issue_labels", &["issue_id", "label", "position", "label_id"]),
                ] {
                    assert_eq!(
                        rows(&host, table, columns, &gone),
                        rows(&fresh, table, columns, &BTreeSet::new()),
                        "seed {seed}, day {day}, {table}"
                    );
                }
            }
        }
        assert!(host.rows("github_issues").len() > 20 && gone.len() > 2, "seed {seed}");
    }
}

#[test]
fn a_full_run_removes_what_was_deleted_and_leaves_no_label_of_null() {
    for upstream in [Upstream::new(vec![]), Upstream::new(vec![]).counted()] {
        upstream.change(|issues| {
            let at = |n| time(BEGIN + n);
            issues.extend((1..=9).map(|n| with_labels(issue(n, &at(n)), &["P1", "crash"])));
        });
        let mut host = MemoryHost::new();
        upstream.pump(&mut host).unwrap();
        upstream.change(|issues| {
            issues.remove(3);
            issues[0] = with_labels(issue(1, &time(BEGIN + 100)), &["P2"]);
        });
        upstream.pump(&mut host).unwrap();
        let nulls = |host: &MemoryHost| {
            let labels = host.select("github_issue_labels", &["label"]);
            labels.into_iter().filter(|row| row[0] == Value::Null).count()
        };
        assert_eq!((host.rows("github_issues").len(), nulls(&host)), (9, 1));
        host.run::<GitHub>(&full(&upstream)).unwrap();
        assert_eq!((host.rows("github_issues").len(), nulls(&host)), (8, 0));
        assert_eq!(host.rows("github_issue_labels").len(), 7 * 2 + 1);
        // What is known of positions is still right: the next change frees one.
        upstream.change(|issues| {
            issues[1] = with_labels(issue(2, &time(BEGIN + 200)), &["P2"]);
        });
        upstream.pump(&mut host).unwrap();
        assert_eq!(host.rows("github_issue_labels").len(), 7 * 2 + 1);
        assert_eq!(nulls(&host), 1);
    }
}

#[test]
fn a_full_run_removes_nothing_that_slipped_between_two_counted_pages() {
    let mut page = 0;
    let upstream = Upstream::new((1..=9).map(|n| issue(n, &time(BEGIN + n))).collect())
        .counted()
        .after_page(move |issues| {
            page += 1;
            // In the first load nothing happens; then one is deleted, and one moves.
            match page {
                7 => drop(issues.remove(0)),
                8 => issues[0] = issue(2, &time(BEGIN + 100)),
                _ => {}
            }
        });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    assert_eq!(host.rows("github_issues").len(), 9);
    host.run::<GitHub>(&full(&upstream)).unwrap();
    assert_eq!(host.rows("github_issues").len(), 8);
    assert_eq!(host, fresh(&upstream));
}

#[test]
fn a_full_run_that_fails_removes_nothing() {
    for (reply, kind) in faults() {
        for page in [0, 2] {
            let upstream = Upstream::new((1..=9).map(|n| issue(n, &time(BEGIN + n))).collect());
            let mut host = MemoryHost::new();
            upstream.pump(&mut host).unwrap();
            let before = host.clone();
            upstream.change(|issues| issues.truncate(2));
            let reply = reply.clone();
            let lists = std::cell::Cell::new(0);
            let http = FakeHttp::serve(move |request| {
                if !request.url.contains("/issues?") {
                    return Reply::json(200, &repository().to_string());
                }
                match lists.replace(lists.get() + 1) == page {
                    true => reply.clone(),
                    false => Reply::json(200, "[]")
                        .header("link", &format!("<?after={}>; rel=\"next\"", lists.get())),
                }
            });
            let request = Request { full: true, ..upstream::request("issues", &http) };
            assert_eq!(host.run::<GitHub>(&request).unwrap_err().kind, kind);
            assert_eq!(host, before);
        }
    }
}

#[test]
fn a_refresh_asks_for_what_changed_and_costs_a_tenth_of_the_first_load() {
    // Two issues a page.
    let upstream = Upstream::new((1..=60).map(|n| issue(n, &time(BEGIN + n * 3_600))).collect());
    let mut host = MemoryHost::new();
    let mut requests = |request: Request, http: FakeHttp| {
        host.run::<GitHub>(&request).unwrap();
        http.requests().len()
    };
    let mut refresh = |full| {
        let http = upstream.http();
        requests(Request { full, ..upstream::request("issues", &http) }, http)
    };
    let first_load = refresh(false);
    assert_eq!(first_load, 1 + 30);
    // The newest, and the one an hour before.
    assert_eq!(refresh(false), 1 + 1);
    assert!((1 + 1) * 10 <= first_load);
    assert_eq!(refresh(true), 1 + 30);
    upstream.change(|issues| {
        for (number, old) in (2..).zip(&mut issues[1..6]) {
            *old = issue(number, &time(BEGIN + 70 * 3_600 + number));
        }
    });
    assert_eq!(refresh(false), 1 + 4);
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `pull-requests`, against a GitHub whose pull requests change from day to day.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod moving;

use moving::{BEGIN, DAY, Dice, HOUR, Pump, Repository, faults, moment, time};
use serde_json::{Value as Json, json};
use test_dashboard_sdk::testing::Reply;
use test_dashboard_sdk::{FailureKind, Request, Value};

const TABLE: &str = "github_pull_requests";

/// An open pull request with nulls wherever GitHub has them.
fn pull(number: i64, created: i64) -> Json {
    json!({
        "id": 5_000 + number,
        "number": number,
        "title": format!("Pull {number} 🧪"),
        "state": "open",
        "user": null,
        "milestone": null,
        "labels": [],
        "base": {"ref": "main", "sha": "a".repeat(40), "repo": {"full_name": "mozilla-mobile/fenix"}},
        "head": {"ref": "fix", "sha": "b".repeat(40), "repo": null},
        "merge_commit_sha": null,
        "created_at": time(created),
        "updated_at": time(created),
        "closed_at": null,
        "merged_at": null,
        "html_url": format!("https://github.com/mozilla-mobile/fenix/pull/{number}"),
    })
}

impl Repository {
    fn open(&mut self, at: i64) {
        let number = i64::try_from(self.pulls.len() + self.gone.len()).unwrap() + 1;
        self.pulls.insert(5_000 + number, pull(number, at));
    }

    fn touch(&mut self, id: i64, at: i64) {
        let pull = self.pulls.get_mut(&id).unwrap();
        pull["updated_at"] = json!(time(at));
        pull["title"] = json!(format!("Changed at {at}"));
    }

    fn remove(&mut self, id: i64) {
        self.pulls.remove(&id);
        self.gone.insert(id);
    }

    fn a_day_of_pulls(&mut self, dice: &mut Dice) {
        for _ in 0..dice.below(5) {
            let at = self.now + dice.below(DAY);
            self.open(at);
        }
        for _ in 0..dice.below(6) {
            let ids: Vec<i64> = self.pulls.keys().copied().collect();
            let Some(&id) = dice.pick(&ids) else { continue };
            let at = self.now + DAY - 1 - dice.below(HOUR);
            self.touch(id, at);
            let pull = self.pulls.get_mut(&id).unwrap();
            match dice.below(3) {
                0 => pull["labels"] = json!([{"id": 1, "name": "P1"}, "bare", {"name": null}]),
                1 => {
                    pull["state"] = json!("closed");
                    pull["closed_at"] = json!(time(at));
                    pull["merged_at"] = json!(time(at));
                    pull["merge_commit_sha"] = json!("c".repeat(40));
                }
                _ => pull["draft"] = json!(true),
            }
        }
        let ids: Vec<i64> = self.pulls.keys().copied().collect();
        if dice.one_in(9)
            && let Some(&id) = dice.pick(&ids)
        {
            self.remove(id);
        }
        self.now += DAY;
    }
}

/// One with so many pull requests, opened an hour apart, that was not read yet.
fn pump_with(count: i64) -> Pump {
    let pump = Pump::new("pull-requests");
    pump.change(|repository| {
        (0..count).for_each(|n| repository.open(BEGIN + n * HOUR));
        repository.now = BEGIN + (count + 2) * HOUR;
    });
    pump
}

#[test]
fn every_day_ends_with_what_a_full_run_reads_but_for_what_was_deleted() {
    for seed in 1..=4 {
        let (mut pump, mut dice) = (Pump::new("pull-requests"), Dice::new(seed));
        for day in 0..30 {
            pump.change(|repository| repository.a_day_of_pulls(&mut dice));
            if day % 10 == 9 {
                pump.reconcile().unwrap();
                assert_eq!(pump.host, pump.fresh(), "seed {seed}, day {day}");
            } else if !dice.one_in(5) {
                if dice.one_in(3) {
                    pump.a_window(&mut dice).unwrap();
                }
                pump.pump().unwrap();
                let fresh = pump.fresh();
                let expected: Vec<_> = fresh.rows(TABLE).into_iter().cloned().collect();
                assert_eq!(pump.rows_but_gone(TABLE, "id"), expected, "seed {seed}, day {day}");
            }
        }
        assert!(pump.host.rows(TABLE).len() > 20);
        assert!(pump.change(|repository| !repository.gone.is_empty()), "seed {seed}");
    }
}

#[test]
fn a_refresh_asks_for_what_changed_and_costs_a_tenth_of_the_first_load() {
    let mut pump = pump_with(2_050);
    pump.change(|repository| repository.per_page = 100);
    pump.pump().unwrap();
    assert_eq!(pump.asked().len(), 1 + 21);
    assert!(pump.asked()[1].ends_with("pulls?per_page=100&state=all&sort=created&direction=asc"));

    pump.pump().unwrap();
    assert_eq!(pump.asked().len(), 1 + 1);
    pump.change(|repository| {
        repository.now += DAY;
        let now = repository.now;
        (1..=30).for_each(|n| repository.touch(5_000 + n * 7, now - n));
    });
    pump.pump().unwrap();
    // One page has the thirty, and what had changed last before them.
    assert_eq!(pump.asked().len(), 1 + 1);
    pump.change(|repository| {
        repository.now += DAY;
        let now = repository.now;
        (1..=130).for_each(|n| repository.touch(5_000 + n * 7, now - n));
    });
    pump.pump().unwrap();
    // The last thirty of the day before were within an hour of its newest.
    assert_eq!(pump.asked().len(), 1 + (130 + 30) / 100 + 1);
    pump.reconcile().unwrap();
    assert_eq!(pump.asked().len(), 1 + 2 * 21);
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn what_changes_while_the_list_is_read_is_there_after_the_next_run() {
    let mut pump = pump_with(40);
    pump.pump().unwrap();
    pump.change(|repository| {
        repository.now += DAY;
        let now = repository.now;
        (1..=20).for_each(|n| repository.touch(5_000 + n, now - HOUR * 5 - n));
    });
    // The deepest of those that changed, and one beyond, move to the front one by one.
    pump.intercept(|asked, _, repository| {
        if asked > 1 {
            let now = repository.now;
            repository.touch(5_000 + 20 + i64::try_from(asked).unwrap(), now - 60);
            repository.touch(5_020 - i64::try_from(asked).unwrap(), now - 60);
        }
        None
    });
    pump.pump().unwrap();
    pump.undisturbed();
    pump.change(|repository| repository.now += DAY);
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_first_load_during_which_something_changes_is_completed_by_the_next_run() {
    let mut pump = pump_with(30);
    pump.intercept(|asked, _, repository| {
        if asked == 4 {
            let now = repository.now;
            repository.touch(5_001, now + 30);
            repository.open(now + 40);
        }
        None
    });
    pump.pump().unwrap();
    pump.undisturbed();
    pump.change(|repository| repository.now += HOUR);
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_first_load_of_hours_misses_no_change_of_what_it_had_read() {
    let mut pump = pump_with(30);
    pump.intercept(|asked, _, repository| {
        if asked == 4 {
            let now = repository.now;
            repository.touch(5_001, now + 600);
            repository.touch(5_030, now + 3 * HOUR);
        }
        None
    });
    pump.pump().unwrap();
    pump.undisturbed();
    pump.change(|repository| repository.now += DAY);
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_change_that_shows_late_is_found() {
    let mut pump = pump_with(30);
    pump.pump().unwrap();
    let newest = BEGIN + 29 * HOUR;
    pump.change(|repository| repository.touch(5_002, newest - 900));
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_change_in_the_future_hides_nothing_that_comes_before_it() {
    let mut pump = pump_with(30);
    pump.pump().unwrap();
    pump.change(|repository| repository.touch(5_002, repository.now + 1_000 * DAY));
    pump.pump().unwrap();
    pump.change(|repository| {
        repository.now += DAY;
        repository.touch(5_003, repository.now - HOUR);
    });
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_full_run_removes_nothing_that_slipped_between_two_pages() {
    let mut pump = pump_with(30);
    pump.pump().unwrap();
    pump.intercept(|asked, _, repository| {
        if asked == 4 {
            repository.remove(5_002);
        }
        None
    });
    pump.reconcile().unwrap();
    pump.undisturbed();
    assert_eq!(pump.host, pump.fresh());
    assert_eq!(pump.host.rows(TABLE).len(), 29);
}

#[test]
fn a_full_run_of_a_list_that_is_never_the_same_fails_and_removes_nothing() {
    let mut pump = pump_with(60);
    pump.pump().unwrap();
    pump.intercept(|asked, _, repository| {
        repository.remove(5_001 + i64::try_from(asked).unwrap());
        None
    });
    assert_eq!(pump.reconcile().unwrap_err().kind, FailureKind::Transient);
    assert_eq!(pump.host.rows(TABLE).len(), 60);
}

#[test]
fn a_first_run_over_a_window_leaves_the_rest_to_the_next_run() {
    let mut pump = pump_with(30);
    let since = Some(moment(BEGIN + 20 * HOUR));
    pump.run(&Request { since, ..pump.request() }).unwrap();
    assert_eq!(pump.host.rows(TABLE).len(), 10);
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

/// The titles that begin with `Seen`: what GitHub changes without touching `updated_at`.
fn seen(pump: &Pump) -> Vec<i64> {
    let rows = pump.host.select(TABLE, &["number", "title"]).into_iter();
    let is_seen = |row: &Vec<Value>| matches!(&row[1], Value::Text(title) if title == "Seen");
    rows.filter(is_seen).map(|row| moving::int(&row, 0)).collect()
}

#[test]
fn a_window_is_read_whatever_was_read_before_and_moves_nothing_that_it_does_not_reach() {
    let mut pump = pump_with(30);
    pump.pump().unwrap();
    let known = pump.host.clone();
    pump.change(|repository| {
        repository.pulls.values_mut().for_each(|pull| pull["title"] = json!("Seen"));
    });
    let (since, until) = (Some(moment(BEGIN + 20 * HOUR)), Some(moment(BEGIN + 22 * HOUR)));
    pump.run(&Request { since, until, ..pump.request() }).unwrap();
    // What is newer than the window is read on the way.
    assert_eq!(seen(&pump), (21..=30).collect::<Vec<_>>());
    assert_eq!(pump.host.checkpoints(), known.checkpoints());

    // A day in which 31 changes, and 32 after the begin of a window that does not reach back.
    pump.change(|repository| {
        repository.open(BEGIN + 40 * HOUR);
        repository.open(BEGIN + 60 * HOUR);
        repository.now = BEGIN + 61 * HOUR;
    });
    let since = Some(moment(BEGIN + 50 * HOUR));
    pump.run(&Request { since, ..pump.request() }).unwrap();
    assert_eq!(pump.host.rows(TABLE).len(), 31);
    assert_eq!(pump.host.checkpoints(), known.checkpoints());
    pump.pump().unwrap();
    assert_eq!(pump.host.rows(TABLE).len(), 32);

    // One that does is as good as a run without it.
    pump.change(|repository| repository.open(BEGIN + 80 * HOUR));
    let since = Some(moment(BEGIN + 59 * HOUR));
    pump.run(&Request { since, ..pump.request() }).unwrap();
    let known = pump.host.clone();
    pump.pump().unwrap();
    assert_eq!(pump.host.rows(TABLE).len(), 33);
    assert_eq!(pump.host.checkpoints(), known.checkpoints());
}

#[test]
fn a_repository_without_pull_requests_is_no_failure() {
    let mut pump = pump_with(0);
    for _ in 0..2 {
        pump.pump().unwrap();
        pump.reconcile().unwrap();
    }
    assert!(pump.host.checkpoints().is_empty());
    pump.change(|repository| repository.open(BEGIN));
    pump.pump().unwrap();
    assert_eq!(pump.host.rows(TABLE).len(), 1);
}

#[test]
fn nulls_and_what_is_absent_are_kept_as_null() {
    let mut pump = pump_with(1);
    pump.pump().unwrap();
    let nullable = [
        "is_draft",
        "user_login",
        "author_association",
        "milestone",
        "head_repository",
        "merge_commit_sha",
        "closed_at",
        "merged_at",
    ];
    assert_eq!(pump.host.select(TABLE, &nullable), [vec![Value::Null; 8]]);
}

#[test]
fn a_failure_anywhere_is_repaired_by_the_next_run() {
    for (reply, kind) in faults() {
        // Of the first load, of a refresh of several pages, and of a full refresh.
        for (phase, page) in [(0, 1), (0, 3), (1, 1), (1, 2), (2, 3)] {
            let mut pump = pump_with(20);
            if phase > 0 {
                pump.pump().unwrap();
                pump.change(|repository| {
                    repository.now += DAY;
                    let now = repository.now;
                    (1..=9).for_each(|n| repository.touch(5_000 + n, now - n));
                });
            }
            let before = pump.host.clone();
            let reply = reply.clone();
            pump.intercept(move |asked, _, _| (asked == page).then(|| reply.clone()));
            let failure = if phase == 2 { pump.reconcile() } else { pump.pump() }.unwrap_err();
            assert_eq!(failure.kind, kind, "{failure}");
            assert_eq!(pump.host, before, "half a list was committed");
            pump.undisturbed();
            pump.pump().unwrap();
            assert_eq!(pump.host, pump.fresh(), "{failure}");
        }
    }
}

#[test]
fn a_missing_permission_is_named() {
    let mut pump = pump_with(1);
    pump.intercept(|asked, _, _| {
        (asked == 1).then(|| Reply::json(403, r#"{"message": "Resource not accessible"}"#))
    });
    let failure = pump.pump().unwrap_err();
    assert!(failure.message.contains("needs the permission to read pull requests"), "{failure}");
}

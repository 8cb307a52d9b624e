// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `releases`, against a GitHub whose releases change from day to day.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod moving;

use moving::{BEGIN, DAY, Dice, HOUR, Pump, Repository, faults, moment, time};
use serde_json::json;
use test_dashboard_sdk::testing::Reply;
use test_dashboard_sdk::{Request, Value};

const TABLE: &str = "github_releases";

impl Repository {
    /// A draft with nulls wherever GitHub has them.
    fn draft(&mut self, at: i64) -> i64 {
        let id = 700 + i64::try_from(self.releases.len() + self.gone.len()).unwrap();
        let release = json!({
            "id": id,
            "tag_name": format!("v{id}"),
            "target_commitish": "main",
            "name": null,
            "draft": true,
            "prerelease": false,
            "author": null,
            "created_at": time(at),
            "published_at": null,
            "html_url": format!("https://github.com/mozilla-mobile/fenix/releases/tag/v{id}"),
            "body": null,
            "assets": [],
        });
        self.releases.insert(id, release);
        id
    }

    fn publish(&mut self, id: i64, at: i64) {
        let release = self.releases.get_mut(&id).unwrap();
        release["draft"] = json!(false);
        release["published_at"] = json!(time(at));
    }

    fn remove(&mut self, id: i64) {
        self.releases.remove(&id);
        self.gone.insert(id);
    }

    fn a_day_of_releases(&mut self, dice: &mut Dice) {
        let ids: Vec<i64> = self.releases.keys().copied().collect();
        for id in ids {
            let release = &self.releases[&id];
            let is_draft = release["draft"] == true;
            let created: test_dashboard_sdk::Timestamp =
                release["created_at"].as_str().unwrap().parse().unwrap();
            let is_young = self.now - created.as_second() < 25 * DAY;
            match dice.below(12) {
                // Some drafts are published after months.
                0 if is_draft => self.publish(id, self.now + HOUR),
                1 if is_draft || is_young => {
                    let name = json!(format!("Renamed on {} 🚀", self.now));
                    self.releases.get_mut(&id).unwrap()["name"] = name;
                }
                2 if dice.one_in(8) => self.remove(id),
                _ => {}
            }
        }
        for n in 0..dice.below(3) {
            let id = self.draft(self.now + n * HOUR);
            if dice.one_in(2) {
                self.publish(id, self.now + n * HOUR + 60);
            }
        }
        self.now += DAY;
    }
}

/// One with so many releases, a day apart, that was not read yet.
fn pump_with(count: i64) -> Pump {
    let pump = Pump::new("releases");
    pump.change(|repository| {
        for n in 0..count {
            let id = repository.draft(BEGIN + n * DAY);
            repository.publish(id, BEGIN + n * DAY + 60);
        }
        repository.now = BEGIN + count * DAY;
    });
    pump
}

#[test]
fn every_day_ends_with_what_a_full_run_reads_but_for_what_was_deleted() {
    for seed in 1..=5 {
        let (mut pump, mut dice) = (Pump::new("releases"), Dice::new(seed));
        for day in 0..90 {
            pump.change(|repository| repository.a_day_of_releases(&mut dice));
            if day % 30 == 29 {
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
        assert!(pump.host.rows(TABLE).len() > 20, "seed {seed}");
        assert!(pump.change(|repository| repository.gone.len()) > 2, "seed {seed}");
    }
}

#[test]
fn a_refresh_reads_the_newest_and_costs_a_tenth_of_the_first_load() {
    let mut pump = pump_with(1_950);
    pump.change(|repository| repository.per_page = 100);
    pump.pump().unwrap();
    let first_load = pump.asked().len();
    assert_eq!(first_load, 1 + 20);
    pump.pump().unwrap();
    assert_eq!(pump.asked().len(), 1 + 1);
    assert!(pump.asked().len() * 10 <= first_load);
    pump.change(|repository| {
        // A draft among the newest, and one that was seen and is old now.
        repository.draft(repository.now);
        repository.draft(BEGIN + 5 * DAY);
    });
    pump.reconcile().unwrap();
    assert_eq!(pump.asked().len(), 1 + 2 * 20);
    pump.change(|repository| repository.now += DAY);
    pump.pump().unwrap();
    assert_eq!(pump.asked().len(), 1 + 1 + 1);
    assert!(pump.asked()[2].ends_with("/releases/2651"), "{:?}", pump.asked());
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_draft_that_is_published_after_months_is_found_and_one_that_is_deleted_let_go() {
    let mut pump = pump_with(1);
    let [one, other] = pump.change(|repository| {
        let at = repository.now;
        let drafts = [repository.draft(at), repository.draft(at)];
        for n in 1..200 {
            let id = repository.draft(at + n * DAY);
            repository.publish(id, at + n * DAY);
        }
        repository.now += 200 * DAY;
        drafts
    });
    pump.pump().unwrap();
    pump.change(|repository| {
        let now = repository.now;
        repository.publish(one, now);
        repository.remove(other);
    });
    pump.pump().unwrap();
    let expected = pump.fresh().rows(TABLE).len();
    assert_eq!(pump.rows_but_gone(TABLE, "id").len(), expected);
    let drafts = pump.host.select(TABLE, &["is_draft", "published_at"]);
    let open = drafts.iter().filter(|row| row[0] == Value::Boolean(true));
    assert_eq!(open.count(), 1, "the deleted one stays until the next full refresh");
    pump.pump().unwrap();
    assert!(!pump.asked().iter().any(|url| url.contains(&format!("/releases/{other}"))));
    pump.reconcile().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_draft_that_its_own_address_has_not_is_taken_from_the_list() {
    let html = Reply::text(200, "text/html", "<html>Unicorn!");
    let half = Reply::json(200, r#"{"id": 710, "tag"#);
    let error = |status| (status, Reply::json(status, r#"{"message": "Not now"}"#));
    let errors = [404, 410, 400, 403, 500].map(error);
    for (status, reply) in errors.into_iter().chain([(200, html), (200, half)]) {
        for one in [Some("/releases/710"), None] {
            let mut pump = pump_with(0);
            pump.change(|repository| {
                (0..20).for_each(|n| assert!(repository.draft(BEGIN + n) > 0));
                for n in 1..200 {
                    let id = repository.draft(repository.now + n * DAY);
                    repository.publish(id, repository.now + n * DAY);
                }
                repository.now += 200 * DAY;
            });
            pump.pump().unwrap();
            pump.change(|repository| {
                let now = repository.now;
                (700..720).for_each(|id| repository.publish(id, now));
            });
            let (before, fresh) = (pump.host.clone(), pump.fresh());
            let answer = reply.clone();
            pump.intercept(move |_, url, _| {
                let is_met = one.map_or(url.contains("/releases/"), |one| url.ends_with(one));
                is_met.then(|| answer.clone())
            });
            match (status, pump.pump()) {
                (404 | 410, outcome) => {
                    assert_eq!(outcome, Ok(()));
                    assert_eq!(pump.host, fresh);
                }
                (_, outcome) => {
                    let failure = outcome.unwrap_err();
                    assert!(failure.message.contains("/releases/7"), "{failure}");
                    assert_eq!(pump.host, before);
                }
            }
            pump.undisturbed();
            pump.pump().unwrap();
            assert_eq!(pump.host, fresh, "{reply:?}");
        }
    }
}

#[test]
fn old_drafts_before_the_newest_releases_hide_none_of_them() {
    let mut pump = pump_with(60);
    pump.change(|repository| {
        repository.drafts_first = true;
        (0..9).for_each(|n| assert!(repository.draft(BEGIN + n) > 0));
    });
    pump.pump().unwrap();
    pump.change(|repository| {
        let id = repository.draft(repository.now);
        repository.publish(id, repository.now);
        repository.now += DAY;
    });
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_full_run_removes_nothing_that_slipped_between_two_pages() {
    let mut pump = pump_with(30);
    pump.pump().unwrap();
    pump.intercept(|asked, _, repository| {
        if asked == 3 {
            repository.remove(728);
        }
        None
    });
    pump.reconcile().unwrap();
    pump.undisturbed();
    assert_eq!(pump.host, pump.fresh());
    assert_eq!(pump.host.rows(TABLE).len(), 29);
}

#[test]
fn a_repository_without_releases_is_no_failure() {
    let mut pump = pump_with(0);
    pump.pump().unwrap();
    pump.reconcile().unwrap();
    assert!(pump.host.checkpoints().is_empty());
    pump.change(|repository| repository.draft(BEGIN));
    pump.pump().unwrap();
    let nullable = ["name", "author_login", "published_at"];
    assert_eq!(pump.host.select(TABLE, &nullable), [vec![Value::Null; 3]]);
}

#[test]
fn a_failure_anywhere_is_repaired_by_the_next_run() {
    for (reply, kind) in faults() {
        for (phase, page) in [(0, 1), (0, 3), (1, 1), (1, 2), (1, 9), (2, 3)] {
            let mut pump = pump_with(40);
            let draft = pump.change(|repository| repository.draft(BEGIN - 100 * DAY));
            if phase > 0 {
                pump.pump().unwrap();
            }
            pump.change(|repository| {
                repository.publish(draft, repository.now);
                repository.draft(repository.now);
                repository.now += DAY;
            });
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
fn a_window_reads_back_to_its_begin_and_is_no_first_load() {
    let mut pump = pump_with(200);
    let since = Some(moment(BEGIN + 150 * DAY));
    pump.run(&Request { since, ..pump.request() }).unwrap();
    assert_eq!(pump.host, pump.fresh(), "a first run reads all");

    let rename = |repository: &mut Repository| {
        for id in [700 + 10, 700 + 100] {
            repository.releases.get_mut(&id).unwrap()["name"] = json!("Renamed");
        }
    };
    pump.change(rename);
    pump.pump().unwrap();
    let renamed = |pump: &Pump| {
        let names = pump.host.select(TABLE, &["name"]).into_iter();
        names.filter(|name| name[0] == Value::Text("Renamed".into())).count()
    };
    assert_eq!(renamed(&pump), 0, "nothing tells that they changed");
    let since = Some(moment(BEGIN + 100 * DAY));
    pump.run(&Request { since, ..pump.request() }).unwrap();
    assert_eq!(renamed(&pump), 1);
    let until = Some(moment(BEGIN + 100 * DAY));
    pump.run(&Request { until, ..pump.request() }).unwrap();
    assert_eq!(renamed(&pump), 2);
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Full refreshes bring the tables back to what the service holds: when a person asks for one, and
//! by themselves when it is time again.

use crate::support::github::{GitHub, issues};
use crate::support::tables::{assert_same, tables};
use crate::support::{Database, Ended, Kind, Workplace};

const GONE: i64 = 7;

fn pump(place: &Workplace, database: &Database, more: &[&str]) -> Ended {
    let what = ["--project", "fenix", "--report-type", "issues", "--database", &database.url];
    place.run(&[&what[..], more].concat())
}

fn holds_the_gone_issue(database: &Database) -> bool {
    let sql = format!("SELECT COUNT(*) FROM github_issues WHERE number = {GONE}");
    database.number(&sql) > 0
}

#[test]
fn what_is_gone_upstream_goes_with_a_full_run_and_not_before() {
    for kind in Kind::all() {
        let github = GitHub::start(issues(250));
        let place = Workplace::new(&github.section());
        let database = Database::new(kind);
        pump(&place, &database, &[]).expect_code(0);
        github.change(|issues| issues.retain(|issue| issue.number != GONE));
        pump(&place, &database, &[]).expect_code(0);
        assert!(holds_the_gone_issue(&database), "{kind:?}: nothing said that it is gone");

        let full = pump(&place, &database, &["--full", "--format", "json"]).expect_code(0).json();
        assert!(full["total"]["rows_removed"].as_u64().unwrap() > 0, "{kind:?}: {full}");
        assert_eq!(full["total"]["rows_new"], 0, "{kind:?}: {full}");
        assert!(!holds_the_gone_issue(&database), "{kind:?}");

        let fresh = Database::new(kind);
        pump(&place, &fresh, &[]).expect_code(0);
        assert_same(&tables(&database), &tables(&fresh), &format!("{kind:?}"));
    }
}

#[test]
fn a_full_run_that_fails_removes_nothing() {
    for kind in Kind::all() {
        let github = GitHub::start(issues(250));
        let place = Workplace::new(&github.section());
        let database = Database::new(kind);
        pump(&place, &database, &[]).expect_code(0);
        let before = tables(&database);
        let unreachable = github.section().replace(&github.server.url, "http://127.0.0.1:1");
        place.configure(&(unreachable + "[limits]\nmax-attempts = 2\n"));
        pump(&place, &database, &["--full"]).expect_failure();
        assert_same(&tables(&database), &before, &format!("{kind:?}"));
    }
}

#[test]
fn a_full_run_comes_by_itself_when_it_is_time_and_never_in_the_place_of_a_window() {
    for kind in Kind::all() {
        let github = GitHub::start(issues(250));
        let place = Workplace::new(&github.section());
        let database = Database::new(kind);
        pump(&place, &database, &[]).expect_code(0);
        github.change(|issues| issues.retain(|issue| issue.number != GONE));
        pump(&place, &database, &["--num-days", "30"]).expect_code(0);
        assert!(holds_the_gone_issue(&database), "{kind:?}: it is not time yet");

        let long_ago = match kind {
            Kind::Sqlite => "2026-01-01T00:00:00.000000Z",
            Kind::Postgres | Kind::Mysql => "2026-01-01 00:00:00",
        };
        database.execute(&format!("UPDATE full_runs SET finished_at = '{long_ago}'"));
        let window = pump(&place, &database, &["--num-days", "30"]).expect_code(0);
        assert!(!window.said().contains("everything is read again"), "{}", window.said());
        assert!(holds_the_gone_issue(&database), "{kind:?}: the days that were asked for are read");
        let due = pump(&place, &database, &[]).expect_code(0);
        let due = due.expect_said("everything is read again");
        assert!(!holds_the_gone_issue(&database), "{kind:?}: {}", due.said());
        let next = pump(&place, &database, &[]).expect_code(0);
        assert!(!next.said().contains("everything is read again"), "{}", next.said());
    }
}

#[test]
fn a_first_run_over_a_window_is_no_full_one() {
    let github = GitHub::start(issues(250));
    let place = Workplace::new(&github.section());
    let database = Database::new(Kind::Sqlite);
    let full = || database.number("SELECT COUNT(*) FROM full_runs");
    pump(&place, &database, &["--since", "2024-02-01"]).expect_code(0);
    assert_eq!(full(), 0);
    pump(&place, &database, &[]).expect_code(0);
    assert_eq!(full(), 1);
}

#[test]
fn a_full_run_has_no_window() {
    let place = Workplace::new("");
    let database = Database::new(Kind::Sqlite);
    pump(&place, &database, &["--full", "--num-days", "3"]).expect_code(2).expect_said("--full");
}

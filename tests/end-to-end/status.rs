// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `status` and `--every`: whether the data is fresh, and why it is not.

use serde_json::Value;

use crate::support::github::{self, GitHub};
use crate::support::tables::{assert_same, tables};
use crate::support::{Database, Ended, Kind, Server, Workplace};

const ISSUES: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];
const SCHEDULE: &str = "[schedule]\nissues = \"1d\"\n";

fn run(place: &Workplace, database: &Database, more: &[&str]) -> Ended {
    place.run(&[&ISSUES[..], &["--database", &database.url], more].concat())
}

fn status(place: &Workplace, database: &Database) -> (Ended, Value) {
    let arguments = ["status", "--database", &database.url, "--config", "test-dashboard.toml"];
    let json = place.run(&[&arguments[..], &["--format", "json"]].concat()).json();
    (place.run(&arguments), json)
}

#[test]
fn a_report_is_fresh_until_it_fails_and_keeps_the_time_at_which_it_was_good() {
    for kind in Kind::all() {
        let database = Database::new(kind);
        let github = GitHub::start(github::issues(3));
        let place = Workplace::new(&format!("{}{SCHEDULE}", github.section()));
        run(&place, &database, &[]).expect_code(0);
        let (told, fresh) = status(&place, &database);
        told.expect_code(0).expect_said("fresh");
        let report = &fresh["reports"][0];
        assert_eq!(report["state"], "fresh", "{fresh}");
        assert_eq!((&report["project"], &report["report"]), (&"fenix".into(), &"issues".into()));
        let rows = ["github_issues", "github_issue_labels"]
            .map(|table| database.number(&format!("SELECT COUNT(*) FROM {table}")));
        assert_eq!(report["rows"], rows.iter().sum::<i64>(), "{fresh}");

        let down = Server::start(|_| Server::json(401, r#"{"message": "Bad credentials"}"#));
        let broken = github::section("github", &down, "") + github::PROJECT + SCHEDULE;
        place.configure(&broken);
        run(&place, &database, &[]).expect_failure();
        let (told, failed) = status(&place, &database);
        told.expect_code(1).expect_said("failed fenix issues in run 2: (plan): ");
        let now = &failed["reports"][0];
        assert_eq!(now["state"], "failed", "{failed}");
        for moment in ["last_success", "fresh_until"] {
            assert!(now[moment].is_string() && now[moment] == report[moment], "{failed}");
        }
        assert_eq!(now["last_run"], 2);
    }
}

#[test]
fn what_is_scheduled_and_was_never_read_is_late() {
    let database = Database::new(Kind::Sqlite);
    let github = GitHub::start(github::issues(3));
    let schedule = format!("{SCHEDULE}releases = \"7d\"\n");
    let place = Workplace::new(&format!("{}{schedule}", github.section()));
    run(&place, &database, &[]).expect_code(0);
    let (told, json) = status(&place, &database);
    told.expect_code(1).expect_said("late releases: it is scheduled");
    assert_eq!(json["never_run"], serde_json::json!(["releases"]));
    let only = ["status", "--database", &database.url, "--report", "issues"];
    place.run(&[&only[..], &["--config", "test-dashboard.toml"]].concat()).expect_code(0);
}

#[test]
fn what_was_read_too_long_ago_is_late() {
    let database = Database::new(Kind::Sqlite);
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&format!("{}{SCHEDULE}", github.section()));
    run(&place, &database, &[]).expect_code(0);
    let two_days_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48);
    let sql = format!("UPDATE report_status SET good_started_at = '{two_days_ago:.6}'");
    database.execute(&sql);
    let (told, json) = status(&place, &database);
    told.expect_code(1).expect_said("late").expect_said("2d");
    assert_eq!(json["reports"][0]["state"], "late", "{json}");
}

#[test]
fn a_run_that_is_not_due_asks_nothing_and_says_so() {
    for kind in Kind::all() {
        let database = Database::new(kind);
        let github = GitHub::start(github::issues(3));
        let place = Workplace::new(&github.section());
        run(&place, &database, &["--every", "14d"]).expect_code(0);
        let asked = github.server.count();
        run(&place, &database, &["--every", "14d"])
            .expect_code(4)
            .expect_said("not due: fenix issues was read 0min ago, in run 1")
            .expect_said("every 14d");
        assert_eq!(github.server.count(), asked);
        let runs = place.run(&["runs", "--format", "json", "--database", &database.url]).json();
        assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
        let long_ago = match kind {
            Kind::Sqlite => "2020-01-01T00:00:00.000000Z",
            Kind::Postgres | Kind::Mysql => "2020-01-01 00:00:00",
        };
        let sql = format!("UPDATE report_status SET good_started_at = '{long_ago}'");
        database.execute(&sql);
        run(&place, &database, &["--every", "14d"]).expect_code(0);
        run(&place, &database, &["--every", "soon"]).expect_code(2).expect_said("12h, 1d or 2w");
    }
}

#[test]
fn a_replay_makes_nothing_look_fresh_and_is_told_with_its_time_until_the_service_is_read() {
    for kind in Kind::all() {
        let first = Database::new(kind);
        let github = GitHub::start(github::issues(3));
        let place = Workplace::new(&format!("{}{SCHEDULE}", github.section()));
        run(&place, &first, &["--record", "tape"]).expect_code(0);
        assert_eq!(status(&place, &first).1["reports"][0]["replay"], Value::Null);

        let database = Database::new(kind);
        let before = jiff::Timestamp::now();
        for _ in 0..2 {
            run(&place, &database, &["--replay", "tape"]).expect_code(0);
        }
        let (told, json) = status(&place, &database);
        told.expect_code(1)
            .expect_said("never")
            .expect_said("in run 2, ")
            .expect_said("replayed is not fresh")
            .expect_said("replayed from: tape\n")
            .expect_said("late issues: it is scheduled, and no project was ever read");
        let report = &json["reports"][0];
        assert_eq!(report["state"], "replayed", "{kind:?} {json}");
        assert_eq!((&report["project"], &report["report"]), (&"fenix".into(), &"issues".into()));
        for unknown in ["last_success", "fresh_until", "age_seconds", "last_run", "last_outcome"] {
            assert_eq!(report[unknown], Value::Null, "{unknown}: {json}");
        }
        let replay = &report["replay"];
        assert_eq!((&replay["run"], &replay["recordings"]), (&2.into(), &"tape".into()), "{json}");
        let rows = ["github_issues", "github_issue_labels"]
            .map(|table| database.number(&format!("SELECT COUNT(*) FROM {table}")));
        assert_eq!(replay["rows"], rows.iter().sum::<i64>(), "{kind:?} {json}");
        let started: jiff::Timestamp = replay["started"].as_str().unwrap().parse().unwrap();
        assert!(before <= started && started <= jiff::Timestamp::now(), "{kind:?} {json}");
        assert_eq!(json["reports"].as_array().unwrap().len(), 1, "{json}");
        assert_eq!(json["never_run"], serde_json::json!(["issues"]), "{json}");

        run(&place, &database, &[]).expect_code(0);
        let (told, json) = status(&place, &database);
        assert!(!told.expect_code(0).said().contains("replayed"), "{kind:?}");
        assert_eq!(json["reports"][0]["state"], "fresh", "{json}");
        assert_eq!(json["reports"][0]["replay"]["run"], 2, "{json}");

        // What came from a recording over what the service said is not what the service says.
        run(&place, &database, &["--replay", "tape"]).expect_code(0);
        let (told, json) = status(&place, &database);
        told.expect_code(1).expect_said("in run 4, ");
        assert_eq!(json["reports"][0]["state"], "replayed", "{json}");
        assert!(json["reports"][0]["last_success"].is_string(), "{json}");
    }
}

#[test]
fn where_nothing_is_scheduled_what_was_only_replayed_is_not_fresh_either() {
    let database = Database::new(Kind::Sqlite);
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    run(&place, &database, &["--record", "tape"]).expect_code(0);
    status(&place, &database).0.expect_code(0);
    let other = Database::new(Kind::Sqlite);
    run(&place, &other, &["--replay", "tape"]).expect_code(0);
    let (told, json) = status(&place, &other);
    told.expect_code(1).expect_said("replayed is not fresh");
    assert_eq!(
        (&json["reports"][0]["state"], &json["never_run"]),
        (&"replayed".into(), &serde_json::json!([]))
    );
}

#[test]
fn runs_older_than_history_days_are_forgotten_and_what_they_wrote_is_not() {
    for kind in Kind::all() {
        let database = Database::new(kind);
        let github = GitHub::start(github::issues(3));
        let place = Workplace::new(&github.section());
        for _ in 0..2 {
            run(&place, &database, &[]).expect_code(0);
        }
        let long_ago = match kind {
            Kind::Sqlite => "2020-01-01T00:00:00.000000Z",
            Kind::Postgres | Kind::Mysql => "2020-01-01 00:00:00",
        };
        database.execute(&format!("UPDATE runs SET started_at = '{long_ago}' WHERE id = 1"));
        let before = tables(&database);
        let numbers = || {
            let runs = place.run(&["runs", "--format", "json", "--database", &database.url]).json();
            let runs = runs.as_array().unwrap().iter();
            runs.map(|run| run["run"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        place.configure(&format!("history-days = 0\n{}", github.section()));
        run(&place, &database, &[]).expect_code(0);
        assert_eq!(numbers(), [3, 2, 1], "{kind:?}: they are kept for ever");
        place.configure(&format!("history-days = 30\n{}", github.section()));
        run(&place, &database, &["-v"]).expect_code(0).expect_said("forgot 1 runs older than 30");
        assert_eq!(numbers(), [4, 3, 2], "{kind:?}");
        assert_eq!(database.number("SELECT COUNT(*) FROM run_partitions WHERE run_id = 1"), 0);
        assert_same(&tables(&database), &before, &format!("{kind:?}"));
        status(&place, &database).0.expect_code(0);
    }
}

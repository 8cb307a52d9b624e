// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `status` and `--every`: whether the data is fresh, and why it is not.

use serde_json::{Value, json};

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
    told.expect_code(1).expect_said("late releases: it is scheduled but was never read for fenix");
    let never = json!([{"project": "fenix", "datasource": "github", "report": "releases"}]);
    assert_eq!(json["never_run"], never);
    assert_eq!(states(&json), ["fenix issues fresh", "fenix releases late"]);
    let only = ["status", "--database", &database.url, "--report", "issues"];
    place.run(&[&only[..], &["--config", "test-dashboard.toml"]].concat()).expect_code(0);
}

/// Each report of each project with its state.
fn states(json: &Value) -> Vec<String> {
    let text = |report: &Value, field: &str| report[field].as_str().unwrap().to_string();
    let fields = ["project", "report", "state"];
    let reports = json["reports"].as_array().unwrap().iter();
    reports.map(|report| fields.map(|field| text(report, field)).join(" ")).collect()
}

/// A project that is called otherwise and has the same repository.
fn project(name: &str) -> String {
    github::PROJECT.replace("fenix.github", &format!("{name}.github"))
}

#[test]
fn what_is_scheduled_is_looked_at_in_every_project_that_has_settings_for_it() {
    let database = Database::new(Kind::Sqlite);
    let github = GitHub::start(github::issues(3));
    let bitrise = github::section("bitrise", &github.server, "");
    let schedule = "[schedule]\nissues = \"1d\"\nreleases = \"7d\"\nbuilds = \"1d\"\n";
    let some = format!("{}{}[projects.other]\n{schedule}", github.section(), project("focus"));
    let place = Workplace::new(&format!("{bitrise}{some}"));

    // Nothing was ever read, so it is not known whose the reports are.
    run(&place, &database, &["--since", "2200-01-01"]).expect_code(2).expect_said("after today");
    place.run(&["db", "migrate", "--database", &database.url]).expect_code(0);
    let (told, json) = status(&place, &database);
    told.expect_code(1).expect_said("no report has been read yet").expect_said("late builds: ");
    assert_eq!(json["never_run"].as_array().unwrap().len(), 3, "{json}");
    assert_eq!(json["never_run"][0]["project"], Value::Null);

    run(&place, &database, &[]).expect_code(0);
    let (told, json) = status(&place, &database);
    told.expect_code(1)
        .expect_said("late issues: it is scheduled but was never read for focus\n")
        .expect_said("late releases: it is scheduled but was never read for fenix, focus\n");
    let expected =
        ["fenix issues fresh", "fenix releases late", "focus issues late", "focus releases late"];
    assert_eq!(states(&json), expected, "nobody has settings for bitrise: {json}");
    assert_eq!(json["never_run"].as_array().unwrap().len(), 3, "{json}");
    let only = ["status", "--project", "focus", "--report", "issues", "--format", "json"];
    let only = [&only[..], &["--database", &database.url, "--config", "test-dashboard.toml"]];
    assert_eq!(states(&place.run(&only.concat()).expect_code(1).json()), ["focus issues late"]);

    // Where all plugins are known, what none of them has is a mistake.
    place.configure(&some);
    status(&place, &database).0.expect_code(1).expect_said("late builds: it is scheduled, but no");
}

#[test]
fn what_was_taken_out_of_the_configuration_is_told_apart_and_can_be_forgotten() {
    for kind in Kind::all() {
        let database = Database::new(kind);
        let github = GitHub::start(github::issues(3));
        let both = format!("{}{}{SCHEDULE}", github.section(), project("focus"));
        let place = Workplace::new(&both);
        let all = ["--project", "ALL", "--report-type", "issues", "--database", &database.url];
        place.run(&all).expect_code(0);
        status(&place, &database).0.expect_code(0);

        place.configure(&format!("{}{SCHEDULE}", github.section()));
        database.execute("UPDATE report_status SET outcome = 'failed' WHERE project = 'focus'");
        let (told, json) = status(&place, &database);
        told.expect_code(0).expect_said("`test-dashboard db forget --project focus`");
        assert_eq!(states(&json), ["fenix issues fresh", "focus issues unconfigured"]);

        // A project that is still there has other reports, which are not to be forgotten with it.
        let still = format!("{}[projects.focus]\n{SCHEDULE}", github.section());
        place.configure(&still);
        let (told, _) = status(&place, &database);
        told.expect_code(0)
            .expect_said("`test-dashboard db forget --project focus --report issues`");
        place.configure(&format!("{}{SCHEDULE}", github.section()));

        let rows = || database.number("SELECT COUNT(*) FROM github_issues WHERE project = 'focus'");
        let (before, forget) = (rows(), ["db", "forget", "--project", "focus"]);
        let forget = [&forget[..], &["--database", &database.url]].concat();
        place.run(&[&forget[..], &["--dry-run"]].concat()).expect_code(2);
        place.run(&[&forget[..], &["--report", "releases"]].concat()).expect_code(1);
        assert_eq!(states(&status(&place, &database).1).len(), 2, "{kind:?}");
        place.run(&forget).expect_code(0).expect_said("forgot focus issues; its rows stay");
        let (told, json) = status(&place, &database);
        assert!(!told.expect_code(0).said().contains("focus"), "{kind:?}");
        assert_eq!((states(&json).len(), rows()), (1, before));
        place.run(&forget).expect_code(1).expect_said("no run of focus is in");

        // It comes back as one that was never read, and goes on from where it was.
        place.configure(&both);
        assert_eq!(
            states(&status(&place, &database).1),
            ["fenix issues fresh", "focus issues late"]
        );
        place.run(&all).expect_code(0);
        status(&place, &database).0.expect_code(0);
    }
}

#[test]
fn a_run_over_a_window_makes_nothing_fresh_and_leaves_the_rest_to_the_next_run() {
    for kind in Kind::all() {
        let database = Database::new(kind);
        let github = GitHub::start(github::issues(90));
        let place = Workplace::new(&format!("{}{SCHEDULE}", github.section()));
        let count = || database.number("SELECT COUNT(*) FROM github_issues");
        let window = ["--since", "2024-01-10", "--until", "2024-01-31"];
        run(&place, &database, &window).expect_code(0);
        assert!((1..90).contains(&count()), "{kind:?}: {}", count());
        let (told, json) = status(&place, &database);
        told.expect_code(1).expect_said("was a backfill (2024-01-10 to 2024-01-31), succeeded");
        assert_eq!(states(&json), ["fenix issues late"]);
        let report = &json["reports"][0];
        assert_eq!(report["last_success"], Value::Null, "{json}");
        let days = (&report["backfill"]["since"], &report["backfill"]["until"]);
        assert_eq!(days, (&"2024-01-10".into(), &"2024-01-31".into()), "{json}");
        assert_eq!(
            (&report["backfill"]["run"], &report["backfill"]["outcome"]),
            (&json!(1), &json!("succeeded"))
        );

        run(&place, &database, &["--every", "14d"]).expect_code(0);
        assert_eq!(count(), 90, "{kind:?}");
        status(&place, &database).0.expect_code(0);

        // What was read before becomes what it is now, and nothing hides that a run failed.
        github.change(|issues| issues.iter_mut().for_each(|issue| issue.title = "Seen".into()));
        database.execute("UPDATE report_status SET outcome = 'failed', error = 'no luck'");
        run(&place, &database, &window).expect_code(0);
        let seen = "SELECT COUNT(*) FROM github_issues WHERE title = 'Seen'";
        assert!((1..90).contains(&database.number(seen)), "{kind:?}");
        let (told, json) = status(&place, &database);
        told.expect_code(1).expect_said("run 3 of fenix issues was a backfill");
        assert_eq!(states(&json), ["fenix issues failed"]);
        assert_eq!(json["reports"][0]["last_run"], 2, "{json}");

        let history = ["runs", "--database", &database.url];
        place.run(&history).expect_code(0).expect_said("issues, 2024-01-10 to 2024-01-31");
        let runs = place.run(&[&history[..], &["--format", "json"]].concat()).json();
        let days: Vec<_> =
            runs.as_array().unwrap().iter().map(|run| run["since"].clone()).collect();
        assert_eq!(days, [json!("2024-01-10"), Value::Null, json!("2024-01-10")]);

        // The end of time leaves out nothing.
        run(&place, &database, &["--until", "2200-01-01"]).expect_code(0);
        status(&place, &database).0.expect_code(0);
    }
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
        run(&place, &database, &["--every", "soon"])
            .expect_code(2)
            .expect_said("\"12h\", \"1d\" or \"2w\"");
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
            .expect_said("late issues: it is scheduled but was never read for fenix");
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
        assert_eq!(json["never_run"][0]["report"], "issues", "{json}");

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

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `--record` and `--replay`: what was recorded gives the same tables without the service,
//! and a recording that does not fit is a failure.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::github::{GitHub, issues};
use crate::support::tables::{assert_same, tables};
use crate::support::{Database, Ended, Kind, Workplace};

const TOKEN: &str = "ghp_nobody-may-see-this-token";

/// A recording, and what the run that made it wrote.
struct Recorded {
    place: Workplace,
    configuration: String,
    folder: PathBuf,
    database: Database,
}

fn run(place: &Workplace, database: &Database, flag: &str, folder: &Path) -> Ended {
    let folder = folder.to_str().unwrap();
    let arguments = [
        "--project",
        "fenix",
        "--report-type",
        "issues",
        "--database",
        &database.url,
        flag,
        folder,
    ];
    let variables: &[_] = if flag == "--record" { &[("GITHUB_TOKEN", TOKEN)] } else { &[] };
    place.run_with(&arguments, variables)
}

impl Recorded {
    /// Records a run against a service that is gone afterwards.
    fn new() -> Self {
        let github = GitHub::start(issues(350));
        let configuration = github.section_with_token();
        let place = Workplace::new(&configuration);
        let folder = place.path("recorded");
        let database = Database::new(Kind::Sqlite);
        run(&place, &database, "--record", &folder).expect_code(0);
        assert!(!github.server.asked().is_empty());
        Recorded { place, configuration, folder, database }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("fenix/issues.har")
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Value>)) {
        let mut har: Value = serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap();
        change(har["log"]["entries"].as_array_mut().unwrap());
        std::fs::write(self.file(), har.to_string()).unwrap();
    }

    fn replay(&self, database: &Database) -> Ended {
        run(&self.place, database, "--replay", &self.folder)
    }

    #[track_caller]
    fn expect_nothing_replayed(&self, said: &str) {
        let database = Database::new(Kind::Sqlite);
        self.replay(&database).expect_failure().expect_said(said);
        assert_eq!(database.number("SELECT COUNT(*) FROM github_issues"), 0);
    }
}

#[test]
fn a_replay_gives_the_same_tables_with_the_service_gone_and_no_credential() {
    let recorded = Recorded::new();
    for kind in Kind::all() {
        let replayed = Database::new(kind);
        recorded.replay(&replayed).expect_code(0);
        for table in ["github_issues", "github_issue_labels", "checkpoints"] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(replayed.number(&count), recorded.database.number(&count), "{kind:?}");
        }
        if kind == Kind::Sqlite {
            assert_same(&tables(&replayed), &tables(&recorded.database), "the replay");
        }
    }
}

#[test]
fn a_recording_does_not_hold_the_secret() {
    let recorded = Recorded::new();
    let har = std::fs::read_to_string(recorded.file()).unwrap();
    assert!(har.contains("/repos/mozilla-mobile/fenix/issues"));
    assert!(!har.contains(TOKEN) && !har.to_lowercase().contains("\"authorization\""));
}

#[test]
fn a_request_that_was_not_recorded_fails_the_replay() {
    let recorded = Recorded::new();
    let other = recorded.configuration.replace("mozilla-mobile/fenix", "mozilla-mobile/other");
    recorded.place.configure(&other);
    recorded.expect_nothing_replayed("the recording holds no answer to GET");
}

#[test]
fn an_answer_that_is_never_asked_for_fails_the_replay() {
    let recorded = Recorded::new();
    recorded.change(|entries| {
        let mut more = entries[0].clone();
        let url = more["request"]["url"].as_str().unwrap().replace("fenix", "more");
        more["request"]["url"] = json!(url);
        entries.push(more);
    });
    let ended = recorded.replay(&Database::new(Kind::Sqlite)).expect_failure();
    ended.expect_said("1 recorded answers were never requested: GET");
}

#[test]
fn a_recorded_rate_limit_is_replayed_without_its_ten_minutes() {
    let recorded = Recorded::new();
    recorded.change(|entries| {
        let mut limited = entries[2].clone();
        limited["response"]["status"] = json!(429);
        limited["response"]["headers"] = json!([{"name": "Retry-After", "value": "600"}]);
        limited["response"]["content"]["text"] = json!("{}");
        entries.insert(2, limited);
    });
    let database = Database::new(Kind::Sqlite);
    recorded.replay(&database).expect_code(0).expect_said("429");
    assert_same(&tables(&database), &tables(&recorded.database), "the replay");
}

#[test]
fn a_replay_does_not_get_past_the_allowlist() {
    let recorded = Recorded::new();
    let allow = "[datasources.github]\nallow = [\"https://api.github.com\"]";
    let other = recorded.configuration.replace("[datasources.github]", allow);
    recorded.place.configure(&other);
    recorded.expect_nothing_replayed("which is not allowed");
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a service lists, and then does not find: it is missing and not deleted. The exit code, the
//! summary, `status` and `runs` say so, everything else is written, and the next good run brings
//! it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::world::{BITRISE_TOKEN, GITHUB_TOKEN, Moment, answer};
use crate::support::tables::{Tables, assert_same, tables};
use crate::support::{Database, Ended, Kind, Server, Workplace, stay_clear_of_midnight};

/// A report, what is not found of it, what a person is told of that, and the table of which rows
/// are missing then.
const LOST: [(&str, &str, &str, &str); 3] = [
    (
        "workflow-runs",
        "/runs/501003/jobs",
        "found: the jobs of run 501003.",
        "github_workflow_jobs",
    ),
    (
        "task-groups",
        "/task-group/0000000000000000000100/list",
        "found: group 0000000000000000000100.",
        "taskcluster_tasks",
    ),
    (
        "build-artifacts",
        "/a-fenix-build-10/artifacts",
        "found: build a-fenix-build-10.",
        "bitrise_artifacts",
    ),
];

/// Runs a report of one project: how it ended, and what the summary says.
fn pump(place: &Workplace, report: &str, database: &Database) -> (Ended, Value) {
    let arguments = ["run", "--project", "fenix", "--report-type", report, "--summary", "out.json"];
    let mut command = place.command(&[&arguments[..], &["--database", &database.url]].concat());
    command.env("GITHUB_TOKEN", GITHUB_TOKEN).env("BITRISE_TOKEN", BITRISE_TOKEN);
    let ended = Ended::new(command.output().unwrap());
    let summary = std::fs::read_to_string(place.path("out.json")).unwrap();
    (ended, serde_json::from_str(&summary).unwrap())
}

fn held(database: &Database) -> Tables {
    let mut tables = tables(database);
    tables.remove("checkpoints");
    tables
}

#[test]
fn what_is_listed_and_not_found_is_said_and_the_next_good_run_brings_it() {
    stay_clear_of_midnight();
    let today = jiff::Timestamp::now().as_second();
    let is_good = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&is_good);
    let server = Server::start(move |asked| {
        let is_lost = LOST.iter().any(|(_, path, ..)| asked.target.contains(path));
        if is_lost && !shared.load(Ordering::SeqCst) {
            return Server::json(404, json!({"message": "Not Found"}));
        }
        answer(asked, Moment { today, now: today, is_second_night: true })
    });
    let place = Workplace::new(&super::configuration(&server.url));
    let (database, fresh) = (Database::new(Kind::Sqlite), Database::new(Kind::Sqlite));
    let tell =
        |command: &str| place.run(&[command, "--format", "json", "--database", &database.url]);

    for (report, _, said, table) in LOST {
        for _ in 0..2 {
            let (ended, summary) = pump(&place, report, &database);
            ended.expect_code(3).expect_said(said);
            let failures = summary["reports"][0]["failures"].as_array().unwrap();
            assert_eq!((failures.len(), &failures[0]["kind"]), (1, &"not-found".into()));
            assert!(database.number(&format!("SELECT COUNT(*) FROM {table}")) > 0, "{report}");
        }
        let status = tell("status").expect_code(1).json();
        let told =
            status["reports"].as_array().unwrap().iter().find(|told| told["report"] == report);
        let told = told.unwrap();
        assert_eq!(told["state"], "failed", "{told}");
        assert!(told["error"].as_str().unwrap().contains(said), "{told}");
        let runs = tell("runs").expect_code(0).json();
        assert_eq!(runs[0]["outcome"], "partly-failed", "{runs}");
    }

    // What stays missing does not make every run a full refresh, in which its partition is frozen.
    database.execute("UPDATE full_runs SET finished_at = '2026-01-01T00:00:00.000000Z'");
    for (report, _, said, _) in LOST {
        let (ended, _) = pump(&place, report, &database);
        ended.expect_code(3).expect_said(said).expect_said("everything is read again");
        let (ended, _) = pump(&place, report, &database);
        let ended = ended.expect_code(3).expect_said(said);
        assert!(!ended.said().contains("everything is read again"), "{}", ended.said());
    }

    is_good.store(true, Ordering::SeqCst);
    for (report, _, _, table) in LOST {
        let rows = || database.number(&format!("SELECT COUNT(*) FROM {table}"));
        let before = rows();
        pump(&place, report, &database).0.expect_code(0);
        assert!(rows() > before, "{report}: {table}");
        pump(&place, report, &fresh).0.expect_code(0);
    }
    assert_same(&held(&database), &held(&fresh), "after the next good run");
}

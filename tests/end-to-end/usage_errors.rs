// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is asked for wrongly, or cannot be told: the message names what happened, the exit code is
//! the documented one, and whoever waits for a summary gets one.

use std::fs::File;

use serde_json::Value;

use crate::support::github::{self, GitHub};
use crate::support::{Ended, Server, Workplace};

const ISSUES: [&str; 5] = ["run", "--project", "fenix", "--report-type", "issues"];

/// Every variable that the program takes for an option.
const VARIABLES: [&str; 6] = [
    "TEST_DASHBOARD_CONFIG",
    "TEST_DASHBOARD_DATABASE",
    "TEST_DASHBOARD_LOG",
    "TEST_DASHBOARD_RUN_KEY",
    "TEST_DASHBOARD_SHARD",
    "TEST_DASHBOARD_SHARDS",
];

#[test]
fn an_empty_variable_counts_as_not_set() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    let empty = VARIABLES.map(|name| (name, ""));
    place.run_with(&ISSUES, &empty).expect_code(0).expect_said("run 1: succeeded");
    assert!(place.path("test-dashboard.sqlite").exists());
    for line in [&["runs"][..], &["status"], &["db", "status"], &["--config", "x", "runs"]] {
        let told = place.run_with(line, &empty).expect_said("");
        assert_eq!(told.code, place.run(line).code, "{line:?}");
    }
    place.run_with(&["runs"], &[("TEST_DASHBOARD_LOG", "xml")]).expect_code(2).expect_said("xml");
}

#[test]
fn every_usage_error_leaves_the_summary_that_was_asked_for() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    for (line, says) in [
        (&["run", "--project", "fenix"][..], "--report-type is missing"),
        (&["run", "--weather"], "--weather"),
        (&["runn", "--project", "fenix"], "runn"),
        (&["db", "migrate"], "--summary"),
        (&["--full", "db", "migrate"], "--full"),
        (&["run", "--jobs", "4294967293"], "4294967293"),
        (&["run", "--num-days", "99999999999"], "99999999999"),
        (&["run", "--every", "soon"], "\"2w\""),
        (
            &["run", "--config", "elsewhere.toml", "--project", "a", "--report-type", "b"],
            "elsewhere",
        ),
        (&["--log", "xml", "run"], "xml"),
    ] {
        let line = [line, &["--summary", "summary.json"]].concat();
        place.run(&line).expect_code(2).expect_said(says);
        let summary = std::fs::read_to_string(place.path("summary.json"));
        let summary = summary.unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let summary: Value = serde_json::from_str(&summary).unwrap();
        assert_eq!((&summary["outcome"], &summary["exit_code"]), (&"misused".into(), &2.into()));
        assert!(summary["error"].as_str().unwrap().contains(says), "{line:?}: {summary}");
        std::fs::remove_file(place.path("summary.json")).unwrap();
    }
    assert_eq!(github.server.count(), 0);
}

/// Runs the program with a standard output that takes nothing.
fn into_a_full_output(place: &Workplace, arguments: &[&str]) -> Ended {
    let full = File::options().write(true).open("/dev/full").unwrap();
    Ended::new(place.command(arguments).stdout(full).output().unwrap())
}

#[test]
fn a_standard_output_that_is_full_is_called_that() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    let says = "cannot write the answer to standard output: No space left on device";
    into_a_full_output(&place, &ISSUES)
        .expect_code(1)
        .expect_said("the run is over (succeeded), and in the history")
        .expect_said(says);
    let runs = place.run(&["runs", "--format", "json"]).expect_code(0).json();
    assert_eq!(runs[0]["outcome"], "succeeded");
    for line in [
        &["status"][..],
        &["runs", "1", "--format", "json"],
        &["check"],
        &["reports"],
        &["db", "status"],
        &["rejects", "list"],
        &["plugin", "list"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ] {
        let told = into_a_full_output(&place, line).expect_code(1).expect_said(says);
        assert!(!told.said().contains("the disk is full"), "{line:?}");
    }
}

#[test]
fn what_names_nothing_that_is_there_is_a_usage_error() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    place.run(&ISSUES).expect_code(0);
    let mut wrong = Vec::new();
    for (line, says) in [
        (&["runs", "99"][..], "99"),
        (&["rejects", "show", "abcdef"], "abcdef"),
        (&["rejects", "retry", "abcdef"], "abcdef"),
        (&["rejects", "discard", "abcdef", "--yes"], "abcdef"),
        (&["check", "--project", "nobody"], "nobody"),
        (&["plugin", "inspect", "nothing.wasm"], "nothing.wasm"),
        (&["plugin", "add", "nothing.wasm", "--yes"], "nothing.wasm"),
        (&["plugin", "remove", "nothing"], "nothing"),
        (&["plugin", "test", "nothing"], "nothing"),
        (&["plugin", "check", "nothing.wasm"], "nothing.wasm"),
        (&["plugin", "build", "nothing"], "nothing"),
        (&["runs", "--database", "oracle://x"], "oracle"),
        (&["views", "bigquery", "--connection", "x"], "PROJECT.REGION.CONNECTION"),
        (
            &["run", "--project", "fenix", "--report-type", "issues", "--replay", "nothing"],
            "nothing",
        ),
    ] {
        let told = place.run(line);
        if told.code != Some(2) || !told.said().contains(says) {
            wrong.push(format!("{line:?}: {:?} {}", told.code, told.said()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_configuration_that_is_not_there_or_names_nothing_is_no_success() {
    let place = Workplace::new("");
    place.run(&["plugin", "verify"]).expect_code(0).expect_said("there is nothing to verify");
    place.run(&["check"]).expect_code(1).expect_said("it names no datasource");
    let nobody = "[datasources.github]\nplugin = 'github.wasm'\n";
    std::fs::write(place.path("test-dashboard.toml"), nobody).unwrap();
    place.run(&["check"]).expect_code(1).expect_said("it names no project");
    for command in ["verify", "list"] {
        let typo = ["plugin", command, "--config", "tset-dashboard.toml"];
        place.run(&typo).expect_code(2).expect_said("tset-dashboard.toml");
    }
    std::fs::remove_file(place.path("test-dashboard.toml")).unwrap();
    place.run(&["plugin", "verify"]).expect_code(2).expect_said("write a first one with");
    place.run(&["plugin", "list"]).expect_code(0).expect_said("no plugin is installed");
}

#[test]
fn no_token_is_not_called_a_wrong_one() {
    let service = Server::start(|_| Server::json(401, r#"{"message": "Requires authentication"}"#));
    let optional = "credential = { kind = \"bearer\", secret = \"${TOKEN}\", optional = true }";
    let place = Workplace::new(&(github::section("github", &service, optional) + github::PROJECT));
    let says = "no credential was sent: datasources.github.credential is missing, or is optional and its variable is not set";
    for line in [&ISSUES[..], &["check"]] {
        place.run(line).expect_code(1).expect_said(says).expect_said("Requires authentication");
        let told = place.run_with(line, &[("TOKEN", "wrong")]).expect_code(1);
        assert!(!told.said().contains("no credential was sent"), "{}", told.said());
    }
}

#[test]
fn a_message_says_what_happened() {
    let place = Workplace::new(
        "[datasources.github]\nplugin = 'nothing.wasm'\n[projects.fenix.github]\nrepository = 'a/b'\n",
    );
    let told = place
        .run(&ISSUES)
        .expect_code(2)
        .expect_said("no plugin could be loaded to read \"issues\"");
    assert!(told.said().contains("nothing.wasm") && !told.said().contains("there is no report"));
    let told = place
        .run(&["db", "migrate", "--database", "sqlite:no/such/folder/x.sqlite"])
        .expect_code(1)
        .expect_said("is its folder there, and may this user read and write it?");
    assert!(!told.said().contains("port"), "{}", told.said());
    place.configure("history-days = 5000000\n");
    place.run(&["status"]).expect_code(2).expect_said(
        "test-dashboard.toml:1: history-days is 5000000: expected a whole number from 0 to 36500",
    );
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the recordings hold, read without the plugins.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::support::repository;

/// The demo's projects, with TestRail's numbers.
pub const PROJECTS: [(&str, i64); 5] = [
    ("fenix", 59),
    ("firefox-ios", 14),
    ("focus-android", 48),
    ("focus-ios", 27),
    ("reference-browser", 58),
];

/// Something of a project.
pub struct Of {
    pub project: &'static str,
    pub number: i64,
    pub of: Value,
}

impl Of {
    /// Of a run: passed, retest, failed, blocked, and all of whatever status.
    pub fn counts(&self) -> [i64; 5] {
        let count = |name: &str| self.of[name].as_i64().unwrap();
        let all = self.of.as_object().unwrap().iter();
        let all = all.filter(|(name, _)| name.ends_with("_count"));
        let total = all.filter_map(|(_, count)| count.as_i64()).sum();
        [
            count("passed_count"),
            count("retest_count"),
            count("failed_count"),
            count("blocked_count"),
            total,
        ]
    }
}

/// A test case, by the rules for counting it.
pub struct Case {
    pub project: &'static str,
    pub number: i64,
    pub suite: i64,
    pub sub_suites: BTreeSet<i64>,
    pub status: i64,
    pub coverage: i64,
    pub has_null_status: bool,
    pub has_no_status: bool,
    pub has_no_sub_suite: bool,
}

/// The recording of a first run.
fn file(plugin: &str, project: &str, report: &str) -> PathBuf {
    repository().join(format!("plugins/{plugin}/fixtures/{project}/{report}.har"))
}

/// Addresses and answers of a recording, in their order. Not every project has them all.
fn answers(plugin: &str, project: &str, report: &str) -> Vec<(String, Value)> {
    let file = file(plugin, project, report);
    if !file.is_file() {
        return Vec::new();
    }
    let har = std::fs::read_to_string(file).unwrap();
    let har: Value = serde_json::from_str(&har).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap().iter();
    let answer = |entry: &Value| {
        let body = entry["response"]["content"]["text"].as_str().unwrap_or("null");
        let url = entry["request"]["url"].as_str().unwrap().to_string();
        (url, serde_json::from_str(body).unwrap_or(Value::Null))
    };
    entries.map(answer).collect()
}

/// What `find` finds in the answers of all projects, each by its `id` once, the last one told.
fn collect(
    reports: &[(&str, &str)],
    id: &str,
    find: impl Fn(&str, &Value) -> Vec<Value>,
) -> Vec<Of> {
    let mut found = Vec::new();
    for (project, number) in PROJECTS {
        let mut things = BTreeMap::new();
        for (plugin, report) in reports {
            for (url, answer) in answers(plugin, project, report) {
                for thing in find(&url, &answer) {
                    things.insert(thing[id].to_string(), thing);
                }
            }
        }
        found.extend(things.into_values().map(|of| Of { project, number, of }));
    }
    found
}

/// What TestRail lists: in an envelope, or, from an old server, bare.
fn listed(answer: &Value, key: &str) -> Vec<Value> {
    if answer.is_array() { list(answer) } else { list(&answer[key]) }
}

fn list(of: &Value) -> Vec<Value> {
    of.as_array().cloned().unwrap_or_default()
}

/// The cases that are not deleted.
pub fn cases() -> Vec<Case> {
    let found = collect(&[("testrail", "test-case-coverage")], "id", |url, answer| {
        if url.contains("get_cases") { listed(answer, "cases") } else { Vec::new() }
    });
    let is_there = |case: &&Of| case.of["is_deleted"] != 1;
    found.iter().filter(is_there).map(case).collect()
}

fn case(Of { project, number, of }: &Of) -> Case {
    let status = of.get("custom_automation_status");
    let named: BTreeSet<i64> =
        list(&of["custom_sub_test_suites"]).iter().map(|id| id.as_i64().unwrap()).collect();
    Case {
        project,
        number: *number,
        suite: of["suite_id"].as_i64().unwrap(),
        has_no_sub_suite: named.is_empty(),
        sub_suites: if named.is_empty() { BTreeSet::from([7]) } else { named },
        status: status.and_then(Value::as_i64).unwrap_or(0),
        coverage: of["custom_automation_coverage"].as_i64().unwrap_or(0),
        has_null_status: status.is_some_and(Value::is_null),
        has_no_status: status.is_none(),
    }
}

const RUNS: [(&str, &str); 2] =
    [("testrail", "test-run-counts"), ("testrail", "test-plans-and-runs")];

/// The runs, in plans and outside of them.
pub fn runs() -> Vec<Of> {
    collect(&RUNS, "id", |url, answer| {
        if url.contains("get_runs/") {
            listed(answer, "runs")
        } else if url.contains("get_plan/") {
            list(&answer["entries"]).iter().flat_map(|entry| list(&entry["runs"])).collect()
        } else {
            Vec::new()
        }
    })
}

/// The plans, as they are told one by one.
pub fn plans() -> Vec<Of> {
    let is_plan = |url: &str| url.contains("get_plan/");
    collect(
        &RUNS[1..],
        "id",
        |url, answer| {
            if is_plan(url) { vec![answer.clone()] } else { Vec::new() }
        },
    )
}

/// The milestones and their parts.
pub fn milestones() -> Vec<Of> {
    fn flat(of: &Value) -> Vec<Value> {
        list(of)
            .iter()
            .flat_map(|one| [vec![one.clone()], flat(&one["milestones"])].concat())
            .collect()
    }
    collect(&[("testrail", "milestones")], "id", |_, answer| {
        flat(&listed(answer, "milestones").into())
    })
}

/// The statuses of tests.
pub fn statuses() -> Vec<Value> {
    let found = collect(&[("testrail", "reference")], "id", |url, answer| {
        if url.contains("get_statuses") { list(answer) } else { Vec::new() }
    });
    found.into_iter().map(|status| status.of).collect()
}

/// Issues and pull requests.
pub fn issues() -> Vec<Of> {
    collect(&[("github", "issues")], "id", |_, answer| list(answer))
}

/// Builds.
pub fn builds() -> Vec<Of> {
    collect(&[("bitrise", "builds")], "slug", |url, answer| {
        if url.contains("/builds") { list(&answer["data"]) } else { Vec::new() }
    })
}

/// The day, in UTC, of a moment in seconds; null as it is.
pub fn day(seconds: &Value) -> Value {
    let moment = seconds.as_i64().map(|seconds| jiff::Timestamp::from_second(seconds).unwrap());
    moment.map_or(Value::Null, |moment| moment.to_string()[..10].into())
}

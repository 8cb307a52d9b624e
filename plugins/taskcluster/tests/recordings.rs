// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Whole recordings: the project's own, made by `fixtures/generate.py`, and real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};
use test_dashboard_sdk::testing::{
    self, FakeHttp, MemoryHost, OddFields, Reply, odd_fields_cost_their_rows,
};
use test_dashboard_sdk::{Datasource, Request, Timestamp, Value};
use test_dashboard_taskcluster::Taskcluster;

/// The projects of the fixtures with the settings that they are made for.
fn projects() -> [(&'static str, Json); 3] {
    [
        (
            "fenix",
            json!({
                "index-namespace": "gecko.v2.mozilla-central", "days": 4,
                "hooks": ["project-releng/cron-task-mozilla-central/fenix-nightly"],
            }),
        ),
        (
            "focus-android",
            json!({
                "decision-routes": ["mobile.v2.focus-android.latest.taskgraph.decision"],
                "hooks": ["project-mobile/focus-android/legacy-tests"],
            }),
        ),
        (
            "firefox-ios",
            json!({
                "task-group-ids": ["FXiosWeeklyGroupAAAA-A"],
                "hooks": ["project-mobile/firefox-ios/l10n-screenshots"],
            }),
        ),
    ]
}

fn request(report: &str, project: &str, settings: &Json, http: &FakeHttp) -> Request {
    let mut context = testing::context(http, settings.clone());
    context.project = project.into();
    context.base_url = "https://firefox-ci-tc.services.mozilla.com".into();
    testing::request(report, context)
}

fn recording(project: &str, report: &str) -> String {
    let path = format!("{}/fixtures/{project}/{report}.har", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The JSON bodies of a recording.
fn bodies(recording: &str) -> Vec<Json> {
    let har: Json = serde_json::from_str(recording).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["response"]["content"]["text"].as_str().unwrap())
        .map(|body| serde_json::from_str(body).unwrap())
        .collect()
}

#[test]
fn the_plugin_makes_the_requests_of_the_fixtures_and_no_others() {
    for (project, settings) in projects() {
        for report in Taskcluster::describe().reports {
            for full in [false, true] {
                let http = FakeHttp::har(&recording(project, &report.name));
                let mut request = request(&report.name, project, &settings, &http);
                request.full = full;
                MemoryHost::new().run::<Taskcluster>(&request).unwrap();
                http.assert_all_used();
            }
        }
    }
}

#[test]
fn an_odd_field_costs_its_row_and_no_other() {
    let [.., (project, settings)] = projects();
    for report in ["task-groups", "hook-fires"] {
        let request = |http: &FakeHttp| request(report, project, &settings, http);
        let may = OddFields {
            needed: &[
                "taskGroupId",
                "taskId",
                "status",
                "runId",
                "tasks",
                "lastFires",
                "continuationToken",
                "result",
                "taskCreateTime",
            ],
            anything: &["tags"],
            // Whether a group is settled, and where it comes from, is told by its tasks.
            derived: &["taskcluster_task_groups"],
        };
        let recording = recording(project, report);
        let odd = odd_fields_cost_their_rows::<Taskcluster>(&recording, request, may);
        assert!(odd.len() > 3, "{report}: {odd:?}");
    }
}

#[test]
fn every_task_run_and_fire_of_the_fixtures_is_stored() {
    let mut host = MemoryHost::new();
    let (mut tasks, mut runs, mut fires) = (BTreeMap::new(), 0, 0);
    for (project, settings) in projects() {
        for report in ["task-groups", "hook-fires"] {
            let recording = recording(project, report);
            let http = FakeHttp::har(&recording);
            host.run::<Taskcluster>(&request(report, project, &settings, &http)).unwrap();
            for body in bodies(&recording) {
                if report == "hook-fires" {
                    fires += body["lastFires"].as_array().map_or(0, Vec::len);
                }
                for task in body["tasks"].as_array().into_iter().flatten() {
                    let Some(id) = task["status"]["taskId"].as_str() else { continue };
                    let had = task["status"]["runs"].as_array().unwrap().len();
                    if tasks.insert(id.to_owned(), had).is_none() {
                        runs += had;
                    }
                }
            }
        }
    }
    assert!(tasks.len() > 300 && fires > 10, "{} tasks, {fires} fires", tasks.len());
    assert_eq!(host.rows("taskcluster_tasks").len(), tasks.len());
    assert_eq!(host.rows("taskcluster_task_runs").len(), runs);
    assert_eq!(host.rows("taskcluster_hook_fires").len(), fires);
}

/// A real group as the queue would list it in pages of 30, from beside the repository. It is
/// not part of it.
fn real(file: &str) -> Option<(Json, FakeHttp)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures/taskcluster")
        .join(file);
    let group: Json = match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(error) => {
            eprintln!("not run: {} cannot be read ({error})", path.display());
            return None;
        }
    };
    let served = group.clone();
    let http = FakeHttp::serve(move |request| {
        let id = served["taskGroupId"].as_str().unwrap();
        assert!(request.url.contains(&format!("/queue/v1/task-group/{id}/list?")));
        let page = request
            .url
            .split_once("continuationToken=")
            .map_or(0, |(_, token)| token.parse::<usize>().unwrap());
        let pages: Vec<&[Json]> = served["tasks"].as_array().unwrap().chunks(30).collect();
        let mut body = json!({"taskGroupId": id, "tasks": pages[page]});
        if page + 1 < pages.len() {
            body["continuationToken"] = json!((page + 1).to_string());
        }
        Reply::json(200, &body.to_string())
    });
    Some((group, http))
}

fn text(value: &Json) -> Value {
    value.as_str().map_or(Value::Null, |text| Value::Text(text.into()))
}

fn moment(value: &Json) -> Option<Timestamp> {
    value.as_str().map(|text| text.parse().unwrap())
}

fn seconds(from: &Json, to: &Json) -> Value {
    let milliseconds = |time: Timestamp| time.as_millisecond();
    match (moment(from).map(milliseconds), moment(to).map(milliseconds)) {
        (Some(from), Some(to)) => {
            let difference = i32::try_from(to - from).unwrap();
            Value::Float64(f64::from(difference) / 1_000.0)
        }
        _ => Value::Null,
    }
}

fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.sort_by_key(|row| format!("{row:?}"));
    rows
}

fn check_real_group(file: &str, count: usize) {
    let Some((group, http)) = real(file) else { return };
    let settings = json!({"task-group-ids": [group["taskGroupId"]]});
    let mut host = MemoryHost::new();
    host.run::<Taskcluster>(&request("task-groups", "fenix", &settings, &http)).unwrap();
    let recorded = group["tasks"].as_array().unwrap();
    assert_eq!(recorded.len(), count);

    let tasks: Vec<Vec<Value>> = recorded
        .iter()
        .map(|entry| {
            let (status, task) = (&entry["status"], &entry["task"]);
            let tag = |name: &str| text(&task["tags"][name]);
            vec![
                text(&status["taskId"]),
                text(&group["taskGroupId"]),
                text(&status["state"]),
                text(&task["metadata"]["name"]),
                tag("label"),
                tag("kind"),
                tag("test-suite"),
                text(&status["workerType"]),
                Value::Null,
                Value::Null,
                Value::Timestamp(moment(&status["expires"]).unwrap().as_microsecond()),
            ]
        })
        .collect();
    let columns = [
        "task_id",
        "task_group_id",
        "state",
        "name",
        "label",
        "kind",
        "test_suite",
        "worker_type",
        "task_queue_id",
        "project_id",
        "expires",
    ];
    assert_eq!(sorted(host.select("taskcluster_tasks", &columns)), sorted(tasks));

    let runs: Vec<Vec<Value>> = recorded
        .iter()
        .flat_map(|entry| {
            let status = &entry["status"];
            status["runs"].as_array().unwrap().iter().map(|run| {
                vec![
                    text(&status["taskId"]),
                    Value::Int64(run["runId"].as_i64().unwrap()),
                    text(&run["state"]),
                    text(&run["reasonCreated"]),
                    text(&run["reasonResolved"]),
                    seconds(&run["scheduled"], &run["started"]),
                    seconds(&run["started"], &run["resolved"]),
                ]
            })
        })
        .collect();
    let columns = [
        "task_id",
        "run_id",
        "state",
        "reason_created",
        "reason_resolved",
        "queue_seconds",
        "duration_seconds",
    ];
    assert_eq!(sorted(host.select("taskcluster_task_runs", &columns)), sorted(runs));

    let group_row = host.select("taskcluster_task_groups", &["treeherder_project", "expires"]);
    assert_eq!(group_row, [[Value::Text("try".into()), Value::Null]]);
}

#[test]
fn the_recorded_group_of_86_tasks_is_stored_with_every_state_and_reason() {
    check_real_group("taskgroup-complete-build-failed.json", 86);
}

#[test]
fn the_recorded_group_of_20_tasks_is_stored_with_every_state_and_reason() {
    check_real_group("taskgroup-wpt-complete.json", 20);
}

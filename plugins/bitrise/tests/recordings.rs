// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Whole recordings: the project's own, made by `fixtures/generate.py`, and real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use test_dashboard_bitrise::Bitrise;
use test_dashboard_sdk::testing::{
    self, FakeHttp, MemoryHost, OddFields, Reply, odd_fields_cost_their_rows,
};
use test_dashboard_sdk::{Failure, FailureKind, Request, Timestamp, Value};

const PROJECTS: [(&str, &[&str]); 3] = [
    ("fenix", &["6c06d3a40422d10f"]),
    ("focus-android", &["2d1a4b7c90e35f68"]),
    ("firefox-ios", &["6c1e3f0b52a7d984", "9f87e6d5-c4b3-4a21-8f0e-1d2c3b4a5968"]),
];

fn request(report: &str, project: &str, apps: &[&str], http: &FakeHttp) -> Request {
    let mut context = testing::context(http, json!({"app-slugs": apps}));
    context.project = project.into();
    context.base_url = "https://api.bitrise.io/v0.1".into();
    testing::request(report, context)
}

fn recording(project: &str, report: &str) -> String {
    let path = format!("{}/fixtures/{project}/{report}.har", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the lists of a recording hold, by slug, of addresses that contain a text.
fn recorded(recording: &str, part: &str) -> BTreeMap<String, Json> {
    let har: Json = serde_json::from_str(recording).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap().iter();
    let lists = entries.filter(|entry| entry["request"]["url"].as_str().unwrap().contains(part));
    let bodies = lists.map(|entry| entry["response"]["content"]["text"].as_str().unwrap());
    let items = bodies.flat_map(|body| {
        let body: Json = serde_json::from_str(body).unwrap();
        body["data"].as_array().unwrap().clone()
    });
    items.map(|item| (item["slug"].as_str().unwrap().to_owned(), item)).collect()
}

fn slugs(host: &MemoryHost, table: &str) -> BTreeSet<String> {
    let rows = host.select(table, &["slug"]);
    rows.into_iter()
        .map(|row| match &row[..] {
            [Value::Text(slug)] => slug.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_plugin_makes_the_requests_of_the_fixtures_and_no_others() {
    for (project, apps) in PROJECTS {
        for report in ["builds", "build-artifacts"] {
            for full in [false, true] {
                let http = FakeHttp::har(&recording(project, report));
                let request = Request { full, ..request(report, project, apps, &http) };
                MemoryHost::new().run::<Bitrise>(&request).unwrap();
                http.assert_all_used();
            }
        }
    }
}

#[test]
fn an_odd_field_costs_its_row_and_no_other() {
    let (project, apps) = PROJECTS[2];
    for report in ["builds", "build-artifacts"] {
        let request = |http: &FakeHttp| request(report, project, apps, http);
        let may = OddFields {
            needed: &["data", "paging", "total_item_count", "next", "slug"],
            anything: match report {
                // What a build produced is read once it is known to be settled.
                "build-artifacts" => &["artifact_meta", "status", "finished_at", "triggered_at"],
                _ => &[],
            },
            derived: &[],
        };
        let recording = recording(project, report);
        let odd = odd_fields_cost_their_rows::<Bitrise>(&recording, request, may);
        assert!(odd.len() > 3, "{report}: {odd:?}");
    }
}

#[test]
fn every_build_and_artifact_of_the_fixtures_is_stored() {
    for (project, apps) in PROJECTS {
        let builds = recording(project, "builds");
        let artifacts = recording(project, "build-artifacts");
        let mut host = MemoryHost::new();
        for (report, har) in [("builds", &builds), ("build-artifacts", &artifacts)] {
            let request = request(report, project, apps, &FakeHttp::har(har));
            host.run::<Bitrise>(&request).unwrap();
        }
        let recorded_builds = recorded(&builds, "after=");
        assert!(recorded_builds.len() >= 30, "{project}");
        assert!(slugs(&host, "bitrise_builds").iter().eq(recorded_builds.keys()));
        let recorded_artifacts = recorded(&artifacts, "/artifacts?");
        assert!(!recorded_artifacts.is_empty());
        assert!(slugs(&host, "bitrise_artifacts").iter().eq(recorded_artifacts.keys()));
        assert!(
            slugs(&host, "bitrise_apps")
                .iter()
                .eq(&BTreeSet::from_iter(apps.iter().map(|s| (*s).to_owned())))
        );

        let statuses = host.select("bitrise_builds", &["slug", "status", "is_on_hold"]);
        for row in &statuses {
            let Value::Text(slug) = &row[0] else { panic!("{row:?}") };
            let build = &recorded_builds[slug];
            assert_eq!(row[1], Value::Int64(build["status"].as_i64().unwrap()));
            assert_eq!(row[2], Value::Boolean(build["is_on_hold"].as_bool().unwrap()));
        }
        assert!(!format!("{host:?}").contains("an invented secret"));
    }
}

#[test]
fn the_fixtures_show_what_is_peculiar_about_bitrise() {
    let builds = recorded(&recording("fenix", "builds"), "after=");
    let statuses: BTreeSet<i64> = builds.values().map(|b| b["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, BTreeSet::from([0, 1, 2, 3, 4]));
    assert!(builds.values().any(|build| build["is_on_hold"] == true));
    assert!(recording("fenix", "builds").contains(r#"&next="#), "more than one page");
}

/// Where real recordings lie, beside the repository. They are not part of it.
fn real(file: &str) -> Option<String> {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/bitrise").join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!("not run: {} cannot be read ({error})", path.display());
            None
        }
    }
}

/// The day after the recorded builds.
const THEN: &str = "2021-03-03T06:00:00Z";

/// Serves the two recordings: the builds are those of the first app.
fn serve(apps: String, builds: String) -> (FakeHttp, Vec<String>) {
    let listed: Json = serde_json::from_str(&apps).unwrap();
    let slugs = listed["data"].as_array().unwrap().iter();
    let slugs: Vec<String> = slugs.map(|app| app["slug"].as_str().unwrap().into()).collect();
    let first = format!("/apps/{}/builds?", slugs[0]);
    let http = FakeHttp::serve(move |request| {
        if request.url.contains("/apps?") {
            Reply::json(200, &apps)
        } else if request.url.contains(&first) {
            // Whatever it is asked for: the plugin keeps only what it asked for.
            Reply::json(200, &builds)
        } else {
            let nothing = json!({"data": [], "paging": {"total_item_count": 0}});
            Reply::json(200, &nothing.to_string())
        }
    });
    (http, slugs)
}

#[test]
fn the_recorded_builds_and_apps_are_stored_whole() {
    let (Some(apps), Some(builds)) = (real("bitrise_apps.json"), real("bitrise_builds.json"))
    else {
        return;
    };
    let (http, slugs) = serve(apps.clone(), builds.clone());
    let app_slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    let mut request = request("builds", "recorded", &app_slugs, &http);
    request.context.now = THEN.parse().unwrap();
    let mut host = MemoryHost::new();
    host.run::<Bitrise>(&request).unwrap();

    let recorded = |text: &str| -> Vec<Json> {
        let body: Json = serde_json::from_str(text).unwrap();
        let mut items = body["data"].as_array().unwrap().clone();
        items.sort_by_key(|item| item["slug"].as_str().unwrap().to_owned());
        items
    };
    let text = |value: &Json| value.as_str().map_or(Value::Null, |text| Value::Text(text.into()));
    let moment = |value: &Json| value.as_str().map(|text| text.parse::<Timestamp>().unwrap());
    let between = |from: &Json, to: &Json| {
        let seconds = moment(to).unwrap().as_second() - moment(from).unwrap().as_second();
        Value::Float64(seconds as f64)
    };

    let builds = recorded(&builds);
    let columns = [
        "slug",
        "build_number",
        "status",
        "status_text",
        "branch",
        "commit_hash",
        "commit_message",
        "triggered_workflow",
        "queue_seconds",
        "duration_seconds",
        "tag",
        "finished_at",
    ];
    let expected: Vec<Vec<Value>> = builds
        .iter()
        .map(|build| {
            vec![
                text(&build["slug"]),
                Value::Int64(build["build_number"].as_i64().unwrap()),
                Value::Int64(build["status"].as_i64().unwrap()),
                text(&build["status_text"]),
                text(&build["branch"]),
                text(&build["commit_hash"]),
                text(&build["commit_message"]),
                text(&build["triggered_workflow"]),
                between(&build["triggered_at"], &build["started_on_worker_at"]),
                between(&build["environment_prepare_finished_at"], &build["finished_at"]),
                text(&build["tag"]),
                Value::Timestamp(moment(&build["finished_at"]).unwrap().as_microsecond()),
            ]
        })
        .collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(host.select("bitrise_builds", &columns), expected);

    let apps = recorded(&apps);
    let columns = ["slug", "title", "repo_url", "is_public", "owner_name", "owner_account_type"];
    let expected: Vec<Vec<Value>> = apps
        .iter()
        .map(|app| {
            vec![
                text(&app["slug"]),
                text(&app["title"]),
                text(&app["repo_url"]),
                Value::Boolean(app["is_public"].as_bool().unwrap()),
                text(&app["owner"]["name"]),
                text(&app["owner"]["account_type"]),
            ]
        })
        .collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(host.select("bitrise_apps", &columns), expected);
}

#[test]
fn the_recorded_error_bodies_are_what_a_failure_says() {
    for (file, status, kind, says) in [
        ("bitrise_404.json", 404, FailureKind::NotFound, "saying: Not found"),
        ("bitrise_5xx.json", 500, FailureKind::Transient, "saying: Internal Server Error"),
    ] {
        let Some(body) = real(file) else { return };
        let http = FakeHttp::serve(move |_| Reply::json(status, &body));
        let failure: Failure = MemoryHost::new()
            .run::<Bitrise>(&request("build-artifacts", "recorded", &["a2b473cfa869c525"], &http))
            .unwrap_err();
        assert_eq!(failure.kind, kind);
        assert!(failure.message.contains(says), "{failure}");
    }
}

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
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use test_dashboard_github::GitHub;
use test_dashboard_sdk::testing::{
    self, FakeHttp, MemoryHost, OddFields, Reply, odd_fields_cost_their_rows,
};
use test_dashboard_sdk::{Request, Value};

const PROJECTS: [&str; 5] =
    ["fenix", "focus-android", "reference-browser", "firefox-ios", "focus-ios"];

const REPORTS: [&str; 5] =
    ["issues", "issue-regression", "pull-requests", "workflow-runs", "releases"];

fn request(report: &str, project: &str, repository: &str, http: &FakeHttp) -> Request {
    let mut context = testing::context(http, serde_json::json!({"repository": repository}));
    context.project = project.into();
    context.base_url = "https://api.github.com".into();
    testing::request(report, context)
}

fn recording(project: &str, report: &str) -> String {
    let path = format!("{}/fixtures/{project}/{report}.har", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every issue of the lists in a recording, by its id.
fn recorded_issues(recording: &str) -> BTreeMap<i64, Json> {
    let har: Json = serde_json::from_str(recording).unwrap();
    let bodies = har["log"]["entries"].as_array().unwrap().iter();
    let bodies = bodies.map(|entry| entry["response"]["content"]["text"].as_str().unwrap());
    let lists = bodies.filter_map(|body| serde_json::from_str::<Vec<Json>>(body).ok());
    lists.flatten().map(|issue| (issue["id"].as_i64().unwrap(), issue)).collect()
}

#[test]
fn the_plugin_makes_the_requests_of_the_fixtures_and_no_others() {
    for project in PROJECTS {
        for report in REPORTS {
            let http = FakeHttp::har(&recording(project, report));
            let repository = format!("mozilla-mobile/{project}");
            let mut host = MemoryHost::new();
            host.run::<GitHub>(&request(report, project, &repository, &http)).unwrap();
            http.assert_all_used();
        }
    }
}

#[test]
fn every_issue_and_label_of_the_fixtures_is_stored() {
    let mut host = MemoryHost::new();
    let (mut issues, mut labels) = (0, 0);
    for project in PROJECTS {
        let recording = recording(project, "issues");
        let recorded = recorded_issues(&recording);
        issues += recorded.len();
        labels += recorded.values().map(|i| i["labels"].as_array().unwrap().len()).sum::<usize>();
        let repository = format!("mozilla-mobile/{project}");
        let http = FakeHttp::har(&recording);
        host.run::<GitHub>(&request("issues", project, &repository, &http)).unwrap();
    }
    assert_eq!(issues, 230 + 40 + 120 + 17);
    assert_eq!(host.rows("github_issues").len(), issues);
    assert_eq!(host.rows("github_issue_labels").len(), labels);
    let columns = ["is_pull_request", "user_login"];
    let rows = host.select("github_issues", &columns);
    assert!(rows.iter().any(|row| row[0] == Value::Boolean(true)));
    assert!(rows.iter().any(|row| row[1] == Value::Null));
}

#[test]
fn the_two_reports_agree_on_what_is_open() {
    for project in PROJECTS {
        let repository = format!("mozilla-mobile/{project}");
        let http = FakeHttp::har(&recording(project, "issue-regression"));
        let mut host = MemoryHost::new();
        let request = request("issue-regression", project, &repository, &http);
        host.run::<GitHub>(&request).unwrap();
        let rows = host.select("github_issue_regression", &["label", "open_at_end"]);
        assert_eq!(rows.len(), 30 * 9);
        let issues = recorded_issues(&recording(project, "issues"));
        for row in &rows[29 * 9..] {
            let Value::Text(label) = &row[0] else { panic!("{row:?}") };
            let has_label =
                |i: &&Json| i["labels"].as_array().unwrap().iter().any(|l| l["name"] == **label);
            let is_issue = |i: &&Json| i.get("pull_request").is_none() && i["state"] == "open";
            let open = issues.values().filter(is_issue).filter(has_label).count();
            assert_eq!(row[1], Value::Int64(i64::try_from(open).unwrap()), "{project} {label}");
        }
    }
}

#[test]
fn an_odd_field_costs_its_row_and_no_other() {
    for report in REPORTS {
        let project = if report == "workflow-runs" { "focus-ios" } else { "firefox-ios" };
        let repository = format!("mozilla-mobile/{project}");
        let may = OddFields {
            needed: match report {
                // More than one row is made of each issue.
                "issue-regression" => &[
                    "id",
                    "number",
                    "full_name",
                    "has_issues",
                    "open_issues_count",
                    "created_at",
                    "closed_at",
                ],
                _ => &[
                    "id",
                    "full_name",
                    "has_issues",
                    "open_issues_count",
                    "number",
                    "total_count",
                    "workflow_runs",
                    "jobs",
                ],
            },
            anything: &[],
            derived: &[],
        };
        let request = |http: &FakeHttp| request(report, project, &repository, http);
        let odd = odd_fields_cost_their_rows::<GitHub>(&recording(project, report), request, may);
        assert!(odd.len() > 3, "{report}: {odd:?}");
    }
}

/// Every project's recording of a report, in one host.
fn load_all(report: &str) -> MemoryHost {
    let mut host = MemoryHost::new();
    for project in PROJECTS {
        let http = FakeHttp::har(&recording(project, report));
        let repository = format!("mozilla-mobile/{project}");
        host.run::<GitHub>(&request(report, project, &repository, &http)).unwrap();
    }
    host
}

#[test]
fn the_pull_requests_of_the_fixtures_are_those_among_its_issues() {
    let pulls = load_all("pull-requests");
    let mut issues = load_all("issues").select(
        "github_issues",
        &["repository_id", "number", "title", "updated_at", "is_pull_request"],
    );
    issues.retain(|row| row[4] == Value::Boolean(true));
    issues.iter_mut().for_each(|row| row.truncate(4));
    assert!(issues.len() > 50);
    let columns = ["repository_id", "number", "title", "updated_at"];
    assert_eq!(pulls.select("github_pull_requests", &columns), issues);
}

#[test]
fn every_run_job_step_and_release_of_the_fixtures_is_stored() {
    let host = load_all("workflow-runs");
    let runs = host.select("github_workflow_runs", &["id", "run_attempt", "status"]);
    let first = runs.iter().filter(|row| row[1] == Value::Int64(1)).count();
    assert_eq!(first, 60 + 20 + 40 + 6);
    assert!(runs.len() > first + 20, "reruns");
    let running = Value::Text("in_progress".into());
    assert_eq!(runs.iter().filter(|row| row[2] == running).count(), 4);
    let jobs = host.select("github_workflow_jobs", &["status", "id"]);
    let done = jobs.iter().filter(|row| row[0] == Value::Text("completed".into())).count();
    assert!(done > 200);
    assert_eq!(host.rows("github_workflow_job_steps").len(), done * 5);

    let releases = load_all("releases").select("github_releases", &["is_draft", "published_at"]);
    assert_eq!(releases.len(), 95 + 12 + 30 + 3);
    let drafts = releases.iter().filter(|row| row[0] == Value::Boolean(true));
    assert_eq!(drafts.filter(|row| row[1] == Value::Null).count(), 4);
}

#[test]
fn jobs_of_the_fixtures_are_flaky() {
    let host = load_all("workflow-runs");
    let columns = ["run_id", "name", "run_attempt", "conclusion"];
    let mut flaky = BTreeMap::new();
    for row in host.select("github_workflow_jobs", &columns) {
        let [Value::Int64(run), Value::Text(name), Value::Int64(attempt), end] = &row[..] else {
            panic!("{row:?}")
        };
        let Value::Text(end) = end else { continue };
        let (failed, healed) = flaky.entry((*run, name.clone())).or_insert((i64::MAX, i64::MIN));
        match end.as_str() {
            "failure" | "timed_out" => *failed = (*failed).min(*attempt),
            "success" => *healed = (*healed).max(*attempt),
            other => panic!("{other}"),
        }
    }
    let flaky = flaky.values().filter(|(failed, healed)| failed < healed).count();
    assert!(flaky > 10, "{flaky}");
}

/// Where real recordings lie, beside the repository. They are not part of it.
fn real(file: &str) -> Option<Vec<Json>> {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/github").join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            eprintln!("not run: {} cannot be read ({error})", path.display());
            None
        }
    }
}

/// One recorded exchange as a script's line.
fn line(exchange: &Json, url: Option<String>) -> (String, Reply) {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let url = url.unwrap_or_else(|| format!("https://api.github.com{}", text(&exchange["path"])));
    let status = u16::try_from(exchange["status"].as_u64().unwrap()).unwrap();
    let headers = exchange["rawHeaders"].as_array().unwrap();
    let reply = headers
        .chunks(2)
        .fold(Reply::json(status, &exchange["response"].to_string()), |reply, pair| {
            reply.header(pair[0].as_str().unwrap(), pair[1].as_str().unwrap())
        });
    (url, reply)
}

const FIRST_PAGE: &str = "state=all&per_page=100&sort=updated&direction=asc";

#[test]
fn the_recorded_list_of_thirteen_issues_is_read_over_its_five_pages() {
    let Some(exchanges) = real("octokit-paginate-issues.json") else { return };
    let created = &exchanges[0]["response"];
    let name = created["full_name"].as_str().unwrap();
    let base = format!("https://api.github.com/repos/{name}");
    let mut script = vec![(base.clone(), Reply::json(200, &created.to_string()))];
    let mut recorded = BTreeMap::new();
    for exchange in exchanges.iter().filter(|exchange| exchange["method"] == "get") {
        let first = (script.len() == 1).then(|| format!("{base}/issues?{FIRST_PAGE}"));
        script.push(line(exchange, first));
        for issue in exchange["response"].as_array().unwrap() {
            recorded.insert(issue["number"].as_i64().unwrap(), issue.clone());
        }
    }
    assert_eq!((script.len(), recorded.len()), (6, 13));

    let http = FakeHttp::script(script);
    let mut host = MemoryHost::new();
    host.run::<GitHub>(&request("issues", "fenix", name, &http)).unwrap();
    http.assert_all_used();
    let stored = host.select("github_issues", &["number", "title", "user_login", "repository_id"]);
    let expected: Vec<Vec<Value>> = recorded
        .iter()
        .map(|(number, issue)| {
            let text = |value: &Json| Value::Text(value.as_str().unwrap().into());
            let repository = created["id"].as_i64().unwrap();
            vec![
                Value::Int64(*number),
                text(&issue["title"]),
                text(&issue["user"]["login"]),
                Value::Int64(repository),
            ]
        })
        .collect();
    assert_eq!(stored, expected);
}

#[test]
fn the_recorded_rename_is_followed_to_the_repository() {
    let Some(exchanges) = real("octokit-rename-repository.json") else { return };
    let asked: Vec<&Json> = exchanges.iter().filter(|e| e["method"] == "get").collect();
    let [moved, found] = asked[..] else { panic!("{} exchanges", asked.len()) };
    let old = moved["path"].as_str().unwrap().strip_prefix("/repos/").unwrap();
    let new = found["response"]["full_name"].as_str().unwrap();
    assert_ne!(old, new);
    let list = format!("https://api.github.com/repos/{new}/issues?{FIRST_PAGE}");
    let http =
        FakeHttp::script([line(moved, None), line(found, None), (list, Reply::json(200, "[]"))]);
    let mut host = MemoryHost::new();
    host.run::<GitHub>(&request("issues", "fenix", old, &http)).unwrap();
    http.assert_all_used();
}

#[test]
fn recorded_issues_of_before_state_reasons_are_read() {
    let Some(issues) = real("github-to-sqlite-issues.json") else { return };
    let list = Json::from(issues.clone()).to_string();
    let http = FakeHttp::serve(move |request| match request.url.contains("/issues?") {
        true => Reply::json(200, &list),
        false => Reply::json(200, r#"{"id": 107914493, "full_name": "simonw/datasette"}"#),
    });
    let mut host = MemoryHost::new();
    host.run::<GitHub>(&request("issues", "fenix", "simonw/datasette", &http)).unwrap();
    let columns = ["number", "is_pull_request", "state", "state_reason"];
    let text = |text: &str| Value::Text(text.into());
    // By id: the pull request came first.
    assert_eq!(
        host.select("github_issues", &columns),
        [
            [Value::Int64(571), Value::Boolean(true), text("closed"), Value::Null],
            [Value::Int64(572), Value::Boolean(false), text("open"), Value::Null],
        ]
    );
    assert_eq!(host.rows("github_issue_labels").len(), 1);
}

/// Runs a report over one recorded page of a list.
fn run_over_page(report: &str, path: &str, page: &[Json], repository: Json) -> MemoryHost {
    let page = Json::from(page).to_string();
    let name = repository["full_name"].as_str().unwrap().to_owned();
    let path = format!("/{path}?");
    let http = FakeHttp::serve(move |request| match request.url.contains(&path) {
        true => Reply::json(200, &page),
        false => Reply::json(200, &repository.to_string()),
    });
    let mut host = MemoryHost::new();
    let request = request(report, "fenix", &name, &http);
    host.run::<GitHub>(&request).unwrap();
    let once = host.clone();
    host.run::<GitHub>(&request).unwrap();
    assert_eq!(host, once);
    host.run::<GitHub>(&Request { full: true, ..request }).unwrap();
    assert_eq!(host, once);
    host
}

#[test]
fn a_recorded_pull_request_is_read() {
    let Some(pulls) = real("github-to-sqlite-pull_requests.json") else { return };
    let repository = serde_json::json!({"id": 107914493, "full_name": "simonw/datasette"});
    let host = run_over_page("pull-requests", "pulls", &pulls, repository);
    let columns =
        ["id", "number", "head_branch", "head_repository", "is_draft", "merged_at", "milestone"];
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        host.select("github_pull_requests", &columns),
        [[
            Value::Int64(313384926),
            Value::Int64(571),
            text("detect-fts"),
            text("simonw/datasette"),
            Value::Boolean(false),
            Value::Timestamp(1_567_470_748_000_000),
            Value::Null,
        ]]
    );
}

#[test]
fn recorded_releases_are_read() {
    let Some(releases) = real("github-to-sqlite-releases.json") else { return };
    let repository = serde_json::json!({"id": 207052882, "full_name": "dogsheep/github-to-sqlite"});
    let host = run_over_page("releases", "releases", &releases, repository);
    let mut expected: Vec<(i64, String)> = releases
        .iter()
        .map(|one| (one["id"].as_i64().unwrap(), one["tag_name"].as_str().unwrap().to_owned()))
        .collect();
    expected.sort();
    assert_eq!(expected.len(), 5);
    let expected: Vec<_> =
        expected.into_iter().map(|(id, tag)| vec![Value::Int64(id), Value::Text(tag)]).collect();
    assert_eq!(host.select("github_releases", &["id", "tag_name"]), expected);
    let published = host.select("github_releases", &["published_at", "is_draft"]);
    assert!(published.iter().all(|row| row[0] != Value::Null && row[1] == Value::Boolean(false)));
}

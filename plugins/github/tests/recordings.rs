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
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Request, Value};

const PROJECTS: [&str; 5] =
    ["fenix", "focus-android", "reference-browser", "firefox-ios", "focus-ios"];

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
        for report in ["issues", "issue-regression"] {
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

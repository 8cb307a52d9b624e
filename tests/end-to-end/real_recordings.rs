// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Bodies that real services answered, pumped through the shipped plugins. They lie beside the
//! checkout, in `../shared/fixtures`; without that folder there is nothing to test.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::github::section;
use crate::support::testrail::{self, Project, TestRail};
use crate::support::{Answer, Asked, Database, Kind, Server, Workplace, repository};

const GITHUB: &str = "https://api.github.com";

/// A recorded file, unless it is not there.
fn recorded(name: &str) -> Option<Value> {
    let file: PathBuf = repository().join("../shared/fixtures").join(name);
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            eprintln!("NOT RUN: {} cannot be read: {error}", file.display());
            None
        }
    }
}

/// The recorded answer to this request; origins in its headers become the server's.
fn answer(exchange: &Value, asked: &Asked) -> Answer {
    let server = format!("http://{}", asked.header("host").unwrap());
    let headers = exchange["rawHeaders"].as_array().unwrap();
    let headers: Vec<(&str, String)> = headers
        .chunks(2)
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        // These describe the connection that was recorded.
        .filter(|(name, _)| {
            !["content-length", "connection"].contains(&name.to_lowercase().as_str())
        })
        .map(|(name, value)| (name, value.replace(GITHUB, &server)))
        .collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let status = exchange["status"].as_u64().unwrap() as u16;
    Server::answer(status, &headers, exchange["response"].to_string())
}

/// A GitHub that answers GETs from an exchange. The plugin asks for a list with parameters of
/// its own, so its first page is found by the path alone.
fn github(
    exchanges: Vec<Value>,
    more: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> Server {
    Server::start(move |asked| {
        let gets = || exchanges.iter().filter(|exchange| exchange["method"] == "get");
        let path = |target: &str| target.split('?').next().unwrap().to_string();
        let exact = gets().find(|exchange| exchange["path"] == asked.target);
        let first = gets().find(|exchange| {
            path(exchange["path"].as_str().unwrap()) == path(&asked.target)
                && asked.query("page").is_none()
        });
        match exact.or(first) {
            Some(exchange) => answer(exchange, asked),
            None => {
                more(asked).unwrap_or_else(|| Server::json(404, json!({"message": "Not Found"})))
            }
        }
    })
}

fn pump(server: &Server, repository: &str) -> Database {
    let database = Database::new(Kind::Sqlite);
    let project = format!("[projects.fenix.github]\nrepository = {repository:?}\n");
    let place = Workplace::new(&(section("github", server, "") + &project));
    let arguments = ["--project", "fenix", "--report-type", "issues", "--database", &database.url];
    place.run(&arguments).expect_code(0);
    database
}

#[test]
fn the_thirteen_recorded_issues_are_read_over_their_five_pages() {
    let Some(exchanges) = recorded("github/octokit-paginate-issues.json") else { return };
    let exchanges = exchanges.as_array().unwrap().clone();
    // It was made, so the recording has it as the answer to a POST.
    let made = exchanges[0]["response"].clone();
    let pages: Vec<&Value> = exchanges.iter().filter(|e| e["method"] == "get").collect();
    let issues: Vec<Value> =
        pages.iter().flat_map(|page| page["response"].as_array().unwrap().clone()).collect();
    assert_eq!((pages.len(), issues.len()), (5, 13));

    let name = made["full_name"].as_str().unwrap().to_string();
    let path = format!("/repos/{name}");
    let expected_paths: Vec<String> =
        pages[1..].iter().map(|page| page["path"].as_str().unwrap().to_string()).collect();
    let repository = made.clone();
    let server = github(exchanges.clone(), move |asked| {
        (asked.target == path).then(|| Server::json(200, &repository))
    });
    let database = pump(&server, &name);

    let asked: Vec<String> = server.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(asked[2..], expected_paths, "the links are followed as they are");
    let mut rows = database.rows(
        "SELECT number, id, title, state, user_login, author_association, comments, \
         substr(created_at, 1, 19), substr(updated_at, 1, 19), repository_id, repository, \
         html_url, labels, is_pull_request FROM github_issues ORDER BY number DESC",
    );
    let seconds = |time: &Value| json!(time.as_str().unwrap().trim_end_matches('Z'));
    for (row, issue) in rows.iter_mut().zip(&issues) {
        for index in [7, 8] {
            row[index] = json!(row[index].as_str().unwrap().replace(' ', "T"));
        }
        let expected = json!([
            issue["number"],
            issue["id"],
            issue["title"],
            issue["state"],
            issue["user"]["login"],
            issue["author_association"],
            issue["comments"],
            seconds(&issue["created_at"]),
            seconds(&issue["updated_at"]),
            made["id"],
            name,
            issue["html_url"],
            issue["labels"].to_string(),
            0
        ]);
        assert_eq!(*row, expected);
    }
    assert_eq!(rows.len(), issues.len());
}

#[test]
fn a_recorded_rename_is_followed_to_the_repository() {
    let Some(exchanges) = recorded("github/octokit-rename-repository.json") else { return };
    let exchanges = exchanges.as_array().unwrap().clone();
    let old = exchanges[0]["response"]["full_name"].as_str().unwrap().to_string();
    let found = exchanges.iter().find(|e| e["method"] == "get" && e["status"] == 200).unwrap();
    let new = found["response"]["full_name"].as_str().unwrap().to_string();
    let id = found["response"]["id"].as_i64().unwrap();
    assert_ne!(old, new);
    // The recording ends here. The repository that it describes has no issues.
    assert_eq!(found["response"]["open_issues_count"], 0);
    let list = format!("/repos/{new}/issues?");
    let server = github(exchanges, move |asked| {
        asked.target.starts_with(&list).then(|| Server::json(200, "[]"))
    });

    let database = pump(&server, &old);
    let asked: Vec<String> = server.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(asked[..2], [format!("/repos/{old}"), format!("/repositories/{id}")]);
    assert_eq!(asked.len(), 3, "{asked:?}");
    let partitions =
        database.rows("SELECT partition_id, outcome FROM run_partitions ORDER BY partition_id");
    assert_eq!(
        partitions,
        [json!(["(plan)", "succeeded"]), json!([format!("repository/{id}"), "succeeded"])]
    );
}

#[test]
fn a_recorded_plan_entry_is_read_as_the_runs_that_it_is() {
    let Some(entry) = recorded("testrail/plan-entry.json") else { return };
    let runs = entry["runs"].as_array().unwrap().clone();
    let plan = json!({
        "id": runs[0]["plan_id"], "name": "A plan", "milestone_id": null, "is_completed": false,
        "created_on": runs[0]["created_on"], "entries": [entry.clone()],
    });
    let testrail = TestRail::start(Project { plans: vec![plan], ..Project::default() });
    let place = Workplace::new(&testrail.section());
    let database = Database::new(Kind::Sqlite);
    let arguments =
        ["--project", "fenix", "--report-type", "test-run-counts", "--database", &database.url];
    place.run_with(&arguments, &testrail::VARIABLES).expect_code(0);
    let rows = database.rows(
        "SELECT id, name, suite_id, plan_id, entry_id, entry_name, is_completed, untested_count, \
         custom_status7_count, total_count, CAST(strftime('%s', created_on) AS INTEGER) \
         FROM testrail_test_runs ORDER BY id",
    );
    let expected: Vec<Value> = runs
        .iter()
        .map(|run| {
            let counts = run.as_object().unwrap().iter();
            let counts = counts.filter(|(name, _)| name.ends_with("_count"));
            let total: i64 = counts.map(|(_, count)| count.as_i64().unwrap()).sum();
            json!([
                run["id"],
                run["name"],
                run["suite_id"],
                run["plan_id"],
                entry["id"],
                entry["name"],
                0,
                run["untested_count"],
                run["custom_status7_count"],
                total,
                run["created_on"]
            ])
        })
        .collect();
    assert_eq!(rows, expected);
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! GitHub: a repository for each project, with issues, pull requests, workflow runs and
//! releases.

use serde_json::{Value, json};

use super::world::{DAY, HOUR, MINUTE, Moment, PROJECTS, Project, iso};
use crate::support::github::{Issue, decoded, seconds};
use crate::support::{Answer, Asked, Server};

pub const ISSUES: i64 = 130;
const PULLS: i64 = 25;
const RUNS: i64 = 12;
const RELEASES: i64 = 4;
/// So many at most on a page: GitHub may give fewer than it was asked for.
const PAGE: usize = 10;

/// Answers what is asked below GitHub's address.
pub fn answer(asked: &Asked, below: &str, moment: Moment) -> Answer {
    let path = below.split('?').next().unwrap();
    let named =
        |project: &&Project| path.strip_prefix(&format!("/repos/mozilla-mobile/{}", project.name));
    let numbered =
        |project: &&Project| path.strip_prefix(&format!("/repositories/{}", project.github));
    let found = PROJECTS.iter().find_map(|project| {
        let rest = named(&project).or(numbered(&project))?;
        (rest.is_empty() || rest.starts_with('/')).then_some((project, rest))
    });
    let Some((project, rest)) = found else { return not_found() };
    let segments: Vec<&str> = rest.split('/').skip(1).collect();
    let page = |things: Vec<Value>| page(asked, project, rest, things, None);
    match segments[..] {
        [] => Server::json(200, repository(project, moment)),
        ["issues"] => page(issues(asked, project, moment)),
        ["pulls"] => page(pulls(asked, project, moment)),
        ["releases"] => page(releases(project, moment)),
        ["releases", id] => one(releases(project, moment), id),
        ["actions", "runs"] => {
            let (first, last) = decoded(asked.query("created").unwrap())
                .split_once("..")
                .map(|(first, last)| (seconds(first), seconds(last)))
                .unwrap();
            let mut runs = runs(project, moment);
            runs.retain(|run| {
                (first..=last).contains(&seconds(run["created_at"].as_str().unwrap()))
            });
            self::page(asked, project, rest, runs, Some("workflow_runs"))
        }
        ["actions", "runs", id] => one(runs(project, moment), id),
        ["actions", "runs", id, "jobs"] => {
            let jobs = number_of(id, project).map(|n| jobs(project, n, moment));
            self::page(asked, project, rest, jobs.unwrap_or_default(), Some("jobs"))
        }
        ["actions", "runs", id, "attempts", attempt] => {
            let attempt: i64 = attempt.parse().unwrap();
            match number_of(id, project) {
                Some(n) => Server::json(200, run(project, n, attempt, moment)),
                None => not_found(),
            }
        }
        _ => not_found(),
    }
}

fn not_found() -> Answer {
    Server::json(404, json!({"message": "Not Found"}))
}

fn one(things: Vec<Value>, id: &str) -> Answer {
    let id: i64 = id.parse().unwrap();
    match things.iter().find(|thing| thing["id"] == id) {
        Some(thing) => Server::json(200, thing),
        None => not_found(),
    }
}

/// A page of a list, told apart by a cursor; `key` is where GitHub puts a list that it counts.
fn page(
    asked: &Asked,
    project: &Project,
    rest: &str,
    things: Vec<Value>,
    key: Option<&str>,
) -> Answer {
    let first = asked.query("after").map_or(0, |text| text.parse::<usize>().unwrap());
    let items: Vec<&Value> = things.iter().skip(first).take(PAGE).collect();
    let body = match key {
        Some(key) => json!({"total_count": things.len(), key: items}),
        None => json!(items),
    };
    let mut headers = vec![("content-type", "application/json".to_string())];
    if first + PAGE < things.len() {
        let (_, query) = asked.target.split_once('?').unwrap_or_default();
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("after=")).collect();
        let (host, id, after) = (asked.header("host").unwrap(), project.github, first + PAGE);
        let next = format!(
            "http://{host}/github/repositories/{id}{rest}?{}&after={after}",
            kept.join("&")
        );
        headers.push(("link", format!("<{next}>; rel=\"next\"")));
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    Server::answer(200, &headers, body.to_string())
}

fn full_name(project: &Project) -> String {
    format!("mozilla-mobile/{}", project.name)
}

fn repository(project: &Project, moment: Moment) -> Value {
    json!({"id": project.github, "full_name": full_name(project), "has_issues": true,
           "open_issues_count": ISSUES, "created_at": iso(moment.today - 20 * DAY)})
}

/// The last four are of the last hour; every tenth is closed and loses a label in it.
fn issue(n: i64, moment: Moment) -> Issue {
    let labels = ["crash", "P1", "🐞 bug", "needs:triage"];
    let mut issue = Issue::new(n);
    issue.labels = labels.iter().take((n % 5) as usize).map(|label| (*label).into()).collect();
    issue.is_pull_request = n % 11 == 0;
    issue.created = moment.today
        - if n > ISSUES - 4 { (ISSUES - n + 1) * 9 * MINUTE } else { (ISSUES - n) * 3 * HOUR };
    issue.updated = issue.created;
    let changed = moment.today - (10 + n % 30) * MINUTE;
    if n % 10 == 3 && issue.created < changed && changed <= moment.now {
        issue.updated = changed;
        issue.closed = Some(changed);
        issue.title = format!("Issue {n}, closed");
        issue.labels.pop();
    }
    issue
}

fn issues(asked: &Asked, project: &Project, moment: Moment) -> Vec<Value> {
    let since = asked.query("since").map(|text| seconds(&decoded(text)));
    let label = asked.query("labels").map(decoded);
    let mut issues: Vec<Issue> = (1..=ISSUES).map(|n| issue(n, moment)).collect();
    issues.retain(|issue| {
        issue.created <= moment.now
            && since.is_none_or(|since| issue.updated >= since)
            && label.as_ref().is_none_or(|label| issue.labels.contains(label))
    });
    let by_update = asked.query("sort") == Some("updated");
    issues
        .sort_by_key(|issue| (if by_update { issue.updated } else { issue.created }, issue.number));
    if asked.query("direction") != Some("asc") {
        issues.reverse();
    }
    issues.iter().map(|issue| issue.json(&full_name(project))).collect()
}

/// The last two are of the last hour, in which every sixth is merged.
fn pulls(asked: &Asked, project: &Project, moment: Moment) -> Vec<Value> {
    let pull = |n: i64| {
        let created = moment.today
            - if n > PULLS - 2 { (PULLS - n + 1) * 9 * MINUTE } else { (PULLS - n) * 9 * HOUR };
        let merged = moment.today - (10 + n) * MINUTE;
        let is_merged = n % 6 == 0 && merged <= moment.now;
        let merged = is_merged.then_some(merged);
        let branch = |name: &str| json!({"ref": name, "sha": format!("{n:040x}"), "repo": {"full_name": full_name(project)}});
        let pull = json!({
            "id": 7_000 + n, "number": n, "title": format!("Pull {n}"), "draft": false,
            "state": if is_merged { "closed" } else { "open" }, "user": {"login": "someone"},
            "author_association": "MEMBER", "milestone": null, "labels": [{"id": 1, "name": "P1"}],
            "base": branch("main"), "head": branch(&format!("branch-{n}")),
            "merge_commit_sha": null, "created_at": iso(created),
            "updated_at": iso(merged.unwrap_or(created)), "closed_at": merged.map(iso),
            "merged_at": merged.map(iso), "html_url": format!("https://github.example/{n}"),
        });
        (created <= moment.now).then_some(pull)
    };
    let mut pulls: Vec<Value> = (1..=PULLS).filter_map(pull).collect();
    let by = if asked.query("sort") == Some("updated") { "updated_at" } else { "created_at" };
    pulls.sort_by_key(|pull| (pull[by].as_str().unwrap().to_string(), pull["id"].as_i64()));
    if asked.query("direction") != Some("asc") {
        pulls.reverse();
    }
    pulls
}

/// The newest first: it is of the last hour, in which the draft before it is published.
fn releases(project: &Project, moment: Moment) -> Vec<Value> {
    let release = |n: i64| {
        let created =
            moment.today - if n == RELEASES { 20 * MINUTE } else { (RELEASES - n) * 6 * DAY };
        let published = if n == RELEASES - 1 { moment.today - 15 * MINUTE } else { created };
        let is_published = published <= moment.now;
        let release = json!({
            "id": 9_000 + n, "tag_name": format!("v{n}"), "target_commitish": "main",
            "name": format!("{} {n}", project.name), "draft": !is_published, "prerelease": false,
            "author": {"login": "someone"}, "created_at": iso(created),
            "published_at": is_published.then(|| iso(published)),
            "html_url": format!("https://github.example/releases/{n}"),
        });
        (created <= moment.now).then_some(release)
    };
    (1..=RELEASES).rev().filter_map(release).collect()
}

/// When the run was created, its attempts with when they began, and how long each takes.
fn course(n: i64, moment: Moment) -> (i64, Vec<i64>, i64) {
    let created = moment.today
        - if n > RUNS - 2 { (RUNS - n + 1) * 15 * MINUTE } else { (RUNS - n) * 36 * HOUR };
    let mut attempts = vec![created];
    if n == 8 {
        // Somebody runs it again in the last hour.
        attempts.push(moment.today - 25 * MINUTE);
    }
    // One began an hour and a half ago, and ends in the last hour.
    let (created, attempts) = match n {
        9 => (moment.today - 90 * MINUTE, vec![moment.today - 90 * MINUTE]),
        _ => (created, attempts),
    };
    (created, attempts, if n == 9 { 70 * MINUTE } else { 5 * MINUTE })
}

fn run_id(project: &Project, n: i64) -> i64 {
    project.github * 1_000 + n
}

fn number_of(id: &str, project: &Project) -> Option<i64> {
    (1..=RUNS).find(|n| run_id(project, *n).to_string() == id)
}

fn run(project: &Project, n: i64, attempt: i64, moment: Moment) -> Value {
    let (created, attempts, takes) = course(n, moment);
    let began = attempts[attempt as usize - 1];
    let is_over = began + takes <= moment.now;
    let conclusion = if attempt < attempts.len() as i64 { "failure" } else { "success" };
    json!({
        "id": run_id(project, n), "run_attempt": attempt, "workflow_id": 3, "name": "CI",
        "display_title": format!("Fixes {n}"), "path": ".github/workflows/ci.yml", "run_number": n,
        "event": "push", "status": if is_over { "completed" } else { "in_progress" },
        "conclusion": is_over.then_some(conclusion), "head_branch": "main",
        "head_sha": format!("{n:040x}"), "head_repository": {"full_name": full_name(project)},
        "actor": {"login": "someone"}, "triggering_actor": {"login": "someone"},
        "created_at": iso(created), "run_started_at": iso(began),
        "updated_at": iso(if is_over { began + takes } else { began }),
        "html_url": format!("https://github.example/runs/{n}"),
    })
}

/// As its list has them: each in its latest attempt, the newest first.
fn runs(project: &Project, moment: Moment) -> Vec<Value> {
    let latest = |n: i64| {
        let begun = course(n, moment).1.iter().filter(|began| **began <= moment.now).count() as i64;
        (begun > 0).then(|| run(project, n, begun, moment))
    };
    (1..=RUNS).rev().filter_map(latest).collect()
}

/// Of all attempts that have begun.
fn jobs(project: &Project, n: i64, moment: Moment) -> Vec<Value> {
    let (_, attempts, takes) = course(n, moment);
    let begun = (1..).zip(attempts).filter(|(_, began)| *began <= moment.now);
    begun
        .flat_map(|(attempt, began)| {
            ["build", "test"].into_iter().enumerate().map(move |(index, name)| {
                let is_over = began + takes <= moment.now;
                let (status, conclusion) =
                    if is_over { ("completed", Some("success")) } else { ("in_progress", None) };
                let end = is_over.then(|| iso(began + takes));
                json!({
                    "id": run_id(project, n) * 100 + 10 * attempt + index as i64,
                    "run_attempt": attempt, "workflow_name": "CI", "name": name, "status": status,
                    "conclusion": conclusion, "head_branch": "main", "head_sha": format!("{n:040x}"),
                    "runner_name": "r1", "runner_group_name": null, "labels": ["ubuntu"],
                    "created_at": iso(began), "started_at": iso(began), "completed_at": end,
                    "html_url": null,
                    "steps": [{"number": 1, "name": "Run it", "status": status,
                               "conclusion": conclusion, "started_at": iso(began),
                               "completed_at": end}],
                })
            })
        })
        .collect()
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! TestRail: suites, cases, plans, runs, results and milestones of each project.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::world::{DAY, HOUR, MINUTE, Moment, PROJECTS};
use crate::support::testrail::case_field;
use crate::support::{Answer, Server};

const SUITES: i64 = 2;
const CASES: i64 = 36;
/// Outside of plans.
const RUNS: i64 = 14;
const PLANS: i64 = 5;
const TESTS: i64 = 3;
/// So many at most on a page: TestRail may give fewer than it was asked for.
const PAGE: usize = 10;

/// A request, taken apart: `/index.php?/api/v2/get_runs/59&is_completed=0`.
struct Call<'a> {
    method: &'a str,
    id: i64,
    parameters: HashMap<&'a str, i64>,
}

impl<'a> Call<'a> {
    fn of(target: &'a str) -> Option<Self> {
        let mut parts = target.strip_prefix("/index.php?/api/v2/")?.split('&');
        let path = parts.next()?;
        let (method, id) = path.split_once('/').unwrap_or((path, "0"));
        let parameters = parts.map(|part| part.split_once('=').unwrap());
        let parameters = parameters.map(|(name, value)| (name, value.parse().unwrap())).collect();
        Some(Call { method, id: id.parse().ok()?, parameters })
    }

    /// Whether the filters let a thing pass.
    fn admits(&self, thing: &Value) -> bool {
        self.parameters.iter().all(|(name, bound)| match *name {
            "limit" | "offset" => true,
            "suite_id" => thing["suite_id"] == *bound,
            "is_completed" => thing["is_completed"] == (*bound != 0),
            "created_after" => thing["created_on"].as_i64().unwrap() > *bound,
            "created_before" => thing["created_on"].as_i64().unwrap() < *bound,
            "updated_after" => thing["updated_on"].as_i64().unwrap() > *bound,
            other => panic!("there is no filter {other}"),
        })
    }

    fn list(&self, key: &str, things: impl IntoIterator<Item = Value>) -> Answer {
        let things: Vec<Value> = things.into_iter().filter(|thing| self.admits(thing)).collect();
        let number = |name, otherwise| self.parameters.get(name).map_or(otherwise, |n| *n as usize);
        let (offset, limit) = (number("offset", 0), number("limit", 250).min(PAGE));
        let page: Vec<&Value> = things.iter().skip(offset).take(limit).collect();
        let end = offset + limit;
        let next = (end < things.len())
            .then(|| format!("/api/v2/{}/{}&limit={limit}&offset={end}", self.method, self.id));
        let body = json!({"offset": offset, "limit": limit, "size": page.len(),
                          "_links": {"next": next, "prev": null}, key: page});
        Server::json(200, body)
    }
}

/// Answers what is asked below TestRail's address.
pub fn answer(target: &str, moment: Moment) -> Answer {
    let Some(call) = Call::of(target) else { return error(404, "Unknown method") };
    match call.method {
        "get_statuses" => return Server::json(200, statuses(moment)),
        "get_case_types" => return Server::json(200, json!([{"id": 6, "name": "Functional"}])),
        "get_priorities" => return Server::json(200, json!([{"id": 2, "name": "High"}])),
        "get_case_fields" => return Server::json(200, fields()),
        _ => {}
    }
    if let Some(project) = PROJECTS.iter().find(|project| project.testrail == call.id) {
        return of_project(&call, project.testrail, moment);
    }
    // The numbers of all that belongs to a project begin with the project's.
    let project = PROJECTS.iter().find(|project| project.testrail == call.id / 10_000);
    let Some(project) = project else { return error(400, "Field :id is not valid.") };
    of_thing(&call, project.testrail, moment)
}

fn of_project(call: &Call<'_>, project: i64, moment: Moment) -> Answer {
    match call.method {
        "get_suites" => call.list("suites", (1..=SUITES).map(|n| suite(project, n))),
        "get_sections" => call.list("sections", (1..=SUITES).map(|n| section(project, n))),
        "get_cases" => call.list("cases", there((1..=CASES).map(|n| case(project, n, moment)))),
        "get_milestones" => call.list("milestones", milestones(project, moment)),
        "get_runs" => call.list("runs", loose_runs(project, moment)),
        "get_plans" => {
            let without_entries = plans(project, moment).into_iter().map(|mut plan| {
                plan.as_object_mut().unwrap().remove("entries");
                plan
            });
            call.list("plans", without_entries)
        }
        _ => error(404, "Unknown method"),
    }
}

fn of_thing(call: &Call<'_>, project: i64, moment: Moment) -> Answer {
    let is_it = |thing: &&Value| thing["id"] == call.id;
    let plans = plans(project, moment);
    let loose = loose_runs(project, moment);
    let runs: Vec<&Value> = plans.iter().flat_map(runs_of).chain(&loose).collect();
    let found = match call.method {
        "get_run" => loose.iter().find(is_it),
        "get_plan" => plans.iter().find(is_it),
        _ => runs.into_iter().find(|run| run["id"] == call.id),
    };
    let Some(found) = found else { return error(400, "Field :id is not valid.") };
    match call.method {
        "get_run" | "get_plan" => Server::json(200, found),
        "get_tests" => call.list("tests", (0..TESTS).map(|n| test(found, n, moment))),
        "get_results_for_run" => {
            call.list("results", (0..TESTS).rev().filter_map(|n| result(found, n, moment)))
        }
        _ => error(404, "Unknown method"),
    }
}

pub fn error(status: u16, message: &str) -> Answer {
    Server::json(status, json!({ "error": message }))
}

fn there(things: impl Iterator<Item = Option<Value>>) -> impl Iterator<Item = Value> {
    things.flatten()
}

fn statuses(moment: Moment) -> Value {
    let failed = if moment.is_second_night { "Failed 🔥 again" } else { "Failed 🔥" };
    json!([
        {"id": 1, "name": "passed", "label": "Passed", "is_system": true, "is_final": true},
        {"id": 3, "name": "untested", "label": "Untested", "is_untested": true},
        {"id": 5, "name": "failed", "label": failed, "is_system": true, "is_final": true},
    ])
}

fn fields() -> Value {
    json!([
        case_field(1, 6, "automation_status", "1, Untriaged\n2, Suitable\n4, Completed"),
        case_field(2, 12, "sub_test_suites", "1, Functional\n2, Smoke\n3, A11y, spoken"),
        case_field(3, 6, "automation_coverage", "1, None\n2, Partial\n3, Full"),
    ])
}

fn suite_id(project: i64, n: i64) -> i64 {
    project * 10_000 + n
}

fn suite(project: i64, n: i64) -> Value {
    json!({"id": suite_id(project, n), "name": format!("Suite {n} 🧪"), "description": null})
}

fn section(project: i64, n: i64) -> Value {
    json!({"id": project * 10_000 + 100 + n, "suite_id": suite_id(project, n), "parent_id": null,
           "name": format!("Section {n}"), "description": null, "depth": 0, "display_order": n})
}

/// The last three are new in the second night, and every seventh is another then.
fn case(project: i64, n: i64, moment: Moment) -> Option<Value> {
    let created_on =
        moment.today - if n > CASES - 3 { n * MINUTE / 2 } else { 40 * DAY - n * HOUR };
    let updated_on = if n % 7 == 0 { moment.today - n * MINUTE / 2 } else { created_on };
    let is_updated = updated_on > created_on && updated_on <= moment.now;
    let mut case = json!({
        "id": project * 10_000 + 1_000 + n, "suite_id": suite_id(project, 1 + n % SUITES),
        "title": format!("Case {n}{}", if is_updated { " again" } else { "" }),
        "section_id": project * 10_000 + 101 + n % SUITES, "type_id": 6, "priority_id": 2,
        "template_id": 1, "milestone_id": null, "refs": null, "created_by": 1,
        "created_on": created_on, "updated_by": 1,
        "updated_on": if is_updated { updated_on } else { created_on },
        "estimate": "1m 45s", "estimate_forecast": null, "display_order": n, "is_deleted": 0,
        "labels": [],
    });
    if n % 4 != 0 {
        case["custom_automation_status"] = json!(if is_updated { 4 } else { 1 + n % 2 });
        case["custom_sub_test_suites"] = json!([1, 2]);
    }
    (created_on <= moment.now).then_some(case)
}

/// In the second night the first one is gone, and there is one more.
fn milestones(project: i64, moment: Moment) -> Vec<Value> {
    let shown = if moment.is_second_night { 2..=4 } else { 1..=3 };
    shown
        .map(|n| {
            json!({
                "id": project * 10_000 + 200 + n, "name": format!("Release {n}"),
                "description": null, "parent_id": null, "is_started": true,
                "is_completed": n == 2 && moment.is_second_night, "start_on": null,
                "started_on": null, "due_on": null, "completed_on": null, "refs": null,
                "url": null, "milestones": [],
            })
        })
        .collect()
}

/// The newest is of the last hour; every third is closed after two days, and one of the others
/// within the last hour. They go back over two months.
fn loose_runs(project: i64, moment: Moment) -> Vec<Value> {
    let newest_first = (1..=RUNS).map(|n| {
        let created_on = moment.today - if n == 1 { 12 * MINUTE } else { n * 4 * DAY };
        let completed_on = match n {
            5 => Some(moment.today - 20 * MINUTE),
            _ => (n % 3 == 0).then_some(created_on + 2 * DAY),
        };
        run(project, project * 10_000 + 300 + n, None, created_on, completed_on, moment)
    });
    there(newest_first).collect()
}

/// With their entries. The newest is of the last hour; one is closed within it.
fn plans(project: i64, moment: Moment) -> Vec<Value> {
    let newest_first = (1..=PLANS).map(|n| {
        let id = project * 10_000 + 400 + n;
        let created_on = moment.today - if n == 1 { 10 * MINUTE } else { n * 13 * DAY };
        let completed_on = match n {
            2 => Some(moment.today - 15 * MINUTE),
            _ => (n % 2 == 0).then_some(created_on + 5 * DAY),
        };
        let is_completed = completed_on.is_some_and(|on| on <= moment.now);
        let runs = (0..3).map(|m| {
            run(
                project,
                project * 10_000 + 500 + 10 * n + m,
                Some(id),
                created_on,
                completed_on,
                moment,
            )
        });
        let runs: Vec<Value> = there(runs).collect();
        let plan = json!({
            "id": id, "name": format!("Plan {n}"), "description": null, "milestone_id": null,
            "assignedto_id": null, "created_by": 1, "refs": null, "url": null,
            "is_completed": is_completed, "completed_on": completed_on.filter(|_| is_completed),
            "created_on": created_on, "project_id": project,
            "entries": [{"id": format!("entry-{id}"), "name": "Smoke", "runs": runs}],
        });
        (created_on <= moment.now).then_some(plan)
    });
    there(newest_first).collect()
}

fn runs_of(plan: &Value) -> impl Iterator<Item = &Value> {
    let entries = plan["entries"].as_array().unwrap().iter();
    entries.flat_map(|entry| entry["runs"].as_array().unwrap())
}

fn run(
    project: i64,
    id: i64,
    plan: Option<i64>,
    created_on: i64,
    completed_on: Option<i64>,
    moment: Moment,
) -> Option<Value> {
    let is_completed = completed_on.is_some_and(|on| on <= moment.now);
    let mut run = json!({
        "id": id, "name": format!("Run {id} ✅"), "suite_id": suite_id(project, 1),
        "project_id": project, "plan_id": plan, "entry_id": null, "milestone_id": null,
        "config": null, "refs": null, "url": null, "is_completed": is_completed,
        "created_on": created_on, "completed_on": completed_on.filter(|_| is_completed),
        "blocked_count": 0, "retest_count": 0, "custom_status1_count": null,
    });
    let entered = (0..TESTS).filter_map(|n| result(&run, n, moment)).count() as i64;
    run["passed_count"] = json!(entered);
    run["untested_count"] = json!(TESTS - entered);
    run["failed_count"] = json!(0);
    (created_on <= moment.now).then_some(run)
}

/// The last test of each run gets its result within the last hour, if the run is open then.
fn entered_on(run: &Value, n: i64, moment: Moment) -> i64 {
    let last = moment.today - 25 * MINUTE;
    let completed_on = run["completed_on"].as_i64().unwrap_or(i64::MAX);
    let early = run["created_on"].as_i64().unwrap() + 5 * MINUTE * (n + 1);
    if n + 1 == TESTS && early < last && last < completed_on { last } else { early }
}

fn test(run: &Value, n: i64, moment: Moment) -> Value {
    let has_result = entered_on(run, n, moment) <= moment.now;
    let id = run["id"].as_i64().unwrap() * 10 + n;
    json!({
        "id": id, "run_id": run["id"], "case_id": null, "status_id": if has_result { 1 } else { 3 },
        "title": format!("Test {n}"), "assignedto_id": null, "template_id": 1, "type_id": 6,
        "priority_id": 2, "milestone_id": null, "refs": null, "estimate": null,
        "estimate_forecast": null,
    })
}

fn result(run: &Value, n: i64, moment: Moment) -> Option<Value> {
    let created_on = entered_on(run, n, moment);
    let id = run["id"].as_i64().unwrap() * 10 + n;
    let result = json!({
        "id": id, "test_id": id, "status_id": 1, "created_by": 1, "created_on": created_on,
        "assignedto_id": null, "comment": null, "version": null, "elapsed": "1m 45s",
        "defects": null, "custom_step_results": null,
    });
    (created_on <= moment.now).then_some(result)
}

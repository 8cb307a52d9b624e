// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! TestRail on loopback, with TestRail's rules: its address form, envelopes of at most 250,
//! who may ask, and how it says that it does not know something.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Answer, Asked, Server};

pub const PROJECT: i64 = 59;
pub const USER: &str = "pump@mozilla.example";
pub const PASSWORD: &str = "a-secret-key-that-nobody-may-see";
/// What the program is run with, so that it may ask.
pub const VARIABLES: [(&str, &str); 2] =
    [("TESTRAIL_USERNAME", USER), ("TESTRAIL_PASSWORD", PASSWORD)];
/// 2025-01-01, as seconds since 1970.
const BEGIN: i64 = 1_735_689_600;

/// What a project has.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// By the suite's number.
    pub suites: Vec<(i64, Vec<Value>)>,
    /// Outside of plans.
    pub runs: Vec<Value>,
    /// With their entries.
    pub plans: Vec<Value>,
    /// Whether it answers bare arrays, as servers before 6.7 do.
    pub is_old: bool,
}

impl Project {
    /// A project with suites of these sizes, and as many runs and plans.
    pub fn of(suites: &[i64], runs: i64, plans: i64) -> Self {
        Project {
            suites: (1..)
                .zip(suites)
                .map(|(id, &size)| (id, (1..=size).map(|n| case(10_000 * id + n)).collect()))
                .collect(),
            runs: (1..=runs).map(|n| run(n, n % 4 != 0)).collect(),
            plans: (1..=plans).map(|n| plan(100_000 + n, n % 5 != 0)).collect(),
            is_old: false,
        }
    }
}

/// A case whose fields are set, null or absent, by its number.
pub fn case(id: i64) -> Value {
    let mut case = json!({"id": id, "title": format!("Case {id}"), "is_deleted": 0});
    match id % 4 {
        0 => {}
        1 => {
            case["custom_automation_status"] = Value::Null;
            case["custom_automation_coverage"] = Value::Null;
            case["custom_sub_test_suites"] = Value::Null;
        }
        n => {
            case["custom_automation_status"] = json!(n);
            case["custom_automation_coverage"] = json!(1 + id % 3);
            case["custom_sub_test_suites"] = json!([1, 2]);
        }
    }
    case
}

/// A run outside of plans.
pub fn run(id: i64, is_completed: bool) -> Value {
    let mut run = json!({
        "id": id, "suite_id": 1, "name": format!("Run {id} ✅"), "project_id": PROJECT,
        "milestone_id": null, "plan_id": null, "config": null, "refs": null,
        "is_completed": is_completed,
        "created_on": BEGIN + 60 * id, "completed_on": is_completed.then_some(BEGIN + 60 * id + 30),
        "url": null,
        "passed_count": id % 50, "blocked_count": 0, "untested_count": 3, "retest_count": 0,
        "failed_count": id % 3,
    });
    for custom in 1..=7 {
        run[format!("custom_status{custom}_count")] = json!(0);
    }
    run
}

/// A plan with an entry of two runs.
pub fn plan(id: i64, is_completed: bool) -> Value {
    let runs: Vec<Value> = [0, 1]
        .into_iter()
        .map(|n| {
            let mut run = run(10 * id + n, is_completed);
            run["plan_id"] = json!(id);
            run["created_on"] = json!(BEGIN + 60 * (id - 100_000));
            run
        })
        .collect();
    json!({
        "id": id, "name": format!("Plan {id}"), "milestone_id": 4, "is_completed": is_completed,
        "created_on": BEGIN + 60 * (id - 100_000),
        "entries": [{"id": format!("entry-{id}"), "name": "Smoke", "runs": runs}],
    })
}

type Intercept = dyn Fn(&Asked, usize) -> Option<Answer> + Send + Sync;

/// A TestRail with one project.
pub struct TestRail {
    pub server: Server,
    project: Arc<Mutex<Project>>,
}

impl TestRail {
    /// One that answers everything.
    pub fn start(project: Project) -> Self {
        Self::behind(project, |_, _| None)
    }

    /// One that `intercept` stands before; it is told how many requests came before this one.
    pub fn behind(
        project: Project,
        intercept: impl Fn(&Asked, usize) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let project = Arc::new(Mutex::new(project));
        let (shared, intercept) = (Arc::clone(&project), Box::new(intercept) as Box<Intercept>);
        let asked_before = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |asked| {
            let before = asked_before.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            intercept(asked, before).unwrap_or_else(|| answer(asked, &shared.lock().unwrap()))
        });
        TestRail { server, project }
    }

    /// Changes the project.
    pub fn change(&self, change: impl FnOnce(&mut Project)) {
        change(&mut self.project.lock().unwrap());
    }

    /// The section of the configuration that has this for TestRail.
    pub fn section(&self) -> String {
        let credential = "credential = { kind = \"basic\", user = \"${TESTRAIL_USERNAME}\", secret = \"${TESTRAIL_PASSWORD}\" }";
        super::github::section("testrail", &self.server, credential)
            + &format!("[projects.fenix.testrail]\nproject-id = {PROJECT}\n")
    }
}

/// What `authorization` has to be.
pub fn authorization() -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    format!("Basic {pair}")
}

fn error(status: u16, message: &str) -> Answer {
    Server::json(status, json!({ "error": message }))
}

fn answer(asked: &Asked, project: &Project) -> Answer {
    if asked.header("authorization") != Some(&authorization()) {
        return error(401, "Authentication failed: invalid or missing user/password.");
    }
    if asked.header("content-type") != Some("application/json") {
        return error(400, "Content-Type header missing");
    }
    let Some(call) = asked.target.strip_prefix("/index.php?/api/v2/") else {
        return error(404, "Unknown method");
    };
    let mut words = call.split(['/', '&']);
    let method = words.next().unwrap_or_default();
    let id: i64 = words.next().and_then(|id| id.parse().ok()).unwrap_or(0);
    let number = |name| asked.query(name).map(|text| text.parse::<i64>().unwrap());
    let is_within = |item: &&Value| {
        let created = item["created_on"].as_i64().unwrap();
        number("created_after").is_none_or(|after| created > after)
            && number("created_before").is_none_or(|before| created < before)
    };
    if method == "get_case_fields" {
        return Server::json(200, case_fields());
    }
    if !matches!(method, "get_run" | "get_plan") && id != PROJECT {
        return error(400, "Field :project_id is not a valid or accessible project.");
    }
    match method {
        "get_project" => Server::json(200, json!({"id": id, "name": "Fenix"})),
        "get_suites" => {
            let suite = |(id, _): &(i64, Vec<Value>)| json!({"id": id, "name": format!("Suite {id} 🧪"), "description": null, "url": null});
            list(asked, project, "suites", project.suites.iter().map(suite).collect())
        }
        "get_cases" => {
            let suite = project.suites.iter().find(|(id, _)| number("suite_id") == Some(*id));
            match suite {
                Some((_, cases)) => list(asked, project, "cases", cases.clone()),
                None => error(400, "Field :suite_id is not a valid test suite."),
            }
        }
        "get_runs" => {
            let runs = project.runs.iter().rev().filter(is_within).cloned().collect();
            list(asked, project, "runs", runs)
        }
        "get_plans" => {
            let mut plans: Vec<Value> =
                project.plans.iter().rev().filter(is_within).cloned().collect();
            for plan in &mut plans {
                plan.as_object_mut().unwrap().remove("entries");
            }
            list(asked, project, "plans", plans)
        }
        "get_run" => one(&project.runs, id, "run_id"),
        "get_plan" => one(&project.plans, id, "plan_id"),
        _ => error(404, "Unknown method"),
    }
}

/// A field of cases, in every project; `items` are what can be chosen, `id,label` to a line.
pub fn case_field(id: i64, type_id: i64, name: &str, items: &str) -> Value {
    json!({
        "id": id, "type_id": type_id, "system_name": format!("custom_{name}"), "name": name,
        "label": name, "description": null, "is_active": true, "display_order": id,
        "configs": [{
            "context": {"is_global": true, "project_ids": null},
            "options": {"is_required": false, "items": items},
        }],
    })
}

/// The fields by which cases are counted.
fn case_fields() -> Value {
    json!([
        case_field(
            1,
            6,
            "automation_status",
            "1, Untriaged\n2, Suitable\n3, Unsuitable\n4, Completed"
        ),
        case_field(2, 6, "automation_coverage", "1, None\n2, Partial\n3, Full"),
        case_field(3, 12, "sub_test_suites", "1, Functional\n2, Smoke\n7, Other"),
    ])
}

fn one(things: &[Value], id: i64, field: &str) -> Answer {
    match things.iter().find(|thing| thing["id"] == id) {
        Some(thing) => Server::json(200, thing),
        None => error(400, &format!("Field :{field} is not valid.")),
    }
}

fn list(asked: &Asked, project: &Project, key: &str, items: Vec<Value>) -> Answer {
    let number =
        |name, default| asked.query(name).map_or(default, |text| text.parse::<usize>().unwrap());
    let (offset, limit) = (number("offset", 0), number("limit", 250));
    if !(1..=250).contains(&limit) {
        return error(400, "Field :limit is out of range.");
    }
    let end = (offset + limit).min(items.len());
    let page: Vec<Value> = items.get(offset..end).unwrap_or_default().to_vec();
    if project.is_old {
        return Server::json(200, Value::from(page));
    }
    let method = asked.target.trim_start_matches("/index.php?").split('&').next().unwrap();
    let next = (end < items.len()).then(|| format!("{method}&limit={limit}&offset={end}"));
    Server::json(
        200,
        json!({"offset": offset, "limit": limit, "size": page.len(), "_links": {"next": next, "prev": null}, key: page}),
    )
}

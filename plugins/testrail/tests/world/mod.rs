// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A TestRail with one project, and what happens in it.
//!
//! It follows the API's rules: pages, limits, filters, what a list leaves out, and how errors
//! look. Whoever changes it has to keep what really does not change: a completed run or plan.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Value as JsonValue, json};
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{
    Checkpoint, Context, Datasource, Description, Failure, Partition, Reader, Request, Timestamp,
    Value, http,
};
use test_dashboard_testrail::TestRail;

mod days;
pub mod differences;
pub mod fields;

pub const COVERAGE: &str = "test-case-coverage";
pub const RUN_COUNTS: &str = "test-run-counts";
pub const CASES: &str = "test-cases";
pub const PLANS_AND_RUNS: &str = "test-plans-and-runs";
pub const RESULTS: &str = "test-results";
pub const MILESTONES: &str = "milestones";
pub const REFERENCE: &str = "reference";

pub const PROJECT: i64 = 59;
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 24 * HOUR;
/// 2026-01-20T06:00:00Z.
pub const BEGIN: i64 = 1_768_888_800;

/// What is done before a request is answered: it may answer instead.
type Intercept = Box<dyn FnMut(&mut World, usize, &str) -> Option<Reply>>;

/// Things by their numbers.
pub type Things = BTreeMap<i64, JsonValue>;

pub struct World {
    /// Seconds since the epoch.
    pub now: i64,
    /// How many items the server puts on a page, whatever is asked for.
    pub page: usize,
    /// Whether `created_after` and its kin include the second that they name.
    pub inclusive: bool,
    pub suites: Things,
    pub sections: Things,
    pub cases: Things,
    pub fields: Things,
    pub statuses: Things,
    pub milestones: Things,
    /// Outside of plans.
    pub runs: Things,
    /// With their entries and runs.
    pub plans: Things,
    pub tests: Things,
    pub results: Things,
    /// The numbers of all that was deleted.
    pub deleted: BTreeSet<i64>,
    /// The numbers of cases that were moved to another suite.
    pub moved: BTreeSet<i64>,
    /// The numbers of results that were edited.
    pub edited: BTreeSet<i64>,
    /// How many seconds before now things happen, at most.
    pub spread: i64,
    last_id: i64,
    random: u64,
    answered: usize,
    intercept: Option<Intercept>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        World {
            now: BEGIN,
            page: 250,
            inclusive: seed.is_multiple_of(2),
            suites: Things::new(),
            sections: Things::new(),
            cases: Things::new(),
            fields: days::fields(),
            statuses: days::statuses(),
            milestones: Things::new(),
            runs: Things::new(),
            plans: Things::new(),
            tests: Things::new(),
            results: Things::new(),
            deleted: BTreeSet::new(),
            moved: BTreeSet::new(),
            edited: BTreeSet::new(),
            spread: DAY - 1,
            last_id: 1_000,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            answered: 0,
            intercept: None,
        }
    }

    pub fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// All runs, in plans and outside of them.
    pub fn all_runs(&self) -> impl Iterator<Item = &JsonValue> {
        let in_plans = self.plans.values().flat_map(|plan| entries(plan).flat_map(runs));
        self.runs.values().chain(in_plans)
    }

    /// The same, to change them.
    pub fn all_runs_mut(&mut self) -> impl Iterator<Item = &mut JsonValue> {
        fn list<'a>(of: &'a mut JsonValue, key: &str) -> &'a mut Vec<JsonValue> {
            of[key].as_array_mut().expect("a list")
        }
        let entries = self.plans.values_mut().flat_map(|plan| list(plan, "entries"));
        self.runs.values_mut().chain(entries.flat_map(|entry| list(entry, "runs")))
    }

    fn answer(&mut self, request: &http::Request) -> Reply {
        let (_, call) = request.url.split_once("/index.php?/api/v2/").expect("a method");
        let index = self.answered;
        self.answered += 1;
        if let Some(mut intercept) = self.intercept.take() {
            let reply = intercept(self, index, call);
            self.intercept.get_or_insert(intercept);
            if let Some(reply) = reply {
                return reply;
            }
        }
        self.answer_call(&Call::of(call))
    }

    fn answer_call(&self, call: &Call) -> Reply {
        let of_project = |key, items| match call.id == Some(PROJECT) {
            true => self.list(call, key, items),
            false => error("Field :project_id is not a valid or accessible project."),
        };
        match call.method {
            "get_statuses" => bare(&self.statuses),
            "get_case_types" => bare(&days::case_types()),
            "get_priorities" => bare(&days::priorities()),
            "get_case_fields" => bare(&self.fields),
            "get_suites" => of_project("suites", self.suites.values().cloned().collect()),
            "get_milestones" => {
                of_project("milestones", self.milestones.values().cloned().collect())
            }
            "get_sections" => self.of_suite(call, "sections", &self.sections),
            "get_cases" => self.of_suite(call, "cases", &self.cases),
            "get_runs" => of_project("runs", newest_first(self.runs.values())),
            "get_plans" => {
                let plans: Vec<JsonValue> = self.plans.values().map(without_entries).collect();
                of_project("plans", newest_first(plans.iter()))
            }
            "get_run" => one(self.all_runs().find(|run| run["id"].as_i64() == call.id), "run_id"),
            "get_plan" => one(call.id.and_then(|id| self.plans.get(&id)), "plan_id"),
            "get_tests" => self.of_run(call, "tests", self.tests.values()),
            "get_results_for_run" => self.of_run(call, "results", self.results.values()),
            other => panic!("there is no method {other}"),
        }
    }

    /// A project with several suites wants to know which.
    fn of_suite(&self, call: &Call, key: &str, items: &Things) -> Reply {
        let Some(suite_id) = call.number("suite_id") else {
            return error("Field :suite_id is a required field.");
        };
        if !self.suites.contains_key(&suite_id) {
            return error("Field :suite_id is not a valid test suite.");
        }
        let of_suite = items.values().filter(|item| item["suite_id"] == suite_id);
        self.list(call, key, of_suite.cloned().collect())
    }

    fn of_run<'a>(
        &self,
        call: &Call,
        key: &str,
        items: impl Iterator<Item = &'a JsonValue>,
    ) -> Reply {
        if !self.all_runs().any(|run| run["id"].as_i64() == call.id) {
            return error("Field :run_id is not a valid test run.");
        }
        let of_run = items.filter(|item| item["run_id"].as_i64() == call.id);
        if key != "results" {
            return self.list(call, key, of_run.cloned().collect());
        }
        let mut items = newest_first(of_run);
        // Which run a result belongs to is not in it.
        items.iter_mut().for_each(|item| drop(object(item).remove("run_id")));
        self.list(call, key, items)
    }

    fn list(&self, call: &Call, key: &str, mut items: Vec<JsonValue>) -> Reply {
        let limit = call.number("limit").unwrap_or(250);
        if !(1..=250).contains(&limit) {
            return error("Field :limit is out of range.");
        }
        items.retain(|item| self.passes(call, item));
        let offset = usize::try_from(call.number("offset").unwrap_or(0)).expect("an offset");
        let limit = usize::try_from(limit).expect("a limit").min(self.page);
        let page: Vec<&JsonValue> = items.iter().skip(offset).take(limit).collect();
        let end = offset + limit;
        let next = (end < items.len())
            .then(|| format!("/api/v2/{}&limit={limit}&offset={end}", call.method));
        let body = json!({
            "offset": offset, "limit": limit, "size": page.len(),
            "_links": {"next": next, "prev": null}, key: page,
        });
        Reply::json(200, &body.to_string())
    }

    fn passes(&self, call: &Call, item: &JsonValue) -> bool {
        call.parameters.iter().all(|(name, value)| {
            let bound: i64 = value.parse().expect("a number");
            match *name {
                "suite_id" | "limit" | "offset" => true,
                "is_completed" => item["is_completed"].as_bool() == Some(bound != 0),
                filter => {
                    let (field, direction) = filter.split_once('_').expect("such as created_after");
                    let time = item[format!("{field}_on")].as_i64().expect("a time");
                    match direction {
                        _ if time == bound => self.inclusive,
                        "after" => time > bound,
                        "before" => time < bound,
                        other => panic!("there is no filter {other}"),
                    }
                }
            }
        })
    }
}

/// A request, taken apart.
struct Call<'a> {
    method: &'a str,
    id: Option<i64>,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Call<'a> {
    /// Panics at a filter that the method does not have.
    fn of(call: &'a str) -> Self {
        let mut parts = call.split('&');
        let path = parts.next().unwrap_or_default();
        let (method, id) = match path.split_once('/') {
            Some((method, id)) => (method, Some(id.parse().expect("a number"))),
            None => (path, None),
        };
        let parameters: Vec<_> = parts.map(|part| part.split_once('=').expect("a value")).collect();
        let filters: &[&str] = match method {
            "get_cases" => &["suite_id", "updated_after"],
            "get_sections" => &["suite_id"],
            "get_runs" => &["created_after", "created_before", "is_completed"],
            "get_plans" => &["created_after", "created_before", "is_completed"],
            "get_results_for_run" => &["created_after", "created_before"],
            _ => &[],
        };
        for (name, _) in &parameters {
            assert!(filters.contains(name) || ["limit", "offset"].contains(name), "{call}");
        }
        Call { method, id, parameters }
    }

    fn number(&self, name: &str) -> Option<i64> {
        let found = self.parameters.iter().find(|(found, _)| *found == name);
        found.map(|(_, value)| value.parse().expect("a number"))
    }
}

pub fn error(message: &str) -> Reply {
    Reply::json(400, &json!({ "error": message }).to_string())
}

fn one(item: Option<&JsonValue>, field: &str) -> Reply {
    match item {
        Some(item) => Reply::json(200, &item.to_string()),
        None => error(&format!("Field :{field} is not valid.")),
    }
}

fn bare(items: &Things) -> Reply {
    let items: Vec<&JsonValue> = items.values().collect();
    Reply::json(200, &json!(items).to_string())
}

fn newest_first<'a>(items: impl Iterator<Item = &'a JsonValue>) -> Vec<JsonValue> {
    let mut items: Vec<JsonValue> = items.cloned().collect();
    items.sort_by_key(|item| std::cmp::Reverse((item["created_on"].as_i64(), item["id"].as_i64())));
    items
}

fn without_entries(plan: &JsonValue) -> JsonValue {
    let mut plan = plan.clone();
    object(&mut plan).remove("entries");
    plan
}

pub fn object(item: &mut JsonValue) -> &mut serde_json::Map<String, JsonValue> {
    item.as_object_mut().expect("an object")
}

pub fn entries(plan: &JsonValue) -> impl Iterator<Item = &JsonValue> {
    plan["entries"].as_array().expect("entries").iter()
}

pub fn runs(entry: &JsonValue) -> impl Iterator<Item = &JsonValue> {
    entry["runs"].as_array().expect("runs").iter()
}

/// A world, and a host that loads from it.
pub struct Pump {
    pub world: Rc<RefCell<World>>,
    pub http: FakeHttp,
    pub host: MemoryHost,
    pub report: &'static str,
}

impl Pump {
    pub fn new(report: &'static str, world: World) -> Self {
        let world = Rc::new(RefCell::new(world));
        let http = FakeHttp::serve({
            let world = world.clone();
            move |request| world.borrow_mut().answer(request)
        });
        Pump { world, http, host: MemoryHost::new(), report }
    }

    pub fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.borrow_mut());
    }

    /// Puts something before the world, which is told how many requests came before.
    pub fn intercept(&self, by: impl FnMut(&mut World, usize, &str) -> Option<Reply> + 'static) {
        let mut world = self.world.borrow_mut();
        world.answered = 0;
        world.intercept = Some(Box::new(by));
    }

    pub fn behave(&self) {
        self.world.borrow_mut().intercept = None;
    }

    pub fn request(&self, full: bool) -> Request {
        // An instance without a field for the automation coverage.
        let settings = json!({"project-id": PROJECT, "automation-coverage-field": "none"});
        let mut context = testing::context(&self.http, settings);
        context.now = Timestamp::from_second(self.world.borrow().now).expect("a time");
        let mut request = testing::request(self.report, context);
        request.full = full;
        request
    }

    pub fn load(&mut self) -> Result<(), Failure> {
        self.host.run::<TestRail>(&self.request(false))
    }

    /// As a host does that goes on with the next partition when one fails.
    pub fn load_each(&mut self) -> Vec<Failure> {
        let request = self.request(false);
        let partitions = TestRail::plan(&request);
        let Ok(partitions) = partitions else { return partitions.err().into_iter().collect() };
        let each = partitions.into_iter().map(|partition| {
            ONLY.set(Some(partition));
            self.host.run::<Only>(&request)
        });
        each.filter_map(Result::err).collect()
    }

    pub fn load_full(&mut self) -> Result<(), Failure> {
        self.host.run::<TestRail>(&self.request(true))
    }

    /// What a full refresh gives that begins with nothing.
    pub fn fresh(&self) -> MemoryHost {
        let mut host = MemoryHost::new();
        host.run::<TestRail>(&self.request(true)).expect("a full refresh");
        host
    }

    /// What was asked for by `load`, in order.
    pub fn asked_by(&mut self, load: impl FnOnce(&mut Self)) -> Vec<String> {
        let before = self.http.requests().len();
        load(self);
        let requests = self.http.requests();
        let last = requests[before..].iter();
        last.filter_map(|url| url.split("/api/v2/").nth(1)).map(String::from).collect()
    }

    /// How many requests a load makes.
    pub fn cost(&mut self) -> usize {
        self.asked_by(|pump| pump.load().expect("a load")).len()
    }

    /// The rows of a table by their keys, as text.
    pub fn rows(host: &MemoryHost, table: &str, key: &[&str]) -> BTreeMap<String, Vec<Value>> {
        let keys = host.select(table, key).into_iter();
        let keys = keys.map(|key| key.iter().map(shown).collect::<Vec<_>>().join("/"));
        keys.zip(host.rows(table).into_iter().cloned()).collect()
    }
}

thread_local! {
    static ONLY: RefCell<Option<Partition>> = const { RefCell::new(None) };
}

/// The plugin, with the one partition that was planned before.
struct Only;

impl Datasource for Only {
    fn describe() -> Description {
        TestRail::describe()
    }

    fn check(context: &Context) -> Result<String, Failure> {
        TestRail::check(context)
    }

    fn plan(_: &Request) -> Result<Vec<Partition>, Failure> {
        Ok(ONLY.take().into_iter().collect())
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure> {
        TestRail::open(request, partition, checkpoint)
    }
}

/// A value for a person.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Int64(number) => number.to_string(),
        Value::Text(text) | Value::Json(text) => text.clone(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Timestamp(micros) => (micros / 1_000_000).to_string(),
        Value::Null => "-".into(),
        other => format!("{other:?}"),
    }
}

/// The rows of some columns for a person: `1 Smoke -`.
pub fn table(host: &MemoryHost, table: &str, columns: &[&str]) -> Vec<String> {
    let rows = host.select(table, columns);
    rows.iter().map(|row| row.iter().map(shown).collect::<Vec<_>>().join(" ")).collect()
}

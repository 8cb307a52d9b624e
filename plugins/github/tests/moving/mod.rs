// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A GitHub whose repository changes from day to day. It follows the API's rules: what can be
//! filtered and sorted, pages that are counted, how many runs can be reached, how errors look.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod runs;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Value as Json, json};
use test_dashboard_github::GitHub;
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Failure, FailureKind, Request, Timestamp, Value};

pub const REPOSITORY_ID: i64 = 187_853_571;
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 24 * HOUR;
/// 2025-11-03T06:00:00Z, a Monday.
pub const BEGIN: i64 = 1_762_149_600;

/// Something that stands before the API: it is told how many requests came before this one and
/// where it goes to, may change the repository, and may answer in the API's place.
type Intercept = Box<dyn FnMut(usize, &str, &mut Repository) -> Option<Reply>>;

/// What is in the repository.
#[derive(Default)]
pub struct Repository {
    /// Now, in seconds since 1970, as all times here.
    pub now: i64,
    /// The most items of a page; GitHub's own limit is 100.
    pub per_page: usize,
    pub pulls: BTreeMap<i64, Json>,
    pub releases: BTreeMap<i64, Json>,
    /// Whether drafts are listed before all other releases: GitHub does not document its order.
    pub drafts_first: bool,
    pub runs: BTreeMap<i64, Run>,
    /// The greatest number of runs that a list says it has.
    pub counts_to: usize,
    /// What was deleted.
    pub gone: BTreeSet<i64>,
}

/// A workflow run.
pub struct Run {
    pub id: i64,
    pub created: i64,
    pub attempts: Vec<Attempt>,
}

/// An attempt: its own fields of a run, and its jobs.
pub struct Attempt {
    pub started: i64,
    pub updated: i64,
    pub status: Option<&'static str>,
    pub conclusion: Option<&'static str>,
    pub jobs: Vec<Json>,
}

/// A GitHub with one repository, seen by a host.
pub struct Pump {
    pub repository: Rc<RefCell<Repository>>,
    intercept: Rc<RefCell<Option<Intercept>>>,
    pub http: FakeHttp,
    pub host: MemoryHost,
    report: &'static str,
    asked_before: usize,
}

impl Pump {
    pub fn new(report: &'static str) -> Self {
        let repository =
            Repository { now: BEGIN, per_page: 4, counts_to: usize::MAX, ..Repository::default() };
        let repository = Rc::new(RefCell::new(repository));
        let intercept: Rc<RefCell<Option<Intercept>>> = Rc::default();
        let (shared, hook) = (repository.clone(), intercept.clone());
        let asked = RefCell::new(0);
        let http = FakeHttp::serve(move |request| {
            let url = request.url.strip_prefix("https://api.example.org").expect("the base URL");
            let before = asked.replace_with(|asked| *asked + 1);
            let answer = hook
                .borrow_mut()
                .as_mut()
                .and_then(|intercept| intercept(before, url, &mut shared.borrow_mut()));
            answer.unwrap_or_else(|| shared.borrow().answer(url))
        });
        Pump { repository, intercept, http, host: MemoryHost::new(), report, asked_before: 0 }
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut Repository) -> T) -> T {
        change(&mut self.repository.borrow_mut())
    }

    /// Lets this stand before the API from now on; its count begins at zero.
    pub fn intercept(
        &self,
        mut intercept: impl FnMut(usize, &str, &mut Repository) -> Option<Reply> + 'static,
    ) {
        let begin = self.http.requests().len();
        let intercept: Intercept =
            Box::new(move |asked, url, repository| intercept(asked - begin, url, repository));
        *self.intercept.borrow_mut() = Some(intercept);
    }

    pub fn undisturbed(&self) {
        *self.intercept.borrow_mut() = None;
    }

    pub fn request(&self) -> Request {
        let settings = json!({"repository": "mozilla-mobile/fenix"});
        let mut context = testing::context(&self.http, settings);
        context.now = moment(self.repository.borrow().now);
        testing::request(self.report, context)
    }

    /// Runs the report as every day.
    pub fn pump(&mut self) -> Result<(), Failure> {
        self.run(&self.request())
    }

    /// Runs the report in full.
    pub fn reconcile(&mut self) -> Result<(), Failure> {
        self.run(&Request { full: true, ..self.request() })
    }

    /// Runs the report over some days, which may have no begin or no end.
    pub fn a_window(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        let (since, until) = dice.window(BEGIN, self.repository.borrow().now);
        self.run(&Request { since, until, ..self.request() })
    }

    pub fn run(&mut self, request: &Request) -> Result<(), Failure> {
        self.asked_before = self.http.requests().len();
        self.host.run::<GitHub>(request)
    }

    /// What the last run asked for, below the base URL.
    pub fn asked(&self) -> Vec<String> {
        let requests = self.http.requests();
        let last = requests[self.asked_before..].iter();
        last.map(|url| url.replacen("https://api.example.org", "", 1)).collect()
    }

    /// What a full refresh from nothing leaves in an empty host.
    pub fn fresh(&self) -> MemoryHost {
        let mut host = MemoryHost::new();
        host.run::<GitHub>(&Request { full: true, ..self.request() }).unwrap();
        host
    }

    /// The rows of a table, but for those that are about something deleted.
    pub fn rows_but_gone(&self, table: &str, about: &str) -> Vec<Vec<Value>> {
        let gone = &self.repository.borrow().gone;
        let ids = self.host.select(table, &[about]);
        let rows = self.host.rows(table).into_iter().zip(ids);
        rows.filter(|(_, id)| matches!(id[0], Value::Int64(id) if !gone.contains(&id)))
            .map(|(row, _)| row.clone())
            .collect()
    }
}

pub fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

pub fn time(seconds: i64) -> String {
    moment(seconds).to_string()
}

pub fn int(row: &[Value], at: usize) -> i64 {
    match row[at] {
        Value::Int64(number) => number,
        ref other => panic!("{other:?}"),
    }
}

fn not_found() -> Reply {
    Reply::json(404, r#"{"message": "Not Found", "documentation_url": "https://docs"}"#)
}

impl Repository {
    fn answer(&self, url: &str) -> Reply {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let by_number = format!("/repositories/{REPOSITORY_ID}");
        let path = path.strip_prefix("/repos/mozilla-mobile/fenix");
        let path = path.or(url.split('?').next().and_then(|path| path.strip_prefix(&by_number)));
        let parts: Vec<&str> = path.expect("the repository").split('/').skip(1).collect();
        let run = |id: &str| self.runs.get(&id.parse::<i64>().unwrap());
        match parts[..] {
            [] => Reply::json(
                200,
                &json!({"id": REPOSITORY_ID, "full_name": "mozilla-mobile/fenix"}).to_string(),
            ),
            ["pulls"] => self.list_pulls(url, query),
            ["releases"] => {
                let mut releases: Vec<&Json> = self.releases.values().collect();
                releases.sort_by_key(|release| {
                    (self.drafts_first && release["draft"] == true, release["created_at"].as_str())
                });
                releases.reverse();
                self.page(url, query, (releases, |release| (*release).clone()), None)
            }
            ["releases", id] => match self.releases.get(&id.parse::<i64>().unwrap()) {
                Some(release) => Reply::json(200, &release.to_string()),
                None => not_found(),
            },
            ["actions", "runs"] => self.list_runs(url, query),
            ["actions", "runs", id] => run(id).map_or_else(not_found, |run| {
                Reply::json(200, &run.json(run.attempts.len()).to_string())
            }),
            ["actions", "runs", id, "jobs"] => run(id).map_or_else(not_found, |run| {
                assert_eq!(parameter(query, "filter").as_deref(), Some("all"));
                let jobs = run.attempts.iter().flat_map(|attempt| &attempt.jobs).collect();
                self.page(url, query, (jobs, |job: &&Json| (*job).clone()), Some("jobs"))
            }),
            ["actions", "runs", id, "attempts", number] => {
                let number: usize = number.parse().unwrap();
                run(id)
                    .filter(|run| number <= run.attempts.len())
                    .map_or_else(not_found, |run| Reply::json(200, &run.json(number).to_string()))
            }
            _ => panic!("nothing is at {url}"),
        }
    }

    fn list_pulls(&self, url: &str, query: &str) -> Reply {
        assert_eq!(parameter(query, "state").as_deref(), Some("all"));
        let sort = format!("{}_at", parameter(query, "sort").expect("a list is sorted"));
        let mut pulls: Vec<&Json> = self.pulls.values().collect();
        pulls.sort_by_cached_key(|pull| (pull[&sort].as_str(), pull["id"].as_i64()));
        if parameter(query, "direction").as_deref() == Some("desc") {
            pulls.reverse();
        }
        self.page(url, query, (pulls, |pull| (*pull).clone()), None)
    }

    fn list_runs(&self, url: &str, query: &str) -> Reply {
        let created = parameter(query, "created").expect("runs are filtered by their creation");
        let (first, last) = created.split_once("..").expect("a range");
        let seconds = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let (first, last) = (seconds(first), seconds(last));
        let mut runs: Vec<&Run> =
            self.runs.values().filter(|run| (first..=last).contains(&run.created)).collect();
        runs.sort_by_key(|run| (-run.created, -run.id));
        let json = |run: &&Run| run.json(run.attempts.len());
        self.page(url, query, (runs, json), Some("workflow_runs"))
    }

    /// A page of a list, counted, with how many there are in all where the list says it.
    fn page<T>(
        &self,
        url: &str,
        query: &str,
        (items, json): (Vec<T>, impl Fn(&T) -> Json),
        name: Option<&str>,
    ) -> Reply {
        let number = |name: &str| parameter(query, name).map(|n| n.parse::<usize>().unwrap());
        let per_page = number("per_page").expect("pages are as large as can be");
        assert_eq!(per_page, 100);
        let per_page = per_page.min(self.per_page);
        let page = number("page").unwrap_or(1);
        let total = items.len();
        let reachable = if name == Some("workflow_runs") { total.min(1_000) } else { total };
        let end = (page * per_page).min(reachable);
        let shown: Vec<Json> =
            items[((page - 1) * per_page).min(end)..end].iter().map(json).collect();
        let body = match name {
            None => Json::from(shown),
            Some(name) => json!({"total_count": total.min(self.counts_to), name: shown}),
        };
        let reply = Reply::json(200, &body.to_string());
        if end == reachable {
            return reply;
        }
        let path = url.split('?').next().unwrap_or_default();
        let path = path.replacen(
            "/repos/mozilla-mobile/fenix",
            &format!("/repositories/{REPOSITORY_ID}"),
            1,
        );
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("page=")).collect();
        let next = format!("https://api.example.org{path}?{}&page={}", kept.join("&"), page + 1);
        reply.header("Link", &format!("<{next}>; rel=\"next\", <https://x.example>; rel=\"last\""))
    }
}

impl Run {
    /// A run that has no attempt yet.
    pub fn new(id: i64, created: i64) -> Self {
        Run { id, created, attempts: Vec::new() }
    }

    /// The run as it is, or was, at one of its attempts. Fields are null, or absent, where
    /// GitHub lets them be, in each run others.
    pub fn json(&self, number: usize) -> Json {
        let attempt = &self.attempts[number - 1];
        let null_in = |every: i64, value: &str| (self.id % every != 0).then(|| json!(value));
        let mut run = json!({
            "id": self.id,
            "run_attempt": number,
            "workflow_id": 7 + self.id % 3,
            "name": null_in(5, "Tests 🧪"),
            "display_title": "A change",
            "path": ".github/workflows/test.yml",
            "run_number": self.id,
            "event": "push",
            "status": attempt.status,
            "conclusion": attempt.conclusion,
            "head_branch": null_in(7, "main"),
            "head_sha": format!("{:040x}", self.id / 2),
            "head_repository": (self.id % 11 != 0).then(|| json!({"full_name": "a/fork"})),
            "pull_requests": null,
            "actor": (self.id % 4 != 0).then(|| json!({"login": "ada-example"})),
            "triggering_actor": null,
            "created_at": time(self.created),
            "run_started_at": time(attempt.started),
            "updated_at": time(attempt.updated),
            "html_url": format!("https://github.com/mozilla-mobile/fenix/actions/runs/{}", self.id),
        });
        if self.id % 13 == 0
            && let Some(run) = run.as_object_mut()
        {
            run.remove("run_started_at");
            run.remove("display_title");
            if self.attempts.len() == 1 {
                run.remove("run_attempt");
            }
        }
        run
    }

    /// A job of the next attempt.
    pub fn job(&self, name: &str, status: &str, conclusion: Option<&str>, started: i64) -> Json {
        let attempt = i64::try_from(self.attempts.len()).unwrap() + 1;
        let is_done = status == "completed";
        let order = name.bytes().map(i64::from).sum::<i64>() % 97;
        json!({
            "id": self.id * 10_000 + attempt * 100 + order,
            "run_id": self.id,
            "run_attempt": attempt,
            "workflow_name": null,
            "name": name,
            "status": status,
            "conclusion": conclusion,
            "head_branch": null,
            "head_sha": format!("{:040x}", self.id / 2),
            "labels": ["ubuntu-latest"],
            "runner_name": is_done.then_some("Hosted 1"),
            "runner_group_name": null,
            "created_at": time(started - 30),
            "started_at": time(started),
            "completed_at": is_done.then(|| time(started + 90)),
            "html_url": null,
            "steps": is_done.then(|| json!([
                {"number": 1, "name": "Set up job", "status": status, "conclusion": conclusion,
                 "started_at": time(started), "completed_at": time(started + 2)},
                {"number": 4, "name": "Post 🧹", "status": status, "conclusion": "skipped",
                 "started_at": null, "completed_at": null},
            ])),
        })
    }
}

/// A parameter of a query, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.replace("%3A", ":"))
}

/// Numbers that look random and are the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed * 2 + 1)
    }

    /// A number below `count`.
    pub fn below(&mut self, count: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from((self.0 >> 16) % u64::try_from(count).unwrap()).unwrap()
    }

    pub fn one_in(&mut self, count: i64) -> bool {
        self.below(count) == 0
    }

    /// A window within a time, which may have no begin or no end.
    pub fn window(&mut self, begin: i64, now: i64) -> (Option<Timestamp>, Option<Timestamp>) {
        let since = begin + self.below(now - begin + 1);
        let until = since + 1 + self.below(now - since + DAY);
        let is_from_the_first = self.one_in(5);
        let is_up_to_now = self.one_in(3);
        let bound = |at: i64, is_open: bool| (!is_open).then(|| moment(at));
        (bound(since, is_from_the_first), bound(until, is_up_to_now && !is_from_the_first))
    }

    /// One of some.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| &of[usize::try_from(self.below(of.len() as i64)).unwrap()])
    }
}

/// Answers that are no good answer, each with the failure that it is.
pub fn faults() -> Vec<(Reply, FailureKind)> {
    let error = |status, text: &str| Reply::json(status, &json!({"message": text}).to_string());
    vec![
        (error(429, "Too many").header("retry-after", "30"), FailureKind::RateLimited),
        (error(403, "API rate limit exceeded"), FailureKind::RateLimited),
        (error(500, "Server Error"), FailureKind::Transient),
        (Reply::broken_connection(), FailureKind::Transient),
        (error(401, "Bad credentials"), FailureKind::Auth),
        (error(403, "Resource not accessible by personal access token"), FailureKind::Auth),
        (Reply::text(200, "text/html", "<html>Unicorn!"), FailureKind::UnexpectedResponse),
        (Reply::json(200, r#"[{"id": 1, "num"#), FailureKind::UnexpectedResponse),
        (error(200, "Server Error"), FailureKind::UnexpectedResponse),
    ]
}

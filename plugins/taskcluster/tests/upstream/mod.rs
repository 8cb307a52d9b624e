// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A Taskcluster in memory: an index, a queue and hooks, with the paging and the errors of the
//! real one. Time passes only when a test says so, and what has expired is not found.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Value as Json, json};
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Failure, Request, Timestamp, Value};
use test_dashboard_taskcluster::Taskcluster;

pub const CENTRAL: &str = "gecko.v2.mozilla-central";
pub const ROUTE: &str = "gecko.v2.mozilla-central.latest.taskgraph.decision";
pub const HOOK: &str = "releng/cron/daily";

/// Clones are the same Taskcluster.
#[derive(Clone)]
pub struct Upstream(Rc<RefCell<World>>);

/// May answer a request, by its URL, in place of the world.
pub type Fault = Box<dyn FnMut(&mut World, &str) -> Option<Reply>>;

pub struct World {
    pub now: Timestamp,
    /// Whether what has expired is there nevertheless.
    pub keeps_everything: bool,
    pub tasks: BTreeMap<String, Task>,
    /// The ids of a group's tasks, in their order in its list.
    groups: BTreeMap<String, BTreeSet<String>>,
    /// Path in the index and the task there.
    pub index: BTreeMap<String, String>,
    /// Each hook that there is, and its fires.
    pub fires: BTreeMap<String, Vec<Json>>,
    /// Whether fires tell the state of their tasks, as newer versions do.
    pub tells_states: bool,
    /// The most that a page holds, whatever it is asked for.
    pub page: usize,
    /// Whether each page but the first comes after an empty one.
    pub has_empty_pages: bool,
    pub fault: Option<Fault>,
    ids: u64,
}

/// A task as the queue knows it.
#[derive(Clone)]
pub struct Task {
    pub group: String,
    pub label: String,
    pub kind: &'static str,
    pub created: Timestamp,
    pub deadline: Timestamp,
    pub expires: Timestamp,
    pub state: &'static str,
    pub runs: Vec<Json>,
    /// Where it is put in the index once it has completed.
    pub path: Option<String>,
}

pub fn moment(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn time(time: Timestamp) -> Json {
    json!(format!("{time:.3}"))
}

impl World {
    /// An id that looks like Taskcluster's.
    pub fn new_id(&mut self) -> String {
        self.ids += 1;
        // Spread, so that a new task may stand anywhere in a list that is sorted by id.
        let spread = self.ids.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("{spread:016x}{:06}", self.ids)
    }

    /// Creates a task with a deadline after so many hours.
    pub fn create(
        &mut self,
        group: &str,
        kind: &'static str,
        label: &str,
        deadline: i64,
    ) -> String {
        let id = self.new_id();
        self.create_as(&id, group, kind, label, deadline);
        id
    }

    pub fn create_as(
        &mut self,
        id: &str,
        group: &str,
        kind: &'static str,
        label: &str,
        deadline: i64,
    ) {
        let task = Task {
            group: group.into(),
            label: label.into(),
            kind,
            created: self.now,
            deadline: self.now + hours(deadline),
            expires: self.now + hours(24 * 60),
            state: "unscheduled",
            runs: Vec::new(),
            path: None,
        };
        self.tasks.insert(id.into(), task);
        self.groups.entry(group.into()).or_default().insert(id.into());
    }

    pub fn task(&mut self, id: &str) -> &mut Task {
        self.tasks.get_mut(id).expect("a task")
    }

    /// Ends the last run, or begins one and ends it.
    pub fn resolve(&mut self, id: &str, state: &'static str, reason: &str) {
        let now = self.now;
        let task = self.task(id);
        if task.runs.is_empty() || task.state == "completed" || task.state == "failed" {
            task.begin_run(now, "scheduled");
            task.take(now);
        }
        task.end_run(now, state, reason);
        task.state = state;
        if let (Some(path), "completed") = (task.path.clone(), state) {
            self.index.insert(path, id.into());
        }
    }

    pub fn fire(&mut self, hook: &str, task: &str, result: &str, error: &str) {
        let (group, id) = hook.split_once('/').expect("a hook");
        let fire = json!({
            "hookGroupId": group, "hookId": id, "firedBy": "schedule", "taskId": task,
            "taskCreateTime": time(self.now), "result": result, "error": error,
        });
        self.fires.entry(hook.into()).or_default().push(fire);
    }

    fn is_there(&self, id: &str) -> bool {
        let task = self.tasks.get(id);
        task.is_some_and(|task| self.keeps_everything || task.expires > self.now)
    }

    fn status(&self, id: &str) -> Json {
        let task = &self.tasks[id];
        json!({
            "taskId": id, "taskGroupId": task.group, "schedulerId": "gecko-level-3",
            "provisionerId": "gecko-t", "workerType": "t-linux",
            "taskQueueId": "gecko-t/t-linux", "projectId": "none",
            "deadline": time(task.deadline), "expires": time(task.expires),
            "retriesLeft": 5, "state": task.state, "runs": task.runs,
        })
    }

    fn definition(&self, id: &str) -> Json {
        let task = &self.tasks[id];
        json!({
            "taskGroupId": task.group, "created": time(task.created), "priority": "low",
            "metadata": {
                "name": task.label, "owner": "a@example.org", "description": "🦊",
                "source": "https://hg.example.org/file/abc",
            },
            "tags": {"kind": task.kind, "label": task.label, "test-suite": "mochitest"},
            "routes": [format!("tc-treeherder.v2.mozilla-central.{}.1", task.group)],
            "payload": {"env": {"SECRET": "not to be read"}},
        })
    }
}

impl Task {
    pub fn begin_run(&mut self, now: Timestamp, reason: &str) {
        let run = json!({
            "runId": self.runs.len(), "state": "pending", "reasonCreated": reason,
            "scheduled": time(now),
        });
        self.runs.push(run);
        self.state = "pending";
    }

    pub fn take(&mut self, now: Timestamp) {
        let run = self.runs.last_mut().expect("a run");
        run["state"] = json!("running");
        run["started"] = time(now + SignedDuration::from_millis(1_500));
        run["workerGroup"] = json!("us-west1");
        run["workerId"] = json!("i-1");
        run["takenUntil"] = time(now + hours(1));
        self.state = "running";
    }

    pub fn end_run(&mut self, now: Timestamp, state: &str, reason: &str) {
        let run = self.runs.last_mut().expect("a run");
        run["state"] = json!(state);
        run["reasonResolved"] = json!(reason);
        run["resolved"] = time(now + SignedDuration::from_secs(61));
    }

    pub fn is_final(&self) -> bool {
        matches!(self.state, "completed" | "failed" | "exception")
    }
}

impl Upstream {
    /// An empty one at a time.
    pub fn at(now: &str) -> Self {
        Upstream(Rc::new(RefCell::new(World {
            now: moment(now),
            keeps_everything: false,
            tasks: BTreeMap::new(),
            groups: BTreeMap::new(),
            index: BTreeMap::new(),
            fires: BTreeMap::from([(HOOK.into(), Vec::new())]),
            tells_states: false,
            page: 3,
            has_empty_pages: true,
            fault: None,
            ids: 0,
        })))
    }

    /// Looks at the world, or changes it.
    pub fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.borrow_mut())
    }

    pub fn pass(&self, hours_passed: i64) {
        self.world(|world| world.now += hours(hours_passed));
    }

    /// What answers requests from now on.
    pub fn fault(&self, fault: impl FnMut(&mut World, &str) -> Option<Reply> + 'static) {
        self.world(|world| world.fault = Some(Box::new(fault)));
    }

    /// Answers the next request whose URL has `part` in it, once.
    pub fn answer_once(&self, part: &'static str, reply: Reply) {
        let mut reply = Some(reply);
        self.fault(move |_, url| if url.contains(part) { reply.take() } else { None });
    }

    pub fn http(&self) -> FakeHttp {
        let upstream = self.clone();
        FakeHttp::serve(move |request| upstream.answer(&request.url))
    }

    pub fn request(&self, report: &str, http: &FakeHttp, settings: &Json) -> Request {
        let mut context = testing::context(http, settings.clone());
        context.now = self.0.borrow().now;
        testing::request(report, context)
    }

    /// Runs a report, and says how many requests that took.
    pub fn pump(
        &self,
        host: &mut MemoryHost,
        report: &str,
        settings: &Json,
        full: bool,
    ) -> Result<usize, Failure> {
        let http = self.http();
        let mut request = self.request(report, &http, settings);
        request.full = full;
        host.run::<Taskcluster>(&request)?;
        Ok(http.requests().len())
    }

    fn answer(&self, url: &str) -> Reply {
        let mut world = self.0.borrow_mut();
        if let Some(mut fault) = world.fault.take() {
            let reply = fault(&mut world, url);
            world.fault = Some(fault);
            if let Some(reply) = reply {
                return reply;
            }
        }
        world.answer(url)
    }
}

impl World {
    fn answer(&self, url: &str) -> Reply {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let path = address.strip_prefix("https://api.example.org/api/").expect("below the base");
        let parts: Vec<&str> = path.split('/').collect();
        match parts[..] {
            ["index", "v1", "namespaces", namespace] => self.page(
                query,
                1_000,
                "namespaces",
                &self.namespaces(namespace),
                Json::clone,
                json!({}),
            ),
            ["index", "v1", "tasks", namespace] => {
                self.page(query, 1_000, "tasks", &self.indexed(namespace), Json::clone, json!({}))
            }
            ["index", "v1", "task", path] => match self.index.get(path) {
                Some(id) if self.is_there(id) => {
                    let task = json!({
                        "namespace": path, "taskId": id, "rank": 0, "data": {},
                        "expires": time(self.tasks[id].expires),
                    });
                    Reply::json(200, &task.to_string())
                }
                _ => not_found(),
            },
            ["queue", "v1", "task", id, "status"] if self.is_there(id) => {
                Reply::json(200, &json!({"status": self.status(id)}).to_string())
            }
            ["queue", "v1", "task-group", id, "list"] => self.group(id, query),
            ["hooks", "v1", "hooks", group, id, "last-fires"] => {
                let hook = format!("{group}/{}", id.replace("%2F", "/"));
                let fires = self.fires.get(&hook).cloned().unwrap_or_default();
                let fires: Vec<Json> = fires.into_iter().rev().collect();
                if fires.is_empty() {
                    return not_found();
                }
                let with_state = |fire: &Json| {
                    let mut fire = fire.clone();
                    let task = fire["taskId"].as_str().expect("an id").to_owned();
                    if self.tells_states {
                        let state =
                            if self.is_there(&task) { self.tasks[&task].state } else { "unknown" };
                        fire["taskState"] = json!(state);
                    }
                    fire
                };
                self.page(query, 1_000, "lastFires", &fires, with_state, json!({}))
            }
            ["hooks", "v1", "hooks", group, id, "status"] => {
                let hook = format!("{group}/{}", id.replace("%2F", "/"));
                match self.fires.get(&hook) {
                    None => not_found(),
                    Some(fires) => {
                        let result = if fires.is_empty() { "no-fire" } else { "success" };
                        Reply::json(200, &json!({"lastFire": {"result": result}}).to_string())
                    }
                }
            }
            _ => not_found(),
        }
    }

    fn group(&self, id: &str, query: &str) -> Reply {
        let ids = self.groups.get(id).into_iter().flatten().filter(|task| self.is_there(task));
        let ids: Vec<&String> = ids.collect();
        let Some(expires) = ids.iter().map(|id| self.tasks[*id].expires).max() else {
            return not_found();
        };
        let task = |id: &&String| json!({"status": self.status(id), "task": self.definition(id)});
        let group = json!({
            "taskGroupId": id, "schedulerId": "gecko-level-3", "expires": time(expires),
        });
        self.page(query, 1_000, "tasks", &ids, task, group)
    }

    fn below<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a str, &'a String)> {
        let from = self.index.range(namespace.to_owned()..);
        let entries = from.take_while(move |(path, _)| path.starts_with(namespace));
        let entries = entries.filter(|(_, id)| self.is_there(id));
        entries.filter_map(move |(path, id)| {
            Some((path.strip_prefix(namespace)?.strip_prefix('.')?, id))
        })
    }

    fn namespaces(&self, namespace: &str) -> Vec<Json> {
        let mut names: Vec<&str> =
            self.below(namespace).filter_map(|(rest, _)| Some(rest.split_once('.')?.0)).collect();
        names.dedup();
        let entry = |name| {
            json!({
                "namespace": format!("{namespace}.{name}"), "name": name,
                "expires": "2030-01-01T00:00:00.000Z",
            })
        };
        names.into_iter().map(entry).collect()
    }

    fn indexed(&self, namespace: &str) -> Vec<Json> {
        let direct = self.below(namespace).filter(|(rest, _)| !rest.contains('.'));
        let entry = |(name, id): (&str, &String)| {
            json!({
                "namespace": format!("{namespace}.{name}"), "taskId": id, "rank": 0, "data": {},
                "expires": "2030-01-01T00:00:00.000Z",
            })
        };
        direct.map(entry).collect()
    }

    /// A page of a list, by an offset in the token.
    fn page<T>(
        &self,
        query: &str,
        most: usize,
        key: &str,
        list: &[T],
        entry: impl Fn(&T) -> Json,
        envelope: Json,
    ) -> Reply {
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let limit = parameter("limit").map_or(most, |limit| limit.parse().expect("a number"));
        assert!((1..=most).contains(&limit), "a limit of {limit}");
        let token = parameter("continuationToken").unwrap_or("p0");
        let (kind, offset) = token.split_at(1);
        let offset: usize = offset.parse().expect("a token of ours");
        let mut answer = envelope;
        if kind == "e" {
            answer[key] = json!([]);
            answer["continuationToken"] = json!(format!("p{offset}"));
            return Reply::json(200, &answer.to_string());
        }
        let end = (offset + limit.min(self.page)).min(list.len());
        answer[key] = list.get(offset..end).unwrap_or_default().iter().map(entry).collect();
        if end < list.len() {
            let kind = if self.has_empty_pages { 'e' } else { 'p' };
            answer["continuationToken"] = json!(format!("{kind}{end}"));
        }
        Reply::json(200, &answer.to_string())
    }
}

/// How Taskcluster says that something is not there, or not any more.
pub fn not_found() -> Reply {
    let error = json!({
        "code": "ResourceNotFound", "message": "it is not there", "requestInfo": {"payload": {}},
    });
    Reply::json(404, &error.to_string())
}

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// A push with a decision task and a build, which will be indexed, and some tests.
pub fn push(world: &mut World, tests: usize, deadline: i64) -> String {
    let name = world.now.strftime("%Y.%m.%d.%Y%m%d%H%M%S").to_string();
    let group = world.new_id();
    world.create_as(&group.clone(), &group, "decision", "Gecko Decision Task 🦊", deadline);
    world.resolve(&group, "completed", "completed");
    world.index.insert(ROUTE.into(), group.clone());
    let build = world.create(&group, "build", "build-linux64/opt", deadline);
    world.task(&build).path = Some(format!("{CENTRAL}.pushdate.{name}.firefox.linux64-opt"));
    for number in 0..tests {
        world.create(&group, "test", &format!("test-linux64/opt-mochitest-{number}"), deadline);
    }
    group
}

/// The tasks of a group, in the order of their creation.
pub fn tasks_of(world: &World, group: &str) -> Vec<String> {
    let mut ids: Vec<String> = world.groups[group].iter().cloned().collect();
    ids.sort_by_key(|id| id[16..].to_owned());
    ids
}

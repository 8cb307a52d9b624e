// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Taskcluster: an index with the pushes of each project, their task groups, and a nightly hook.

use serde_json::{Value, json};

use super::world::{DAY, HOUR, MINUTE, Moment, PROJECTS, iso};
use crate::support::{Answer, Server};

/// Below it, in the index, is a project's `pushdate`.
pub const INDEX: &str = "mobile.v2";
/// The group of all hooks; each is called after its project.
pub const HOOKS: &str = "nightly";
/// Entries on a page, whatever is asked for.
const PAGE: usize = 2;

/// The groups of a project: by their number, how long before the second night they began.
/// The first two are pushes of the last days, the third one of the last hour; the other two
/// come from the hook.
const AGES: [i64; 5] = [30 * HOUR, 5 * HOUR, 18 * MINUTE, 26 * HOUR, 14 * MINUTE];
const PUSHES: std::ops::Range<usize> = 0..3;
const TASKS: i64 = 5;

/// Answers what is asked below Taskcluster's address.
pub fn answer(below: &str, moment: Moment) -> Answer {
    let (path, query) = below.split_once('?').unwrap_or((below, ""));
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let groups = || groups().filter(|group| group.began(moment) <= moment.now);
    match segments[..] {
        ["api", "index", "v1", "namespaces", name] => {
            let below =
                groups().filter(|group| PUSHES.contains(&group.number)).filter_map(|group| {
                    let push = group.namespace(moment);
                    let (day, _) = push.rsplit_once('.').unwrap();
                    (day == name)
                        .then(|| json!({"namespace": push, "name": push.rsplit('.').next()}))
                });
            list(query, "namespaces", below.collect(), json!({}))
        }
        ["api", "index", "v1", "tasks", name] => {
            let push = groups()
                .find(|group| PUSHES.contains(&group.number) && group.namespace(moment) == name);
            // The index knows what has completed.
            let tasks = push.iter().flat_map(|group| {
                (0..TASKS).filter(|n| group.state(*n, moment) == "completed").map(
                    |n| json!({"taskId": group.task_id(n), "namespace": format!("{name}.{n}")}),
                )
            });
            list(query, "tasks", tasks.collect(), json!({}))
        }
        ["api", "queue", "v1", "task", id, "status"] => {
            let tasks = groups().flat_map(|group| (0..TASKS).map(move |n| (group, n)));
            match tasks.into_iter().find(|(group, n)| group.task_id(*n) == id) {
                Some((group, n)) => Server::json(200, json!({"status": group.status(n, moment)})),
                None => not_found(),
            }
        }
        ["api", "queue", "v1", "task-group", id, "list"] => {
            let Some(group) = groups().find(|group| group.id() == id) else { return not_found() };
            let tasks = (0..TASKS)
                .map(|n| json!({"status": group.status(n, moment), "task": group.task(n, moment)}));
            let envelope = json!({"taskGroupId": id, "schedulerId": "mobile-level-3",
                                  "expires": iso(group.began(moment) + 60 * DAY)});
            list(query, "tasks", tasks.collect(), envelope)
        }
        ["api", "hooks", "v1", "hooks", HOOKS, name, "last-fires"] => {
            let fires = groups()
                .filter(|group| !PUSHES.contains(&group.number))
                .filter(|group| PROJECTS[group.project].name == name)
                .map(|group| group.fire(moment));
            list(query, "lastFires", fires.collect(), json!({}))
        }
        _ => not_found(),
    }
}

fn not_found() -> Answer {
    Server::json(404, json!({"code": "ResourceNotFound", "message": "no", "requestInfo": {}}))
}

fn list(query: &str, key: &str, things: Vec<Value>, mut envelope: Value) -> Answer {
    let token = query.split('&').find_map(|pair| pair.strip_prefix("continuationToken=t"));
    let first: usize = token.map_or(0, |token| token.parse().unwrap());
    let page: Vec<&Value> = things.iter().skip(first).take(PAGE).collect();
    envelope[key] = json!(page);
    if first + PAGE < things.len() {
        envelope["continuationToken"] = json!(format!("t{}", first + PAGE));
    }
    Server::json(200, envelope)
}

#[derive(Clone, Copy)]
struct Group {
    project: usize,
    number: usize,
}

fn groups() -> impl Iterator<Item = Group> {
    let projects = 0..PROJECTS.len();
    projects.flat_map(|project| (0..AGES.len()).map(move |number| Group { project, number }))
}

impl Group {
    fn began(self, moment: Moment) -> i64 {
        moment.today - AGES[self.number]
    }

    /// A group is called after its first task.
    fn id(self) -> String {
        self.task_id(0)
    }

    fn task_id(self, n: i64) -> String {
        format!("{:018}{}{}{n:02}", 0, self.project, self.number)
    }

    fn namespace(self, moment: Moment) -> String {
        let began = jiff::Timestamp::from_second(self.began(moment)).unwrap();
        let time = began.strftime("%Y.%m.%d.%Y%m%d%H%M%S");
        format!("{INDEX}.{}.pushdate.{time}", PROJECTS[self.project].name)
    }

    /// When a task is over: that of yesterday's push within the last hour, for the most part.
    fn resolved(self, n: i64, moment: Moment) -> i64 {
        match self.number {
            1 if n > 1 => moment.today - 30 * MINUTE + n * MINUTE,
            _ => self.began(moment) + (n + 1) * 5 * MINUTE,
        }
    }

    fn state(self, n: i64, moment: Moment) -> &'static str {
        match self.resolved(n, moment) <= moment.now {
            true if n == 3 => "failed",
            true => "completed",
            false => "running",
        }
    }

    fn status(self, n: i64, moment: Moment) -> Value {
        let (began, state) = (self.began(moment), self.state(n, moment));
        let resolved = (state != "running").then(|| iso(self.resolved(n, moment)));
        json!({
            "taskId": self.task_id(n), "taskGroupId": self.id(), "schedulerId": "mobile-level-3",
            "provisionerId": "mobile-t", "workerType": "t-linux", "taskQueueId": "mobile-t/t-linux",
            "projectId": "none", "deadline": iso(began + DAY), "expires": iso(began + 60 * DAY),
            "retriesLeft": 5, "state": state,
            "runs": [{
                "runId": 0, "state": state, "reasonCreated": "scheduled",
                "reasonResolved": (state != "running").then_some(state),
                "workerGroup": "us-west1", "workerId": "i-1", "scheduled": iso(began),
                "started": iso(began + MINUTE), "resolved": resolved,
            }],
        })
    }

    fn task(self, n: i64, moment: Moment) -> Value {
        json!({
            "taskGroupId": self.id(), "created": iso(self.began(moment)), "priority": "low",
            "metadata": {"name": format!("test-{n}"), "owner": "a@example.org",
                         "description": "🦊", "source": "https://hg.example.org/file/abc"},
            "tags": {"kind": "test", "label": format!("test-{n}")},
            "routes": [format!("tc-treeherder.v2.mobile.{}.1", self.id())], "payload": {},
        })
    }

    fn fire(self, moment: Moment) -> Value {
        json!({
            "hookGroupId": HOOKS, "hookId": PROJECTS[self.project].name, "firedBy": "schedule",
            "taskId": self.id(), "taskCreateTime": iso(self.began(moment)), "result": "success",
            "error": "", "taskState": self.state(0, moment),
        })
    }
}

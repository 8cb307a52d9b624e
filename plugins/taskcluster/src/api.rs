// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is asked of Taskcluster, and what it answers.

use std::collections::HashSet;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use test_dashboard_sdk::http::{Client, Pending, RequestBuilder};
use test_dashboard_sdk::{Answer, Context, Failure, FailureKind, Lenient, Timestamp, time};

use crate::settings::Hook;

/// How many tasks of a group a page holds: a task is 6 to 7 KB.
const TASKS_A_PAGE: u32 = 200;
/// How many entries of the index a page holds, which is the most there can be.
const ENTRIES_A_PAGE: u32 = 1_000;

/// One Taskcluster.
#[derive(Debug, Clone)]
pub struct Api(Client);

impl Api {
    /// The Taskcluster of a project.
    pub fn of(context: &Context) -> Self {
        Api(context.http())
    }

    fn call(&self, service: &str, route: &str, name: &str) -> RequestBuilder {
        self.0.get(&format!("/api/{service}/v1/{route}/{}", Client::segment(name)))
    }

    /// The namespaces right below one in the index. One that does not exist has none.
    pub fn namespaces(&self, namespace: &str) -> TokenPages<NamespacesPage> {
        let list = self.call("index", "namespaces", namespace);
        TokenPages::start(list.query("limit", ENTRIES_A_PAGE))
    }

    /// The tasks right below a namespace of the index.
    pub fn indexed_tasks(&self, namespace: &str) -> TokenPages<IndexedTasksPage> {
        TokenPages::start(self.call("index", "tasks", namespace).query("limit", ENTRIES_A_PAGE))
    }

    /// The task that a path in the index leads to.
    ///
    /// # Errors
    ///
    /// When the index does not answer, or has none there, or not any more.
    pub fn find_task(&self, path: &str) -> Result<IndexedTask, Failure> {
        self.call("index", "task", path).send()?.json()
    }

    /// How a task is, and so which group it belongs to.
    ///
    /// # Errors
    ///
    /// When the queue does not answer, or does not have it, or not any more.
    pub fn status(&self, task: &str) -> Result<Status, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            status: Status,
        }
        let path = format!("/api/queue/v1/task/{}/status", Client::segment(task));
        Ok(self.0.get(&path).send()?.json::<Answer>()?.status)
    }

    /// The tasks of a group.
    pub fn group(&self, id: &str) -> TokenPages<GroupPage> {
        let path = format!("/api/queue/v1/task-group/{}/list", Client::segment(id));
        TokenPages::start(self.0.get(&path).query("limit", TASKS_A_PAGE))
    }

    /// The fires of a hook that are still known; one without any is not found, see
    /// [`has_no_fires`](Self::has_no_fires). Without a limit a page is as large as it can be;
    /// older versions know no limit and give all.
    pub fn fires(&self, hook: &Hook) -> TokenPages<FiresPage> {
        TokenPages::start(self.hook(hook, "last-fires"))
    }

    /// Makes sure that a hook whose fires are not found has none. Taskcluster answers a hook that
    /// has not fired as one that does not exist; the hook's own status tells them apart.
    ///
    /// # Errors
    ///
    /// When there is no such hook, or when it has fired.
    pub fn has_no_fires(&self, hook: &Hook, not_found: &Failure) -> Result<(), Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            last_fire: LastFire,
        }
        #[derive(Deserialize)]
        struct LastFire {
            result: String,
        }
        let Hook { group, id } = hook;
        let answer = self.hook(hook, "status").send();
        match answer.and_then(|answer| answer.json::<Answer>()) {
            Ok(answer) if answer.last_fire.result == "no-fire" => Ok(()),
            Ok(_) => Err(Failure::not_found(format!(
                "the hook {group}/{id} has fired, and yet its fires are not found: the next run asks for them again ({not_found})"
            ))),
            Err(failure) if failure.kind == FailureKind::NotFound => {
                let message =
                    format!("there is no hook {group}/{id}: correct the setting hooks ({failure})");
                Err(failure.retold(FailureKind::NotFound, message))
            }
            Err(failure) => Err(failure),
        }
    }

    fn hook(&self, Hook { group, id }: &Hook, what: &str) -> RequestBuilder {
        let (group, id) = (Client::segment(group), Client::segment(id));
        self.0.get(&format!("/api/hooks/v1/hooks/{group}/{id}/{what}"))
    }
}

/// A page of a list.
pub trait Page: DeserializeOwned {
    /// What gets the next page.
    fn continuation_token(&self) -> Option<&str>;
}

/// A list whose pages carry a token for the next one. Only a page without a token ends it;
/// a page may be short or empty. The next page is on its way while the current one is used.
#[derive(Debug)]
pub struct TokenPages<P> {
    first: RequestBuilder,
    next: Option<Result<Pending, Failure>>,
    tokens: HashSet<String>,
    page: PhantomData<P>,
}

impl<P: Page> TokenPages<P> {
    /// Starts with the first page.
    pub fn start(first: RequestBuilder) -> Self {
        let next = Some(first.clone().start());
        TokenPages { first, next, tokens: HashSet::new(), page: PhantomData }
    }

    /// The next page, or none after the last.
    ///
    /// # Errors
    ///
    /// When a page does not come or is not one, or when a token comes back: following it
    /// would never end. Afterwards the list is over.
    pub fn next_page(&mut self) -> Result<Option<P>, Failure> {
        let Some(pending) = self.next.take() else { return Ok(None) };
        let answer = pending?.wait()?;
        let page: P = answer.json()?;
        if let Some(token) = page.continuation_token().filter(|token| !token.is_empty()) {
            if !self.tokens.insert(token.into()) {
                return Err(Failure::unexpected_response(format!(
                    "GET {}: its token for the next page was there already, so the list has no end",
                    answer.shown_url()
                )));
            }
            self.next = Some(self.first.clone().query("continuationToken", token).start());
        }
        Ok(Some(page))
    }
}

macro_rules! pages {
    ($($(#[$documentation:meta])* $name:ident { $($(#[$field_attribute:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$documentation])*
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$field_attribute])* pub $field: $kind,)*
            continuation_token: Option<String>,
        }

        impl Page for $name {
            fn continuation_token(&self) -> Option<&str> {
                self.continuation_token.as_deref()
            }
        }
    )*};
}

pages! {
    /// Some namespaces of the index.
    NamespacesPage { namespaces: Vec<Namespace>, }
    /// Some tasks of the index.
    IndexedTasksPage { tasks: Vec<IndexedTask>, }
    /// Some fires of a hook.
    FiresPage { last_fires: Vec<Lenient<Fire>>, }
    /// Some tasks of a group.
    GroupPage {
        task_group_id: String,
        /// Older versions leave this and the next two out.
        scheduler_id: Option<String>,
        #[serde(default, with = "time::optional")]
        expires: Option<Timestamp>,
        #[serde(default, with = "time::optional")]
        sealed: Option<Timestamp>,
        tasks: Vec<Lenient<Task>>,
    }
}

/// A namespace of the index.
#[derive(Debug, Deserialize)]
pub struct Namespace {
    /// All of its name.
    pub namespace: String,
    /// The last part of its name.
    pub name: String,
}

/// A task in the index.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexedTask {
    pub task_id: String,
    /// Until when the index has it, which is as long as the queue does; none where that cannot be
    /// understood.
    #[serde(default, deserialize_with = "time_if_clear")]
    pub expires: Option<Timestamp>,
}

fn time_if_clear<'de, D: Deserializer<'de>>(answer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = serde_json::Value::deserialize(answer)?;
    Ok(value.as_str().and_then(|text| text.parse().ok()))
}

/// A time that a hook fired.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fire {
    pub task_id: String,
    pub fired_by: Option<String>,
    pub task_create_time: Timestamp,
    pub result: String,
    pub error: Option<String>,
    pub task_state: Option<String>,
}

impl Fire {
    /// Whether Taskcluster says that it knows no state of the task: it has expired, or has no run
    /// yet. Older versions say nothing of any task.
    pub fn is_stateless(&self) -> bool {
        self.task_state.as_deref() == Some("unknown")
    }
}

impl Answer for Fire {
    const NEEDED: &'static [&'static str] = &["taskId"];
}

/// A task of a group. What it is to do (its payload) is not read.
#[derive(Debug, Deserialize)]
pub struct Task {
    pub status: Status,
    pub task: Definition,
}

impl Answer for Task {
    const NEEDED: &'static [&'static str] = &["status.taskId"];
}

/// How a task is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub task_id: String,
    pub task_group_id: String,
    pub task_queue_id: Option<String>,
    pub provisioner_id: Option<String>,
    pub worker_type: Option<String>,
    pub scheduler_id: Option<String>,
    pub project_id: Option<String>,
    pub deadline: Timestamp,
    #[serde(default, with = "time::optional")]
    pub expires: Option<Timestamp>,
    pub retries_left: Option<i64>,
    pub state: String,
    #[serde(default)]
    pub runs: Vec<Lenient<Run>>,
}

/// A run of a task.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub run_id: i64,
    pub state: String,
    pub reason_created: String,
    pub reason_resolved: Option<String>,
    pub worker_group: Option<String>,
    pub worker_id: Option<String>,
    #[serde(default, with = "time::optional")]
    pub taken_until: Option<Timestamp>,
    pub scheduled: Timestamp,
    #[serde(default, with = "time::optional")]
    pub started: Option<Timestamp>,
    #[serde(default, with = "time::optional")]
    pub resolved: Option<Timestamp>,
}

impl Answer for Run {
    const NEEDED: &'static [&'static str] = &["runId"];
}

/// What a task is.
#[derive(Debug, Deserialize)]
pub struct Definition {
    pub created: Timestamp,
    pub priority: Option<String>,
    pub metadata: Metadata,
    pub tags: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    pub routes: Vec<String>,
}

/// What a task is called.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub name: String,
    pub source: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_dashboard_sdk::testing::{self, FakeHttp, Reply};

    use super::*;

    fn api(http: &FakeHttp) -> Api {
        Api::of(&testing::context(http, json!({})))
    }

    #[test]
    fn a_list_goes_on_over_empty_pages_until_there_is_no_token() {
        let list = "https://api.example.org/api/index/v1/tasks/a.b?limit=1000";
        let page = |tasks: &[&str], token: serde_json::Value| {
            let tasks: Vec<_> = tasks.iter().map(|id| json!({"taskId": id})).collect();
            Reply::json(200, &json!({"tasks": tasks, "continuationToken": token}).to_string())
        };
        let http = FakeHttp::script([
            (list.to_owned(), page(&["a"], json!("t/1"))),
            (format!("{list}&continuationToken=t%2F1"), page(&[], json!("t2"))),
            (format!("{list}&continuationToken=t2"), page(&["b"], json!(null))),
        ]);
        let mut pages = api(&http).indexed_tasks("a.b");
        let mut ids = Vec::new();
        while let Some(page) = pages.next_page().unwrap() {
            ids.extend(page.tasks.into_iter().map(|task| task.task_id));
        }
        assert_eq!(ids, ["a", "b"]);
        http.assert_all_used();
    }

    #[test]
    fn a_token_that_comes_back_is_refused() {
        let http = FakeHttp::serve(|_| {
            Reply::json(200, r#"{"namespaces": [], "continuationToken": "again"}"#)
        });
        let mut pages = api(&http).namespaces("a");
        assert!(pages.next_page().unwrap().is_some());
        let failure = pages.next_page().unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
    }

    #[test]
    fn a_hook_with_slashes_is_one_part_of_the_path() {
        let http = FakeHttp::script([(
            "https://api.example.org/api/hooks/v1/hooks/releng/cron%2Fdaily/last-fires",
            Reply::json(200, r#"{"lastFires": []}"#),
        )]);
        let hook = Hook { group: "releng".into(), id: "cron/daily".into() };
        assert!(api(&http).fires(&hook).next_page().unwrap().is_some());
    }
}

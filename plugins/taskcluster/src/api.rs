// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is asked of Taskcluster, and what it answers.

use std::collections::HashSet;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use test_dashboard_sdk::http::{Client, Pending, RequestBuilder};
use test_dashboard_sdk::{Context, Failure, FailureKind, Timestamp};

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

    /// The task that a path in the index leads to; none when there is none, or not any more.
    ///
    /// # Errors
    ///
    /// When the index does not answer.
    pub fn find_task(&self, path: &str) -> Result<Option<String>, Failure> {
        let found = there(self.call("index", "task", path).send())?;
        let found = found.map(|answer| answer.json::<IndexedTask>()).transpose()?;
        Ok(found.map(|task| task.task_id))
    }

    /// The group of a task; none when the task has expired.
    ///
    /// # Errors
    ///
    /// When the queue does not answer.
    pub fn group_of(&self, task: &str) -> Result<Option<String>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            status: Status,
        }
        let path = format!("/api/queue/v1/task/{}/status", Client::segment(task));
        let found = there(self.0.get(&path).send())?;
        let found = found.map(|answer| answer.json::<Answer>()).transpose()?;
        Ok(found.map(|answer| answer.status.task_group_id))
    }

    /// The tasks of a group.
    pub fn group(&self, id: &str) -> TokenPages<GroupPage> {
        let path = format!("/api/queue/v1/task-group/{}/list", Client::segment(id));
        TokenPages::start(self.0.get(&path).query("limit", TASKS_A_PAGE))
    }

    /// The fires of a hook that are still known. A hook without any is not found. Without a
    /// limit a page is as large as it can be; older versions know no limit and give all.
    pub fn fires(&self, hook: &Hook) -> TokenPages<FiresPage> {
        let Hook { group, id } = hook;
        TokenPages::start(self.0.get(&format!(
            "/api/hooks/v1/hooks/{}/{}/last-fires",
            Client::segment(group),
            Client::segment(id)
        )))
    }
}

/// None for what is not there, which with Taskcluster mostly means: not any more.
pub fn there<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
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
    FiresPage { last_fires: Vec<Fire>, }
    /// Some tasks of a group.
    GroupPage {
        task_group_id: String,
        /// Older versions leave this and the next two out.
        scheduler_id: Option<String>,
        expires: Option<Timestamp>,
        sealed: Option<Timestamp>,
        tasks: Vec<Task>,
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

/// A task of a group. What it is to do (its payload) is not read.
#[derive(Debug, Deserialize)]
pub struct Task {
    pub status: Status,
    pub task: Definition,
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
    pub expires: Option<Timestamp>,
    pub retries_left: Option<i64>,
    pub state: String,
    #[serde(default)]
    pub runs: Vec<Run>,
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
    pub taken_until: Option<Timestamp>,
    pub scheduled: Timestamp,
    pub started: Option<Timestamp>,
    pub resolved: Option<Timestamp>,
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
    fn only_what_is_not_found_is_taken_for_gone() {
        let answer = |status| {
            let error = json!({"code": "ResourceNotFound", "message": "no", "requestInfo": {}});
            let http = FakeHttp::serve(move |_| Reply::json(status, &error.to_string()));
            api(&http).group_of("DswJgYaPSuio6XPITUB9Lg").map_err(|failure| failure.kind)
        };
        assert_eq!(answer(404), Ok(None));
        assert_eq!(answer(410), Ok(None));
        assert_eq!(answer(424), Err(FailureKind::UnexpectedResponse));
        assert_eq!(answer(500), Err(FailureKind::Transient));
        assert_eq!(answer(200), Err(FailureKind::UnexpectedResponse));
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

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Bitrise's API v0.1: its addresses, its answers, and what its refusals mean here.

use std::collections::HashSet;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use test_dashboard_sdk::http::{Client, RequestBuilder, Response};
use test_dashboard_sdk::{Answer, Context, Failure, FailureKind, Json, Lenient, Timestamp, time};

use crate::weeks::Span;

/// The greatest page that Bitrise gives: more is an error, not a smaller page.
const LIMIT: u32 = 50;

/// An app.
pub type App = Lenient<AppFields>;

/// What is read of one.
#[derive(Debug, Clone, Deserialize)]
pub struct AppFields {
    pub slug: String,
    pub title: Option<String>,
    pub project_type: Option<String>,
    pub provider: Option<String>,
    pub repo_owner: Option<String>,
    pub repo_slug: Option<String>,
    pub repo_url: Option<String>,
    pub is_disabled: Option<bool>,
    pub is_public: Option<bool>,
    pub status: Option<i64>,
    pub owner: Option<Owner>,
}

/// Whom an app belongs to.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Owner {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub account_type: Option<String>,
}

/// A build. `original_build_params` is left out on purpose: its environments hold secrets.
pub type Build = Lenient<BuildFields>;

/// What is read of one.
#[derive(Debug, Clone, Deserialize)]
pub struct BuildFields {
    pub slug: String,
    pub build_number: i64,
    pub status: i64,
    pub status_text: String,
    pub abort_reason: Option<String>,
    pub is_on_hold: bool,
    pub triggered_workflow: String,
    pub triggered_by: Option<String>,
    pub branch: Option<String>,
    pub tag: Option<String>,
    pub commit_hash: Option<String>,
    pub commit_message: Option<String>,
    pub commit_view_url: Option<String>,
    pub pull_request_id: i64,
    pub pull_request_target_branch: Option<String>,
    pub pull_request_view_url: Option<String>,
    pub machine_type_id: Option<String>,
    pub stack_identifier: Option<String>,
    pub triggered_at: Timestamp,
    #[serde(default, with = "time::optional")]
    pub started_on_worker_at: Option<Timestamp>,
    #[serde(default, with = "time::optional")]
    pub environment_prepare_finished_at: Option<Timestamp>,
    #[serde(default, with = "time::optional")]
    pub finished_at: Option<Timestamp>,
}

impl BuildFields {
    /// Whether it will not change any more.
    pub fn is_settled(&self) -> bool {
        self.status != 0 && self.finished_at.is_some()
    }
}

/// A file that a build produced.
pub type Artifact = Lenient<ArtifactFields>;

/// What is read of one.
#[derive(Debug, Clone, Deserialize)]
pub struct ArtifactFields {
    pub slug: String,
    pub title: Option<String>,
    pub artifact_type: Option<String>,
    pub file_size_bytes: Option<i64>,
    pub is_public_page_enabled: Option<bool>,
    pub artifact_meta: Option<Json>,
}

macro_rules! answers {
    ($($fields:ty),*) => {$(
        impl Answer for $fields {
            const NEEDED: &'static [&'static str] = &["slug"];
        }
    )*};
}

answers!(AppFields, BuildFields, ArtifactFields);

/// The requests that are made.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
}

impl Api {
    pub fn of(context: &Context) -> Self {
        Api { client: context.http().header("accept", "application/json") }
    }

    /// All apps that the token can see.
    pub fn apps(&self) -> Pages<App> {
        Pages::start(self.client.get("/apps"))
    }

    /// The builds of an app that were triggered in a time, newest first, and some beside it.
    pub fn builds(&self, app: &str, span: Span) -> Pages<Build> {
        let list = self.client.get(&format!("/apps/{}/builds", Client::segment(app)));
        let list = list.query("sort_by", "created_at").query("after", span.begin.as_second());
        Pages::start(list.query("before", span.end.as_second()))
    }

    /// One build.
    ///
    /// # Errors
    ///
    /// When no good answer comes.
    pub fn build(&self, app: &str, build: &str) -> Result<Build, Failure> {
        #[derive(Deserialize)]
        struct Body {
            data: Build,
        }
        let answer = self.client.get(&path_of_build(app, build)).send().map_err(explain);
        answer?.json::<Body>().map(|body| body.data)
    }

    /// All that a build produced.
    ///
    /// # Errors
    ///
    /// When a page does not come or is no list of artifacts.
    pub fn artifacts(&self, app: &str, build: &str) -> Result<Vec<Artifact>, Failure> {
        let list = self.client.get(&format!("{}/artifacts", path_of_build(app, build)));
        let mut pages = Pages::start(list);
        let mut artifacts = Vec::new();
        while let Some(page) = pages.next_page()? {
            artifacts.extend(page);
        }
        Ok(artifacts)
    }
}

fn path_of_build(app: &str, build: &str) -> String {
    format!("/apps/{}/builds/{}", Client::segment(app), Client::segment(build))
}

/// A list, page by page, asked for one after the other. Only a good answer that names no next
/// page ends it.
pub struct Pages<T> {
    list: RequestBuilder,
    next: Next,
    named: HashSet<String>,
    kind: PhantomData<T>,
}

enum Next {
    First,
    /// The page that begins with this item.
    From(String),
    Over,
}

#[derive(Deserialize)]
struct Body<T> {
    data: Option<Vec<T>>,
    paging: Paging,
}

#[derive(Deserialize)]
struct Paging {
    total_item_count: Option<u64>,
    next: Option<String>,
}

impl<T: DeserializeOwned> Pages<T> {
    fn start(list: RequestBuilder) -> Self {
        let list = list.query("limit", LIMIT);
        Pages { list, next: Next::First, named: HashSet::new(), kind: PhantomData }
    }

    /// The next page, or none after the last.
    ///
    /// # Errors
    ///
    /// When a page does not come, is no list, or names as the next page one that was there
    /// already.
    pub fn next_page(&mut self) -> Result<Option<Vec<T>>, Failure> {
        let answer = match std::mem::replace(&mut self.next, Next::Over) {
            Next::Over => return Ok(None),
            Next::First => self.list.clone().send().map_err(explain)?,
            Next::From(item) => {
                let page = self.list.clone().query("next", item);
                page.send().map_err(|failure| explain_lost_place(explain(failure)))?
            }
        };
        let Body { data, paging } = answer.json::<Body<T>>()?;
        // An empty list may come as null, but then the service says that there is nothing.
        let data = match (data, paging.total_item_count) {
            (Some(data), _) => data,
            (None, Some(0)) => Vec::new(),
            (None, _) => return Err(unexpected(&answer, "a page without its `data`")),
        };
        if let Some(next) = paging.next.filter(|next| !next.is_empty()) {
            if !self.named.insert(next.clone()) {
                let what = format!("it names as the next page one that was read already, {next}");
                return Err(unexpected(&answer, &what));
            }
            self.next = Next::From(next);
        }
        Ok(Some(data))
    }
}

fn unexpected(answer: &Response, what: &str) -> Failure {
    Failure::unexpected_response(format!("GET {}: {what}", answer.shown_url()))
}

/// Adds to a refusal what it means.
fn explain(failure: Failure) -> Failure {
    let hint = match failure.status {
        Some(401) => "there is no token, or it is wrong or has expired: make a new one",
        Some(403) => "the token's owner may not see this: add them to the app's team",
        Some(404 | 410) => "this does not exist, or the token cannot see it",
        _ => return failure,
    };
    let (kind, message) = (failure.kind, format!("{hint} ({failure})"));
    failure.retold(kind, message)
}

/// The first page of the list came, so what is missing is not the list: it is the item with
/// which this page was to begin.
fn explain_lost_place(failure: Failure) -> Failure {
    if !matches!(failure.status, Some(400 | 404 | 410 | 422)) {
        return failure;
    }
    let message = format!(
        "the list changed while it was being read, and the item with which its next page begins is gone: read it again ({failure})"
    );
    failure.retold(FailureKind::Transient, message)
}

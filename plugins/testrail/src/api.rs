// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! TestRail's address form, and what its answers mean.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use test_dashboard_sdk::http::{Client, Pending, RequestBuilder, Response};
use test_dashboard_sdk::{Context, Failure, FailureKind};

use crate::pages::{Listed, Pages};

/// What a request is about: it says what TestRail means by a 400, which is its answer to every
/// unknown number and to bad input alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The whole instance: no number is in it.
    Instance,
    /// A project, by the number in the settings.
    Project(i64),
    /// A list of a run.
    Run,
    /// One run or plan: its number is all there is in the request.
    Number,
}

/// What some old servers print before the JSON.
const BANNER: &str = "USER AUTHENTICATION SUCCESSFUL!";

/// The methods of one TestRail instance.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
}

impl Api {
    /// The instance at the context's base URL, which may have a path of its own.
    pub fn new(context: &Context) -> Self {
        // TestRail wants a content type on requests without content, too.
        Api { client: context.http().header("content-type", "application/json") }
    }

    /// `{base}/index.php?/api/v2/{method}/{id}`. The method is part of the query, so every
    /// parameter follows with `&`.
    pub fn method(&self, method: &str, id: i64) -> RequestBuilder {
        self.client.get(&format!("/index.php?/api/v2/{method}/{id}"))
    }

    /// `{base}/index.php?/api/v2/{method}`, for what belongs to the whole instance.
    pub fn instance(&self, method: &str) -> RequestBuilder {
        self.client.get(&format!("/index.php?/api/v2/{method}"))
    }

    /// Starts to read a list: the pages of `request`.
    pub fn list<T: Listed>(&self, about: About, request: RequestBuilder) -> Pages<T> {
        Pages::start(about, request)
    }

    /// The same, for a list from which nothing may be missing because something before it
    /// was removed while the list was read; see [`Pages::steady`].
    pub fn steady_list<T: Listed>(&self, about: About, request: RequestBuilder) -> Pages<T> {
        Pages::start(about, request).steady()
    }

    /// Asks for a run or plan by its number.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent.
    pub fn entity<T: DeserializeOwned>(&self, method: &str, id: i64) -> Result<Entity<T>, Failure> {
        let pending = self.method(method, id).start()?;
        Ok(Entity { pending, about: About::Number, kind: PhantomData })
    }

    /// Asks for the project.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent.
    pub fn project<T: DeserializeOwned>(&self, project_id: i64) -> Result<Entity<T>, Failure> {
        let pending = self.method("get_project", project_id).start()?;
        Ok(Entity { pending, about: About::Project(project_id), kind: PhantomData })
    }
}

/// One thing whose answer is on its way.
pub struct Entity<T> {
    pending: Pending,
    about: About,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Entity<T> {
    /// The thing.
    ///
    /// # Errors
    ///
    /// When no good answer comes: see [`good`].
    pub fn wait(self) -> Result<T, Failure> {
        decode(&good(self.pending.wait_for_any()?, self.about)?)
    }
}

/// A good answer, or what a bad one means.
///
/// # Errors
///
/// As [`Response::success`], with two exceptions. A 400 in TestRail's own words is `not-found`
/// where it names the number that was asked for; any other, such as one from a proxy, stays
/// `unexpected-response`. And 409 is TestRail's daily maintenance, and transient.
pub fn good(answer: Response, about: About) -> Result<Response, Failure> {
    let said = (answer.status() == 400).then(|| error_of(&answer)).flatten();
    let names = |field| said.as_ref().is_some_and(|said| said.contains(field));
    answer.success().map_err(|failure| {
        let told = failure.to_string();
        match about {
            _ if failure.status == Some(409) => failure.retold(
                FailureKind::Transient,
                format!("{told}; TestRail is in maintenance, try again later"),
            ),
            About::Project(id) if names(":project_id") => failure.retold(
                FailureKind::NotFound,
                format!(
                    "TestRail has no project {id}, or this user may not see it; project-id is the number in the address of the project's overview ({told})"
                ),
            ),
            About::Run if names(":run_id") => failure.retold(FailureKind::NotFound, told),
            // A number by itself is never bad input.
            About::Number if said.is_some() => failure.retold(FailureKind::NotFound, told),
            _ => failure,
        }
    })
}

/// Reads the JSON of an answer.
///
/// # Errors
///
/// An `unexpected-response` failure that says what came instead.
pub fn decode<T: DeserializeOwned>(answer: &Response) -> Result<T, Failure> {
    answer.json_after(BANNER)
}

/// TestRail's error message, if the body is one.
fn error_of(answer: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        error: String,
    }
    decode::<ErrorBody>(answer).ok().map(|body| body.error)
}

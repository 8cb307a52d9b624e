// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! TestRail's address form, and what its answers mean.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use test_dashboard_sdk::http::{Client, Pending, RequestBuilder, Response};
use test_dashboard_sdk::{Context, Failure, FailureKind};

use crate::pages::{Listed, Pages};

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

    /// Starts to read a list of a project: the pages of `request`.
    pub fn list<T: Listed>(&self, project_id: i64, request: RequestBuilder) -> Pages<T> {
        Pages::start(project_id, request)
    }

    /// The same, for a list from which nothing may be missing because something before it
    /// was removed while the list was read; see [`Pages::steady`].
    pub fn steady_list<T: Listed>(&self, project_id: i64, request: RequestBuilder) -> Pages<T> {
        Pages::start(project_id, request).steady()
    }

    /// Asks for one thing by its number.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent.
    pub fn entity<T: DeserializeOwned>(&self, method: &str, id: i64) -> Result<Entity<T>, Failure> {
        Ok(Entity { pending: self.method(method, id).start()?, kind: PhantomData })
    }
}

/// One thing whose answer is on its way.
pub struct Entity<T> {
    pending: Pending,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Entity<T> {
    /// The thing, or none when TestRail does not know it: it was deleted, or never was.
    ///
    /// # Errors
    ///
    /// When no good answer comes.
    pub fn wait(self) -> Result<Option<T>, Failure> {
        let answer = self.pending.wait_for_any()?;
        // A number by itself is never bad input, so this 400 says 'unknown'. One that is not
        // in TestRail's own words comes from something in between.
        if answer.status() == 400 && error_of(&answer).is_some() {
            return Ok(None);
        }
        decode(&success(answer)?).map(Some)
    }
}

/// A good answer, or what a bad one means.
///
/// # Errors
///
/// As [`Response::success`]; 409 is TestRail's daily maintenance, and transient.
pub fn success(answer: Response) -> Result<Response, Failure> {
    answer.success().map_err(|failure| match failure.status {
        Some(409) => {
            let message = format!("{failure}; TestRail is in maintenance, try again later");
            failure.retold(FailureKind::Transient, message)
        }
        _ => failure,
    })
}

/// The failure of a project that TestRail does not know.
pub fn no_such_project(project_id: i64) -> Failure {
    Failure::not_found(format!(
        "TestRail has no project {project_id}, or this user may not see it; project-id is the number in the address of the project's overview"
    ))
}

/// Whether a failure says that TestRail does not know the run which was asked about, in its
/// own words: it was deleted. See [`Pages::next_page`].
pub fn is_gone(failure: &Failure) -> bool {
    failure.kind == FailureKind::NotFound && failure.status == Some(400)
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
pub fn error_of(answer: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        error: String,
    }
    decode::<ErrorBody>(answer).ok().map(|body| body.error)
}

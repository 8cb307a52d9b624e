// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! GitHub's REST API: its addresses, its answers, and what its refusals mean here.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use test_dashboard_sdk::http::{Client, RequestBuilder};
use test_dashboard_sdk::{Answer, Context, Failure, FailureKind, Json, Lenient, Timestamp, time};

use crate::lists::{List, Listed};

/// The greatest page that GitHub gives.
const PER_PAGE: u32 = 100;

/// A repository, as far as it matters. Its number is stable, its name is not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Repository {
    pub id: i64,
    pub full_name: String,
    #[serde(default = "yes")]
    pub has_issues: bool,
    #[serde(default)]
    pub open_issues_count: i64,
    #[serde(default, deserialize_with = "time::optional::deserialize")]
    pub created_at: Option<Timestamp>,
}

impl Answer for Repository {
    const NEEDED: &'static [&'static str] = &["id", "full_name"];
}

fn yes() -> bool {
    true
}

/// An issue or a pull request.
pub type Issue = Lenient<IssueFields>;

/// What is read of one.
#[derive(Debug, Clone, Deserialize)]
pub struct IssueFields {
    pub id: i64,
    pub number: i64,
    pub title: String,
    pub state: String,
    pub state_reason: Option<String>,
    /// Null when the account was deleted.
    pub user: Option<User>,
    pub author_association: Option<String>,
    pub milestone: Option<Milestone>,
    pub labels: Vec<Label>,
    pub comments: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(default, with = "time::optional")]
    pub closed_at: Option<Timestamp>,
    pub html_url: String,
    /// There for a pull request, and absent for an issue.
    pub pull_request: Option<IgnoredAny>,
}

impl Answer for IssueFields {
    const NEEDED: &'static [&'static str] = &["id", "number"];
}

impl Listed for Issue {
    const PERMISSION: &'static str = "issues";

    fn id(&self) -> i64 {
        self.id
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct User {
    pub login: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Milestone {
    pub title: String,
}

/// A label of an issue. GitHub documents two forms, a bare name and an object whose name may
/// be null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub id: Option<i64>,
    pub name: Option<String>,
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LabelVisitor;

        impl<'de> Visitor<'de> for LabelVisitor {
            type Value = Label;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a label, as its name or as an object")
            }

            fn visit_str<E>(self, name: &str) -> Result<Label, E> {
                Ok(Label { id: None, name: Some(name.into()) })
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Label, M::Error> {
                #[derive(Deserialize)]
                struct Object {
                    id: Option<i64>,
                    name: Option<String>,
                }
                let Object { id, name } = Object::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Label { id, name })
            }
        }

        deserializer.deserialize_any(LabelVisitor)
    }
}

/// The names of labels, as a column holds them.
///
/// # Errors
///
/// When they have no JSON form.
pub fn label_names(labels: &[Label]) -> Result<Json, Failure> {
    let names: Vec<&String> = labels.iter().filter_map(|label| label.name.as_ref()).collect();
    Json::of(&names)
        .map_err(|error| Failure::internal(format!("labels have no JSON form: {error}")))
}

/// Asks with the headers that GitHub wants.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
}

impl Api {
    pub fn of(context: &Context) -> Self {
        let client = context
            .http()
            .header("accept", "application/vnd.github+json")
            .header("user-agent", concat!("test-dashboard-github/", env!("CARGO_PKG_VERSION")))
            .header("x-github-api-version", "2022-11-28");
        Api { client }
    }

    /// Looks a repository up by its present name or by one that it had.
    ///
    /// # Errors
    ///
    /// When it does not exist, cannot be seen, or the answer is none.
    pub fn repository(&self, name: &str) -> Result<Repository, Failure> {
        let answer = self.client.get(&format!("/repos/{name}")).send();
        let answer = answer.map_err(|failure| explain(failure, name, "metadata"))?;
        // What is read, and how, follows from it.
        answer.json::<Lenient<Repository>>()?.sound(format_args!("the repository {name}"))
    }

    /// All issues and pull requests of a repository that pass a filter.
    pub fn issues(
        &self,
        repository: &Repository,
        filter: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> List<Issue> {
        let request = self.below(repository, "issues").query("state", "all");
        List::new(filter(request.query("per_page", PER_PAGE)), &repository.full_name)
    }

    /// A list below a repository (`pulls`) that passes a filter, in the greatest pages there are.
    pub fn list<T: Listed>(
        &self,
        repository: &Repository,
        path: &str,
        filter: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> List<T> {
        let request = self.below(repository, path).query("per_page", PER_PAGE);
        List::new(filter(request), &repository.full_name)
    }

    /// One thing below a repository (`releases/7`).
    ///
    /// # Errors
    ///
    /// When it does not come or is none; `not-found` speaks of it alone, not of the repository.
    pub fn entity<T: Listed>(&self, repository: &Repository, path: &str) -> Result<T, Failure> {
        let answer = self.below(repository, path).send();
        let name = &repository.full_name;
        answer.map_err(|failure| explain_one(failure, name, T::PERMISSION))?.json()
    }

    fn below(&self, repository: &Repository, path: &str) -> RequestBuilder {
        self.client.get(&format!("/repos/{}/{path}", repository.full_name))
    }
}

/// Adds to a refusal what it means for one thing of a repository that is there.
pub fn explain_one(failure: Failure, repository: &str, what: &str) -> Failure {
    match failure.kind {
        FailureKind::NotFound => failure,
        _ => explain(failure, repository, what),
    }
}

/// Adds to a refusal what it means for this repository, of which `what` was to be read.
pub fn explain(mut failure: Failure, repository: &str, what: &str) -> Failure {
    let (kind, hint) = match (failure.status, failure.kind) {
        (Some(404), _) => (
            FailureKind::NotFound,
            format!("the repository {repository} does not exist, or the token cannot see it"),
        ),
        (Some(410), _) => (
            FailureKind::NotFound,
            format!("the {what} of {repository} are disabled, or it was deleted"),
        ),
        (Some(401), _) => (
            FailureKind::Auth,
            "there is no token, or it is wrong or has expired: make a new one".into(),
        ),
        // 'Secondary' limits may come without a header that says so: GitHub asks for a minute.
        (Some(403 | 429), _) if failure.message.contains("rate limit") => {
            failure.retry_after.get_or_insert(60);
            (FailureKind::RateLimited, "GitHub's rate limit is reached: try again later".into())
        }
        (Some(403), FailureKind::Auth) => {
            (FailureKind::Auth, forbidden(&failure.message, repository, what))
        }
        _ => return failure,
    };
    let message = format!("{hint} ({})", failure.message);
    failure.retold(kind, message)
}

/// What a 403 that is no rate limit means: GitHub tells its reasons apart only by what it says.
fn forbidden(said: &str, repository: &str, what: &str) -> String {
    let says = |words: &str| said.to_ascii_lowercase().contains(words);
    let owner = repository.split('/').next().unwrap_or(repository);
    if says("saml") || says("single sign-on") {
        format!(
            "the token is not authorized for the single sign-on of {owner}: whoever made it has to authorize it, at github.com/settings/tokens under \"Configure SSO\""
        )
    } else if says("ip allow list") {
        format!(
            "{owner} admits only the addresses of its IP allow list, and this machine's is not among them: have it added, or run where one is"
        )
    } else if says("suspended") {
        "the account or app that the token belongs to is suspended: use another one".into()
    } else if says("forbids access via") {
        format!("{owner} does not admit this kind of token: make one of a kind that it admits")
    } else if says("access blocked") || says("has been disabled") {
        format!("GitHub has blocked {repository}: ask its owner")
    } else {
        format!("the token may not read {repository}: it needs the permission to read {what}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_dashboard_sdk::testing::{self, FakeHttp, Reply};

    use super::*;

    #[test]
    fn a_403_says_what_is_missing() {
        for (said, hint) in [
            (
                "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.",
                "not authorized for the single sign-on of octo: whoever made it has to authorize it",
            ),
            (
                "Although you appear to have the correct authorization credentials, the `octo` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.",
                "octo admits only the addresses of its IP allow list",
            ),
            ("Sorry. Your account was suspended.", "is suspended: use another one"),
            ("This installation has been suspended", "is suspended: use another one"),
            (
                "`octo` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a personal access token with fine-grained permissions.",
                "octo does not admit this kind of token",
            ),
            ("Repository access blocked", "GitHub has blocked octo/cat: ask its owner"),
            (
                "Resource not accessible by integration",
                "the token may not read octo/cat: it needs the permission to read metadata",
            ),
            (
                "Resource not accessible by personal access token",
                "it needs the permission to read metadata",
            ),
        ] {
            let body = json!({"message": said}).to_string();
            let sso = "required; url=https://github.com/orgs/octo/sso?authorization_request=hush";
            let http = FakeHttp::serve(move |_| {
                let reply = Reply::json(403, &body);
                if body.contains("SAML") { reply.header("x-github-sso", sso) } else { reply }
            });
            let api = Api::of(&testing::context(&http, json!({})));
            let failure = api.repository("octo/cat").unwrap_err();
            assert_eq!(failure.kind, FailureKind::Auth, "{failure}");
            assert!(failure.message.contains(hint), "{failure}");
            assert!(!failure.message.contains("hush"), "{failure}");
            let is_saml = said.contains("SAML");
            assert_eq!(failure.message.contains("https://github.com/orgs/octo/sso"), is_saml);
        }
    }
}

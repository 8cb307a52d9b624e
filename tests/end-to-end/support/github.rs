// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! GitHub's issues on loopback, with GitHub's rules: which headers it wants, pages of at most
//! a hundred behind `Link` headers, and lists that change while they are read.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Answer, Asked, Server};

/// The number of the only repository.
pub const REPOSITORY: i64 = 515;
pub const PROJECT: &str = "[projects.fenix.github]\nrepository = \"mozilla-mobile/fenix\"\n";
/// When the first issue was opened, as seconds since 1970: 2024-01-01.
const BEGIN: i64 = 1_704_067_200;

/// An issue or pull request.
#[derive(Debug, Clone)]
pub struct Issue {
    pub number: i64,
    pub title: String,
    pub labels: Vec<String>,
    /// Seconds since 1970, as all times here.
    pub created: i64,
    pub updated: i64,
    pub closed: Option<i64>,
    pub is_pull_request: bool,
}

impl Issue {
    /// An open issue without labels. They are opened a minute apart, and changed last in the
    /// same order a year later.
    pub fn new(number: i64) -> Self {
        let created = BEGIN + 60 * number;
        Issue {
            number,
            title: format!("Issue {number}"),
            labels: Vec::new(),
            created,
            updated: created + 365 * 86_400,
            closed: None,
            is_pull_request: false,
        }
    }

    /// As GitHub has it in its lists.
    pub fn json(&self, repository: &str) -> Value {
        let mut json = json!({
            "id": 1_000_000 + self.number,
            "number": self.number,
            "title": self.title,
            "state": if self.closed.is_some() { "closed" } else { "open" },
            "state_reason": self.closed.map(|_| "completed"),
            "user": (self.number % 10 != 0).then(|| json!({"login": format!("user-{}", self.number % 7)})),
            "author_association": "NONE",
            "milestone": null,
            "labels": self.labels.iter().map(|name| json!({"id": name.len(), "name": name})).collect::<Vec<_>>(),
            "comments": self.number % 5,
            "created_at": time(self.created),
            "updated_at": time(self.updated),
            "closed_at": self.closed.map(time),
            "html_url": format!("https://github.com/{repository}/issues/{}", self.number),
            "body": null,
        });
        if self.is_pull_request {
            json["pull_request"] = json!({"url": "https://api.github.com/pulls/1"});
        }
        json
    }
}

/// Issues as a repository has them: some closed, some with labels, some pull requests, and
/// changed last in another order than they were opened in.
pub fn issues(count: i64) -> Vec<Issue> {
    (1..=count)
        .map(|number| {
            let mut issue = Issue::new(number);
            let labels = ["crash", "P1", "🐞 bug", "needs:triage"];
            issue.labels = labels.iter().take((number % 5) as usize).map(|l| (*l).into()).collect();
            issue.updated = issue.created + (number * 7919 % 100_000) * 60;
            issue.closed = (number % 3 == 0).then_some(issue.updated);
            issue.is_pull_request = number % 11 == 0;
            issue
        })
        .collect()
}

/// How lists are paged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// By a cursor that names the last item of the page before.
    Cursor,
    /// By a number, so that the pages shift when an item moves.
    Counted,
}

/// What stands before the API: it may answer in its place, and change the issues. It is told
/// how many requests came before this one.
type Intercept = dyn Fn(&Asked, usize, &mut Vec<Issue>) -> Option<Answer> + Send + Sync;

/// A GitHub with one repository.
pub struct GitHub {
    pub server: Server,
    issues: Arc<Mutex<Vec<Issue>>>,
}

impl GitHub {
    /// One with these issues that answers everything.
    pub fn start(issues: Vec<Issue>) -> Self {
        Self::behind(issues, Paging::Cursor, |_, _, _| None)
    }

    /// One that `intercept` stands before.
    pub fn behind(
        issues: Vec<Issue>,
        paging: Paging,
        intercept: impl Fn(&Asked, usize, &mut Vec<Issue>) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let issues = Arc::new(Mutex::new(issues));
        let (shared, intercept) = (Arc::clone(&issues), Box::new(intercept) as Box<Intercept>);
        let asked_before = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |asked| {
            let before = asked_before.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut issues = shared.lock().unwrap();
            let intercepted = intercept(asked, before, &mut issues);
            intercepted.unwrap_or_else(|| answer(asked, &issues, paging))
        });
        GitHub { server, issues }
    }

    /// Changes the issues.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Issue>)) {
        change(&mut self.issues.lock().unwrap());
    }

    /// The section of the configuration that has this for GitHub.
    pub fn section(&self) -> String {
        section("github", &self.server, "") + PROJECT
    }

    /// The same, with the token in `GITHUB_TOKEN`.
    pub fn section_with_token(&self) -> String {
        let credential = "credential = { kind = \"bearer\", secret = \"${GITHUB_TOKEN}\" }";
        section("github", &self.server, credential) + PROJECT
    }
}

/// `[datasources.NAME]` with its shipped plugin and a server on loopback.
pub fn section(datasource: &str, server: &Server, more: &str) -> String {
    let plugin = super::built(&format!("plugins/{datasource}.wasm"));
    format!(
        "[datasources.{datasource}]\nplugin = {plugin:?}\nbase-url = {:?}\n\
         allow-addresses = [\"127.0.0.1\"]\nrequests-per-minute = 1000000\n{more}\n",
        server.url
    )
}

/// What GitHub answers to a request.
pub fn answer(asked: &Asked, issues: &[Issue], paging: Paging) -> Answer {
    if asked.header("user-agent").is_none() {
        return Server::json(403, json!({"message": "Request forbidden by administrative rules."}));
    }
    let path = asked.target.split('?').next().unwrap_or_default();
    let by_number = format!("/repositories/{REPOSITORY}");
    let rest = path.strip_prefix("/repos/mozilla-mobile/fenix").or(path.strip_prefix(&by_number));
    match rest {
        Some("") => Server::json(
            200,
            json!({"id": REPOSITORY, "full_name": "mozilla-mobile/fenix", "has_issues": true, "open_issues_count": issues.len()}),
        ),
        Some("/issues") => list(asked, issues, paging),
        _ => Server::json(404, json!({"message": "Not Found"})),
    }
}

fn list(asked: &Asked, issues: &[Issue], paging: Paging) -> Answer {
    let per_page = asked.query("per_page").map_or(30, |n| n.parse::<usize>().unwrap()).min(100);
    let is_descending = asked.query("direction") != Some("asc");
    let by_update = asked.query("sort") == Some("updated");
    let key = |issue: &Issue| {
        let time = if by_update { issue.updated } else { issue.created };
        let sign = if is_descending { -1 } else { 1 };
        (sign * time, issue.number)
    };
    let since = asked.query("since").map(|text| seconds(&text.replace("%3A", ":")));
    let label = asked.query("labels").map(decoded);
    let mut list: Vec<&Issue> = issues
        .iter()
        .filter(|issue| since.is_none_or(|since| issue.updated >= since))
        .filter(|issue| label.as_ref().is_none_or(|label| issue.labels.contains(label)))
        .filter(|issue| asked.query("state") == Some("all") || issue.closed.is_none())
        .collect();
    list.sort_by_key(|issue| key(issue));
    let page = asked.query("page").map_or(1, |n| n.parse::<usize>().unwrap());
    let first = match asked.query("after") {
        Some(cursor) => {
            let (time, number) = cursor.split_once('.').unwrap();
            let last = (time.parse().unwrap(), number.parse().unwrap());
            list.partition_point(|issue| key(issue) <= last)
        }
        None => (page - 1) * per_page,
    };
    let first = first.min(list.len());
    let end = (first + per_page).min(list.len());
    let items: Vec<Value> =
        list[first..end].iter().map(|issue| issue.json("mozilla-mobile/fenix")).collect();
    let mut headers = vec![("content-type", "application/json".to_string())];
    if end < list.len() {
        let (time, number) = key(list[end - 1]);
        let next = match paging {
            Paging::Cursor => format!("after={time}.{number}"),
            Paging::Counted => format!("page={}", page + 1),
        };
        headers.push(("link", format!("<{}>; rel=\"next\"", next_page(asked, &next))));
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    Server::answer(200, &headers, Value::from(items).to_string())
}

/// The same list, by the repository's number, from another place on.
fn next_page(asked: &Asked, next: &str) -> String {
    let (_, query) = asked.target.split_once('?').unwrap_or_default();
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("page=") && !pair.starts_with("after="))
        .collect();
    let host = asked.header("host").unwrap();
    format!("http://{host}/repositories/{REPOSITORY}/issues?{}&{next}", kept.join("&"))
}

/// A parameter of a query as it was meant.
pub fn decoded(text: &str) -> String {
    let pair = format!("x={text}");
    url::form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

/// Seconds since 1970.
pub fn seconds(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_second()
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A GitHub with one repository: it filters, sorts and pages issues as the real one does.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value as Json, json};
use test_dashboard_github::GitHub;
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Failure, Request, Value, http};

pub const REPOSITORY_ID: i64 = 187_853_571;

/// The repository's issues, and how they are listed. Clones are the same repository.
#[derive(Clone, Default)]
pub struct Upstream(Rc<RefCell<State>>);

/// Something that happens to the issues while they are being listed.
type Change = Box<dyn FnMut(&mut Vec<Json>)>;

#[derive(Default)]
struct State {
    issues: Vec<Json>,
    /// Pages are counted; otherwise they are told apart by a cursor.
    counted: bool,
    /// Called after each page of a list.
    after_page: Option<Change>,
}

/// An issue with nulls wherever GitHub has them.
pub fn issue(number: i64, updated_at: &str) -> Json {
    json!({
        "id": 9_000_000_000 + number,
        "number": number,
        "title": format!("Issue {number} 🐞"),
        "state": "open",
        "state_reason": null,
        "user": null,
        "milestone": null,
        "labels": [],
        "comments": 0,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": updated_at,
        "closed_at": null,
        "html_url": format!("https://github.com/mozilla-mobile/fenix/issues/{number}"),
        "body": null,
    })
}

pub fn with_labels(mut issue: Json, labels: &[&str]) -> Json {
    issue["labels"] =
        labels.iter().map(|name| json!({"id": name.len(), "name": name, "color": null})).collect();
    issue
}

impl Upstream {
    pub fn new(issues: Vec<Json>) -> Self {
        let upstream = Upstream::default();
        upstream.0.borrow_mut().issues = issues;
        upstream
    }

    pub fn counted(self) -> Self {
        self.0.borrow_mut().counted = true;
        self
    }

    pub fn after_page(self, change: impl FnMut(&mut Vec<Json>) + 'static) -> Self {
        self.0.borrow_mut().after_page = Some(Box::new(change));
        self
    }

    /// Changes the issues. What changes an issue has to move its `updated_at`, too.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Json>)) {
        change(&mut self.0.borrow_mut().issues);
    }

    pub fn http(&self) -> FakeHttp {
        let upstream = self.clone();
        FakeHttp::serve(move |request| upstream.answer(request))
    }

    pub fn request(&self, report: &str) -> Request {
        request(report, &self.http())
    }

    /// Runs the issues report.
    pub fn pump(&self, host: &mut MemoryHost) -> Result<(), Failure> {
        host.run::<GitHub>(&self.request("issues"))
    }

    fn answer(&self, request: &http::Request) -> Reply {
        let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        let path = path.strip_prefix("https://api.example.org").expect("below the base URL");
        match path {
            "/repos/mozilla-mobile/fenix" => Reply::json(200, &repository().to_string()),
            "/repos/mozilla-mobile/fenix/issues" | "/repositories/187853571/issues" => {
                self.list(query)
            }
            other => panic!("nothing is at {other}"),
        }
    }

    fn list(&self, query: &str) -> Reply {
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        assert_eq!(parameter("state"), Some("all"));
        assert_eq!(parameter("per_page"), Some("100"));
        let mut state = self.0.borrow_mut();
        let sort = format!("{}_at", parameter("sort").expect("a list is sorted"));
        let label = parameter("labels").map(decode);
        let since = parameter("since").map(decode);
        let mut listed: Vec<Json> = state.issues.clone();
        listed.retain(|issue| {
            has_label(issue, label.as_deref()) && is_since(issue, since.as_deref())
        });
        listed.sort_by_key(|issue| {
            (issue[&sort].as_str().expect("a time").to_owned(), issue["id"].as_i64())
        });

        // Two issues a page, so that a few make several pages.
        let begin = if state.counted {
            2 * (parameter("page").map_or(1, |page| page.parse::<usize>().expect("a number")) - 1)
        } else {
            let after = parameter("after").map(|cursor| decode(cursor).replace("Y3V=", ""));
            let is_read = |issue: &Json| {
                let place = format!("{}{}", issue[&sort].as_str().unwrap_or_default(), issue["id"]);
                after.as_deref().is_some_and(|after| place.as_str() <= after)
            };
            listed.iter().filter(|issue| is_read(issue)).count()
        };
        let page: Vec<Json> = listed.iter().skip(begin).take(2).cloned().collect();
        let mut reply = Reply::json(200, &Json::from(page.clone()).to_string());
        if let Some(last) = page.last().filter(|_| listed.len() > begin + 2) {
            let pairs = query.split('&');
            let kept: Vec<&str> = pairs
                .filter(|pair| !pair.starts_with("page=") && !pair.starts_with("after="))
                .collect();
            let next = if state.counted {
                format!("page={}", begin / 2 + 2)
            } else {
                let place = format!("{}{}", last[&sort].as_str().unwrap_or_default(), last["id"]);
                format!("after=Y3V%3D{place}")
            };
            let link = format!(
                "<https://api.example.org/repositories/187853571/issues?{}&{next}>; rel=\"next\", <https://api.example.org/first>; rel=\"first\"",
                kept.join("&")
            );
            reply = reply.header("Link", &link);
        }
        let state = &mut *state;
        if let Some(change) = &mut state.after_page {
            change(&mut state.issues);
        }
        reply
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let hex = std::str::from_utf8(&after[..2]).expect("two digits");
            bytes.push(u8::from_str_radix(hex, 16).expect("hexadecimal"));
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

fn has_label(issue: &Json, label: Option<&str>) -> bool {
    let Some(label) = label else { return true };
    issue["labels"].as_array().is_some_and(|labels| labels.iter().any(|l| l["name"] == label))
}

fn is_since(issue: &Json, since: Option<&str>) -> bool {
    since.is_none_or(|since| issue["updated_at"].as_str().is_some_and(|at| at >= since))
}

pub fn repository() -> Json {
    json!({
        "id": REPOSITORY_ID,
        "full_name": "mozilla-mobile/fenix",
        "has_issues": true,
        "open_issues_count": 3,
    })
}

pub fn request(report: &str, http: &FakeHttp) -> Request {
    let settings = json!({
        "repository": "mozilla-mobile/fenix",
        "regression-labels": ["🐞 bug", "P1"],
    });
    testing::request(report, testing::context(http, settings))
}

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// The numbers of the issues that are stored.
pub fn numbers(host: &MemoryHost) -> Vec<i64> {
    let number = |row: Vec<Value>| match row[..] {
        [Value::Int64(number)] => number,
        _ => panic!("{row:?}"),
    };
    host.select("github_issues", &["number"]).into_iter().map(number).collect()
}

/// The labels that issues have: rows of positions that became free left out, and in the
/// order of names, because positions mean nothing.
pub fn labels(host: &MemoryHost) -> Vec<(i64, String)> {
    let rows = host.select("github_issue_labels", &["issue_id", "label"]);
    let mut labels: Vec<(i64, String)> = rows
        .into_iter()
        .filter_map(|row| match &row[..] {
            [Value::Int64(id), Value::Text(label)] => Some((id - 9_000_000_000, label.clone())),
            [_, Value::Null] => None,
            other => panic!("{other:?}"),
        })
        .collect();
    labels.sort();
    labels
}

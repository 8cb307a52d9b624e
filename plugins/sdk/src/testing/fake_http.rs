// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A fake web with scripted responses.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::http::{InFlight, RawResponse, Request, Transport};
use crate::{Failure, FailureKind};

/// An answer that a test prepares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(Result<RawResponse, Failure>);

impl Reply {
    /// A JSON body.
    pub fn json(status: u16, body: &str) -> Self {
        Reply::text(status, "application/json; charset=utf-8", body)
    }

    /// A body of any type.
    pub fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".into(), content_type.into())];
        Reply(Ok(RawResponse { status, headers, body: body.into() }))
    }

    /// No body.
    pub fn empty(status: u16) -> Self {
        Reply(Ok(RawResponse { status, headers: Vec::new(), body: Vec::new() }))
    }

    /// No answer at all: the connection breaks.
    pub fn broken_connection() -> Self {
        Reply(Err(Failure::new(FailureKind::Transient, "the connection broke")))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(answer) = &mut self.0 {
            answer.headers.push((name.into(), value.into()));
        }
        self
    }
}

/// A web of prepared answers, from a script or from a function. Clones are the same web.
#[derive(Clone)]
pub struct FakeHttp(Rc<Inner>);

struct Inner {
    answers: Answers,
    requests: RefCell<Vec<Request>>,
}

enum Answers {
    /// Each used once; the first that is left for a URL answers.
    Script(RefCell<Vec<(String, Reply)>>),
    Function(Box<dyn Fn(&Request) -> Reply>),
}

impl FakeHttp {
    /// Answers each URL (absolute, with its query as sent) as the script says, each line of
    /// it once; lines with the same URL answer one after the other. A request without a line
    /// panics.
    pub fn script<U: Into<String>>(lines: impl IntoIterator<Item = (U, Reply)>) -> Self {
        let lines = lines.into_iter().map(|(url, reply)| (url.into(), reply)).collect();
        FakeHttp::new(Answers::Script(RefCell::new(lines)))
    }

    /// Answers each request with what the function makes of it.
    pub fn serve(answer: impl Fn(&Request) -> Reply + 'static) -> Self {
        FakeHttp::new(Answers::Function(Box::new(answer)))
    }

    /// Answers as a recording in the HAR 1.2 format does. Queries match whatever their order.
    pub fn har(recording: &str) -> Self {
        let recording = recording.trim_start_matches("\u{feff}");
        let har: serde_json::Value = serde_json::from_str(recording).expect("a HAR file is JSON");
        let entries = har["log"]["entries"].as_array().expect("a HAR file has log.entries");
        FakeHttp::script(entries.iter().map(har_entry))
    }

    fn new(answers: Answers) -> Self {
        FakeHttp(Rc::new(Inner { answers, requests: RefCell::default() }))
    }

    /// The URLs that were asked for so far, in order.
    pub fn requests(&self) -> Vec<String> {
        self.0.requests.borrow().iter().map(|request| request.url.clone()).collect()
    }

    /// The requests made so far, with their headers.
    pub fn requests_with_headers(&self) -> Vec<Request> {
        self.0.requests.borrow().clone()
    }

    /// Panics when a line of the script was not used.
    pub fn assert_all_used(&self) {
        if let Answers::Script(lines) = &self.0.answers {
            let urls: Vec<String> = lines.borrow().iter().map(|(url, _)| url.clone()).collect();
            assert!(urls.is_empty(), "never asked for: {urls:#?}");
        }
    }

    fn answer(&self, request: &Request) -> Reply {
        match &self.0.answers {
            Answers::Function(answer) => answer(request),
            Answers::Script(lines) => {
                let mut lines = lines.borrow_mut();
                let wanted = canonical(&request.url);
                let Some(index) = lines.iter().position(|(url, _)| canonical(url) == wanted) else {
                    let left: Vec<&String> = lines.iter().map(|(url, _)| url).collect();
                    panic!("no answer is prepared for {}; there are {left:#?}", request.url);
                };
                lines.remove(index).1
            }
        }
    }
}

/// The URL with its query sorted, because its order means nothing.
fn canonical(url: &str) -> (String, Vec<String>) {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut query: Vec<String> = query.split('&').map(String::from).collect();
    query.sort_unstable();
    (address.into(), query)
}

fn har_entry(entry: &serde_json::Value) -> (String, Reply) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let response = &entry["response"];
    let status = response["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let headers = response["headers"].as_array().into_iter().flatten();
    let reply = RawResponse {
        status: status.expect("a HAR entry has a status"),
        headers: headers.map(|header| (text(&header["name"]), text(&header["value"]))).collect(),
        body: text(&response["content"]["text"]).into_bytes(),
    };
    (text(&entry["request"]["url"]), Reply(Ok(reply)))
}

impl fmt::Debug for FakeHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeHttp").field("requests", &self.requests()).finish_non_exhaustive()
    }
}

impl Transport for FakeHttp {
    fn start(&self, request: &Request) -> Result<Box<dyn InFlight>, Failure> {
        self.0.requests.borrow_mut().push(request.clone());
        Ok(Box::new(self.answer(request)))
    }
}

impl InFlight for Reply {
    fn wait(self: Box<Self>) -> Result<RawResponse, Failure> {
        self.0
    }
}

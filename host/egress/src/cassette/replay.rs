// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Replays recorded responses instead of using the network.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use har::v1_2::{Entries, Log};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::file::{self, cannot, from_text};
use super::{Window, describe, lock};
use crate::request::Permitted;
use crate::retry::{TransportError, TransportErrorKind};
use crate::tape::Outcome;
use crate::{GateError, Play, Tape, Taped};

/// A recording that answers in place of the network. Clones share what was used of it.
#[derive(Debug, Clone)]
pub struct Cassette(Arc<CassetteInner>);

#[derive(Debug)]
struct CassetteInner {
    now: Option<Timestamp>,
    window: Window,
    /// What was recorded, in the order of the file.
    requests: Vec<Repeats>,
    by_key: HashMap<Key, usize>,
}

/// The answers to one request, in order.
#[derive(Debug)]
struct Repeats {
    request: String,
    answers: Vec<Taped>,
    used: Mutex<usize>,
}

/// What a replayed request is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    method: Method,
    origin: String,
    path: String,
    query: Vec<(String, String)>,
    body: Bytes,
}

impl Key {
    /// That of a request.
    pub fn of(request: &Permitted) -> Key {
        Key::new(request.method(), request.url(), request.body())
    }

    fn new(method: &Method, url: &Url, body: &Bytes) -> Key {
        let mut query: Vec<_> = url.query_pairs().into_owned().collect();
        query.sort();
        Key {
            method: method.clone(),
            origin: url.origin().ascii_serialization(),
            path: url.path().to_owned(),
            query,
            body: body.clone(),
        }
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.method
    }
}

impl Cassette {
    /// Reads a HAR 1.2 file, and the bodies in files beside it that it names.
    ///
    /// # Errors
    ///
    /// It or such a body cannot be read, it is not HAR 1.2, or it holds an entry that is no
    /// request and answer.
    pub fn load(path: &Path) -> Result<Cassette, GateError> {
        let (log, bodies) = file::read(path)?;
        Self::from_log(&log, &bodies).map_err(|reason| cannot("read", path, reason))
    }

    /// `bodies` are those of entries that have theirs in files.
    pub(super) fn from_log(log: &Log, bodies: &[Option<Bytes>]) -> Result<Cassette, String> {
        let page = log.pages.as_ref().and_then(|pages| pages.first());
        let now = page.map(|page| parse_time(&page.started_date_time)).transpose()?;
        let comment = page.and_then(|page| page.comment.as_deref());
        let window = comment.map(Window::from_comment).unwrap_or_default();
        let mut inner = CassetteInner { now, window, requests: Vec::new(), by_key: HashMap::new() };
        for (index, entry) in log.entries.iter().enumerate() {
            let body = bodies.get(index).cloned().flatten();
            inner
                .add(entry, body)
                .map_err(|reason| format!("entry {index} ({}): {reason}", entry.request.url))?;
        }
        Ok(Cassette(Arc::new(inner)))
    }

    /// The time that the recorded run took for the present.
    pub fn now(&self) -> Option<Timestamp> {
        self.0.now
    }

    /// The window that the recorded run looked at.
    pub fn window(&self) -> Window {
        self.0.window
    }

    /// The recorded requests that were not asked for, or not as often as they were recorded.
    pub fn unused(&self) -> Vec<String> {
        let unused = |repeats: &Repeats| {
            let (used, recorded) = (*lock(&repeats.used), repeats.answers.len());
            (used < recorded)
                .then(|| format!("{} (asked {used} of {recorded} times)", repeats.request))
        };
        self.0.requests.iter().filter_map(unused).collect()
    }

    /// What was recorded: each request, how a message names it, and its answers in order.
    pub fn recorded(&self) -> impl Iterator<Item = (&Key, &str, &[Taped])> {
        let key_of: HashMap<usize, &Key> =
            self.0.by_key.iter().map(|(key, index)| (*index, key)).collect();
        self.0.requests.iter().enumerate().filter_map(move |(index, repeats)| {
            Some((*key_of.get(&index)?, repeats.request.as_str(), repeats.answers.as_slice()))
        })
    }

    /// The next answer to `request`.
    ///
    /// # Errors
    ///
    /// There is none: a hint at what comes nearest.
    fn take(&self, request: &Permitted) -> Result<Taped, String> {
        let key = Key::of(request);
        let Some(repeats) = self.0.by_key.get(&key).and_then(|index| self.0.requests.get(*index))
        else {
            return Err(self.nearest(&key, request));
        };
        let mut used = lock(&repeats.used);
        let Some(taped) = repeats.answers.get(*used) else {
            return Err(format!(
                "it was recorded {} time(s), and all are used",
                repeats.answers.len()
            ));
        };
        *used += 1;
        Ok(taped.clone())
    }

    fn nearest(&self, key: &Key, request: &Permitted) -> String {
        const OFFERED: usize = 3;
        const LONGEST_COMPARED: usize = 1_000;
        const MOST_COMPARED: usize = 5_000;
        let is_other_body = |other: &&Key| {
            other.method == key.method
                && other.origin == key.origin
                && other.path == key.path
                && other.query == key.query
        };
        if self.0.by_key.keys().any(|other| is_other_body(&other)) {
            return "the same request is recorded with another body".to_owned();
        }
        let asked = describe(request.method(), request.url());
        let mut nearest: Vec<&str> = self.0.requests.iter().map(|r| r.request.as_str()).collect();
        if nearest.is_empty() {
            return "it is empty".to_owned();
        }
        // Comparing takes the square of the length, and a recording may hold anything.
        nearest.retain(|request| request.len() <= LONGEST_COMPARED);
        nearest.truncate(MOST_COMPARED);
        if nearest.is_empty() {
            return "it holds no request like it".to_owned();
        }
        let unlike = |request: &&str| {
            let alike = strsim::jaro_winkler(request, &asked);
            std::cmp::Reverse((alike * 1e6) as u32)
        };
        nearest.sort_by_cached_key(unlike);
        nearest.truncate(OFFERED);
        format!("the nearest it holds: {}", nearest.join("; "))
    }
}

impl Tape for Cassette {
    fn play(&self, request: &Permitted) -> Play {
        self.take(request).map_or_else(Play::Nothing, Play::Taped)
    }
}

impl CassetteInner {
    fn add(&mut self, entry: &Entries, attached: Option<Bytes>) -> Result<(), String> {
        let request = &entry.request;
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
        let url = Url::parse(&request.url).map_err(|error| error.to_string())?;
        let body = match &request.post_data {
            None => Bytes::new(),
            Some(data) => from_text(data.text.as_deref(), data.comment.as_deref())?,
        };
        let taped = Taped { outcome: outcome(&entry.response, attached)?, at: ended(entry)? };
        let next = self.requests.len();
        let index = *self.by_key.entry(Key::new(&method, &url, &body)).or_insert(next);
        match self.requests.get_mut(index) {
            Some(repeats) => repeats.answers.push(taped),
            None => self.requests.push(Repeats {
                request: describe(&method, &url),
                answers: vec![taped],
                used: Mutex::default(),
            }),
        }
        Ok(())
    }
}

fn outcome(recorded: &har::v1_2::Response, attached: Option<Bytes>) -> Result<Outcome, String> {
    if recorded.status == 0 {
        // Which kind of failure it was is not in a recording.
        let reason = recorded.comment.as_deref().unwrap_or("no answer was recorded").to_owned();
        return Ok(Err(TransportError { kind: TransportErrorKind::Connect, reason }));
    }
    let status = u16::try_from(recorded.status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| format!("{} is not a status", recorded.status))?;
    let content = &recorded.content;
    let mut response = Response::new(match attached {
        Some(body) => body,
        None => from_text(content.text.as_deref(), content.encoding.as_deref())?,
    });
    *response.status_mut() = status;
    *response.version_mut() = Version::HTTP_11;
    for header in &recorded.headers {
        // A browser's recording of HTTP/2 lists `:status` among the headers.
        if header.name.starts_with(':') {
            continue;
        }
        let name: HeaderName =
            header.name.parse().map_err(|_| format!("header {:?}", header.name))?;
        let bytes: Vec<u8> =
            header.value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
        let value = HeaderValue::from_bytes(&bytes)
            .map_err(|_| format!("header {name} has no valid value"))?;
        response.headers_mut().append(name, value);
    }
    Ok(Ok(response))
}

fn ended(entry: &Entries) -> Result<Timestamp, String> {
    let started = parse_time(&entry.started_date_time)?;
    let took = SignedDuration::from_millis(entry.time.max(0.0) as i64);
    Ok(started.saturating_add(took).unwrap_or(started))
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| format!("startedDateTime {text:?}: {error}"))
}

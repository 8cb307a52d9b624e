//! Recordings of what was asked and answered, as HAR 1.2 files: taken from a run, and played
//! in place of the network.
//!
//! A recording holds requests as the plugin made them, so no credential, and answers as the
//! plugin saw them, known secrets removed. The answers that the host retried are in it too,
//! in order: a replay meets the same rate limit, and waits for nothing. An attempt without an
//! answer has the status 0 and says in its comment what failed. `pages[0]` is the run: its
//! `startedDateTime` is the time that the plugin was given, its comment the window that was
//! asked for, where there was one.
//!
//! A replayed request is found by method, scheme, host, port, path, query (sorted by name,
//! then value) and body. Repeats of the same request get the recorded answers in order.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use har::v1_2::{
    Content, Creator, Entries, Headers, Log, PageTimings, Pages, PostData, QueryString, Timings,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::GateError;
use crate::error::shown;
use crate::request::Permitted;

/// Where a session's answers come from.
#[derive(Debug, Clone)]
pub enum Tape {
    /// The network.
    Live,
    /// The network, and what it answers is kept.
    Record(Recorder),
    /// A recording; nothing is sent.
    Replay(Cassette),
}

/// The time that a run looks at. A recording keeps it, so that a replay asks for the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// From when on, inclusive.
    pub since: Option<Timestamp>,
    /// Until when, exclusive.
    pub until: Option<Timestamp>,
}

impl Window {
    /// As the comment of a recording's page: `since 2026-03-01T00:00:00Z until …`. None for a
    /// window without bounds.
    fn to_comment(self) -> Option<String> {
        let bounds = [("since", self.since), ("until", self.until)];
        let told: Vec<String> = bounds
            .iter()
            .filter_map(|(word, moment)| moment.map(|moment| format!("{word} {moment}")))
            .collect();
        (!told.is_empty()).then(|| told.join(" "))
    }

    /// What [`to_comment`](Window::to_comment) wrote. Any other comment bounds nothing.
    fn from_comment(comment: &str) -> Window {
        let words: Vec<&str> = comment.split_whitespace().collect();
        let after = |word| {
            let at = words.iter().position(|found| *found == word)?;
            words.get(at + 1)?.parse().ok()
        };
        Window { since: after("since"), until: after("until") }
    }
}

/// What came of one attempt, as a recording knows it: an answer, or why there was none.
pub(crate) type Recorded = Result<Response<Bytes>, String>;

/// Collects a recording. Clones share it.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<RecorderInner>);

#[derive(Debug)]
struct RecorderInner {
    title: String,
    now: Timestamp,
    window: Window,
    entries: Mutex<Vec<Entries>>,
}

/// The page's id, to which every entry refers.
const PAGE: &str = "run";

impl Recorder {
    /// An empty recording of a run that takes `now` for the present and looks at `window`.
    pub fn new(title: String, now: Timestamp, window: Window) -> Recorder {
        Recorder(Arc::new(RecorderInner { title, now, window, entries: Mutex::default() }))
    }

    /// Writes what was recorded so far: whole or not at all, readable by its owner only,
    /// making the folder if need be.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), GateError> {
        let json = har::to_json(&self.har()).map_err(|error| cannot("write", path, error))?;
        write_whole(path, json.as_bytes()).map_err(|error| cannot("write", path, error))
    }

    fn har(&self) -> har::Har {
        let page = Pages {
            started_date_time: self.0.now.to_string(),
            id: PAGE.to_owned(),
            title: self.0.title.clone(),
            page_timings: PageTimings::default(),
            comment: self.0.window.to_comment(),
        };
        let creator = Creator {
            name: "test-dashboard".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            comment: None,
        };
        let entries = lock(&self.0.entries).clone();
        let log = Log { creator, pages: Some(vec![page]), entries, ..Log::default() };
        har::Har { log: har::Spec::V1_2(log) }
    }

    /// Adds an attempt of the session named `label`.
    pub(crate) fn add(
        &self,
        label: &str,
        request: &Permitted,
        answer: &Recorded,
        started: Timestamp,
        ended: Timestamp,
    ) {
        let time = (ended.duration_since(started).as_millis().max(0)) as f64;
        let entry = Entries {
            pageref: Some(PAGE.to_owned()),
            started_date_time: started.to_string(),
            time,
            request: recorded_request(request),
            response: recorded_response(answer),
            timings: Timings { wait: time, ..Timings::default() },
            comment: Some(label.to_owned()),
            ..Entries::default()
        };
        lock(&self.0.entries).push(entry);
    }
}

fn recorded_request(request: &Permitted) -> har::v1_2::Request {
    let body = request.body();
    let post_data = (!body.is_empty()).then(|| {
        let (text, encoding) = as_text(body);
        // HAR 1.2 has a field for an answer's encoding and none for a request's.
        PostData {
            mime_type: mime_type(request.headers()),
            text: Some(text),
            params: None,
            comment: encoding,
        }
    });
    har::v1_2::Request {
        method: request.method().to_string(),
        url: request.url().to_string(),
        http_version: "HTTP/1.1".to_owned(),
        headers: recorded_headers(request.headers()),
        query_string: request
            .url()
            .query_pairs()
            .map(|(name, value)| QueryString {
                name: name.into_owned(),
                value: value.into_owned(),
                comment: None,
            })
            .collect(),
        post_data,
        headers_size: -1,
        body_size: length(body),
        ..har::v1_2::Request::default()
    }
}

fn recorded_response(answer: &Recorded) -> har::v1_2::Response {
    let response = match answer {
        Ok(response) => response,
        Err(reason) => {
            return har::v1_2::Response {
                comment: Some(reason.clone()),
                redirect_url: Some(String::new()),
                headers_size: -1,
                body_size: -1,
                ..har::v1_2::Response::default()
            };
        }
    };
    let (text, encoding) = as_text(response.body());
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    har::v1_2::Response {
        status: response.status().as_u16().into(),
        status_text: response.status().canonical_reason().unwrap_or("").to_owned(),
        http_version: format!("{:?}", response.version()),
        headers: recorded_headers(response.headers()),
        content: Content {
            size: length(response.body()),
            mime_type: Some(mime_type(response.headers())),
            text: Some(text),
            encoding,
            ..Content::default()
        },
        redirect_url: Some(location.unwrap_or("").to_owned()),
        headers_size: -1,
        body_size: -1,
        ..har::v1_2::Response::default()
    }
}

fn recorded_headers(headers: &HeaderMap) -> Vec<Headers> {
    headers
        .iter()
        .map(|(name, value)| Headers {
            name: name.to_string(),
            // HAR knows text only; a header's bytes beyond ASCII are Latin-1 by tradition.
            value: value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
            comment: None,
        })
        .collect()
}

fn mime_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or("application/octet-stream").to_owned()
}

fn length(body: &Bytes) -> i64 {
    i64::try_from(body.len()).unwrap_or(i64::MAX)
}

/// A body as text, or as base64 with the name of that encoding.
fn as_text(body: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (BASE64.encode(body), Some("base64".to_owned())),
    }
}

fn from_text(text: Option<&str>, encoding: Option<&str>) -> Result<Bytes, String> {
    let text = text.unwrap_or("");
    match encoding {
        Some("base64") => BASE64.decode(text).map(Bytes::from).map_err(|error| error.to_string()),
        _ => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}

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

/// One recorded answer, and the time at which it came.
#[derive(Debug, Clone)]
pub(crate) struct Taped {
    pub answer: Recorded,
    pub at: Timestamp,
}

/// What a replayed request is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    method: Method,
    origin: String,
    path: String,
    query: Vec<(String, String)>,
    body: Bytes,
}

impl Key {
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
}

impl Cassette {
    /// Reads a HAR 1.2 file.
    ///
    /// # Errors
    ///
    /// It cannot be read, is not HAR 1.2, or holds an entry that is no request and answer.
    pub fn load(path: &Path) -> Result<Cassette, GateError> {
        let har =
            har::from_path(path).map_err(|error| cannot("read", path, with_source(&error)))?;
        let har::Spec::V1_2(log) = har.log else {
            return Err(cannot("read", path, "it is not HAR version 1.2"));
        };
        Self::from_log(log).map_err(|reason| cannot("read", path, reason))
    }

    fn from_log(log: Log) -> Result<Cassette, String> {
        let page = log.pages.as_ref().and_then(|pages| pages.first());
        let now = page.map(|page| parse_time(&page.started_date_time)).transpose()?;
        let comment = page.and_then(|page| page.comment.as_deref());
        let window = comment.map(Window::from_comment).unwrap_or_default();
        let mut inner = CassetteInner { now, window, requests: Vec::new(), by_key: HashMap::new() };
        for (index, entry) in log.entries.iter().enumerate() {
            inner
                .add(entry)
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

    /// The next answer to `request`.
    ///
    /// # Errors
    ///
    /// There is none: a hint at what comes nearest.
    pub(crate) fn take(&self, request: &Permitted) -> Result<Taped, String> {
        let key = Key::new(request.method(), request.url(), request.body());
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
        nearest.sort_by(|a, b| {
            strsim::jaro_winkler(b, &asked).total_cmp(&strsim::jaro_winkler(a, &asked))
        });
        nearest.truncate(OFFERED);
        format!("the nearest it holds: {}", nearest.join("; "))
    }
}

impl CassetteInner {
    fn add(&mut self, entry: &Entries) -> Result<(), String> {
        let request = &entry.request;
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
        let url = Url::parse(&request.url).map_err(|error| error.to_string())?;
        let body = match &request.post_data {
            None => Bytes::new(),
            Some(data) => from_text(data.text.as_deref(), data.comment.as_deref())?,
        };
        let taped = Taped { answer: taped_answer(&entry.response)?, at: ended(entry)? };
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

fn taped_answer(recorded: &har::v1_2::Response) -> Result<Recorded, String> {
    if recorded.status == 0 {
        let reason = recorded.comment.as_deref().unwrap_or("no answer was recorded");
        return Ok(Err(reason.to_owned()));
    }
    let status = u16::try_from(recorded.status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| format!("{} is not a status", recorded.status))?;
    let content = &recorded.content;
    let mut response =
        Response::new(from_text(content.text.as_deref(), content.encoding.as_deref())?);
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

pub(crate) fn describe(method: &Method, url: &Url) -> String {
    format!("{method} {}", shown(url))
}

fn write_whole(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Its owner's alone from the start, and beside its destination, so that the renaming is
    // one step.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(contents)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn cannot(action: &'static str, path: &Path, reason: impl ToString) -> GateError {
    GateError::Recording { action, path: path.display().to_string(), reason: reason.to_string() }
}

fn with_source(error: &har::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Records requests and responses.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use har::v1_2::{
    Content, Creator, Entries, Headers, Log, PageTimings, Pages, PostData, QueryString, Timings,
};
use http::{HeaderMap, header};
use jiff::Timestamp;

use super::file::{self, as_text};
use super::mask::{MaskUse, Masking, Masks, Originals, is_json};
use super::{Cassette, Window, lock};
use crate::intake::size_of;
use crate::request::Permitted;
use crate::tape::Outcome;
use crate::{GateError, Play, Sent, Tape};

/// Collects a recording. Clones share it.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<RecorderInner>);

#[derive(Debug)]
struct RecorderInner {
    title: String,
    now: Timestamp,
    window: Window,
    masking: Arc<Mutex<Masking>>,
    entries: Mutex<Vec<Entries>>,
    /// Of what was recorded, more or less.
    bytes: AtomicU64,
}

/// The most bytes that a recording keeps. They are in memory until it is written, and are no part
/// of what the plugin may have.
const MOST_RECORDED: u64 = 256 << 20;

/// The page's id, to which every entry refers.
const PAGE: &str = "run";

impl Recorder {
    /// An empty recording of a run that takes `now` for the present and looks at `window`. In
    /// its file the values that `masks` find are masked.
    pub fn new(title: String, now: Timestamp, window: Window, masks: Masks) -> Recorder {
        let masking = Arc::new(Mutex::new(Masking::new(masks)));
        Recorder(Arc::new(RecorderInner {
            title,
            now,
            window,
            masking,
            entries: Mutex::default(),
            bytes: AtomicU64::new(0),
        }))
    }

    /// An empty recording of the same time and window, in which a value that both hold is
    /// masked alike.
    pub fn beside(&self, title: String) -> Recorder {
        Recorder(Arc::new(RecorderInner {
            title,
            now: self.0.now,
            window: self.0.window,
            masking: Arc::clone(&self.0.masking),
            entries: Mutex::default(),
            bytes: AtomicU64::new(0),
        }))
    }

    /// What was recorded so far.
    fn entries(&self) -> Result<Vec<Entries>, String> {
        if self.0.bytes.load(Ordering::Relaxed) > MOST_RECORDED {
            return Err(format!(
                "its answers exceed {} MiB, the limit of a recording: narrow the run with --project, --report-type, --since or --until",
                MOST_RECORDED >> 20
            ));
        }
        Ok(lock(&self.0.entries).clone())
    }

    /// Writes what was recorded so far, in the place of what the file held: whole or not at
    /// all, readable by its owner only, making the folder if need be. Large bodies go to
    /// files beside it, and those that only the former recording named are removed.
    ///
    /// # Errors
    ///
    /// A file cannot be written, or more was recorded than is kept.
    pub fn write(&self, path: &Path) -> Result<Written, GateError> {
        let mut masking = lock(&self.0.masking);
        masking.count_anew();
        let entries = self.entries();
        let mut entries = entries.map_err(|reason| file::cannot("write", path, reason))?;
        let (mut not_json, mut left_out) = (0, 0);
        if !masking.is_idle() {
            for entry in &mut entries {
                match mask(&mut entry.response, &mut masking) {
                    Looked::Inside => {}
                    Looked::AtNoJson => not_json += 1,
                    Looked::InVain => left_out += 1,
                }
            }
        }
        let originals = masking.originals();
        let unmasked = unmasked(&entries, &originals);
        let requests = entries.len();
        let files = file::write(path, self.log(entries))?;
        let masks = masking.uses();
        Ok(Written {
            requests,
            files: files.paths,
            bytes: files.bytes,
            masks,
            not_json,
            left_out,
            unmasked,
            originals,
        })
    }

    /// What was recorded so far, to be played: as the plugin saw it, with nothing masked.
    ///
    /// # Errors
    ///
    /// When an entry is no request and answer, or more was recorded than is kept.
    pub fn unmasked(&self) -> Result<Cassette, GateError> {
        let played = self.entries().and_then(|all| Cassette::from_log(&self.log(all), &[]));
        played.map_err(|reason| file::cannot("play", Path::new(&self.0.title), reason))
    }

    fn log(&self, entries: Vec<Entries>) -> Log {
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
        Log { creator, pages: Some(vec![page]), entries, ..Log::default() }
    }

    /// How many attempts were recorded so far.
    pub fn requests(&self) -> usize {
        lock(&self.0.entries).len()
    }
}

impl Tape for Recorder {
    fn play(&self, _request: &Permitted) -> Play {
        Play::Network
    }

    fn keep(&self, sent: &Sent<'_>) {
        let asked = sent.request.url().as_str().len() + sent.request.body().len();
        let answered = sent
            .outcome
            .as_ref()
            .map_or(0, |response| response.body().len() as u64 + size_of(response.headers()));
        let bytes = asked as u64 + answered;
        if self.0.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > MOST_RECORDED {
            lock(&self.0.entries).clear();
            return;
        }
        let time = (sent.ended.duration_since(sent.started).as_millis().max(0)) as f64;
        let entry = Entries {
            pageref: Some(PAGE.to_owned()),
            started_date_time: sent.started.to_string(),
            time,
            request: recorded_request(sent.request),
            response: recorded_response(sent.outcome),
            timings: Timings { wait: time, ..Timings::default() },
            comment: Some(sent.session.to_owned()),
            ..Entries::default()
        };
        lock(&self.0.entries).push(entry);
    }
}

/// What was written of a recording.
#[derive(Debug, Clone)]
pub struct Written {
    /// How many attempts it holds.
    pub requests: usize,
    /// The HAR file, and behind it the files of large bodies.
    pub files: Vec<PathBuf>,
    /// The bytes of all these files.
    pub bytes: u64,
    /// What each mask found.
    pub masks: Vec<MaskUse>,
    /// Answers with masks to look through that are not JSON, and stay as they are.
    not_json: usize,
    /// Answers that are JSON, and that masks could not look into: their bodies are left out.
    left_out: usize,
    /// Where else masked values stand.
    unmasked: Vec<String>,
    originals: Originals,
}

impl Written {
    /// What a person should know before the recording is shown to others.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self
            .masks
            .iter()
            .filter(|mask| mask.found == 0)
            .map(|mask| format!("the mask {} found nothing in this recording", mask.path))
            .collect();
        if self.not_json > 0 {
            warnings.push(format!(
                "{} answers are not JSON: masks do not look into them",
                self.not_json
            ));
        }
        if self.left_out > 0 {
            warnings.push(format!(
                "{} answers are JSON that masks cannot look into: their bodies are left out, and a replay does not get them",
                self.left_out
            ));
        }
        const SHOWN: usize = 5;
        if self.originals.are_too_many() {
            warnings.push(String::from(
                "too many values are masked to search for them elsewhere: review what no mask covers",
            ));
        } else if !self.unmasked.is_empty() {
            let more = match self.unmasked.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let shown = &self.unmasked[..self.unmasked.len().min(SHOWN)];
            warnings.push(format!(
                "values that are masked elsewhere are still in {}{more}: mask these places too",
                shown.join(", ")
            ));
        }
        warnings
    }

    /// A message about this recording without the values that are masked in it.
    pub fn masked(&self, message: &str) -> String {
        self.originals.masked(message)
    }
}

/// What came of looking through an answer's body for what is masked.
enum Looked {
    Inside,
    AtNoJson,
    /// It is JSON of a kind that no mask can look into, and nobody knows what is in it.
    InVain,
}

/// Masks an answer.
fn mask(response: &mut har::v1_2::Response, masking: &mut Masking) -> Looked {
    let content = &response.content;
    let Some(text) = content.text.as_deref().filter(|text| !text.is_empty()) else {
        return Looked::Inside;
    };
    if content.encoding.is_some() {
        return Looked::AtNoJson;
    }
    match masking.body(text) {
        Ok(None) => Looked::Inside,
        Ok(Some(masked)) => {
            replace_body(response, masked);
            Looked::Inside
        }
        Err(_) if is_json(text) => {
            replace_body(response, String::new());
            Looked::InVain
        }
        Err(_) => Looked::AtNoJson,
    }
}

fn replace_body(response: &mut har::v1_2::Response, body: String) {
    let is_length = |header: &&mut Headers| header.name.eq_ignore_ascii_case("content-length");
    for length in response.headers.iter_mut().filter(is_length) {
        length.value = body.len().to_string();
    }
    response.content.size = i64::try_from(body.len()).unwrap_or(i64::MAX);
    response.content.text = Some(body);
}

/// The places of a recording where values stand that are masked elsewhere.
fn unmasked(entries: &[Entries], originals: &Originals) -> Vec<String> {
    let mut places = Vec::new();
    for (number, entry) in (1..).zip(entries) {
        let (request, response) = (&entry.request, &entry.response);
        let sent = request.post_data.as_ref().and_then(|data| data.text.as_deref());
        let in_header = |headers: &[Headers]| headers.iter().any(|h| originals.is_in(&h.value));
        for (is_in, place) in [
            (originals.is_in(&request.url), "the URL"),
            (sent.is_some_and(|text| originals.is_in(text)), "the body"),
            (in_header(&request.headers), "the headers"),
            (in_header(&response.headers), "the answer's headers"),
            (
                response.content.text.as_deref().is_some_and(|text| originals.is_in(text)),
                "the answer",
            ),
        ] {
            if is_in {
                places.push(format!("{place} of request {number}"));
            }
        }
    }
    places
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

fn recorded_response(outcome: &Outcome) -> har::v1_2::Response {
    let response = match outcome {
        Ok(response) => response,
        Err(failure) => {
            return har::v1_2::Response {
                comment: Some(failure.reason.clone()),
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

#[cfg(test)]
mod tests;

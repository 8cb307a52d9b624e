//! Collects what was asked and answered.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use har::v1_2::{
    Content, Creator, Entries, Headers, Log, PageTimings, Pages, PostData, QueryString, Timings,
};
use http::{HeaderMap, header};
use jiff::Timestamp;

use super::file::{as_text, cannot, write_whole};
use super::{Recorded, Window, lock};
use crate::GateError;
use crate::request::Permitted;

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

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A service played from recordings for as many runs as one likes, and broken on purpose.
//!
//! A [`Cassette`] plays one run and is strict about it. A [`Rehearsal`] is for trying a plugin
//! in many ways: it is made once from a recording and what the same world answers besides, and
//! each run plays a [`Scene`] of its own. A scene answers a request as often as it is asked:
//! with the recorded answers in order, then with the last of them again. Answers that the host
//! has tried again are left out, because a plugin never saw them.
//!
//! One exchange of a scene can be broken by a [`Fault`], once or from then on, as a plugin
//! meets it when the host has given up; nothing is really waited for, which takes a gate with
//! one attempt per request (`max-attempts`). Everything else that a gate decides stays in
//! force. A scene keeps a log of its [`Exchange`]s, so that what went wrong can be shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use test_dashboard_egress::cassette::{Key, describe};
use test_dashboard_egress::request::Permitted;
use test_dashboard_egress::retry::{
    Attempt, Decision, Outcome, RetryLimits, TransportError, TransportErrorKind, decide,
};
use test_dashboard_egress::{Cassette, Play, Tape, Taped, tape};
use url::Url;

use crate::source::JobTape;

/// How long a rate limit asks to be left alone that was put in: longer than a person would
/// wait at the terminal, shorter than the pause between two runs of a schedule.
const RETRY_AFTER: &str = "120";

/// What is put in the place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// 429 with `retry-after`.
    RateLimited,
    /// 500.
    ServerError,
    /// The connection breaks before the answer is whole.
    CutConnection,
    /// The recorded answer, its body cut in the middle.
    HalfAPage,
    /// 200 and a page for people: the service is being maintained.
    Html,
    /// No whole answer in time.
    Slow,
    /// 401.
    Unauthorized,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 7] = [
        Fault::RateLimited,
        Fault::ServerError,
        Fault::CutConnection,
        Fault::HalfAPage,
        Fault::Html,
        Fault::Slow,
        Fault::Unauthorized,
    ];

    /// Whether it can be put in the place of this answer so that a plugin has a chance to see
    /// it: half of a JSON document is none, half of a plain text is another text.
    pub fn can_replace(self, answer: &Answer) -> bool {
        match (self, answer) {
            (Fault::HalfAPage, Answer::Whole(response)) => {
                let body = response.body();
                body.len() > 1 && matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
            }
            (Fault::HalfAPage, _) => false,
            _ => true,
        }
    }

    fn apply(self, recorded: &Response<Bytes>) -> tape::Outcome {
        let (status, kind, body) = match self {
            Fault::CutConnection => {
                let reason = "the connection was closed before the answer was whole";
                return Err(TransportError {
                    kind: TransportErrorKind::Broken,
                    reason: reason.to_owned(),
                });
            }
            Fault::Slow => {
                let reason = "no whole answer in time".to_owned();
                return Err(TransportError { kind: TransportErrorKind::Timeout, reason });
            }
            Fault::HalfAPage => return Ok(cut_in_the_middle(recorded)),
            Fault::RateLimited => {
                (StatusCode::TOO_MANY_REQUESTS, JSON, r#"{"message":"Too many requests"}"#)
            }
            Fault::ServerError => {
                (StatusCode::INTERNAL_SERVER_ERROR, JSON, r#"{"message":"Internal server error"}"#)
            }
            Fault::Unauthorized => {
                (StatusCode::UNAUTHORIZED, JSON, r#"{"message":"Requires authentication"}"#)
            }
            Fault::Html => (
                StatusCode::OK,
                "text/html; charset=utf-8",
                "<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>\n",
            ),
        };
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if self == Fault::RateLimited {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        Ok(response)
    }
}

const JSON: &str = "application/json";

/// As a sentence has it: `429 at the 3rd request`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::RateLimited => "429",
            Fault::ServerError => "500",
            Fault::CutConnection => "a cut connection",
            Fault::HalfAPage => "half a page",
            Fault::Html => "an HTML page",
            Fault::Slow => "no answer in time",
            Fault::Unauthorized => "401",
        })
    }
}

fn cut_in_the_middle(recorded: &Response<Bytes>) -> Response<Bytes> {
    let mut response = recorded.clone();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    let body = response.body_mut();
    body.truncate(body.len() / 2);
    response
}

/// Where a scene is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Breakage {
    /// What is put in.
    pub fault: Fault,
    /// At which request of the scene; the first is 1.
    pub at: usize,
    /// Whether the same request meets it from then on, or only this once.
    pub lasts: bool,
}

/// A service as recordings know it.
#[derive(Debug, Clone)]
pub struct Rehearsal(Arc<Service>);

#[derive(Debug, Default)]
struct Service {
    requests: Vec<Known>,
    by_key: HashMap<Key, usize>,
}

/// One request and its answers, in order.
#[derive(Debug)]
struct Known {
    request: String,
    answers: Vec<Taped>,
    /// How often the run asked for it that is rehearsed; 0 for what is known besides.
    expected: usize,
}

impl Rehearsal {
    /// The service of `recording`. `further` tells what it answers to other requests; where
    /// both know a request, the recording counts.
    pub fn new(recording: &Cassette, further: &[Cassette]) -> Rehearsal {
        let mut service = Service::default();
        service.learn(recording, true);
        for cassette in further {
            service.learn(cassette, false);
        }
        Rehearsal(Arc::new(service))
    }

    /// The service as it was when the recording began.
    pub fn scene(&self, breakage: Option<Breakage>) -> Scene {
        self.scene_from(&Bookmark::default(), breakage)
    }

    /// The service as it was at `bookmark`. Requests are counted anew.
    pub fn scene_from(&self, bookmark: &Bookmark, breakage: Option<Breakage>) -> Scene {
        let played = Played { asked: bookmark.0.clone(), ..Played::default() };
        let service = Arc::clone(&self.0);
        Scene(Arc::new(SceneInner { service, breakage, played: Mutex::new(played) }))
    }
}

impl Service {
    fn learn(&mut self, cassette: &Cassette, is_expected: bool) {
        for (key, request, recorded) in cassette.recorded() {
            if self.by_key.contains_key(key) {
                continue;
            }
            let answers = without_retried(key.method(), recorded);
            let expected = if is_expected { answers.len() } else { 0 };
            self.by_key.insert(key.clone(), self.requests.len());
            self.requests.push(Known { request: request.to_owned(), answers, expected });
        }
    }
}

/// The answers that a plugin saw: one that the host would try again, with a later answer
/// behind it, was tried again.
fn without_retried(method: &Method, recorded: &[Taped]) -> Vec<Taped> {
    let last = recorded.len().saturating_sub(1);
    // No recording has the request's headers. HTML with another answer behind it was tried
    // again, and so it was not what was asked for.
    let seen =
        |(index, taped): &(usize, &Taped)| *index == last || !is_tried_again(method, true, taped);
    recorded.iter().enumerate().filter(seen).map(|(_, taped)| taped.clone()).collect()
}

pub fn is_tried_again(method: &Method, wants_json: bool, taped: &Taped) -> bool {
    let outcome = match &taped.outcome {
        Ok(response) => Outcome::Answer {
            status: response.status(),
            headers: response.headers(),
            body: response.body(),
        },
        Err(_) => Outcome::Failed(TransportErrorKind::Connect),
    };
    let retry_limits = RetryLimits { max_attempts: u32::MAX, max_wait: Duration::MAX };
    let now = taped.at;
    let (number, put_off, waited, jitter) = (1, 0, Duration::ZERO, 0.0);
    let attempt = Attempt { method, wants_json, number, put_off, waited, outcome, now, jitter };
    matches!(decide(retry_limits, attempt), Decision::Retry { .. })
}

/// How far a scene has come: how often each request was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bookmark(HashMap<usize, usize>);

/// One run against a [`Rehearsal`]. Clones share it.
#[derive(Debug, Clone)]
pub struct Scene(Arc<SceneInner>);

#[derive(Debug)]
struct SceneInner {
    service: Arc<Service>,
    breakage: Option<Breakage>,
    played: Mutex<Played>,
}

#[derive(Debug, Default)]
struct Played {
    asked: HashMap<usize, usize>,
    exchanges: Vec<Exchange>,
    /// The request that a lasting fault has hit.
    broken: Option<usize>,
}

/// A request of a scene, and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// What was sent.
    pub body: Bytes,
    /// What came back.
    pub answer: Answer,
    /// The fault that was put in the answer's place.
    pub fault: Option<Fault>,
}

/// What came back.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A whole answer.
    Whole(Response<Bytes>),
    /// None, and why.
    Failed(String),
    /// The request is in no recording: what comes nearest.
    NotRecorded(String),
}

/// Method, URL, and in short what came back.
impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", describe(&self.method, &self.url))?;
        match &self.answer {
            Answer::Whole(response) => {
                write!(f, "{}, {} bytes", response.status().as_u16(), response.body().len())?;
            }
            Answer::Failed(reason) => f.write_str(reason)?,
            Answer::NotRecorded(_) => f.write_str("in no recording")?,
        }
        match self.fault {
            Some(_) => f.write_str(" (put in)"),
            None => Ok(()),
        }
    }
}

impl Scene {
    /// Everything that was asked so far, in order.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.played().exchanges.clone()
    }

    /// Where the scene is now.
    pub fn bookmark(&self) -> Bookmark {
        Bookmark(self.played().asked.clone())
    }

    /// The requests of the rehearsed recording that were not asked, or not as often as they
    /// were recorded.
    pub fn unasked(&self) -> Vec<String> {
        let played = self.played();
        let asked = |index| played.asked.get(&index).copied().unwrap_or(0);
        let requests = self.0.service.requests.iter().enumerate();
        requests
            .filter(|(index, known)| asked(*index) < known.expected)
            .map(|(index, known)| match (asked(index), known.expected) {
                (0, _) => known.request.clone(),
                (asked, expected) => {
                    format!("{} (asked {asked} of {expected} times)", known.request)
                }
            })
            .collect()
    }

    /// The answer to `request`.
    ///
    /// # Errors
    ///
    /// It is in no recording: a hint at what comes nearest.
    fn answer(&self, request: &Permitted) -> Result<Taped, String> {
        let key = Key::of(request);
        let service = &self.0.service;
        let mut played = self.played();
        let known = service.by_key.get(&key).copied();
        let Some((index, known)) = known.and_then(|i| Some((i, service.requests.get(i)?))) else {
            let hint = self.hint(request);
            played.log(request, Answer::NotRecorded(hint.clone()), None);
            return Err(hint);
        };
        let asked = played.asked.get(&index).copied().unwrap_or(0);
        let Some(taped) = known.answers.get(asked).or(known.answers.last()) else {
            return Err("its recording holds no answer".to_owned());
        };
        let fault = played.fault_at(index, self.0.breakage);
        let outcome = match (fault, taped.outcome.clone()) {
            (Some(fault), Ok(response)) => fault.apply(&response),
            (Some(fault), Err(_)) => fault.apply(&Response::new(Bytes::new())),
            (None, recorded) => {
                played.asked.insert(index, asked + 1);
                recorded
            }
        };
        let answer = match &outcome {
            Ok(response) => Answer::Whole(response.clone()),
            Err(failure) => Answer::Failed(failure.reason.clone()),
        };
        played.log(request, answer, fault);
        Ok(Taped { outcome, at: taped.at })
    }

    fn hint(&self, request: &Permitted) -> String {
        let asked = describe(request.method(), request.url());
        let likeness = |known: &&Known| (strsim::jaro_winkler(&known.request, &asked) * 1e6) as u64;
        match self.0.service.requests.iter().max_by_key(likeness) {
            None => "the recordings are empty".to_owned(),
            Some(nearest) if nearest.request == asked => {
                "the same request is recorded with another body".to_owned()
            }
            Some(nearest) => format!("the nearest that is recorded: {}", nearest.request),
        }
    }

    fn played(&self) -> MutexGuard<'_, Played> {
        self.0.played.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tape for Scene {
    fn play(&self, request: &Permitted) -> Play {
        self.answer(request).map_or_else(Play::Nothing, Play::Taped)
    }
}

/// A job may be read with one, too: then it may ask as often as it likes.
impl JobTape for Scene {}

impl Played {
    /// The fault that the next exchange meets, which asks for the request `index`.
    fn fault_at(&mut self, index: usize, breakage: Option<Breakage>) -> Option<Fault> {
        let Breakage { fault, at, lasts } = breakage?;
        let is_hit = self.exchanges.len() + 1 == at;
        if is_hit && lasts {
            self.broken = Some(index);
        }
        (is_hit || self.broken == Some(index)).then_some(fault)
    }

    fn log(&mut self, request: &Permitted, answer: Answer, fault: Option<Fault>) {
        self.exchanges.push(Exchange {
            method: request.method().clone(),
            url: request.url().clone(),
            body: request.body().clone(),
            answer,
            fault,
        });
    }
}

#[cfg(test)]
mod tests;

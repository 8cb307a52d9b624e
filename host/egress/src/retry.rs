// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is tried again, and when. A pure function of what came back.
//!
//! | What came back | What happens |
//! |---|---|
//! | 429, or 403 or 503, with `Retry-After` | wait as long as it says |
//! | 429 or 403 with `x-ratelimit-remaining: 0` | wait until `x-ratelimit-reset` |
//! | 429 or 403 that speaks of a secondary rate limit | wait a minute, then two, … |
//! | another 429, or one of the above without a time that can be read | wait as long as the text says ("try again in 42 seconds"), else longer each time |
//! | 5xx (not 501, 505) on GET or HEAD | wait a little, longer each time |
//! | a 2xx on GET with HTML where JSON was asked for, or with a JSON document that breaks off | the same: something in between is down, or gave up half-way |
//! | no connection | wait a little, whatever the method: nothing was sent |
//! | a connection that broke, or no answer in time, on GET or HEAD | wait a little |
//! | everything else, such as a 403 without these signs, or 409 | handed to the plugin |
//!
//! 403 and `x-ratelimit-*` follow GitHub's documentation of its rate limits, which tells the
//! three cases apart in this order. A wait that the service asks for is bounded by the ceiling of
//! waiting alone, and becomes an error with the time that is left where it would pass that. All else
//! is bounded by the number of attempts, too: then a 5xx, HTML and half a document are handed to the
//! plugin as they are.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use http::{HeaderMap, Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::de::IgnoredAny;

use crate::without_byte_order_mark;

/// How often a request is retried, and how long it may wait for that.
#[derive(Debug, Clone, Copy)]
pub struct RetryLimits {
    /// Attempts in all, the first included; those that the service put off do not count.
    pub max_attempts: u32,
    /// Waiting in all, over all attempts.
    pub max_wait: Duration,
}

/// One attempt and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// Whether the request asks for JSON.
    pub wants_json: bool,
    /// Which attempt it was; the first is 1.
    pub number: u32,
    /// How many of those before the service put off.
    pub put_off: u32,
    /// What was already waited for this request.
    pub waited: Duration,
    /// What came back.
    pub outcome: Outcome<'a>,
    /// The time at which it came back.
    pub now: Timestamp,
    /// Spreads the waits that nobody prescribed, so that those who failed together do not
    /// come back together: from 0 to 1.
    pub jitter: f32,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// An answer, whole.
    Answer {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: &'a HeaderMap,
        /// Its body.
        body: &'a [u8],
    },
    /// No answer, or half of one.
    Failed(TransportErrorKind),
}

/// The kinds of a [`TransportError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// No connection was made: the name has no address, nobody listens. Nothing was sent.
    Connect,
    /// The connection broke after the request was sent.
    Broken,
    /// No whole answer in time; the request may have been sent.
    Timeout,
    /// The server could not prove who it is. It will not be able to in a second either.
    Tls,
}

/// How an attempt failed without a complete response.
#[derive(Debug, Clone)]
pub struct TransportError {
    /// How.
    pub kind: TransportErrorKind,
    /// In which words.
    pub reason: String,
}

/// What to do about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Hand what came back to the plugin.
    Done,
    /// Try again.
    Retry {
        /// After this long.
        after: Duration,
        /// Whether the service asked for it, which then holds back every request to it.
        asked: bool,
    },
    /// The service wants to be left alone for longer than this request may wait.
    RateLimited {
        /// For how long, from now.
        retry_after: Duration,
    },
}

/// The first wait that nobody prescribed.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest of them.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The first and the longest wait for a service that is asked too often and names no time.
const UNNAMED_WAIT: Duration = Duration::from_secs(1);
const LONGEST_UNNAMED_WAIT: Duration = Duration::from_secs(60);
/// What GitHub asks for after a secondary rate limit: a minute, then longer each time.
const SECONDARY_WAIT: Duration = Duration::from_secs(60);
/// How much of a body is looked at for the words of a rate limit.
const LOOKED_AT: usize = 4096;

/// Decides about an attempt.
pub fn decide(retry_limits: RetryLimits, attempt: Attempt<'_>) -> Decision {
    let number = attempt.number.saturating_sub(attempt.put_off);
    let (wait, asked) = match attempt.outcome {
        Outcome::Failed(kind) => {
            if !may_repeat_after(kind, attempt.method) {
                return Decision::Done;
            }
            (backoff(number, attempt.jitter), false)
        }
        Outcome::Answer { status, headers, body } => {
            match prescribed(status, headers, body, attempt) {
                Some(wait) => (wait, true),
                None if is_passing(status) && is_repeatable(attempt.method)
                    || is_broken_json(status, headers, body, attempt) =>
                {
                    (backoff(number, attempt.jitter), false)
                }
                None => return Decision::Done,
            }
        }
    };
    let is_within = (asked || number < retry_limits.max_attempts)
        && attempt.waited.saturating_add(wait) <= retry_limits.max_wait;
    match (is_within, asked) {
        (true, asked) => Decision::Retry { after: wait, asked },
        (false, true) => Decision::RateLimited { retry_after: wait },
        (false, false) => Decision::Done,
    }
}

/// How long the service wants to be left alone, where an answer says that it does. It does not
/// become shorter where the service says the same again and again.
fn prescribed(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    attempt: Attempt<'_>,
) -> Option<Duration> {
    let is_limit = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN);
    if !is_limit && status != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let least = growing(UNNAMED_WAIT, LONGEST_UNNAMED_WAIT, attempt.put_off);
    let at_least = |wait: Duration| Some(wait.max(least));
    if let Some(wait) = retry_after(headers, attempt.now) {
        return at_least(wait);
    }
    if !is_limit {
        return None;
    }
    if number(headers, "x-ratelimit-remaining") == Some(0)
        && let Some(wait) = until_reset(headers, attempt.now)
    {
        return at_least(wait);
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]).to_ascii_lowercase();
    if speaks_of_a_secondary_limit(&text) {
        return Some(SECONDARY_WAIT.saturating_mul(1 << attempt.put_off.min(10)));
    }
    if status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    match named_in(&text) {
        Some(wait) => at_least(wait),
        None => Some(stretched(least, attempt.jitter)),
    }
}

/// The time that a text in lower case says to wait: "retry after 42 seconds", "try again in 2
/// minutes", `"retry_after": 30`. A number without a unit is one of seconds.
fn named_in(text: &str) -> Option<Duration> {
    const WORDS: [&str; 8] = [
        "retry after",
        "retry-after",
        "retry_after",
        "retryafter",
        "try again in",
        "try again after",
        "retry in",
        "wait",
    ];
    WORDS.into_iter().flat_map(|words| text.split(words).skip(1)).find_map(time_at)
}

/// The time with which a text begins: at most a few characters in, and in the same sentence.
fn time_at(text: &str) -> Option<Duration> {
    let mut near = text.char_indices().take(16).take_while(|(_, c)| !".!;\n".contains(*c));
    let begin = near.find(|(_, c)| c.is_ascii_digit())?.0;
    let text = &text[begin..];
    let digits =
        &text[..text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len())];
    let digits = digits.trim_end_matches('.');
    let rest = text[digits.len()..].trim_start();
    let unit = &rest[..rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())];
    let named = |unit: &str| format!("{digits} {unit}").parse::<SignedDuration>().ok();
    Duration::try_from(named(unit).or_else(|| named("s"))?).ok()
}

/// `Retry-After` in either form of RFC 9110: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let now = SystemTime::from(now);
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

/// `x-ratelimit-reset`: seconds since 1970. A second is added, because it is cut to one.
fn until_reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let reset = number(headers, "x-ratelimit-reset")?;
    let left = reset.saturating_sub(u64::try_from(now.as_second()).unwrap_or(0));
    Some(Duration::from_secs(left.saturating_add(1)))
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn speaks_of_a_secondary_limit(text: &str) -> bool {
    // The second is what it was called before, and GitHub Enterprise may still say so.
    text.contains("secondary rate limit") || text.contains("abuse detection")
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        && !matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED)
}

/// Whether a good answer is not the JSON that it should be. An answer that is JSON of a wrong
/// form is the plugin's to read, as is what is neither JSON nor HTML: that does not pass.
fn is_broken_json(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    attempt: Attempt<'_>,
) -> bool {
    if !status.is_success() || status == StatusCode::NO_CONTENT || *attempt.method != Method::GET {
        return false;
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match kind.as_str() {
        "text/html" | "application/xhtml+xml" => attempt.wants_json,
        kind if is_json(kind) => breaks_off(body),
        _ => false,
    }
}

/// Whether a media type is one of JSON.
fn is_json(kind: &str) -> bool {
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// Whether a request's `accept` names JSON, and not HTML beside it.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kinds = accepted
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or("").trim().to_ascii_lowercase());
    let (mut json, mut html) = (false, false);
    for kind in kinds {
        json |= is_json(&kind);
        html |= kind == "text/html";
    }
    json && !html
}

/// Whether a body is HTML, or a JSON document that ends too early. Reads it without keeping
/// anything of it.
fn breaks_off(body: &[u8]) -> bool {
    let body = without_byte_order_mark(body);
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => false,
        Err(error) => error.is_eof() || body.trim_ascii_start().starts_with(b"<"),
    }
}

fn is_repeatable(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn may_repeat_after(kind: TransportErrorKind, method: &Method) -> bool {
    match kind {
        TransportErrorKind::Connect => true,
        TransportErrorKind::Broken | TransportErrorKind::Timeout => is_repeatable(method),
        TransportErrorKind::Tls => false,
    }
}

/// The wait after an attempt that failed: from [`FIRST_WAIT`] to [`LONGEST_WAIT`].
fn backoff(attempt: u32, jitter: f32) -> Duration {
    stretched(growing(FIRST_WAIT, LONGEST_WAIT, attempt.saturating_sub(1)), jitter)
}

/// Doubles from one time to the other.
fn growing(first: Duration, longest: Duration, times: u32) -> Duration {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .without_max_times()
        .build()
        .nth(times.min(32) as usize)
        .unwrap_or(longest)
}

/// Longer by up to the same again.
fn stretched(wait: Duration, jitter: f32) -> Duration {
    wait.mul_f32(1.0 + jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;

//! What is tried again, and when. A pure function of what came back.
//!
//! | What came back | What happens |
//! |---|---|
//! | 429, or 403 or 503, with `Retry-After` | wait as long as it says |
//! | 429 or 403 with `x-ratelimit-remaining: 0` | wait until `x-ratelimit-reset` |
//! | 429 or 403 that speaks of a secondary rate limit | wait a minute, then two, … |
//! | another 429 | wait, longer each time |
//! | 5xx (not 501, 505) on GET or HEAD | wait a little, longer each time |
//! | no connection | wait a little, whatever the method: nothing was sent |
//! | a connection that broke, or no answer in time, on GET or HEAD | wait a little |
//! | everything else, such as a 403 without these signs, or 409 | handed to the plugin |
//!
//! 403 and `x-ratelimit-*` follow GitHub's documentation of its rate limits, which tells the
//! three cases apart in this order. When the attempts are used up, or waiting would pass the
//! ceiling, a rate limit becomes an error with the time that is left; a 5xx is handed to the
//! plugin as it is.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use http::{HeaderMap, Method, StatusCode, header};
use jiff::Timestamp;
use memchr::memmem;

/// How patient one request is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Waiting in all, over all attempts.
    pub max_wait: Duration,
}

/// One attempt and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// Which attempt it was; the first is 1.
    pub number: u32,
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
    Failure(FailureKind),
}

/// How an attempt failed without a whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection was made: the name has no address, nobody listens. Nothing was sent.
    Connect,
    /// The connection broke after the request was sent.
    Broken,
    /// No whole answer in time; the request may have been sent.
    Timeout,
    /// The server could not prove who it is. It will not be able to in a second either.
    Tls,
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
/// What GitHub asks for after a secondary rate limit: a minute, then longer each time.
const SECONDARY_WAIT: Duration = Duration::from_secs(60);
/// A service that says "now" still gets this long.
const SHORTEST_PRESCRIBED: Duration = Duration::from_secs(1);
/// How much of a body is looked at for the words of a secondary rate limit.
const LOOKED_AT: usize = 4096;

/// Decides about an attempt.
pub fn decide(patience: Patience, attempt: Attempt<'_>) -> Decision {
    let (wait, asked) = match attempt.outcome {
        Outcome::Failure(kind) => {
            if !may_repeat_after(kind, attempt.method) {
                return Decision::Done;
            }
            (backoff(attempt.number, attempt.jitter), false)
        }
        Outcome::Answer { status, headers, body } => {
            match prescribed(status, headers, body, attempt) {
                Some(wait) => (wait, true),
                None if is_passing(status) && is_repeatable(attempt.method) => {
                    (backoff(attempt.number, attempt.jitter), false)
                }
                None => return Decision::Done,
            }
        }
    };
    let is_within = attempt.number < patience.max_attempts
        && attempt.waited.saturating_add(wait) <= patience.max_wait;
    match (is_within, asked) {
        (true, asked) => Decision::Retry { after: wait, asked },
        (false, true) => Decision::RateLimited { retry_after: wait },
        (false, false) => Decision::Done,
    }
}

/// How long the service wants to be left alone, where an answer says that it does.
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
    if let Some(wait) = retry_after(headers, attempt.now) {
        return Some(wait.max(SHORTEST_PRESCRIBED));
    }
    if !is_limit {
        return None;
    }
    if number(headers, "x-ratelimit-remaining") == Some(0)
        && let Some(wait) = until_reset(headers, attempt.now)
    {
        return Some(wait.max(SHORTEST_PRESCRIBED));
    }
    if speaks_of_a_secondary_limit(body) {
        return Some(SECONDARY_WAIT.saturating_mul(1 << attempt.number.saturating_sub(1).min(10)));
    }
    (status == StatusCode::TOO_MANY_REQUESTS).then(|| backoff(attempt.number, attempt.jitter))
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

fn speaks_of_a_secondary_limit(body: &[u8]) -> bool {
    let start = body[..body.len().min(LOOKED_AT)].to_ascii_lowercase();
    // The second is what it was called before, and GitHub Enterprise may still say so.
    [&b"secondary rate limit"[..], b"abuse detection"]
        .iter()
        .any(|words| memmem::find(&start, words).is_some())
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        && !matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED)
}

fn is_repeatable(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn may_repeat_after(kind: FailureKind, method: &Method) -> bool {
    match kind {
        FailureKind::Connect => true,
        FailureKind::Broken | FailureKind::Timeout => is_repeatable(method),
        FailureKind::Tls => false,
    }
}

/// Doubles from [`FIRST_WAIT`] to [`LONGEST_WAIT`], each stretched by up to the same again.
fn backoff(attempt: u32, jitter: f32) -> Duration {
    let wait = ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .without_max_times()
        .build()
        .nth(attempt.saturating_sub(1).min(32) as usize)
        .unwrap_or(LONGEST_WAIT);
    wait.mul_f32(1.0 + jitter.clamp(0.0, 1.0))
}

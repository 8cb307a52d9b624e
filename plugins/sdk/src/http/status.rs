// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The meaning of a status other than 2xx.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Deserialize;

use super::{Response, json};
use crate::{Failure, FailureKind};

pub(super) fn failure(answer: &Response) -> Failure {
    let wait = seconds_to_wait(answer);
    let status = answer.status();
    let kind = match status {
        401 => FailureKind::Auth,
        403 if wait.is_some() => FailureKind::RateLimited,
        403 => FailureKind::Auth,
        404 | 410 => FailureKind::NotFound,
        429 => FailureKind::RateLimited,
        408 | 409 | 425 | 500..=599 => FailureKind::Transient,
        _ => FailureKind::UnexpectedResponse,
    };
    let reason = reason_phrase(status);
    let said = said_by_the_service(answer);
    let sign_on = sign_on(answer);
    let message = format!("GET {}: answered {status}{reason}{said}{sign_on}", answer.shown_url());
    let retry_after = wait.filter(|_| kind != FailureKind::Auth);
    Failure { kind, message, retry_after, status: Some(status) }
}

/// Where GitHub wants a token to be authorized for single sign-on. The query of that address is
/// for the one who asked alone.
fn sign_on(answer: &Response) -> String {
    let header = answer.header("x-github-sso").and_then(|header| header.strip_prefix("required"));
    let url = header.and_then(|header| header.split_once("url=")).map(|(_, url)| url);
    match url.and_then(|url| url.split([';', '?', '#']).next()) {
        Some(url) if !url.trim().is_empty() => {
            format!("; single sign-on at {}", json::excerpt(url.trim().as_bytes(), 200))
        }
        _ => String::new(),
    }
}

fn reason_phrase(status: u16) -> &'static str {
    match status {
        400 => " Bad Request",
        401 => " Unauthorized",
        403 => " Forbidden",
        404 => " Not Found",
        409 => " Conflict",
        410 => " Gone",
        422 => " Unprocessable Content",
        429 => " Too Many Requests",
        500 => " Internal Server Error",
        502 => " Bad Gateway",
        503 => " Service Unavailable",
        504 => " Gateway Timeout",
        _ => "",
    }
}

/// The message of an error body, which APIs put under `message` or `error`; else how the body
/// begins.
fn said_by_the_service(answer: &Response) -> String {
    #[derive(Deserialize)]
    struct ErrorBody {
        #[serde(alias = "error")]
        message: String,
    }
    let (text, _) = json::text_of(answer.body());
    let said = match serde_json::from_str::<ErrorBody>(&text) {
        Ok(body) => json::excerpt(body.message.as_bytes(), 200),
        Err(_) => json::excerpt(text.as_bytes(), 80),
    };
    if said.is_empty() { String::new() } else { format!(", saying: {said}") }
}

/// How long the service asks to wait: `retry-after` in seconds or as a date, else GitHub's
/// `x-ratelimit-reset` when nothing remains. Dates are compared with the answer's own `date`,
/// because there is no clock here.
fn seconds_to_wait(answer: &Response) -> Option<u32> {
    let answered = answer.header("date").and_then(http_date);
    let until = |moment: Timestamp| {
        let seconds = moment.as_second() - answered?.as_second();
        Some(u32::try_from(seconds).unwrap_or(0))
    };
    if let Some(text) = answer.header("retry-after") {
        return text.trim().parse().ok().or_else(|| http_date(text).and_then(until));
    }
    if answer.header("x-ratelimit-remaining")? != "0" {
        return None;
    }
    let reset = answer.header("x-ratelimit-reset").and_then(|text| text.trim().parse().ok());
    Some(
        reset
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .and_then(until)
            .unwrap_or(60),
    )
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, FakeHttp, Reply};

    fn failure_of(reply: Reply) -> Failure {
        let http = FakeHttp::serve(move |_| reply.clone());
        let client = testing::context(&http, serde_json::json!({})).http();
        client.get("/x").send().unwrap_err()
    }

    #[test]
    fn the_kind_follows_from_the_status() {
        for (status, kind) in [
            (400, FailureKind::UnexpectedResponse),
            (401, FailureKind::Auth),
            (403, FailureKind::Auth),
            (404, FailureKind::NotFound),
            (410, FailureKind::NotFound),
            (422, FailureKind::UnexpectedResponse),
            (429, FailureKind::RateLimited),
            (304, FailureKind::UnexpectedResponse),
            (409, FailureKind::Transient),
            (500, FailureKind::Transient),
            (503, FailureKind::Transient),
        ] {
            let failure = failure_of(Reply::json(status, "{}"));
            assert_eq!((failure.kind, failure.status), (kind, Some(status)), "{status}");
        }
    }

    #[test]
    fn the_message_of_the_service_is_passed_on() {
        let failure = failure_of(Reply::json(404, r#"{"message": "Not Found", "x": 1}"#));
        assert_eq!(
            failure.message,
            "GET https://api.example.org/x: answered 404 Not Found, saying: Not Found"
        );
        let failure = failure_of(Reply::json(400, r#"{"error": "Field :suite_id is required"}"#));
        assert!(failure.message.ends_with("saying: Field :suite_id is required"), "{failure}");
        let failure = failure_of(Reply::text(502, "text/html", "<html>\n <h1>Bad  gateway</h1>"));
        assert!(failure.message.ends_with("saying: <html> <h1>Bad gateway</h1>"), "{failure}");
        assert!(failure_of(Reply::empty(500)).message.ends_with("500 Internal Server Error"));
    }

    #[test]
    fn where_to_sign_on_is_said_without_the_secret_of_it() {
        let header = "required; url=https://github.com/orgs/octo/sso?authorization_request=hush";
        let failure = failure_of(Reply::json(403, "{}").header("X-GitHub-SSO", header));
        assert!(failure.message.ends_with("; single sign-on at https://github.com/orgs/octo/sso"));
        let partial =
            Reply::json(403, "{}").header("X-GitHub-SSO", "partial-results; organizations=1");
        assert!(failure_of(partial).message.ends_with("Forbidden, saying: {}"));
    }

    #[test]
    fn a_time_to_wait_is_read_in_each_of_its_forms() {
        let date = "Sun, 01 Mar 2026 06:00:00 GMT";
        let wait = |status, headers: &[(&str, &str)]| {
            let reply = Reply::json(status, "{}").header("Date", date);
            let reply =
                headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value));
            let failure = failure_of(reply);
            (failure.kind, failure.retry_after)
        };
        let limited = |seconds| (FailureKind::RateLimited, Some(seconds));
        assert_eq!(wait(429, &[("Retry-After", "30")]), limited(30));
        assert_eq!(wait(429, &[("retry-after", "Sun, 01 Mar 2026 06:02:00 GMT")]), limited(120));
        assert_eq!(wait(429, &[("retry-after", "Sun, 01 Mar 2026 05:59:00 GMT")]), limited(0));
        assert_eq!(wait(429, &[]), (FailureKind::RateLimited, None));
        assert_eq!(wait(403, &[("retry-after", "60")]), limited(60));
        let used_up = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1772345400")];
        assert_eq!(wait(403, &used_up), limited(600));
        assert_eq!(wait(403, &used_up[..1]), limited(60));
        assert_eq!(wait(403, &[("x-ratelimit-remaining", "12")]), (FailureKind::Auth, None));
        assert_eq!(wait(503, &[("retry-after", "5")]), (FailureKind::Transient, Some(5)));
    }
}

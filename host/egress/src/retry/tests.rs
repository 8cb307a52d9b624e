// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

use super::*;

const LIMITS: RetryLimits = RetryLimits { max_attempts: 5, max_wait: Duration::from_secs(600) };
/// 2026-03-01T12:00:00Z
const NOW: i64 = 1_772_366_400;

fn after(seconds: u64) -> Decision {
    Decision::Retry { after: Duration::from_secs(seconds), asked: true }
}

fn limited(seconds: u64) -> Decision {
    Decision::RateLimited { retry_after: Duration::from_secs(seconds) }
}

fn backed_off(milliseconds: u64) -> Decision {
    Decision::Retry { after: Duration::from_millis(milliseconds), asked: false }
}

/// Decides about the nth attempt, after `waited` seconds; those before had the same answer.
fn nth(
    number: u32,
    waited: u64,
    method: Method,
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Decision {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let is_put_off = matches!(status, 403 | 429) || headers.contains_key(header::RETRY_AFTER);
    decide(
        LIMITS,
        Attempt {
            method: &method,
            wants_json: true,
            number,
            put_off: if is_put_off { number - 1 } else { 0 },
            waited: Duration::from_secs(waited),
            outcome: Outcome::Answer {
                status: StatusCode::from_u16(status).unwrap(),
                headers: &headers,
                body: body.as_bytes(),
            },
            now: Timestamp::from_second(NOW).unwrap(),
            jitter: 0.0,
        },
    )
}

fn first(status: u16, headers: &[(&'static str, &str)], body: &str) -> Decision {
    nth(1, 0, Method::GET, status, headers, body)
}

fn failure(number: u32, method: Method, kind: TransportErrorKind) -> Decision {
    decide(
        LIMITS,
        Attempt {
            method: &method,
            wants_json: true,
            number,
            put_off: 0,
            waited: Duration::ZERO,
            outcome: Outcome::Failed(kind),
            now: Timestamp::from_second(NOW).unwrap(),
            jitter: 0.0,
        },
    )
}

#[test]
fn retry_after_is_followed_in_both_forms() {
    for status in [429, 503, 403] {
        for (value, expected) in [
            ("30", after(30)),
            (" 30 ", after(30)),
            ("0", after(1)),
            ("Sun, 01 Mar 2026 12:02:00 GMT", after(120)),
            ("Sunday, 01-Mar-26 12:02:00 GMT", after(120)),
            ("Sun Mar  1 12:02:00 2026", after(120)),
            // A date that is past, as a wrong clock makes it.
            ("Sun, 01 Mar 2026 11:00:00 GMT", after(1)),
            ("601", limited(601)),
            ("18446744073709551615", limited(u64::MAX)),
            ("Mon, 02 Mar 2026 12:00:00 GMT", limited(86_400)),
        ] {
            assert_eq!(first(status, &[("retry-after", value)], ""), expected, "{status} {value}");
        }
    }
}

#[test]
fn a_retry_after_that_says_nothing_is_as_good_as_none() {
    for value in ["soon", "-5", "1.5", "99999999999999999999", ""] {
        let header = [("retry-after", value)];
        let expected = Decision::Retry { after: UNNAMED_WAIT, asked: true };
        assert_eq!(first(429, &header, ""), expected, "{value}");
        assert_eq!(first(403, &header, ""), Decision::Done, "{value}");
    }
}

#[test]
fn a_service_that_names_no_time_is_asked_less_and_less_until_the_ceiling() {
    let (mut waited, mut waits) = (0, Vec::new());
    let left = loop {
        let number = u32::try_from(waits.len()).unwrap() + 1;
        match nth(number, waited, Method::GET, 429, &[], "{}") {
            Decision::Retry { after, asked: true } => waits.push(after.as_secs()),
            Decision::RateLimited { retry_after } => break retry_after.as_secs(),
            other => panic!("{other:?}"),
        }
        waited += waits[waits.len() - 1];
    };
    assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    assert!(waited <= 600 && waited + left > 600, "{waits:?}");
    // The same where it says "in a second" every time.
    assert_eq!(nth(4, 7, Method::GET, 429, &[("retry-after", "1")], ""), after(8));
}

#[test]
fn a_time_in_the_text_is_waited_for() {
    for (text, expected) in [
        (r#"{"error": "API Rate Limit Exceeded. Retry after 42 seconds."}"#, 42),
        (r#"{"error": "Try again in 2 minutes"}"#, 120),
        (r#"{"retry_after": 30}"#, 30),
        (r#"{"retryAfter":"2.5"}"#, 2),
        ("Please wait 1 min.", 60),
        ("Too many requests, retry in 90s", 90),
        ("WAIT 5 PARSECS", 5),
        // No time that can be read: the growing wait.
        ("Please wait. The limit of 180 requests a minute is reached", 1),
        ("try again in a moment", 1),
        ("retry after 99999999999999999999999 seconds", 1),
        ("180 requests in 60 seconds", 1),
    ] {
        let Decision::Retry { after, asked: true } = first(429, &[], text) else {
            panic!("{text}")
        };
        assert_eq!(after.as_secs(), expected, "{text}");
        // A refusal is none because it speaks of waiting.
        assert_eq!(first(403, &[], text), Decision::Done, "{text}");
    }
}

#[test]
fn githubs_limits_are_told_from_a_missing_permission() {
    let reset_in_5_minutes = (NOW + 300).to_string();
    let reset = ("x-ratelimit-reset", reset_in_5_minutes.as_str());
    let reset_in_an_hour = (NOW + 3600).to_string();
    let late = ("x-ratelimit-reset", reset_in_an_hour.as_str());
    let reset_is_past = (NOW - 5).to_string();
    let past = ("x-ratelimit-reset", reset_is_past.as_str());
    let secondary = r#"{"message": "You have exceeded a Secondary rate limit. Wait."}"#;
    for status in [403, 429] {
        for (headers, body, expected) in [
            (&[("x-ratelimit-remaining", "0"), reset][..], "", after(301)),
            (&[("x-ratelimit-remaining", "0"), past], "", after(1)),
            (&[("x-ratelimit-remaining", "0"), late], "", limited(3601)),
            (&[("retry-after", "7"), ("x-ratelimit-remaining", "0"), reset], secondary, after(7)),
            (&[("x-ratelimit-remaining", "0")], secondary, after(60)),
            (&[("x-ratelimit-remaining", "40"), reset], secondary, after(60)),
            (&[], secondary, after(60)),
            (&[], r#"{"message": "You have triggered an abuse detection mechanism."}"#, after(60)),
        ] {
            assert_eq!(first(status, headers, body), expected, "{status} {headers:?} {body}");
        }
    }
    let permission = r#"{"message": "Resource not accessible by personal access token"}"#;
    assert_eq!(first(403, &[("x-ratelimit-remaining", "4999"), reset], permission), Decision::Done);
    assert_eq!(first(403, &[], permission), Decision::Done);
}

#[test]
fn a_secondary_limit_is_waited_for_longer_each_time() {
    let body = "secondary rate limit";
    let at = |number, waited| nth(number, waited, Method::GET, 403, &[], body);
    assert_eq!(at(1, 0), after(60));
    assert_eq!(at(2, 60), after(120));
    assert_eq!(at(3, 180), after(240));
    // A fourth wait would take it to 900 seconds, past the ceiling of 600.
    assert_eq!(at(4, 420), limited(480));
}

#[test]
fn a_limit_is_waited_for_whatever_the_method() {
    let headers = [("retry-after", "3")];
    assert_eq!(nth(1, 0, Method::POST, 429, &headers, ""), after(3));
    assert_eq!(nth(1, 0, Method::POST, 503, &headers, ""), after(3));
}

#[test]
fn waiting_in_all_has_a_ceiling_and_so_have_attempts_that_nobody_put_off() {
    let headers = [("retry-after", "100")];
    assert_eq!(nth(2, 500, Method::GET, 429, &headers, ""), after(100));
    assert_eq!(nth(2, 501, Method::GET, 429, &headers, ""), limited(100));
    assert_eq!(nth(50, 0, Method::GET, 429, &headers, ""), after(100));
    assert_eq!(nth(5, 0, Method::GET, 500, &[], ""), Decision::Done);
    assert_eq!(failure(5, Method::GET, TransportErrorKind::Connect), Decision::Done);
}

#[test]
fn what_the_service_put_off_uses_up_no_attempt_and_is_not_refused_one() {
    let at = |number, put_off, status| {
        let outcome = Outcome::Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &HeaderMap::new(),
            body: b"",
        };
        let (method, now) = (&Method::GET, Timestamp::from_second(NOW).unwrap());
        let (wants_json, waited, jitter) = (true, Duration::ZERO, 0.0);
        decide(
            LIMITS,
            Attempt { method, wants_json, number, put_off, waited, outcome, now, jitter },
        )
    };
    // A 500 after many a 429 is the first of its kind.
    assert_eq!(at(13, 12, 500), backed_off(500));
    assert_eq!(at(16, 12, 500), backed_off(4_000));
    assert_eq!(at(17, 12, 500), Decision::Done);
    // A 429 after four of these is waited for all the same.
    assert_eq!(at(5, 0, 429), after(1));
}

#[test]
fn a_fault_of_the_server_is_tried_again_where_that_does_nothing_twice() {
    for (status, method, expected) in [
        (500, Method::GET, backed_off(500)),
        (502, Method::GET, backed_off(500)),
        (503, Method::HEAD, backed_off(500)),
        (504, Method::GET, backed_off(500)),
        (522, Method::GET, backed_off(500)),
        (501, Method::GET, Decision::Done),
        (505, Method::GET, Decision::Done),
        (500, Method::POST, Decision::Done),
        (503, Method::PUT, Decision::Done),
        (502, Method::DELETE, Decision::Done),
    ] {
        assert_eq!(nth(1, 0, method.clone(), status, &[], ""), expected, "{method} {status}");
    }
}

#[test]
fn a_good_answer_without_the_json_that_was_asked_for_is_tried_again() {
    let again = backed_off(500);
    let html = "<!DOCTYPE html><h1>Back soon</h1>";
    for (kind, body, expected) in [
        ("text/html", html, again),
        ("text/HTML; charset=utf-8", "", again),
        ("application/json", html, again),
        ("application/json; charset=utf-8", "[{\"id\": 1}, {\"i", again),
        ("application/vnd.github+json", "{\"id\": \"a", again),
        ("application/json", "", again),
        ("application/json", "\u{feff}[1", again),
        ("application/json", "\u{feff} [1]\n", Decision::Done),
        ("application/json", "{\"error\": \"No.\"}", Decision::Done),
        ("application/json", "\"\\ud83d\"", Decision::Done),
        // TestRail's old servers print a line before the document.
        ("application/json", "USER AUTHENTICATION SUCCESSFUL!\n[]", Decision::Done),
        ("text/plain", "[1", Decision::Done),
        ("application/octet-stream", "[1", Decision::Done),
    ] {
        assert_eq!(first(200, &[("content-type", kind)], body), expected, "{kind} {body}");
    }
    let at = |number, method, status| {
        nth(number, 0, method, status, &[("content-type", "text/html")], html)
    };
    assert_eq!(at(5, Method::GET, 200), Decision::Done);
    assert_eq!(at(1, Method::POST, 200), Decision::Done);
    assert_eq!(at(1, Method::HEAD, 200), Decision::Done);
    assert_eq!(at(1, Method::GET, 404), Decision::Done);
    assert_eq!(first(204, &[("content-type", "application/json")], ""), Decision::Done);
}

#[test]
fn a_request_asks_for_json_when_its_accept_says_so() {
    for (accept, wanted) in [
        ("application/json", true),
        ("application/vnd.github+json; q=1, */*;q=0.1", true),
        ("Application/JSON", true),
        ("text/html, application/json", false),
        ("*/*", false),
        ("", false),
    ] {
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
        assert_eq!(wants_json(&headers), wanted, "{accept}");
    }
    assert!(!wants_json(&HeaderMap::new()));
}

#[test]
fn every_other_answer_is_the_plugins_to_read() {
    for status in [200, 204, 301, 302, 304, 400, 401, 404, 409, 410, 422] {
        // TestRail answers 409 while it is in maintenance, and may say when that ends.
        assert_eq!(
            first(status, &[("retry-after", "9")], "maintenance"),
            Decision::Done,
            "{status}"
        );
    }
}

#[test]
fn a_failure_is_tried_again_unless_the_request_may_have_done_something() {
    use TransportErrorKind::{Broken, Connect, Timeout, Tls};
    for (kind, method, expected) in [
        (Connect, Method::GET, backed_off(500)),
        (Connect, Method::POST, backed_off(500)),
        (Broken, Method::GET, backed_off(500)),
        (Broken, Method::POST, Decision::Done),
        (Timeout, Method::HEAD, backed_off(500)),
        (Timeout, Method::POST, Decision::Done),
        (Tls, Method::GET, Decision::Done),
    ] {
        assert_eq!(failure(1, method.clone(), kind), expected, "{method} {kind:?}");
    }
}

#[test]
fn waits_double_up_to_a_ceiling_and_are_spread_by_up_to_as_much_again() {
    let waits: Vec<u128> = (1..=8).map(|n| backoff(n, 0.0).as_millis()).collect();
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    assert_eq!(backoff(1, 0.5), Duration::from_millis(750));
    assert_eq!(backoff(u32::MAX, 1.0), Duration::from_secs(60));
}

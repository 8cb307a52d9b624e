// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Reply, Server, get, options, request, session_with};
use crate::{Gate, GateError, GateOptions, Session};

const NOW: &str = "2026-03-01T12:00:00Z";
const API: &str = "https://api.github.com";

/// An entry of a recording, as short as the format allows.
fn entry(method: &str, url: &str, status: u16, headers: Value, body: &str) -> Value {
    json!({
        "startedDateTime": NOW, "time": 0, "cache": {}, "timings": {"send": 0, "wait": 0, "receive": 0},
        "request": {
            "method": method, "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
            "queryString": [], "headersSize": -1, "bodySize": 0
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": headers, "content": {"size": body.len(), "mimeType": "text/plain", "text": body},
            "redirectURL": "", "headersSize": -1, "bodySize": -1
        }
    })
}

fn load(document: &Value) -> Result<Cassette, GateError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), document.to_string()).unwrap();
    Cassette::load(file.path())
}

fn cassette(entries: Vec<Value>) -> Cassette {
    let page = json!({"startedDateTime": NOW, "id": "run", "title": "t", "pageTimings": {}});
    load(&json!({"log": {
        "version": "1.2", "creator": {"name": "by hand", "version": "1"}, "pages": [page], "entries": entries
    }}))
    .unwrap()
}

fn replay(cassette: &Cassette) -> (Gate, Session) {
    (Gate::new(options(&[API])).unwrap(), session_with(cassette.clone()))
}

#[tokio::test]
async fn what_was_recorded_is_what_a_replay_answers() {
    let server = Server::new(|n, _| match n {
        0 => Reply::new(
            200,
            &[("content-type", "application/json"), ("link", "<x>; rel=\"next\"")],
            "[\"🐞\"]".as_bytes(),
        ),
        1 => Reply::new(200, &[("x-latin", "caf\u{e9}")], b"\x00\xff\x1f\x8b"),
        2 => Reply::new(301, &[("location", "/moved")], b""),
        _ => Reply::new(404, &[], b"no"),
    })
    .await;
    let gate = Gate::new(options(&[&server.origin])).unwrap();
    let asked = || {
        vec![
            get(&server.url("/issues?page=1&per_page=100")),
            request(Method::GET, &server.url("/search"), "{\"q\": 1}"),
            get(&server.url("/old")),
            get(&server.url("/none")),
        ]
    };
    let recorder = Recorder::new(
        "fenix issues".into(),
        NOW.parse().unwrap(),
        Window::default(),
        Masks::default(),
    );
    let live = session_with(recorder.clone());
    let mut recorded = Vec::new();
    for request in asked() {
        recorded.push(gate.send(request, &live).await.unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/run.har");
    recorder.write(&path).unwrap();

    let cassette = Cassette::load(&path).unwrap();
    assert_eq!(cassette.now(), Some(NOW.parse().unwrap()));
    let again = session_with(cassette.clone());
    for (request, recorded) in asked().into_iter().zip(&recorded) {
        let replayed = gate.send(request, &again).await.unwrap();
        assert_eq!(replayed.status(), recorded.status());
        assert_eq!(replayed.headers(), recorded.headers());
        assert_eq!(replayed.body(), recorded.body());
    }
    assert_eq!(
        (again.requests(), again.response_bytes()),
        (live.requests(), live.response_bytes())
    );
    assert_eq!(cassette.unused(), Vec::<String>::new());
    assert_eq!(server.requests().len(), 4, "a replay sends nothing");
}

#[test]
fn a_recording_keeps_the_window_of_its_run() {
    let moment = |text: &str| Some(text.parse().unwrap());
    let windows = [
        Window::default(),
        Window { since: moment("2026-02-01T00:00:00Z"), until: None },
        Window { since: None, until: moment("2026-03-01T00:00:00.5Z") },
        Window { since: moment("2026-02-01T00:00:00Z"), until: moment("2026-03-01T00:00:00Z") },
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.har");
    for window in windows {
        Recorder::new("t".into(), NOW.parse().unwrap(), window, Masks::default())
            .write(&path)
            .unwrap();
        assert_eq!(Cassette::load(&path).unwrap().window(), window);
    }
    assert_eq!(Window::from_comment("recorded since we could not sleep"), Window::default());
}

#[tokio::test]
async fn a_recording_is_a_har_file_of_its_owner() {
    let server = Server::with(vec![Reply::new(200, &[], b"\xff")]).await;
    let gate = Gate::new(options(&[&server.origin])).unwrap();
    let recorder = Recorder::new(
        "fenix issues".into(),
        NOW.parse().unwrap(),
        Window::default(),
        Masks::default(),
    );
    gate.send(request(Method::GET, &server.url("/a?x=1"), "b"), &session_with(recorder.clone()))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.har");
    std::fs::write(&path, "an older recording").unwrap();
    recorder.write(&path).unwrap();

    let text = std::fs::read_to_string(&path).unwrap();
    let har: Value = serde_json::from_str(&text).unwrap();
    let (log, entry) = (&har["log"], &har["log"]["entries"][0]);
    assert_eq!(log["version"], "1.2");
    assert_eq!(log["pages"][0]["startedDateTime"], NOW);
    assert_eq!(log["pages"][0]["title"], "fenix issues");
    assert_eq!(entry["pageref"], log["pages"][0]["id"]);
    assert_eq!(entry["comment"], "fenix/issues");
    assert_eq!(entry["request"]["postData"]["text"], "b");
    assert_eq!(entry["request"]["queryString"][0], json!({"name": "x", "value": "1"}));
    assert_eq!(entry["response"]["content"]["text"], "/w==");
    assert_eq!(entry["response"]["content"]["encoding"], "base64");
    assert!(text.starts_with("{\n  \"log\""), "it is laid out for a person");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn attempts_without_an_answer_are_recorded_and_replayed() {
    let server =
        Server::with(vec![Reply::claiming(9, 200, &[], b"half"), Reply::new(200, &[], b"whole")])
            .await;
    let gate = Gate::new(options(&[&server.origin])).unwrap();
    let recorder =
        Recorder::new("run".into(), NOW.parse().unwrap(), Window::default(), Masks::default());
    gate.send(get(&server.url("/")), &session_with(recorder.clone())).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    recorder.write(&folder.path().join("run.har")).unwrap();

    let cassette = Cassette::load(&folder.path().join("run.har")).unwrap();
    let again = session_with(cassette.clone());
    let response = gate.send(get(&server.url("/")), &again).await.unwrap();
    assert_eq!((response.body().as_ref(), again.requests()), (&b"whole"[..], 2));
    assert_eq!(cassette.unused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn waiting_is_free_and_counts_as_it_did_when_it_was_recorded() {
    let url = format!("{API}/issues");
    let limited = |seconds: &str| {
        entry("GET", &url, 429, json!([{"name": "Retry-After", "value": seconds}]), "")
    };
    let reset = json!([
        {"name": "x-ratelimit-remaining", "value": "0"},
        // 40 seconds after the entry's own time, which is long past by now.
        {"name": "x-ratelimit-reset", "value": "1772366440"}
    ]);
    let start = tokio::time::Instant::now();

    let recording = cassette(vec![
        limited("15"),
        entry("GET", &url, 403, reset, ""),
        entry("GET", &url, 200, json!([]), "[]"),
    ]);
    let (gate, session) = replay(&recording);
    assert_eq!(gate.send(get(&url), &session).await.unwrap().status(), 200);

    // The same ceiling as when it was live: 41 seconds and 20 are more than 60.
    let late =
        cassette(vec![limited("41"), limited("20"), entry("GET", &url, 200, json!([]), "[]")]);
    let (gate, session) = replay(&late);
    let error = gate.send(get(&url), &session).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(20)));
    assert_eq!(gate.waiting_until(), None);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_operators_own_pace_does_not_slow_a_replay() {
    let entries =
        (0..50).map(|n| entry("GET", &format!("{API}/{n}"), 200, json!([]), "")).collect();
    let session = session_with(cassette(entries));
    let requests_per_minute = std::num::NonZeroU32::new(1);
    let gate = Gate::new(GateOptions { requests_per_minute, ..options(&[API]) }).unwrap();
    let start = tokio::time::Instant::now();
    for n in 0..50 {
        gate.send(get(&format!("{API}/{n}")), &session).await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_request_is_found_whatever_the_order_of_its_query() {
    let recording = cassette(vec![entry(
        "GET",
        &format!("{API}/i?labels=b&labels=a&page=1"),
        200,
        json!([]),
        "",
    )]);
    let (gate, session) = replay(&recording);
    gate.send(get(&format!("{API}/i?page=1&labels=a&labels=b")), &session).await.unwrap();
}

#[tokio::test]
async fn repeats_get_their_answers_in_order_and_no_more() {
    let url = format!("{API}/i");
    let recording = cassette(vec![
        entry("GET", &url, 200, json!([]), "first"),
        entry("GET", &url, 200, json!([]), "second"),
    ]);
    let (gate, session) = replay(&recording);
    for expected in ["first", "second"] {
        assert_eq!(
            gate.send(get(&url), &session).await.unwrap().body().as_ref(),
            expected.as_bytes()
        );
    }
    let error = gate.send(get(&url), &session).await.unwrap_err();
    assert!(error.to_string().contains("recorded 2 time(s), and all are used"), "{error}");
    assert_eq!(session.violation(), Some(error));
}

#[test]
fn entries_that_name_one_body_share_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bodies")).unwrap();
    std::fs::write(folder.path().join("bodies/a.body"), "[]").unwrap();
    let entries: Vec<Value> = (0..3)
        .map(|page| {
            let mut entry = entry("GET", &format!("{API}/?page={page}"), 200, json!([]), "");
            entry["response"]["content"] =
                json!({"size": 2, "mimeType": "text/plain", "_file": "bodies/a.body"});
            entry
        })
        .collect();
    let path = folder.path().join("run.har");
    let creator = json!({"name": "by hand", "version": "1"});
    let har = json!({"log": {"version": "1.2", "creator": creator, "entries": entries}});
    std::fs::write(&path, har.to_string()).unwrap();
    let cassette = Cassette::load(&path).unwrap();
    let bodies: Vec<Bytes> = cassette
        .recorded()
        .flat_map(|(_, _, answers)| answers)
        .map(|taped| taped.outcome.as_ref().unwrap().body().clone())
        .collect();
    assert_eq!(bodies, [&b"[]"[..]; 3]);
    assert!(bodies.iter().all(|body| body.as_ptr() == bodies[0].as_ptr()));
}

#[tokio::test]
async fn answers_that_put_a_request_off_use_up_none_of_its_attempts() {
    let url = format!("{API}/issues");
    let statuses = [429, 429, 429, 500, 500, 200];
    let entries = statuses.map(|status| entry("GET", &url, status, json!([]), ""));
    let (gate, session) = replay(&cassette(entries.to_vec()));
    let response = gate.send(get(&url), &session).await.unwrap();
    assert_eq!((response.status().as_u16(), session.requests()), (200, 6));
}

#[tokio::test]
async fn a_request_that_was_not_recorded_is_named_with_those_that_were() {
    let recording = cassette(vec![
        entry(
            "GET",
            &format!("{API}/repos/mozilla-mobile/fenix/issues?page=2"),
            200,
            json!([]),
            "",
        ),
        entry("HEAD", &format!("{API}/graphql"), 200, json!([]), ""),
    ]);
    for (asked, hint) in [
        (get(&format!("{API}/repos/mozilla-mobile/fenix/issues?page=3")), "issues?page=2; HEAD"),
        (request(Method::HEAD, &format!("{API}/graphql"), "{}"), "with another body"),
        (
            get(&format!("{API}/graphql")),
            "the nearest it holds: HEAD https://api.github.com/graphql",
        ),
    ] {
        let (gate, session) = replay(&recording);
        let named = describe(asked.method(), &asked.uri().to_string().parse().unwrap());
        let error = gate.send(asked, &session).await.unwrap_err();
        assert!(error.is_violation(), "{error}");
        assert!(error.to_string().contains(&named) && error.to_string().contains(hint), "{error}");
    }
    let unused = recording.unused();
    assert_eq!(unused.len(), 2);
    assert!(unused[0].contains("fenix/issues?page=2 (asked 0 of 1 times)"), "{unused:?}");
}

#[tokio::test]
async fn a_recording_does_not_get_past_the_policy() {
    let metadata = "http://169.254.169.254/latest/";
    let recording = cassette(vec![
        entry("GET", "https://evil.org/", 200, json!([]), "x"),
        entry("GET", metadata, 200, json!([]), "x"),
    ]);
    let tape = || session_with(recording.clone());
    let gate = Gate::new(options(&[API, "http://169.254.169.254"])).unwrap();
    let error = gate.send(get("https://evil.org/"), &tape()).await.unwrap_err();
    assert!(matches!(error, GateError::NotAllowed { .. }), "{error}");
    let error = gate.send(get(metadata), &tape()).await.unwrap_err();
    assert!(matches!(error, GateError::AddressRefused { .. }), "{error}");
    assert_eq!(recording.unused().len(), 2);
}

#[tokio::test]
async fn a_recording_is_held_to_the_same_budgets() {
    let recording = cassette(vec![entry("GET", API, 200, json!([]), "12345")]);
    let gate = Gate::new(GateOptions { max_response_bytes: 4, ..options(&[API]) }).unwrap();
    let error = gate.send(get(API), &session_with(recording)).await.unwrap_err();
    assert!(error.to_string().contains("`limits.max-body-bytes`"), "{error}");
}

#[test]
fn a_byte_order_mark_before_a_recording_is_ignored() {
    let text = json!({"log": {
        "version": "1.2", "creator": {"name": "n", "version": "1"},
        "entries": [entry("GET", API, 200, json!([]), "")],
    }});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("\u{feff}{text}")).unwrap();
    assert_eq!(Cassette::load(file.path()).unwrap().unused().len(), 1);
}

#[test]
fn a_file_that_is_no_recording_is_refused_with_its_name_and_reason() {
    let log = |version: &str, entries: Value| json!({"log": {"version": version, "creator": {"name": "n", "version": "1"}, "entries": entries}});
    let mut half = entry("GET", API, 200, json!([]), "");
    half.as_object_mut().unwrap().remove("response");
    let mut undated = entry("GET", API, 200, json!([]), "");
    undated["startedDateTime"] = json!("yesterday");
    for (document, reason) in [
        (json!({}), "`log`"),
        (log("1.3", json!([])), "not HAR version 1.2"),
        (log("9", json!([])), "not HAR version 1.2"),
        (log("1.2", json!([half])), "response"),
        (log("1.2", json!([undated])), "yesterday"),
        (log("1.2", json!([entry("GET", "not a url", 200, json!([]), "")])), "entry 0 (not a url)"),
        (log("1.2", json!([entry("GET", API, 99, json!([]), "")])), "99 is not a status"),
    ] {
        let error = load(&document).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read the recording /") && error.contains(reason),
            "{error}"
        );
    }
    let missing = Cassette::load(Path::new("no/such.har")).unwrap_err().to_string();
    assert!(missing.contains("no/such.har"), "{missing}");
}

#[test]
fn a_recording_that_cannot_be_written_says_where() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let recorder =
        Recorder::new("run".into(), NOW.parse().unwrap(), Window::default(), Masks::default());
    let error = recorder.write(&file.path().join("below/a/file.har")).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot write the recording ") && error.contains("file.har"),
        "{error}"
    );
}

#[test]
fn an_entry_has_no_url_and_no_headers_without_measure() {
    let of = |url: &str, headers: usize| {
        let headers = vec![json!({"name": "x-y", "value": "1"}); headers];
        let entries = [entry("GET", url, 200, headers.into(), "{}")];
        let creator = json!({"name": "by hand", "version": "1"});
        load(&json!({"log": {"version": "1.2", "creator": creator, "entries": entries}}))
    };
    let long = format!("{API}/?{}", "a&".repeat(40_000));
    for (url, headers) in [(long.as_str(), 1), (API, 1_001)] {
        let error = of(url, headers).unwrap_err().to_string();
        assert!(error.contains("at most 65536 and 1000"), "{error:.200}");
    }
    assert!(of(&long[..60_000], 1_000).is_ok());
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

use http::Request;
use serde_json::{Value, json};
use test_dashboard_egress::{Gate, GateError, Session};

use super::super::setup::gate_to;
use super::*;
use crate::config::Limits;

const API: &str = "https://api.github.com";

/// A recording of these exchanges: path, status (0 for none) and body.
fn recording(exchanges: &[(&str, u16, &str)]) -> Cassette {
    let entries: Vec<Value> = exchanges
        .iter()
        .map(|(path, status, body)| {
            json!({
                "startedDateTime": "2026-03-01T12:00:00Z", "time": 0, "cache": {},
                "timings": {"send": 0, "wait": 0, "receive": 0},
                "request": {
                    "method": "GET", "url": format!("{API}{path}"), "httpVersion": "HTTP/1.1",
                    "cookies": [], "headers": [], "queryString": [], "headersSize": -1, "bodySize": 0
                },
                "response": {
                    "status": status, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
                    "headers": [], "redirectURL": "", "headersSize": -1, "bodySize": -1,
                    "content": {"size": body.len(), "mimeType": "application/json", "text": body}
                }
            })
        })
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    let har = json!({"log": {
        "version": "1.2", "creator": {"name": "by hand", "version": "1"}, "entries": entries
    }});
    std::fs::write(file.path(), har.to_string()).unwrap();
    Cassette::load(file.path()).unwrap()
}

fn gate() -> Gate {
    gate_to("github", &[API.into()], &Limits::default()).unwrap()
}

fn session(scene: &Scene) -> Session {
    let scene = Arc::new(scene.clone());
    Session::new("fenix/issues".into(), Some(scene), Limits::default().requests())
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

/// Asks for these paths in turn: the answers' bodies, or what was said instead.
async fn ask(scene: &Scene, paths: &[&str]) -> Vec<String> {
    let (gate, session) = (gate(), session(scene));
    let mut told = Vec::new();
    for path in paths {
        told.push(match gate.send(get(&format!("{API}{path}")), &session).await {
            Ok(answer) if answer.status() == 200 => {
                String::from_utf8_lossy(answer.body()).into_owned()
            }
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(error) => error.to_string(),
        });
    }
    told
}

fn breakage(fault: Fault, at: usize, lasts: bool) -> Option<Breakage> {
    Some(Breakage { fault, at, lasts })
}

#[tokio::test]
async fn a_request_is_answered_as_often_as_it_is_asked() {
    let tape = recording(&[("/a", 200, "[1]"), ("/b", 200, "[2]"), ("/a", 200, "[3]")]);
    let rehearsal = Rehearsal::new(&tape, &[]);
    for _ in 0..2 {
        let scene = rehearsal.scene(None);
        assert_eq!(ask(&scene, &["/a", "/a", "/a", "/b"]).await, ["[1]", "[3]", "[3]", "[2]"]);
    }
}

#[tokio::test]
async fn what_the_host_tried_again_is_left_out_unless_it_was_the_last_word() {
    let tape = recording(&[
        ("/a", 0, ""),
        ("/a", 503, "later"),
        ("/a", 200, "[1]"),
        ("/b", 404, "no"),
        ("/b", 200, "[2]"),
        ("/c", 500, "no"),
    ]);
    let scene = Rehearsal::new(&tape, &[]).scene(None);
    assert_eq!(ask(&scene, &["/a", "/b", "/b", "/c"]).await, ["[1]", "404", "[2]", "500"]);
    assert_eq!(scene.unasked(), [""; 0]);
}

#[tokio::test]
async fn further_recordings_answer_what_the_first_does_not_know() {
    let first = recording(&[("/a", 200, "[1]")]);
    let further = recording(&[("/a", 200, "[9]"), ("/b", 200, "[2]")]);
    let scene = Rehearsal::new(&first, &[further]).scene(None);
    assert_eq!(scene.unasked(), [format!("GET {API}/a")], "only what the run itself asked");
    assert_eq!(ask(&scene, &["/a", "/a", "/b"]).await, ["[1]", "[1]", "[2]"]);
    assert_eq!(scene.unasked(), [""; 0]);
}

#[tokio::test]
async fn what_is_in_no_recording_stops_the_plugin_and_is_told() {
    let scene = Rehearsal::new(&recording(&[("/issues?page=1", 200, "[1]")]), &[]).scene(None);
    let told = ask(&scene, &["/issues?page=2", "/issues?page=1"]).await;
    assert!(told[0].contains("holds no answer to GET https://api.github.com/issues?page=2"));
    assert!(told[0].contains("nearest that is recorded: GET https://api.github.com/issues?page=1"));
    assert_eq!(told[0], told[1], "the session ends with the first rule it broke");
    let exchanges = scene.exchanges();
    assert_eq!(exchanges.len(), 1);
    assert!(exchanges[0].to_string().ends_with("page=2: in no recording"), "{}", exchanges[0]);
}

#[tokio::test]
async fn a_fault_hits_the_request_that_was_named_once_or_for_good() {
    let tape = recording(&[("/a", 200, "[1]"), ("/b", 200, "[2]")]);
    let rehearsal = Rehearsal::new(&tape, &[]);
    let asked = ["/a", "/b", "/a", "/b", "/a"];
    let once = rehearsal.scene(breakage(Fault::ServerError, 2, false));
    assert_eq!(ask(&once, &asked).await, ["[1]", "500", "[1]", "[2]", "[1]"]);
    let lasting = rehearsal.scene(breakage(Fault::ServerError, 2, true));
    assert_eq!(ask(&lasting, &asked).await, ["[1]", "500", "[1]", "500", "[1]"]);
    let told: Vec<String> = lasting.exchanges().iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "GET https://api.github.com/a: 200, 3 bytes");
    assert_eq!(told[1], "GET https://api.github.com/b: 500, 35 bytes (put in)");
}

#[tokio::test]
async fn every_fault_looks_as_it_does_after_the_host_has_given_up() {
    let tape = recording(&[("/a", 200, r#"{"issues": [1, 2, 3]}"#)]);
    for (fault, said) in [
        (Fault::RateLimited, "answered 429 Too Many Requests and wants to be left alone for 120 s"),
        (Fault::ServerError, "500"),
        (Fault::CutConnection, "no answer from https://api.github.com/a in 1 attempt(s): the conn"),
        (Fault::HalfAPage, r#"{"issues":"#),
        (Fault::Html, "<!DOCTYPE html>"),
        (Fault::Slow, "gave no whole answer within"),
        (Fault::Unauthorized, "401"),
    ] {
        let scene = Rehearsal::new(&tape, &[]).scene(breakage(fault, 1, false));
        let told = ask(&scene, &["/a", "/a"]).await;
        assert!(told[0].contains(said), "{fault}: {}", told[0]);
        assert_eq!(told[1], r#"{"issues": [1, 2, 3]}"#, "a fault uses no recorded answer up");
        assert_eq!(scene.exchanges()[0].fault, Some(fault));
    }
}

#[test]
fn only_a_document_can_be_cut_so_that_it_shows() {
    let whole =
        |body: &'static str| Answer::Whole(Response::new(Bytes::from_static(body.as_bytes())));
    for (body, can) in
        [(" {\"a\": 1}", true), ("[]", true), ("", false), ("12", false), ("a,b", false)]
    {
        assert_eq!(Fault::HalfAPage.can_replace(&whole(body)), can, "{body}");
        assert!(Fault::Html.can_replace(&whole(body)));
    }
}

#[tokio::test]
async fn a_scene_goes_on_from_a_bookmark() {
    let tape = recording(&[("/a", 200, "[1]"), ("/a", 200, "[2]")]);
    let rehearsal = Rehearsal::new(&tape, &[]);
    let first = rehearsal.scene(None);
    assert_eq!(ask(&first, &["/a"]).await, ["[1]"]);
    let second = rehearsal.scene_from(&first.bookmark(), breakage(Fault::Html, 2, false));
    let told = ask(&second, &["/a", "/a", "/a"]).await;
    assert_eq!((told[0].as_str(), told[2].as_str()), ("[2]", "[2]"));
    assert!(told[1].starts_with("<!DOCTYPE"), "requests are counted anew");
}

#[tokio::test]
async fn everything_else_of_the_gate_stays_in_force() {
    let tape = recording(&[("/a", 200, "[1]")]);
    let scene = Rehearsal::new(&tape, &[]).scene(None);
    let session = session(&scene);
    let refused = gate().send(get("https://elsewhere.example.com/a"), &session).await.unwrap_err();
    assert!(matches!(refused, GateError::NotAllowed { .. }), "{refused}");
    assert!(scene.exchanges().is_empty());
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

use std::collections::BTreeMap;

use http::Response;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Reply, Server, get, options, request, session_with};
use crate::{Cassette, Gate};

const NOW: &str = "2026-03-01T12:00:00Z";
const LARGE: usize = file::LARGEST_INLINE + 1;

fn recorder(masks: &[&str]) -> Recorder {
    Recorder::new(
        "fenix issues".into(),
        NOW.parse().unwrap(),
        Window::default(),
        Masks::new(masks).unwrap(),
    )
}

/// Records what a server answers to GETs of `/0`, `/1` and so on.
async fn record(recorder: &Recorder, replies: Vec<Reply>) -> (Gate, Vec<String>) {
    let count = replies.len();
    let server = Server::with(replies).await;
    let gate = Gate::new(options(&[&server.origin])).unwrap();
    let urls: Vec<String> = (0..count).map(|n| server.url(&format!("/{n}"))).collect();
    let live = session_with(recorder.clone());
    for url in &urls {
        gate.send(get(url), &live).await.unwrap();
    }
    (gate, urls)
}

/// Asks the same of the recording in `path`.
async fn replay(gate: &Gate, path: &Path, urls: &[String]) -> Vec<Response<Bytes>> {
    let cassette = Cassette::load(path).unwrap();
    let session = session_with(cassette.clone());
    let mut answers = Vec::new();
    for url in urls {
        answers.push(gate.send(get(url), &session).await.unwrap());
    }
    assert_eq!(cassette.unused(), Vec::<String>::new());
    answers
}

/// All files below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(n, bytes)| (format!("{name}/{n}"), bytes)));
        } else {
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}

fn is_anywhere(folder: &Path, text: &str) -> bool {
    let pattern = text.as_bytes();
    files(folder).values().any(|bytes| bytes.windows(pattern.len()).any(|part| part == pattern))
}

fn json_reply(body: &Value) -> Reply {
    let body = body.to_string();
    let length = body.len().to_string();
    Reply::new(
        200,
        &[("content-type", "application/json"), ("content-length", &length)],
        body.as_bytes(),
    )
}

#[tokio::test]
async fn masked_values_are_in_no_file_and_equal_ones_stay_equal() {
    let recorder = recorder(&["$..email", "$..nothing"]);
    let padding = "x".repeat(LARGE);
    let replies = vec![
        json_reply(&json!([{"email": "ada@example.org", "id": 1}, {"email": "bob@example.org"}])),
        json_reply(&json!({"user": {"email": "bob@example.org"}, "padding": padding})),
        Reply::new(200, &[], b"no json"),
    ];
    let (gate, urls) = record(&recorder, replies).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issues.har");
    let written = recorder.write(&path).unwrap();

    assert!(!is_anywhere(folder.path(), "ada@") && !is_anywhere(folder.path(), "bob@"));
    let answers = replay(&gate, &path, &urls).await;
    let first: Value = serde_json::from_slice(answers[0].body()).unwrap();
    assert_eq!(first, json!([{"email": "masked-1", "id": 1}, {"email": "masked-2"}]));
    assert_eq!(answers[0].headers()["content-length"], answers[0].body().len().to_string());
    let second: Value = serde_json::from_slice(answers[1].body()).unwrap();
    assert_eq!(second["user"]["email"], "masked-2");
    assert_eq!(answers[2].body(), "no json");
    assert_eq!(written.requests, 3);
    assert_eq!(written.masks[0], MaskUse { path: "$..email".into(), found: 3 });
    assert_eq!(
        written.warnings(),
        [
            "the mask $..nothing found nothing in this recording",
            "1 answers are not JSON: masks do not look into them"
        ]
    );
    assert_eq!(written.masked("no ada@example.org here"), "no masked-1 here");
}

#[tokio::test]
async fn the_body_of_json_that_no_mask_can_look_into_is_left_out() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    for odd in [r#"{"$serde_json::private::Number":"zz"}"#, &deep] {
        let recorder = recorder(&["$..email"]);
        let body = format!("{{\"email\":\"ada@example.org\",\"x\":{odd}}}");
        let (gate, urls) = record(&recorder, vec![Reply::new(200, &[], body.as_bytes())]).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issues.har");
        let warnings = recorder.write(&path).unwrap().warnings();
        assert!(!is_anywhere(folder.path(), "ada@"), "{odd:.40}");
        assert!(warnings.iter().any(|warning| warning.contains("left out")), "{warnings:?}");
        assert_eq!(replay(&gate, &path, &urls).await[0].body(), "");
    }
}

#[tokio::test]
async fn a_masked_value_that_stands_elsewhere_is_told_without_it() {
    let recorder = recorder(&["$.email"]);
    let reply = || json_reply(&json!({"email": "ada@example.org", "text": "ask ada@example.org"}));
    let server = Server::with(vec![reply(), reply()]).await;
    let gate = Gate::new(options(&[&server.origin])).unwrap();
    let live = session_with(recorder.clone());
    gate.send(get(&server.url("/")), &live).await.unwrap();
    gate.send(get(&server.url("/?by=ada%40example.org")), &live).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let warnings = recorder.write(&folder.path().join("issues.har")).unwrap().warnings();
    assert_eq!(
        warnings,
        [
            "values that are masked elsewhere are still in the answer of request 1, the URL of request 2, the answer of request 2: mask these places too"
        ]
    );
}

#[tokio::test]
async fn two_recordings_of_one_world_mask_alike() {
    let main = recorder(&["$..email"]);
    let further = main.beside("fenix issues, resumed".into());
    let reply = |email: &str| vec![json_reply(&json!({ "email": email }))];
    record(&main, reply("ada@example.org")).await;
    record(&further, reply("bob@example.org")).await;
    record(&further, reply("ada@example.org")).await;
    let folder = tempfile::tempdir().unwrap();
    main.write(&folder.path().join("issues.har")).unwrap();
    let path = folder.path().join("issues.resumed.har");
    assert_eq!(further.write(&path).unwrap().masks[0].found, 2);
    let har: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |n: usize| har["log"]["entries"][n]["response"]["content"]["text"].clone();
    assert_eq!([text(0), text(1)], [r#"{"email":"masked-2"}"#, r#"{"email":"masked-1"}"#]);
}

#[tokio::test]
async fn cookies_are_in_no_recording() {
    let recorder = recorder(&[]);
    let cookies = [("set-cookie", "session=hush"), ("Set-Cookie2", "b=hush"), ("x-kept", "yes")];
    record(&recorder, vec![Reply::new(200, &cookies, b"{}")]).await;
    let folder = tempfile::tempdir().unwrap();
    recorder.write(&folder.path().join("issues.har")).unwrap();
    assert!(is_anywhere(folder.path(), "x-kept"));
    assert!(!is_anywhere(folder.path(), "set-cookie") && !is_anywhere(folder.path(), "hush"));
}

#[tokio::test]
async fn large_bodies_are_files_of_their_own() {
    let text = vec![b'a'; LARGE];
    let binary = vec![0xff; LARGE];
    let small = vec![0xff; file::LARGEST_INLINE];
    let replies = [&text, &binary, &text, &small].map(|body| Reply::new(200, &[], body)).into();
    let recorder = recorder(&[]);
    let (gate, urls) = record(&recorder, replies).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fenix/issues.har");
    let written = recorder.write(&path).unwrap();

    let found = files(&folder.path().join("fenix"));
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names[0], "bodies/.gitattributes");
    assert_eq!(found["bodies/.gitattributes"], b"*.body -diff -text\n");
    assert_eq!(written.files.len(), 3, "the recording and two bodies");
    let in_files: usize =
        found.iter().filter(|(name, _)| !name.contains("git")).map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(written.bytes, in_files as u64);
    let har: Value = serde_json::from_slice(&found["issues.har"]).unwrap();
    let content = |n: usize| har["log"]["entries"][n]["response"]["content"].clone();
    let name = content(0)["_file"].as_str().unwrap().to_owned();
    assert_eq!(found[&name], text);
    assert_eq!((&content(0)["text"], &content(0)["size"]), (&Value::Null, &json!(LARGE)));
    assert_eq!(content(2)["_file"], name, "equal bodies are one file");
    assert_eq!(content(3)["encoding"], "base64");

    let answers = replay(&gate, &path, &urls).await;
    for (answer, body) in answers.iter().zip([&text, &binary, &text, &small]) {
        assert!(answer.body() == body);
    }

    std::fs::remove_file(path.with_file_name(&name)).unwrap();
    let error = Cassette::load(&path).unwrap_err().to_string();
    assert!(error.contains("entry 0 (http") && error.contains(&name), "{error}");
}

#[tokio::test]
async fn a_new_recording_takes_the_former_ones_bodies_away() {
    let folder = tempfile::tempdir().unwrap();
    let write = async |name: &str, bodies: &[u8]| {
        let recorder = recorder(&[]);
        let replies = bodies.iter().map(|byte| Reply::new(200, &[], &vec![*byte; LARGE]));
        record(&recorder, replies.collect()).await;
        recorder.write(&folder.path().join(name)).unwrap();
    };
    write("issues.har", b"abc").await;
    write("releases.har", b"b").await;
    write("issues.har", b"c").await;
    let kept: Vec<u8> = files(folder.path())
        .iter()
        .filter(|(name, _)| name.ends_with(".body"))
        .map(|(_, bytes)| bytes[0])
        .collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&b'b') && kept.contains(&b'c'));
    write("releases.har", b"").await;
    write("issues.har", b"").await;
    let left: Vec<String> = files(folder.path()).into_keys().collect();
    assert_eq!(left, ["issues.har", "releases.har"]);
}

#[tokio::test]
async fn a_recording_that_cannot_be_written_leaves_no_bodies() {
    let recorder = recorder(&[]);
    record(&recorder, vec![Reply::new(200, &[], &vec![b'a'; LARGE])]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issues.har");
    std::fs::create_dir(&path).unwrap();
    recorder.write(&path).unwrap_err();
    assert!(!files(folder.path()).keys().any(|name| name.ends_with(".body")));
}

#[tokio::test]
async fn a_request_with_a_body_is_recorded_with_it() {
    let server = Server::with(vec![Reply::new(200, &[], b"")]).await;
    let gate = Gate::new(options(&[&server.origin])).unwrap();
    let recorder = recorder(&["$..email"]);
    let asked = || request(http::Method::GET, &server.url("/"), "{\"email\": \"ada@example.org\"}");
    gate.send(asked(), &session_with(recorder.clone())).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issues.har");
    recorder.write(&path).unwrap();
    let again = session_with(Cassette::load(&path).unwrap());
    gate.send(asked(), &again).await.unwrap();
}

#[tokio::test]
async fn more_than_a_recording_keeps_is_not_written_in_part() {
    let recorder = recorder(&[]);
    record(&recorder, vec![Reply::new(200, &[], b"1")]).await;
    recorder.0.bytes.store(MOST_RECORDED, Ordering::Relaxed);
    record(&recorder, vec![Reply::new(200, &[], b"2")]).await;
    assert_eq!(recorder.requests(), 0, "their memory is given back");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.har");
    let error = recorder.write(&path).unwrap_err().to_string();
    assert!(error.contains("exceed 256 MiB") && error.contains("narrow the run"), "{error}");
    assert!(!path.exists());
    assert!(recorder.unmasked().is_err());
}

#[tokio::test]
async fn a_mask_that_looks_for_more_than_it_can_says_so() {
    let recorder = recorder(&["$[*]"]);
    let many: Vec<String> = (0..200_000).map(|n| format!("person {n:020}")).collect();
    record(&recorder, vec![Reply::new(200, &[], json!(many).to_string().as_bytes())]).await;
    let folder = tempfile::tempdir().unwrap();
    let written = recorder.write(&folder.path().join("run.har")).unwrap();
    let warnings = written.warnings();
    assert!(
        warnings.iter().any(|warning| warning.contains("too many values are masked")),
        "{warnings:?}"
    );
}

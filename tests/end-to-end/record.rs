// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin record`: what is written can be shown to others and played back, and nothing is
//! written that cannot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use crate::support::github::{self, GitHub};
use crate::support::testrail::{self, Project, TestRail};
use crate::support::{Answer, Asked, Database, Ended, Kind, Server, Workplace, built};

/// What no file may hold.
const COOKIE: &str = "a-session-that-nobody-may-see";
const PERSONAL: [&str; 3] = ["ada@mozilla.example", "bob@mozilla.example", "+49 30 1234567"];
/// So many cases in an answer are more than 32 KiB.
const MANY: i64 = 240;

/// Two suites, one of them with a large answer; every case names a person.
fn project() -> Project {
    let mut project = Project::of(&[MANY, 3], 0, 0);
    for (suite, cases) in &mut project.suites {
        // No number that a mask would give.
        *suite += 40;
        for case in cases {
            let email = PERSONAL[(case["id"].as_i64().unwrap() % 2) as usize];
            case["author"] = json!({ "email": email, "phone": PERSONAL[2] });
            case["custom_steps"] = json!("Look at the page. ".repeat(5));
        }
    }
    project
}

/// Answers the list of suites with a cookie.
fn with_a_cookie(asked: &Asked, _: usize) -> Option<Answer> {
    let headers =
        [("content-type", "application/json"), ("set-cookie", COOKIE), ("x-request-id", "kept")];
    asked.target.contains("get_suites").then(|| Server::answer(200, &headers, suites().to_string()))
}

fn suites() -> Value {
    json!({
        "offset": 0, "limit": 250, "size": 2, "_links": {"next": null, "prev": null},
        "suites": [{"id": 41, "name": "One", "url": null}, {"id": 42, "name": "Two", "url": null}],
    })
}

/// Records the coverage of fenix's cases.
fn record(place: &Workplace, more: &[&str]) -> Ended {
    let plugin = built("plugins/testrail.wasm");
    let mut arguments = vec!["plugin", "record", plugin.to_str().unwrap()];
    if !more.contains(&"--project") {
        arguments.extend(["--project", "fenix"]);
    }
    if !more.contains(&"--report") {
        arguments.extend(["--report", "test-case-coverage"]);
    }
    arguments.extend(more);
    place.run_with(&arguments, &testrail::VARIABLES)
}

fn har(place: &Workplace) -> PathBuf {
    place.path("fixtures/fenix/test-case-coverage.har")
}

/// Every file below a folder, with what is in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

/// The files below a folder that hold a text.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    files(folder).into_iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

/// The texts of all answers of a recording.
fn answers(har: &Path) -> Vec<String> {
    let recording: Value = serde_json::from_slice(&std::fs::read(har).unwrap()).unwrap();
    let entries = recording["log"]["entries"].as_array().unwrap().clone();
    let body = |content: &Value| match content["_file"].as_str() {
        Some(name) => std::fs::read_to_string(har.with_file_name(name)).unwrap(),
        None => content["text"].as_str().unwrap_or_default().to_string(),
    };
    entries.iter().map(|entry| body(&entry["response"]["content"])).collect()
}

#[test]
fn no_secret_no_cookie_and_nothing_masked_is_in_any_file() {
    let testrail = TestRail::behind(project(), with_a_cookie);
    let place = Workplace::new(&testrail.section());
    let ended = record(&place, &["--mask", "$..email", "--mask", "$..phone"]).expect_code(0);

    let credential = testrail::authorization();
    let pair = credential.strip_prefix("Basic ").unwrap();
    for secret in [testrail::PASSWORD, testrail::USER, pair, COOKIE].into_iter().chain(PERSONAL) {
        assert_eq!(holding(&place.path(""), secret), Vec::<PathBuf>::new(), "{secret}");
        assert!(!ended.said().contains(secret), "{secret}");
    }
    for kept in ["x-request-id", "get_cases/59", "masked-1"] {
        assert!(!holding(&place.path("fixtures"), kept).is_empty(), "{kept} is to be recorded");
    }
    for said in ["masked $..email: 243 values", "masked $..phone: 243 values", " in 2 files"] {
        assert!(ended.out.contains(said), "{said:?}: {}", ended.out);
    }
    let place_of_configuration = "next: test-dashboard plugin test . --update";
    assert!(ended.out.contains(place_of_configuration), "{}", ended.out);
}

#[test]
fn equal_values_are_masked_alike_across_answers_and_large_ones_are_files_of_their_own() {
    let testrail = TestRail::start(project());
    let place = Workplace::new(&testrail.section());
    record(&place, &["--mask", "$..email"]).expect_code(0);

    let bodies = files(&place.path("fixtures/fenix/bodies"));
    assert_eq!(bodies.len(), 2, "one body and the attributes: {:?}", bodies.keys());
    let large = bodies.iter().find(|(path, _)| path.extension().is_some()).unwrap().1;
    assert!(large.len() > 32 << 10);
    let mut masked: BTreeMap<i64, String> = BTreeMap::new();
    let mut answers_with_cases = 0;
    for answer in answers(&har(&place)) {
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let Some(cases) = answer["cases"].as_array() else { continue };
        answers_with_cases += 1;
        for case in cases {
            let email = case["author"]["email"].as_str().unwrap().to_string();
            let known = masked.entry(case["id"].as_i64().unwrap() % 2).or_insert(email.clone());
            assert_eq!(*known, email);
            assert_eq!(case["author"]["phone"], PERSONAL[2], "no mask looks here");
        }
    }
    assert_eq!(answers_with_cases, 2);
    let masked: Vec<String> = masked.into_values().collect();
    assert!(masked == ["masked-1", "masked-2"] || masked == ["masked-2", "masked-1"], "{masked:?}");
}

#[test]
fn what_was_recorded_is_played_without_the_service() {
    let testrail = TestRail::start(project());
    let configuration = testrail.section();
    let place = Workplace::new(&configuration);
    record(&place, &["--mask", "$..email"]).expect_code(0);
    drop(testrail);
    let database = Database::new(Kind::Sqlite);
    let replay = || {
        let run =
            ["--project", "fenix", "--report-type", "test-case-coverage", "--replay", "fixtures"];
        place.run(&[run.as_slice(), &["--database", &database.url]].concat())
    };
    replay().expect_code(0);
    assert_eq!(database.number("SELECT COUNT(*) FROM testrail_test_suites"), 2);
    assert!(database.number("SELECT COUNT(*) FROM testrail_test_case_coverage") > 2);

    let body = files(&place.path("fixtures/fenix/bodies")).into_keys().next_back().unwrap();
    std::fs::remove_file(&body).unwrap();
    let name = body.file_name().unwrap().to_str().unwrap().to_string();
    replay().expect_code(2).expect_said(&name);
}

#[test]
fn a_program_is_told_what_was_recorded() {
    let testrail = TestRail::start(project());
    let place = Workplace::new(&testrail.section());
    let masks = ["--mask", "$..email", "--mask", "$..nobody", "--format", "json"];
    let ended = record(&place, &[masks.as_slice(), &["--fixtures", "recorded"]].concat());
    let told = ended.expect_code(0).expect_said("the mask $..nobody found nothing").json();
    assert_eq!(told["outcome"], "succeeded");
    assert_eq!(told["rows"]["testrail_test_suites"], 2);
    let recording = &told["recording"];
    assert_eq!(recording["requests"], testrail.server.count());
    assert_eq!(recording["files"][0], "recorded/fenix/test-case-coverage.har");
    let bytes: usize = files(&place.path("recorded"))
        .into_iter()
        .filter(|(path, _)| !path.ends_with(".gitattributes"))
        .map(|(_, bytes)| bytes.len())
        .sum();
    assert_eq!(recording["bytes"], bytes);
    assert_eq!(
        recording["masks"],
        json!([{"path": "$..email", "found": MANY + 3}, {"path": "$..nobody", "found": 0}])
    );
}

#[test]
fn a_new_recording_takes_the_place_of_all_that_the_former_one_was() {
    let testrail = TestRail::start(project());
    let place = Workplace::new(&testrail.section());
    record(&place, &[]).expect_code(0);
    let former = place.path("fixtures/fenix/test-case-coverage.resumed.har");
    std::fs::copy(har(&place), &former).unwrap();
    let other = place.path("fixtures/fenix/test-run-counts.har");
    std::fs::write(&other, r#"{"log": {"entries": []}}"#).unwrap();

    testrail.change(|project| *project = Project::of(&[2, 1], 0, 0));
    let ended = record(&place, &[]).expect_code(0);
    assert!(ended.out.contains("test-case-coverage.resumed.har was removed"), "{}", ended.out);
    let left: Vec<PathBuf> = files(&place.path("fixtures")).into_keys().collect();
    assert_eq!(left, [har(&place), other]);
    assert!(answers(&har(&place)).iter().all(|answer| !answer.contains("ada@")));
}

#[test]
fn a_failed_run_and_a_wrong_mask_leave_the_former_recording() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let broken = Arc::clone(&is_broken);
    let testrail = TestRail::behind(project(), move |asked, _| {
        let is_hit = asked.target.contains("suite_id=42") && broken.load(Ordering::SeqCst);
        is_hit.then(|| Server::json(403, json!({"error": "No access to this suite."})))
    });
    let place = Workplace::new(&testrail.section());
    record(&place, &[]).expect_code(0);
    let before = files(&place.path("fixtures"));

    is_broken.store(true, Ordering::SeqCst);
    let ended = record(&place, &[]).expect_failure();
    let path = "fixtures/fenix/test-case-coverage.har was not changed";
    assert!(
        ended.out.contains("FAILED fenix test-case-coverage") && ended.out.contains(path),
        "{ended:?}"
    );
    assert_eq!(files(&place.path("fixtures")), before);
    let told = record(&place, &["--format", "json"]).expect_failure().json();
    assert_eq!(told["recording"], Value::Null);

    is_broken.store(false, Ordering::SeqCst);
    let ended = record(&place, &["--mask", "$.suites[*].id"]).expect_code(1);
    let ended = ended.expect_said("cannot be replayed, so it was not written");
    let ended = ended.expect_said("the recording holds no answer to GET");
    ended.expect_said("A mask may have changed a value that later requests");
    assert_eq!(files(&place.path("fixtures")), before);
}

#[test]
fn nothing_is_asked_when_the_command_line_is_wrong() {
    let testrail = TestRail::start(project());
    let place = Workplace::new(&testrail.section());
    for (arguments, said) in [
        (["--mask", "..email"], "\"..email\" is not a JSON path"),
        (["--project", "fenixx"], "did you mean fenix?"),
        (["--project", "ALL"], "name one project"),
        (["--report", "test-case-covrage"], "did you mean test-case-coverage?"),
    ] {
        record(&place, &arguments).expect_code(2).expect_said(said);
    }
    let masked = testrail
        .section()
        .replace("[datasources.testrail]\n", "[datasources.testrail]\nrecord-mask = [\"email\"]\n");
    place.configure(&masked);
    record(&place, &[]).expect_code(2).expect_said("datasources.testrail.record-mask: \"email\"");
    assert_eq!(testrail.server.count(), 0);
    assert!(!place.path("fixtures").exists());
}

#[test]
fn masks_of_the_configuration_hold_for_every_recording() {
    let testrail = TestRail::start(project());
    let masked = testrail.section().replace(
        "[datasources.testrail]\n",
        "[datasources.testrail]\nrecord-mask = [\"$..email\"]\n",
    );
    let place = Workplace::new(&masked);
    record(&place, &["--mask", "$..phone"]).expect_code(0);
    let run = ["--project", "fenix", "--report-type", "test-case-coverage", "--record", "recorded"];
    let run = [run.as_slice(), &["--dry-run"]].concat();
    place.run_with(&run, &testrail::VARIABLES).expect_code(0);
    for email in &PERSONAL[..2] {
        assert_eq!(holding(&place.path(""), email), Vec::<PathBuf>::new());
    }
    assert_eq!(holding(&place.path("fixtures"), PERSONAL[2]), Vec::<PathBuf>::new());
    assert!(!holding(&place.path("recorded"), PERSONAL[2]).is_empty(), "the flag is not its");
    assert!(!holding(&place.path("recorded"), "masked-2").is_empty());
}

#[test]
fn what_a_check_asks_for_besides_is_recorded_when_it_is_wanted() {
    // A window is asked for again as it was, and a full refresh has none.
    for (days, rule, further) in [
        (&["--num-days", "3000"] as &[&str], "full-run-delivers-all", "issues.full.har"),
        (&[], "resumes-from-every-checkpoint", "issues.resumed.har"),
    ] {
        let github = GitHub::start(github::issues(1_050));
        let place = Workplace::new(&github.section());
        let plugin = built("plugins/github.wasm");
        let plugin = plugin.to_str().unwrap();
        let check = || {
            place.run(&["plugin", "check", plugin, "--fixtures", "fixtures", "--report", "issues"])
        };
        let record = |more: &[&str]| {
            let which = ["--project", "fenix", "--report", "issues"];
            place.run(&[&["plugin", "record", plugin], &which[..], days, more].concat())
        };
        record(&[]).expect_code(0);
        check().expect_failure().expect_said(&format!("not tried  {rule}"));

        let asked = github.server.count();
        let ended = record(&["--for-check", "--mask", "$..login", "--format", "json"]);
        let told = ended.expect_code(0).json();
        assert_eq!(told["further"][0]["files"][0], format!("./fixtures/fenix/{further}"));
        assert_eq!(told["troubles"], json!([]));
        let requests = |recording: &Value| recording["requests"].as_u64().unwrap();
        let recorded = requests(&told["recording"])
            + told["further"].as_array().unwrap().iter().map(requests).sum::<u64>();
        assert_eq!((github.server.count() - asked) as u64, recorded, "nothing is asked twice");
        assert!(place.path("fixtures/fenix").join(further).exists());
        drop(github);
        for login in ["user-0", "user-1", "user-6"] {
            assert_eq!(holding(&place.path("fixtures"), login), Vec::<PathBuf>::new());
        }
        check().expect_code(0);
    }
}

#[test]
fn an_interrupted_recording_leaves_everything_as_it_was() {
    let (tell, asked) = channel();
    let holds = Arc::new(AtomicBool::new(false));
    let holding = Arc::clone(&holds);
    let testrail = TestRail::behind(project(), move |request, _| {
        if request.target.contains("suite_id=42") && holding.load(Ordering::SeqCst) {
            tell.send(()).unwrap();
            // Never answered: the program has to end without.
            tokio::task::block_in_place(|| {
                loop {
                    std::thread::park();
                }
            });
        }
        None
    });
    let place = Workplace::new(&testrail.section());
    record(&place, &[]).expect_code(0);
    let before = files(&place.path(""));

    holds.store(true, Ordering::SeqCst);
    let plugin = built("plugins/testrail.wasm");
    let arguments = ["plugin", "record", plugin.to_str().unwrap()];
    let which = ["--project", "fenix", "--report", "test-case-coverage"];
    let mut command = place.command(&[arguments.as_slice(), &which].concat());
    command.envs(testrail::VARIABLES).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    asked.recv().unwrap();
    let killed =
        std::process::Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let ended = Ended::new(child.wait_with_output().unwrap()).expect_code(130);
    ended.expect_said("fixtures/fenix/test-case-coverage.har was not changed");
    assert_eq!(files(&place.path("")), before);
    // Its thread is still busy with not answering.
    std::mem::forget(testrail);
}

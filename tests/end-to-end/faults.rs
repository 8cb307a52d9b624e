// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the programs before this one got wrong, each as a test.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::support::github::{GitHub, Issue, Paging, issues};
use crate::support::tables::{assert_same, tables};
use crate::support::testrail::{self, Project, TestRail, authorization, case, run};
use crate::support::{Answer, Asked, Database, Ended, Kind, Server, Workplace};

const TOKEN: &str = "ghp_nobody-may-see-this-token";

/// What a service answers in place of what it should.
type Trouble = fn() -> Answer;

/// Runs a report with the credentials that the configurations name.
fn pump(place: &Workplace, report: &str, database: &Database) -> Ended {
    pump_with(place, report, database, &[])
}

fn pump_with(place: &Workplace, report: &str, database: &Database, more: &[&str]) -> Ended {
    let arguments = ["--project", "fenix", "--report-type", report, "--database", &database.url];
    let mut command = place.command(&[&arguments, more].concat());
    command.envs(testrail::VARIABLES).env("GITHUB_TOKEN", TOKEN);
    Ended::new(command.output().unwrap())
}

fn cases_counted(database: &Database, suite: i64) -> i64 {
    // A case is in one or two sub-suites; what is not in 2 is every case once.
    database.number(&format!(
        "SELECT CAST(COALESCE(SUM(case_count), 0) AS {}) FROM testrail_test_case_coverage \
         WHERE suite_id = {suite} AND sub_suite_id <> 2",
        if database.kind() == Kind::Mysql { "SIGNED" } else { "BIGINT" }
    ))
}

/// Whether a request is for the pages of a list behind the first.
fn is_later_page(asked: &Asked) -> bool {
    ["after", "page", "offset"].iter().any(|name| asked.query(name).is_some())
}

/// Something that happens to the first request of a kind, and to no other.
fn once(
    is_meant: impl Fn(&Asked) -> bool,
    answer: impl Fn() -> Answer,
) -> impl Fn(&Asked) -> Option<Answer> {
    let is_done = AtomicBool::new(false);
    move |asked| {
        let is_first = is_meant(asked) && !is_done.swap(true, Ordering::SeqCst);
        is_first.then(&answer)
    }
}

#[test]
fn a_page_is_never_left_out() {
    let database = Database::new(Kind::Sqlite);
    for is_old in [false, true] {
        let sizes = [249, 250, 251, 500, 1_700];
        let testrail = TestRail::start(Project { is_old, ..Project::of(&sizes, 0, 0) });
        let place = Workplace::new(&testrail.section());
        pump(&place, "test-case-coverage", &database).expect_code(0);
        for (suite, size) in (1..).zip(sizes) {
            assert_eq!(cases_counted(&database, suite), size, "old: {is_old}");
        }
    }
    for (count, paging) in [(100, Paging::Cursor), (101, Paging::Cursor), (250, Paging::Counted)] {
        let database = Database::new(Kind::Sqlite);
        let github = GitHub::behind(issues(count), paging, |_, _, _| None);
        pump(&Workplace::new(&github.section()), "issues", &database).expect_code(0);
        assert_eq!(database.number("SELECT COUNT(*) FROM github_issues"), count);
    }
}

#[test]
fn an_error_body_is_not_taken_for_an_empty_list() {
    let testrail = TestRail::behind(Project::of(&[300, 20], 0, 0), |asked, _| {
        let is_cases = asked.target.contains("get_cases") && asked.query("suite_id") == Some("1");
        is_cases.then(|| Server::json(200, json!({"error": "Something went wrong"})))
    });
    let database = Database::new(Kind::Sqlite);
    let place = Workplace::new(&testrail.section());
    let ended = pump(&place, "test-case-coverage", &database).expect_code(3);
    ended.expect_said("Something went wrong");
    assert_eq!((cases_counted(&database, 1), cases_counted(&database, 2)), (0, 20));

    let github = GitHub::behind(issues(300), Paging::Cursor, |asked, _, _| {
        is_later_page(asked).then(|| Server::json(200, json!({"message": "Server Error"})))
    });
    let place = Workplace::new(&github.section());
    pump(&place, "issues", &database).expect_code(1).expect_said("Server Error");
    assert_eq!(database.number("SELECT COUNT(*) FROM github_issues"), 0);
}

#[test]
fn a_second_run_doubles_no_row() {
    let testrail = TestRail::start(Project::of(&[260], 20, 5));
    let github = GitHub::start(issues(120));
    let place = Workplace::new(&(testrail.section() + &github.section()));
    let database = Database::new(Kind::Sqlite);
    for _ in 0..2 {
        for report in ["test-case-coverage", "test-run-counts", "issues"] {
            pump(&place, report, &database).expect_code(0);
        }
    }
    assert_eq!(cases_counted(&database, 1), 260);
    assert_eq!(database.number("SELECT COUNT(*) FROM testrail_test_suites"), 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM testrail_test_runs"), 20 + 2 * 5);
    assert_eq!(database.number("SELECT COUNT(*) FROM github_issues"), 120);
}

#[test]
fn a_snapshot_whose_fetch_fails_keeps_its_rows() {
    for kind in Kind::all() {
        let database = Database::new(kind);
        let testrail = TestRail::start(Project::of(&[600], 0, 0));
        pump(&Workplace::new(&testrail.section()), "test-case-coverage", &database).expect_code(0);
        let before = tables(&database);
        assert_eq!(cases_counted(&database, 1), 600);

        let broken = TestRail::behind(Project::of(&[700], 0, 0), |asked, _| {
            is_later_page(asked).then(|| Server::json(403, json!({"error": "No access"})))
        });
        let place = Workplace::new(&broken.section());
        pump(&place, "test-case-coverage", &database).expect_failure().expect_said("No access");
        assert_same(&tables(&database), &before, &format!("{kind:?}"));

        let repaired = TestRail::start(Project::of(&[10], 0, 0));
        pump(&Workplace::new(&repaired.section()), "test-case-coverage", &database).expect_code(0);
        assert_eq!(cases_counted(&database, 1), 10, "{kind:?}");
    }
}

#[test]
fn cases_without_a_status_or_sub_suite_are_counted() {
    let mut project = Project::of(&[], 0, 0);
    let mut cases: Vec<_> = (1..=40).map(case).collect();
    cases[2]["custom_sub_test_suites"] = json!([]);
    cases[2]["custom_automation_status"] = json!(null);
    project.suites = vec![(1, cases)];
    let testrail = TestRail::start(project);
    let place = Workplace::new(&testrail.section());
    for kind in Kind::all() {
        let database = Database::new(kind);
        pump(&place, "test-case-coverage", &database).expect_code(0);
        let rows = database.rows(
            "SELECT sub_suite, automation_status, automation_coverage, case_count \
             FROM testrail_test_case_coverage \
             WHERE automation_status_id = 0 ORDER BY automation_coverage_id",
        );
        // Of forty, ten have null fields and ten none at all; one has an empty list, a null
        // status, and a coverage of 1 + 3 % 3.
        let expected =
            [json!(["other", "Not set", "Not set", 20]), json!(["other", "Not set", "None", 1])];
        assert_eq!(rows, expected, "{kind:?}");
        assert_eq!(cases_counted(&database, 1), 40, "{kind:?}");
    }
}

#[test]
fn a_run_is_read_again_until_it_is_complete() {
    let testrail = TestRail::start(Project::of(&[], 400, 300));
    let place = Workplace::new(&testrail.section());
    let database = Database::new(Kind::Sqlite);
    pump(&place, "test-run-counts", &database).expect_code(0);
    let state = |id: i64| {
        let sql = format!(
            "SELECT CAST(is_completed AS BIGINT), passed_count FROM testrail_test_runs WHERE id = {id}"
        );
        database.rows(&sql)[0].clone()
    };
    assert_eq!(state(4), json!([0, 4]));
    assert_eq!(state(1_000_050), json!([0, 0]));

    // Both are older than the hour that is read again anyway.
    testrail.change(|project| {
        project.runs[3] = run(4, true);
        project.runs[3]["passed_count"] = json!(44);
        project.plans[4]["is_completed"] = json!(true);
        project.plans[4]["entries"][0]["runs"][0]["is_completed"] = json!(true);
        project.plans[4]["entries"][0]["runs"][0]["passed_count"] = json!(55);
    });
    pump(&place, "test-run-counts", &database).expect_code(0);
    assert_eq!(state(4), json!([1, 44]));
    assert_eq!(state(1_000_050), json!([1, 55]));

    let asked_before = testrail.server.asked().len();
    pump(&place, "test-run-counts", &database).expect_code(0);
    let asked = testrail.server.asked().split_off(asked_before);
    let is_asked = |what: &str| asked.iter().any(|asked| asked.target.ends_with(what));
    assert!(!is_asked("get_run/4") && !is_asked("get_plan/100005"), "complete: not asked again");
    assert!(is_asked("get_run/8") && is_asked("get_plan/100010"), "open: asked again");
}

#[test]
fn issues_that_change_while_the_pages_are_read_are_there_in_the_end() {
    for (paging, runs) in [(Paging::Cursor, 1), (Paging::Counted, 2)] {
        let is_changed = AtomicBool::new(false);
        let github = GitHub::behind(issues(350), paging, move |asked, _, issues| {
            if is_later_page(asked) && !is_changed.swap(true, Ordering::SeqCst) {
                // The one that was changed longest ago moves from the first page to the last.
                let latest = issues.iter().map(|issue| issue.updated).max().unwrap();
                let first = issues.iter_mut().min_by_key(|issue| issue.updated).unwrap();
                first.updated = latest + 1;
                first.title = "Changed".into();
            }
            None
        });
        let place = Workplace::new(&github.section());
        let database = Database::new(Kind::Sqlite);
        for _ in 0..runs {
            pump(&place, "issues", &database).expect_code(0);
        }
        let undisturbed = Database::new(Kind::Sqlite);
        pump(&place, "issues", &undisturbed).expect_code(0);
        assert_same(&tables(&database), &tables(&undisturbed), &format!("{paging:?}"));
        let sql = "SELECT COUNT(*) FROM github_issues WHERE title = 'Changed'";
        assert_eq!(database.number(sql), 1);
    }
}

#[test]
fn characters_of_four_bytes_are_kept() {
    let testrail = TestRail::start(Project::of(&[5], 1, 0));
    let mut list: Vec<Issue> = issues(3);
    list[0].title = "𝕋𝕖𝕤𝕥 👩‍👩‍👧 𠜎".into();
    let github = GitHub::start(list);
    let place = Workplace::new(&(testrail.section() + &github.section()));
    for kind in Kind::all() {
        let database = Database::new(kind);
        for report in ["test-case-coverage", "test-run-counts", "issues"] {
            pump(&place, report, &database).expect_code(0);
        }
        let text = |sql: &str| database.rows(sql)[0][0].as_str().unwrap().to_string();
        assert_eq!(text("SELECT name FROM testrail_test_suites"), "Suite 1 🧪", "{kind:?}");
        assert_eq!(text("SELECT name FROM testrail_test_runs"), "Run 1 ✅", "{kind:?}");
        let title = text("SELECT title FROM github_issues WHERE number = 1");
        assert_eq!(title, "𝕋𝕖𝕤𝕥 👩‍👩‍👧 𠜎", "{kind:?}");
    }
}

#[test]
fn secrets_and_addresses_are_nowhere_to_be_read() {
    // A service that says what it was told, as some do when a login fails.
    let testrail = TestRail::behind(Project::of(&[5], 2, 0), |asked, _| {
        let told = asked.header("authorization").unwrap_or_default();
        let echo = format!("You are {} with {told} or {}", testrail::USER, testrail::PASSWORD);
        asked.target.contains("get_runs").then(|| Server::json(403, json!({ "error": echo })))
    });
    let github = GitHub::behind(issues(5), Paging::Cursor, |asked, _, issues| {
        issues[0].title = format!("I was told {}", asked.header("authorization").unwrap());
        None
    });
    let place = Workplace::new(&(testrail.section() + &github.section_with_token()));
    let database = Database::new(Kind::Sqlite);
    let folder = place.path("recorded");
    let mut said = String::new();
    for (report, code) in [("test-case-coverage", 0), ("test-run-counts", 3), ("issues", 0)] {
        let more = ["-vv", "--record", folder.to_str().unwrap()];
        said += &pump_with(&place, report, &database, &more).expect_code(code).said();
    }
    let file = database.url.strip_prefix("sqlite:").unwrap();
    let mut places =
        vec![("the output", said.into_bytes()), ("the database", std::fs::read(file).unwrap())];
    for report in ["test-case-coverage", "test-run-counts", "issues"] {
        let file = folder.join(format!("fenix/{report}.har"));
        places.push(("a recording", std::fs::read(file).unwrap()));
    }
    let encoded = authorization().replace("Basic ", "");
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for secret in [TOKEN, testrail::PASSWORD, testrail::USER, &encoded] {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}

#[test]
fn every_request_has_its_credential_and_without_one_nothing_is_sent() {
    let testrail = TestRail::start(Project::of(&[600, 3], 300, 12));
    let github = GitHub::start(issues(350));
    let place = Workplace::new(&(testrail.section() + &github.section_with_token()));
    let database = Database::new(Kind::Sqlite);
    let reports = ["test-case-coverage", "test-run-counts", "issues", "issue-regression"];
    for report in reports {
        let arguments =
            ["--project", "fenix", "--report-type", report, "--database", &database.url];
        for set in ["", "TESTRAIL_USERNAME"] {
            let variables = [(set, "x"), ("GITHUB_TOKEN", ""), ("TESTRAIL_PASSWORD", "")];
            let from = usize::from(set.is_empty());
            let ended = place.run_with(&arguments, &variables[from..]).expect_code(2);
            ended.expect_said("is not set");
        }
    }
    assert!(testrail.server.asked().is_empty() && github.server.asked().is_empty());

    for report in reports {
        pump(&place, report, &database).expect_code(0);
    }
    for (server, expected) in
        [(&testrail.server, authorization()), (&github.server, format!("Bearer {TOKEN}"))]
    {
        let asked = server.asked();
        assert!(asked.len() > 10);
        for asked in asked {
            assert_eq!(asked.header("authorization"), Some(expected.as_str()), "{}", asked.target);
        }
    }
}

#[test]
fn a_failure_never_exits_with_zero() {
    let html = || Server::answer(200, &[("content-type", "text/html")], "<html><h1>Maintenance");
    let answers: [(&str, Trouble, &str); 5] = [
        ("500 for ever", || Server::json(500, json!({"message": "Oh no"})), "500"),
        ("404", || Server::json(404, json!({"message": "Not Found"})), "404"),
        ("HTML", html, "<html>"),
        ("half a JSON", || Server::json(200, "[{\"id\": 1"), "JSON"),
        ("cut for ever", || Server::cut_after("[{"), "no answer"),
    ];
    for (what, answer, said) in answers {
        for is_meant in [is_later_page as fn(&Asked) -> bool, |_| true] {
            let github = GitHub::behind(issues(150), Paging::Cursor, move |asked, _, _| {
                is_meant(asked).then(answer)
            });
            let limits = "[datasources.github.limits]\nmax-attempts = 2\n";
            let place = Workplace::new(&(github.section() + limits));
            let database = Database::new(Kind::Sqlite);
            let ended = pump(&place, "issues", &database).expect_code(1);
            assert!(ended.said().contains(said), "{what}: {}", ended.said());
            assert_eq!(database.number("SELECT COUNT(*) FROM github_issues"), 0, "{what}");
            let failed = "SELECT COUNT(*) FROM runs WHERE outcome = 'failed'";
            assert_eq!(database.number(failed), 1, "{what}");
        }
    }
}

#[test]
fn what_passes_by_itself_costs_no_row() {
    let answers: [Trouble; 4] = [
        || Server::answer(429, &[("retry-after", "1")], "{\"message\": \"slow down\"}"),
        || Server::json(500, json!({"message": "Oh no"})),
        || Server::cut_after("[{\"id\": 1, \"numb"),
        || Server::answer(403, &[("retry-after", "1")], "{\"message\": \"rate limit\"}"),
    ];
    let undisturbed = Database::new(Kind::Sqlite);
    let github = GitHub::start(issues(350));
    pump(&Workplace::new(&github.section()), "issues", &undisturbed).expect_code(0);
    for answer in answers {
        let trouble = once(|asked| asked.query("after").is_some(), answer);
        let github = GitHub::behind(issues(350), Paging::Cursor, move |asked, _, _| trouble(asked));
        let database = Database::new(Kind::Sqlite);
        let place = Workplace::new(&github.section());
        pump(&place, "issues", &database).expect_code(0).expect_said("trying again");
        assert_same(&tables(&database), &tables(&undisturbed), "after one more try");
    }
}

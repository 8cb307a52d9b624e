// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `rejects`: the rows that broke their declaration are shown, tried again and discarded.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::github::{GitHub, Issue, Paging, issues};
use crate::support::tables::{assert_same, tables};
use crate::support::testrail::{Project, TestRail, VARIABLES};
use crate::support::{Database, Ended, Kind, Server, Workplace, stay_clear_of_midnight};

/// The numbers of two issues with a label that is longer than its column, and would steer a
/// terminal.
const BROKEN: [i64; 2] = [40, 90];
const ERASES: &str = "\u{1b}[2Jfar too long\u{202e}";

fn broken_issues() -> Vec<Issue> {
    let mut issues = issues(250);
    for number in BROKEN {
        label(&mut issues, number, &format!("{number} {}", ERASES.repeat(20)));
    }
    issues
}

fn label(issues: &mut [Issue], number: i64, label: &str) {
    let issue = issues.iter_mut().find(|issue| issue.number == number).unwrap();
    issue.labels = vec![label.to_string()];
}

/// A folder, a database, and the two of them in use.
struct Desk {
    place: Workplace,
    database: Database,
}

impl Desk {
    fn new(kind: Kind, configuration: &str) -> Self {
        Desk { place: Workplace::new(configuration), database: Database::new(kind) }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let arguments = [arguments, &["--database", &self.database.url]].concat();
        let ended = self.place.run_with(&arguments, &VARIABLES);
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ended.said().contains(steers), "{:?}", ended.said());
        ended
    }

    fn pump(&self, report: &str) -> Ended {
        self.run(&["--project", "fenix", "--report-type", report])
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--format", "json"]].concat()).json()
    }

    /// What waits, from `rejects list`.
    fn waiting(&self) -> Vec<Value> {
        let list = self.json(&["rejects", "list"]);
        let rejects = list["rejects"].as_array().unwrap().clone();
        assert_eq!(list["total"], rejects.len(), "{list}");
        rejects
    }

    /// What `status` and the database's own tables know of reports as a whole.
    fn freshness(&self) -> Value {
        let status = self.json(&["status"])["reports"].as_array().unwrap().clone();
        let known = status.iter().map(|report| {
            ["report", "last_success", "last_run", "last_outcome"].map(|name| report[name].clone())
        });
        json!([known.collect::<Vec<_>>(), self.database.rows("SELECT run_id FROM full_runs")])
    }

    /// As if this partition had rejected a row.
    fn reject(&self, digest: &str, report: &str, partition: &str, reason: &str) {
        let datasource = if report == "issues" { "github" } else { "testrail" };
        let time = match self.database.kind() {
            Kind::Sqlite => "2026-03-01T00:00:00.000000Z",
            Kind::Postgres | Kind::Mysql => "2026-03-01 00:00:00",
        };
        self.database.execute(&format!(
            "INSERT INTO rejected_rows (digest, run_id, project, datasource, report, partition_id, \
             table_name, reason, row_json, rejected_at) VALUES ('{digest:0<64}', 1, 'fenix', \
             '{datasource}', '{report}', '{partition}', 'some_table', '{reason}', \
             '{{\"cut\": \"{reason} (7 more bytes)', '{time}')"
        ));
    }
}

fn id(reject: &Value) -> &str {
    &reject["id"].as_str().unwrap()[..10]
}

#[test]
fn what_waits_is_listed_and_shown() {
    for kind in Kind::all() {
        let github = GitHub::start(broken_issues());
        let desk = Desk::new(kind, &github.section());
        desk.pump("issues").expect_code(0);
        let rejects = desk.waiting();
        assert_eq!(rejects.len(), 2, "{kind:?}: {rejects:?}");
        for reject in &rejects {
            assert_eq!(reject["project"], "fenix");
            assert_eq!(reject["partition"], "repository/515");
            assert_eq!(
                (&reject["table"], &reject["run"]),
                (&json!("github_issue_labels"), &json!(1))
            );
            assert!(reject["row"].as_str().unwrap().contains(r"\u001b[2Jfar too long"), "{reject}");
        }
        let told = desk.run(&["rejects", "list"]).expect_code(0);
        let told = told.expect_said(id(&rejects[0])).expect_said(id(&rejects[1]));
        told.expect_said("column label: has 343 characters, at most 200 are declared")
            .expect_said("repository/515");
        desk.run(&["rejects", "list", "--limit", "1"])
            .expect_code(0)
            .expect_said("2 in all, the newest 1 are shown");
        let none = ["rejects", "list", "--project", "fenix", "--report", "releases"];
        desk.run(&none).expect_code(0).expect_said("no rejected rows in");
        assert_eq!(desk.json(&["rejects", "list", "--table", "github_issues"])["total"], 0);

        let short = id(&rejects[0]);
        assert_eq!(desk.json(&["rejects", "show", short]), rejects[0], "{kind:?}");
        desk.run(&["rejects", "show", &short.to_uppercase()])
            .expect_code(0)
            .expect_said("by run 1\n")
            .expect_said("\n  \"issue_id\": 1000")
            .expect_said(r"\u001b[2Jfar too long\u202e")
            .expect_said(&format!("test-dashboard rejects retry {short}"));
        desk.run(&["status"]).expect_said("rejected rows: 2; `test-dashboard rejects list`");
    }
}

#[test]
fn an_id_is_told_from_others_and_from_none() {
    let desk = Desk::new(Kind::Sqlite, "");
    desk.run(&["db", "migrate"]).expect_code(0);
    desk.run(&["rejects", "list"]).expect_code(0).expect_said("no rejected rows in");
    desk.reject("abcd0", "issues", "p", "\u{1b}[2J\u{202e}\nforged 17 wait");
    desk.reject("abcd1", "issues", "p", "bad");
    for verb in ["show", "retry", "discard"] {
        let told = desk.run(&["rejects", verb, "abcd"]).expect_code(2);
        told.expect_said("abcd00000000").expect_said("abcd10000000");
        desk.run(&["rejects", verb, "abcd2"]).expect_code(2).expect_said("begins with abcd2");
        for none in ["abc", "%%%%", "xyzt"] {
            desk.run(&["rejects", verb, none])
                .expect_code(2)
                .expect_said("neither the id of a rejected");
        }
    }
    for verb in ["retry", "discard"] {
        desk.run(&["rejects", verb]).expect_code(2);
        desk.run(&["rejects", verb, "abcd0", "--all"]).expect_code(2);
        desk.run(&["rejects", verb, "--all", "--project", "fenix"]).expect_code(2);
    }
    let told = desk.run(&["rejects", "show", "abcd0"]).expect_code(0);
    assert!(!told.out.contains("\nforged"), "{}", told.out);
    let told = desk.run(&["rejects", "list"]).expect_code(0);
    assert!(!told.out.contains("\nforged"), "{}", told.out);
    assert_eq!(desk.waiting().len(), 2);
}

#[test]
fn a_row_that_is_mended_arrives_and_one_that_still_breaks_waits() {
    for kind in Kind::all() {
        let github = GitHub::start(broken_issues());
        let desk = Desk::new(kind, &github.section());
        desk.pump("issues").expect_code(0);
        let freshness = desk.freshness();
        let labels = |name: &str| {
            let sql = format!("SELECT COUNT(*) FROM github_issue_labels WHERE label = '{name}'");
            desk.database.number(&sql)
        };
        // Nothing says that they changed, so a run as every day does not see them.
        github.change(|issues| label(issues, BROKEN[0], "mended"));
        desk.pump("issues").expect_code(0);
        assert_eq!((labels("mended"), desk.waiting().len()), (0, 2), "{kind:?}");

        let freshness_of_2 = desk.freshness();
        assert_ne!(freshness_of_2, freshness);
        let told = desk.run(&["rejects", "retry", "--all"]).expect_code(0);
        told.expect_said("2 rejected rows before the retry, 1 now");
        assert_eq!(labels("mended"), 1, "{kind:?}");
        let left = desk.waiting();
        assert_eq!(left.len(), 1, "{kind:?}: {left:?}");
        assert!(left[0]["row"].as_str().unwrap().contains(&format!("{} ", BROKEN[1])));
        assert_eq!(left[0]["run"], 3);

        github.change(|issues| label(issues, BROKEN[1], "mended"));
        let retried = desk.json(&["rejects", "retry", id(&left[0])]);
        assert_eq!(
            (&retried["waiting_before"], &retried["waiting"]),
            (&json!(1), &json!(0)),
            "{retried}"
        );
        assert_eq!(retried["runs"][0]["run"], 4, "{retried}");
        assert_eq!(retried["runs"][0]["total"]["rows_rejected"], 0, "{retried}");
        assert_eq!((labels("mended"), desk.waiting()), (2, vec![]), "{kind:?}");
        assert_eq!(desk.json(&["status"])["reports"][0]["rejected"], 0);
        assert!(!desk.run(&["status"]).out.contains("rejected rows: "));
        assert_eq!(desk.freshness(), freshness_of_2, "{kind:?}: it read a part");

        let fresh = Desk::new(kind, &github.section());
        fresh.pump("issues").expect_code(0);
        assert_same(&tables(&desk.database), &tables(&fresh.database), &format!("{kind:?}"));
        desk.run(&["rejects", "retry", "--all"]).expect_code(0).expect_said("no rejected rows in ");
        assert_eq!(desk.json(&["runs"]).as_array().unwrap().len(), 4);
    }
}

/// A GitHub that refuses what has this in its path.
fn refusing(refused: &Arc<Mutex<&'static str>>) -> GitHub {
    let refused = Arc::clone(refused);
    GitHub::behind(broken_issues(), Paging::Cursor, move |asked, _, _| {
        let part = *refused.lock().unwrap();
        let refuses = !part.is_empty() && asked.target.contains(part);
        refuses.then(|| Server::json(401, r#"{"message": "Bad credentials"}"#))
    })
}

#[test]
fn a_retry_without_an_api_loses_nothing() {
    for kind in Kind::all() {
        let refused = Arc::new(Mutex::new(""));
        let github = refusing(&refused);
        let testrail = TestRail::start(Project::of(&[10, 20], 0, 0));
        let desk = Desk::new(kind, &(github.section() + &testrail.section()));
        desk.pump("issues").expect_code(0);
        let (before, waiting) = (tables(&desk.database), desk.waiting());
        let freshness = desk.freshness();
        for (part, partition) in [("/issues", "repository/515"), ("/repos", "(plan)")] {
            *refused.lock().unwrap() = part;
            let told = desk.run(&["rejects", "retry", "--report", "issues"]).expect_code(1);
            let told = told.expect_said(&format!("FAILED fenix issues {partition}"));
            let told = told.expect_said("2 rejected rows before the retry, 2 now");
            assert!(!told.out.contains("not planned"), "{}", told.out);
            assert_same(&tables(&desk.database), &before, &format!("{kind:?}"));
            assert_eq!(desk.waiting(), waiting, "{kind:?}");
            assert_eq!(desk.freshness(), freshness, "{kind:?}");
        }
        desk.reject("abcd", "test-case-coverage", "suites", "bad");
        desk.run(&["rejects", "retry", "--all"])
            .expect_code(3)
            .expect_said("3 rejected rows before the retry, 2 now");
    }
}

#[test]
fn a_retry_that_is_interrupted_begins_nothing_more() {
    let (tell, asked) = channel();
    let (release, released) = channel::<()>();
    let hold = Arc::new(Mutex::new(Some((tell, released))));
    let is_held = Arc::new(AtomicBool::new(false));
    let holds = Arc::clone(&is_held);
    let github = GitHub::behind(broken_issues(), Paging::Cursor, move |asked, _, _| {
        if holds.load(Ordering::SeqCst)
            && asked.target.contains("/issues")
            && let Some((tell, released)) = hold.lock().unwrap().take()
        {
            tell.send(()).unwrap();
            // Until the test is over.
            let _ = tokio::task::block_in_place(|| released.recv());
        }
        None
    });
    let testrail = TestRail::start(Project::of(&[10], 0, 0));
    let desk = Desk::new(Kind::Sqlite, &(github.section() + &testrail.section()));
    desk.pump("issues").expect_code(0);
    desk.reject("abcd", "test-case-coverage", "suites", "bad");
    let (before, freshness) = (tables(&desk.database), desk.freshness());
    is_held.store(true, Ordering::SeqCst);
    let mut command =
        desk.place.command(&["rejects", "retry", "--all", "--database", &desk.database.url]);
    let command = command.envs(VARIABLES).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    asked.recv().unwrap();
    let signal = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
    let ended = Ended::new(child.wait_with_output().unwrap()).expect_code(130);
    ended.expect_said("3 rejected rows before the retry, 3 now");
    drop(release);
    assert_same(&tables(&desk.database), &before, "nothing was committed");
    assert_eq!(desk.freshness(), freshness);
    assert_eq!(testrail.server.count(), 0);
    assert_eq!(desk.json(&["runs"])[0]["outcome"], "interrupted");
}

#[test]
fn a_full_run_leaves_what_still_breaks() {
    for kind in Kind::all() {
        let github = GitHub::start(broken_issues());
        let desk = Desk::new(kind, &github.section());
        desk.pump("issues").expect_code(0);
        github.change(|issues| label(issues, BROKEN[0], "mended"));
        desk.run(&["--project", "fenix", "--report-type", "issues", "--full"]).expect_code(0);
        let left = desk.waiting();
        assert_eq!(left.len(), 1, "{kind:?}: {left:?}");
        assert_eq!(left[0]["run"], 2, "{kind:?}");
    }
}

#[test]
fn only_the_partitions_of_the_rows_are_read() {
    stay_clear_of_midnight();
    let testrail = TestRail::start(Project::of(&[10, 20, 30], 0, 0));
    let desk = Desk::new(Kind::Sqlite, &testrail.section());
    desk.pump("test-case-coverage").expect_code(0);
    let before = tables(&desk.database);
    let run = desk.json(&["runs", "1"]);
    let partitions = run["partitions"].as_array().unwrap().iter();
    let names: Vec<_> = partitions.map(|p| p["partition"].as_str().unwrap().to_string()).collect();
    let second = names.iter().find(|name| name.starts_with("suite:2/")).unwrap();
    desk.reject("abcd", "test-case-coverage", second, "bad");
    desk.reject("dcba", "test-case-coverage", "suite:2/2020-01-01", "bad");
    let asked_before = testrail.server.count();
    desk.run(&["rejects", "retry", "--all"])
        .expect_code(3)
        .expect_said(
            "NOT READ fenix test-case-coverage suite:2/2020-01-01: it is no longer planned",
        )
        .expect_said("2 rejected rows before the retry, 1 now");
    let asked = testrail.server.asked();
    let cases: Vec<_> =
        asked[asked_before..].iter().filter(|a| a.target.contains("get_cases")).collect();
    assert!(!cases.is_empty());
    assert!(cases.iter().all(|asked| asked.query("suite_id") == Some("2")), "{cases:?}");
    let run = desk.json(&["runs", "2"]);
    assert_eq!(run["partitions"].as_array().unwrap().len(), 2, "the plan and one more: {run}");

    // Nothing is read when none of it is planned, which is no success.
    let gone = desk.json(&["rejects", "retry", "dcba"]);
    assert_eq!(gone["not_planned"][0]["partition"], "suite:2/2020-01-01", "{gone}");
    desk.run(&["rejects", "retry", "dcba"]).expect_code(1).expect_said("rejects discard");
    let discard = ["rejects", "discard", "--partition", "suite:2/2020-01-01", "--yes"];
    desk.run(&discard).expect_code(0).expect_said("forgot 1 rejected row\n");
    assert_same(&tables(&desk.database), &before, "a snapshot read twice on one day");
}

#[test]
fn what_the_configuration_does_not_know_any_more_holds_nothing_else_up() {
    let github = GitHub::start(broken_issues());
    let desk = Desk::new(Kind::Sqlite, &github.section());
    desk.pump("issues").expect_code(0);
    github.change(|issues| *issues = self::issues(250));
    desk.reject("abcd", "a-report-of-old", "p", "bad");
    desk.run(&["rejects", "retry", "abcd"]).expect_code(2).expect_said("a-report-of-old");
    desk.run(&["rejects", "retry", "--all"])
        .expect_code(3)
        .expect_said("there is no report \"a-report-of-old\"")
        .expect_said("3 rejected rows before the retry, 1 now");
}

#[test]
fn nothing_is_discarded_unasked() {
    for kind in Kind::all() {
        let github = GitHub::start(broken_issues());
        let desk = Desk::new(kind, &github.section());
        desk.pump("issues").expect_code(0);
        let before = tables(&desk.database);
        desk.run(&["rejects", "discard", "--all"])
            .expect_code(2)
            .expect_said("Forget 2 rejected rows in ")
            .expect_said("pass --yes. Nothing was changed");
        assert_same(&tables(&desk.database), &before, &format!("{kind:?}"));
        let others = ["rejects", "discard", "--project", "focus", "--yes"];
        desk.run(&others).expect_code(0).expect_said("forgot 0 rejected rows");
        let rejects = desk.waiting();
        let discarded = desk.json(&["rejects", "discard", id(&rejects[1]), "--yes"]);
        assert_eq!(discarded, json!({"discarded": 1}));
        assert_eq!(desk.waiting(), rejects[..1], "{kind:?}");
    }
}

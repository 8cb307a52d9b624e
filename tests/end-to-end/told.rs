//! What is told of a run to those who were not there: `--summary`.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::github::{self, GitHub};
use crate::support::{Database, Ended, Kind, Server, Workplace, built};

const ISSUES: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];

/// Runs it with a summary: how it ended, and what the summary says.
#[track_caller]
fn summed_up(place: &Workplace, arguments: &[&str]) -> (Ended, Value) {
    let ended = place.run(&[arguments, &["--summary", "out/summary.json"]].concat());
    let text = std::fs::read_to_string(place.path("out/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["exit_code"], ended.code.unwrap(), "{summary}");
    assert_eq!(summary["version"], env!("CARGO_PKG_VERSION"));
    let moment = |name: &str| summary[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(moment("started") <= moment("finished"), "{summary}");
    (ended, summary)
}

/// Two projects of one guest: a good one, and one with these settings.
fn guests(guest: &str, settings: &str, limits: &str) -> Workplace {
    Workplace::new(&format!(
        "[datasources.guest]\nplugin = {:?}\nbase-url = \"https://api.example.com\"\n\
         [datasources.guest.limits]\n{limits}\n\
         [projects.good]\nguest = {{ behave = true }}\n[projects.hostile]\nguest = {{ {settings} }}\n",
        built(&format!("guests/{guest}.wasm"))
    ))
}

const ROWS: [&str; 4] = ["--project", "ALL", "--report-type", "rows"];

#[test]
fn a_good_run_is_summed_up_with_the_moment_until_which_it_is_fresh() {
    for kind in Kind::all() {
        let database = Database::new(kind);
        let github = GitHub::start(github::issues(3));
        let place = Workplace::new(&format!("{}[schedule]\nissues = \"1d\"\n", github.section()));
        let given = [&["run"], &ISSUES[..], &["--database", &database.url]].concat();
        let (ended, summary) = summed_up(&place, &given);
        let ended = ended.expect_code(0);
        assert_eq!(
            (&summary["run"], &summary["outcome"], &summary["error"]),
            (&json!(1), &json!("succeeded"), &Value::Null)
        );
        assert_eq!((&summary["project"], &summary["report"]), (&"fenix".into(), &"issues".into()));
        let database_name = summary["database"].as_str().unwrap();
        assert!(ended.out.contains(&format!("in {database_name}")), "{summary}");

        let report = &summary["reports"][0];
        assert_eq!(report["outcome"], "succeeded", "{summary}");
        assert_eq!(
            (&report["partitions_done"], &report["partitions_failed"]),
            (&1.into(), &0.into())
        );
        let rows = ["github_issues", "github_issue_labels"]
            .map(|table| database.number(&format!("SELECT COUNT(*) FROM {table}")));
        assert_eq!(report["rows_new"], rows.iter().sum::<i64>(), "{summary}");
        assert_eq!(report["requests"], github.server.count(), "{summary}");
        assert_eq!((&report["failures"], &report["rejected"]), (&json!([]), &json!([])));

        let status = ["status", "--format", "json", "--config", "test-dashboard.toml"];
        let status = place.run(&[&status[..], &["--database", &database.url]].concat()).json();
        let read: jiff::Timestamp = text(&status["reports"][0]["fresh_until"]).parse().unwrap();
        let late: jiff::Timestamp = text(&report["fresh_until"]).parse().unwrap();
        // A day, and the tenth that a scheduler may be late.
        assert_eq!(late.duration_since(read), jiff::SignedDuration::from_mins(26 * 60 + 24));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_run_that_failed_in_part_says_what_failed_where_and_why() {
    let place = guests("fails_every_kind", "kind = \"auth\", at = \"plan\"", "");
    let (_, summary) = summed_up(&place, &ROWS);
    assert_eq!((&summary["outcome"], &summary["exit_code"]), (&"partly-failed".into(), &3.into()));
    let [good, hostile] = [0, 1].map(|at| &summary["reports"][at]);
    assert_eq!((&good["project"], &good["outcome"]), (&"good".into(), &"succeeded".into()));
    assert_eq!((&hostile["project"], &hostile["outcome"]), (&"hostile".into(), &"failed".into()));
    assert_eq!((&hostile["datasource"], &hostile["fresh_until"]), (&"guest".into(), &Value::Null));
    let failure = &hostile["failures"][0];
    assert_eq!((&failure["partition"], &failure["kind"]), (&"(plan)".into(), &"auth".into()));
    assert!(text(&failure["message"]).contains("on purpose in plan"), "{failure}");
}

#[test]
fn rejected_rows_are_summed_up_by_table_with_the_first_reason() {
    let place = guests("wrong_values", "", "max-rejected-share = 1.0");
    let (_, summary) = summed_up(&place, &ROWS);
    let report = &summary["reports"][1];
    assert_eq!((&report["rows_rejected"], &report["rows_new"]), (&7.into(), &1.into()));
    let rejected = &report["rejected"];
    assert_eq!((&rejected[0]["table"], &rejected[0]["count"]), (&"guest_values".into(), &7.into()));
    assert!(text(&rejected[0]["reason"]).contains("ratio"), "{rejected}");
    assert_eq!(rejected[1], Value::Null);
}

#[test]
fn a_run_that_never_began_is_summed_up_all_the_same() {
    let place = guests("well_behaved", "behave = true", "");
    let nowhere = "postgres://pump@127.0.0.1:1/dash?sslmode=disable";
    for (arguments, outcome, error) in [
        (&["--project", "god", "--report-type", "rows"][..], "misused", "did you mean good?"),
        (&["--project", "good"], "misused", "--report-type is missing"),
        (&["run", "--project", "good", "--num-days", "soon"], "misused", "'soon' for '--num-days"),
        (&["run", "--report-typ", "rows", "--project", "good"], "misused", "'--report-typ'"),
        (&[&ROWS[..], &["--config", "none.toml"]].concat(), "misused", "none.toml"),
        (&[&ROWS[..], &["--database", nowhere]].concat(), "failed", "127.0.0.1:1"),
    ] {
        let (ended, summary) = summed_up(&place, arguments);
        assert_eq!(summary["outcome"], outcome, "{summary}");
        assert!(text(&summary["error"]).contains(error), "{error:?} is not in {summary}");
        assert_eq!((&summary["run"], &summary["database"]), (&Value::Null, &Value::Null));
        ended.expect_said(error);
    }
    place.configure(
        &std::fs::read_to_string(place.path("test-dashboard.toml"))
            .unwrap()
            .replace("well_behaved", "gone"),
    );
    let (_, summary) = summed_up(&place, &ROWS);
    assert_eq!(summary["outcome"], "misused", "{summary}");
    assert!(text(&summary["error"]).contains("gone.wasm"), "{summary}");
}

#[test]
fn a_run_that_is_not_due_is_summed_up_as_such() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&format!("{}[schedule]\nissues = \"14d\"\n", github.section()));
    let arguments = [&ISSUES[..], &["--every", "14d"]].concat();
    let (_, first) = summed_up(&place, &arguments);
    let (ended, summary) = summed_up(&place, &arguments);
    ended.expect_code(4);
    assert_eq!((&summary["outcome"], &summary["run"]), (&"not-due".into(), &Value::Null));
    assert_eq!(summary["reports"][0]["outcome"], "not-due");
    assert_eq!(summary["reports"][0]["fresh_until"], first["reports"][0]["fresh_until"]);
}

#[test]
fn a_summary_that_cannot_be_written_is_told_before_anything_is_asked() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    std::fs::write(place.path("file"), "").unwrap();
    place
        .run(&[&ISSUES[..], &["--summary", "file/summary.json"]].concat())
        .expect_code(2)
        .expect_said("--summary: ");
    assert_eq!(github.server.count(), 0);
}

#[test]
fn a_good_run_whose_summary_is_lost_does_not_end_well() {
    let place = Workplace::new("");
    let folder = place.path("out");
    let issues = github::issues(3);
    let server = Server::start(move |request| {
        // What could be written before the run cannot any more.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::write(&folder, "").unwrap();
        github::answer(request, &issues, github::Paging::Cursor)
    });
    place.configure(&(github::section("github", &server, "") + github::PROJECT));
    place
        .run(&[&ISSUES[..], &["--summary", "out/summary.json"]].concat())
        .expect_code(1)
        .expect_said("succeeded")
        .expect_said("error: --summary: ");
}

#[test]
fn an_interrupted_run_is_summed_up_as_far_as_it_got() {
    let (tell, asked) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let server = Server::start(move |_| {
        tell.lock().unwrap().send(()).unwrap();
        let answer = async {
            std::future::pending::<()>().await;
            Ok::<_, std::io::Error>("")
        };
        let body = axum::body::Body::from_stream(futures::stream::once(answer));
        axum::http::Response::new(body)
    });
    let place = Workplace::new(&(github::section("github", &server, "") + github::PROJECT));
    let mut command = place.command(&[&ISSUES[..], &["--summary", "summary.json"]].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    asked.recv().unwrap();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    Ended::new(child.wait_with_output().unwrap()).expect_code(130);
    let text = std::fs::read_to_string(place.path("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&summary["run"], &summary["exit_code"]), (&1.into(), &130.into()));
    assert_eq!(summary["outcome"], "interrupted");
    assert_eq!(summary["reports"][0]["outcome"], "interrupted", "{summary}");
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is told of a run to those who were not there: `--summary`, `--log json`, what
//! GitHub Actions shows of it, and what a terminal does.

use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::github::{self, GitHub};
use crate::support::{Asked, Database, Ended, Kind, Server, Workplace, built};

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
        let known = &status["reports"][0];
        assert_eq!(known["fresh_until"], report["fresh_until"], "{status} {summary}");
        let moment = |value: &Value| text(value).parse::<jiff::Timestamp>().unwrap();
        // A day, and the tenth that a scheduler may be late.
        let fresh = moment(&known["fresh_until"]).duration_since(moment(&known["last_success"]));
        assert_eq!(fresh, jiff::SignedDuration::from_mins(26 * 60 + 24));
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
    let nowhere = "sqlite:no/such/folder/dash.sqlite";
    for (arguments, outcome, error) in [
        (&["--project", "god", "--report-type", "rows"][..], "misused", "did you mean good?"),
        (&["--project", "good"], "misused", "--report-type is missing"),
        (&["run", "--project", "good", "--num-days", "soon"], "misused", "'soon' for '--num-days"),
        (&["run", "--report-typ", "rows", "--project", "good"], "misused", "'--report-typ'"),
        (&[&ROWS[..], &["--config", "none.toml"]].concat(), "misused", "none.toml"),
        (&[&ROWS[..], &["--database", nowhere]].concat(), "failed", "no/such/folder"),
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

/// What was logged, each line parsed.
#[track_caller]
fn logged(ended: &Ended) -> Vec<Value> {
    let line = |line: &str| -> Value {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
        assert!(text(&value["timestamp"]).parse::<jiff::Timestamp>().is_ok(), "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&text(&value["level"])));
        assert!(value["message"].is_string(), "{line}");
        value
    };
    ended.err.lines().map(line).collect()
}

#[test]
fn a_log_for_a_program_is_json_in_every_line_whatever_happens() {
    let place = guests("forges_lines", "", "");
    let nowhere = "sqlite:no/such/folder/dash.sqlite";
    for (code, arguments, level, says) in [
        (3, &["-v"][..], "WARN", "hostile rows all: ::stop-commands::well"),
        (3, &[], "ERROR", "hostile rows all: "),
        (4, &["--every", "1d", "--project", "good"], "INFO", "not due: good rows"),
        (1, &["--database", nowhere], "ERROR", "no/such/folder"),
        (2, &["--config", "none.toml"], "ERROR", "none.toml"),
        (2, &["--num-days", "soon"], "ERROR", "invalid value 'soon' for '--num-days"),
    ] {
        let project: &[&str] = if arguments.contains(&"--project") { &[] } else { &ROWS[..2] };
        let asked = [project, &ROWS[2..], arguments].concat();
        for ended in [
            place.run(&[&asked[..], &["--log", "json"]].concat()),
            place.run_with(&asked, &[("TEST_DASHBOARD_LOG", "json")]),
        ] {
            let ended = ended.expect_code(code);
            let lines = logged(&ended);
            let is_told =
                |line: &Value| line["level"] == level && text(&line["message"]).contains(says);
            assert!(lines.iter().any(is_told), "{says:?} is not in {}", ended.err);
        }
    }
    let answer = place.run(&["runs", "--log", "json", "--format", "json"]).expect_code(0);
    assert_eq!(answer.json().as_array().unwrap().len(), 4);
    assert_eq!(answer.err, "");
}

/// Runs it as a step of GitHub's: how it ended, and the step's summary.
fn in_a_step(place: &Workplace, arguments: &[&str]) -> (Ended, String) {
    let page = place.path("page.md");
    std::fs::write(&page, "").unwrap();
    let variables = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", page.to_str().unwrap())];
    let ended = place.run_with(arguments, &variables);
    (ended, std::fs::read_to_string(page).unwrap())
}

/// What GitHub's runner takes for a command.
fn commands(ended: &Ended) -> Vec<String> {
    assert!(!ended.said().contains("##["), "{}", ended.said());
    let lines = ended.out.split(['\n', '\r']).chain(ended.err.split(['\n', '\r']));
    lines.filter(|line| line.trim_start().starts_with("::")).map(String::from).collect()
}

#[test]
fn failures_and_rejected_rows_are_annotations_and_a_page_of_the_step() {
    let place = guests("fails_every_kind", "kind = \"auth\", at = \"plan\"", "");
    let (ended, page) = in_a_step(&place, &ROWS);
    assert_eq!(
        commands(&ended.expect_code(3)),
        ["::error title=hostile rows (plan)%3A auth::failing on purpose in plan: auth"]
    );
    for line in [
        "### rows of ALL: **partly-failed**\n",
        "| good | rows | succeeded | 1 | 3 | 0 | 0 | 0 | 0 | 0 |",
        "| hostile | rows | **failed** | 0, 1 failed | 0 |",
        "- **hostile rows** ` (plan) `, auth: ` failing on purpose in plan: auth `\n  Renew the",
    ] {
        assert!(page.contains(line), "{line:?} is not in {page}");
    }

    let place = guests("wrong_values", "", "max-rejected-share = 1.0");
    let (ended, page) = in_a_step(&place, &ROWS);
    let told = commands(&ended.expect_code(0));
    let warning =
        "::warning title=hostile rows%3A rejected rows of guest_values::7 rows were rejected";
    assert!(told.len() == 1 && told[0].starts_with(warning), "{told:?}");
    assert!(
        page.contains("- **hostile rows**: 7 rows of ` guest_values ` were rejected"),
        "{page}"
    );
}

#[test]
fn an_error_of_the_whole_run_is_an_annotation_and_on_the_page() {
    let place = guests("well_behaved", "behave = true", "");
    let nowhere = "sqlite:no/such/folder/dash.sqlite";
    for (arguments, code) in
        [(&[&ROWS[..], &["--database", nowhere]].concat()[..], 1), (&["--project", "good"], 2)]
    {
        let (ended, page) = in_a_step(&place, arguments);
        let ended = ended.expect_code(code);
        let told = commands(&ended);
        assert!(told.len() == 1 && told[0].starts_with("::error title="), "{told:?}");
        assert!(page.contains(&format!("exit code {code}")), "{page}");
        let error = ended.err.lines().find_map(|line| line.strip_prefix("error: ")).unwrap();
        assert!(page.contains(&error[..30]) && told[0].contains(&error[..30]), "{page} {told:?}");
    }
}

#[test]
fn a_plugin_can_neither_give_the_runner_commands_nor_mark_up_the_page() {
    for settings in ["", "at = \"row\"", "at = \"table\"", "kind = \"partition\""] {
        let place = guests("forges_lines", settings, "max-rejected-rows = 0");
        for more in [&[][..], &["--dry-run"], &["--format", "json"]] {
            let (ended, page) = in_a_step(&place, &[&ROWS[..], more].concat());
            let told = commands(&ended);
            let ours = ["::error title=hostile rows ", "::warning title=hostile rows%3A rejected"];
            let is_ours = |command: &String| ours.iter().any(|ours| command.starts_with(ours));
            assert!(told.iter().all(is_ours), "{told:?}");
            assert_eq!(told.len(), if settings.contains("row") { 2 } else { 1 }, "{told:?}");
            assert!(told[0].contains("forged line") && !told[0].contains(" %0A"), "{told:?}");
            let line = page.lines().find(|line| line.contains("forged line")).unwrap();
            // As code, which ends at as many backticks as it began with.
            let fence = if line.contains("`<b>`") { " ``" } else { " `" };
            let (before, _) = line.split_once("forged line").unwrap();
            assert!(
                line.ends_with(fence) && before.contains(&format!(": {}", fence.trim())),
                "{line}"
            );
            assert!(!page.contains("\n::") && !page.contains("\n|  |"), "{page}");
        }
        for ended in [
            place.run(&["reports"]),
            place.run(&["runs", "1"]),
            place.run(&["plugin", "inspect", built("guests/forges_lines.wasm").to_str().unwrap()]),
        ] {
            assert_eq!(commands(&ended), [] as [&str; 0], "{}", ended.said());
        }
    }
}

#[test]
fn nobody_but_githubs_runner_is_told_in_its_language() {
    let place = guests("forges_lines", "", "");
    let page = place.path("page.md");
    for variables in [
        &[("GITHUB_STEP_SUMMARY", page.to_str().unwrap())][..],
        &[("GITHUB_STEP_SUMMARY", page.to_str().unwrap()), ("GITHUB_ACTIONS", "false")],
    ] {
        let ended = place.run_with(&ROWS, variables);
        assert_eq!(commands(&ended), [] as [&str; 0], "{}", ended.said());
        assert!(!page.exists());
    }
    // Lines of JSON stay that; the page is another file.
    let (ended, page) = in_a_step(&place, &[&ROWS[..], &["--log", "json"]].concat());
    logged(&ended);
    assert!(page.contains("**hostile rows**"), "{page}");
}

/// Runs it on a terminal, until that shows all of this.
fn on_a_terminal(place: &Workplace, arguments: &[&str], shows: &[&str]) -> String {
    let program = place.command(&[]);
    let run = [&[program.get_program().to_str().unwrap()], arguments].concat().join(" ");
    let mut terminal = Command::new("script");
    terminal.args(["-qefc", &format!("exec timeout --foreground 60 {run}"), "/dev/null"]);
    terminal.current_dir(place.path("")).env_clear().env("TERM", "xterm").env("SHELL", "/bin/sh");
    terminal.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = terminal
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    let mut bytes = [0; 4096];
    let mut out = child.stdout.take().unwrap();
    while !shows.iter().all(|text| shown.contains(text)) {
        let read = out.read(&mut bytes).unwrap();
        assert!(read > 0, "{shows:?} is not in {:?}", shown.lines().collect::<Vec<_>>());
        shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    // Who hangs up ends what runs there.
    child.kill().unwrap();
    child.wait().unwrap();
    shown
}

#[test]
fn a_terminal_shows_how_a_run_gets_on_and_until_when_it_waits() {
    let place = Workplace::new("");
    let later = |_: &Asked| {
        let mut answer = Server::json(429, json!({}));
        answer.headers_mut().insert("retry-after", "300".parse().unwrap());
        answer
    };
    let server = Server::start(later);
    place.configure(&(github::section("github", &server, "") + github::PROJECT));
    let waits = [
        "created the table github_issues",
        "fenix issues ░░░░░░░░░░ rate limit until ",
        " UTC; finding partitions, ",
    ];
    let shown = on_a_terminal(&place, &ISSUES, &waits);
    assert!(shown.contains("\u{1b}["), "{shown:?}");
}

#[test]
fn what_no_terminal_reads_has_lines_and_nothing_else() {
    let place = Workplace::new("");
    let github = GitHub::start(github::issues(3));
    place.configure(&github.section());
    let ended = place.run_with(&ISSUES, &[("TERM", "xterm")]).expect_code(0);
    let steers = |c: char| c.is_control() && c != '\n';
    assert!(!ended.said().contains(steers), "{:?}", ended.said());
    let requests = github.server.count();
    assert_eq!(ended.err.matches(" INFO fenix issues: 1 partition, ").count(), 1, "{}", ended.err);
    ended.expect_said(&format!(", {requests} requests in 0."));
}

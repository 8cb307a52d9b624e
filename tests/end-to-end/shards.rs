// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Several processes share a run: each partition is read once, there is one run in the history,
//! and a shard that is killed and started again leaves the tables of a run that nothing
//! disturbed.

mod killed;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use test_dashboard_store::{PartitionKey, Shard};

use crate::support::tables::{Tables, assert_same, tables};
use crate::support::testrail::{self, Project, TestRail};
use crate::support::{
    Answer, Asked, Database, Ended, Kind, Server, Workplace, stay_clear_of_midnight,
};

const COUNT: u16 = 4;
/// Enough for each shard to have several.
const SUITES: [i64; 14] = [300, 12, 251, 0, 40, 7, 90, 33, 260, 5, 1, 80, 19, 64];

/// Where a checkpoint of `test-cases` says until when it has read, within a line of JSON.
const WATERMARK: &str = r#"\"watermark\":\""#;

type Report = &'static str;

/// Snapshots, a suite and day each.
const COVERAGE: Report = "test-case-coverage";
/// Merge tables, a suite each, and a snapshot; exhaustive.
const CASES: Report = "test-cases";

/// TestRail, and a folder that is configured for it.
struct Pump {
    place: Workplace,
    testrail: TestRail,
    trouble: Arc<Mutex<Trouble>>,
}

/// What happens to who asks for the cases of a suite.
#[derive(Default)]
enum Trouble {
    #[default]
    None,
    /// The first who asks waits until the sender is dropped or sends.
    Held { suite: i64, asked: Sender<()>, released: Receiver<()> },
    /// The server refuses.
    Refused { suite: i64 },
}

impl Pump {
    fn new() -> Self {
        let trouble = Arc::new(Mutex::new(Trouble::None));
        let seen = Arc::clone(&trouble);
        let project = Project::of(&SUITES, 0, 0);
        let testrail = TestRail::behind(project, move |asked, _| intercept(asked, &seen));
        let place = Workplace::new(&(testrail.section() + "[schedule]\ntest-cases = \"1d\"\n"));
        Pump { place, testrail, trouble }
    }

    fn start(&self, report: Report, database: &Database, more: &[&str]) -> Child {
        self.start_with(report, database, more, &[])
    }

    fn start_with(
        &self,
        report: Report,
        database: &Database,
        more: &[&str],
        variables: &[(&str, &str)],
    ) -> Child {
        let arguments = ["run", "--project", "fenix", "--report-type", report];
        let arguments = [&arguments[..], &["--database", &database.url], more].concat();
        let mut command = self.place.command(&arguments);
        command.envs(testrail::VARIABLES).envs(variables.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn run(&self, report: Report, database: &Database, more: &[&str]) -> Ended {
        end(self.start(report, database, more))
    }

    fn shard(&self, report: Report, database: &Database, number: u16, more: &[&str]) -> Ended {
        let shard = format!("{number}/{COUNT}");
        self.run(report, database, &[&["--shard", &shard, "--run-key", "night"], more].concat())
    }

    fn command(&self, database: &Database, arguments: &[&str]) -> Ended {
        let more = ["--config", "test-dashboard.toml", "--database", &database.url];
        self.place.run(&[arguments, &more].concat())
    }

    fn runs(&self, database: &Database) -> Value {
        self.command(database, &["runs", "--format", "json"]).expect_code(0).json()
    }

    /// The only run, with its partitions and shards.
    fn the_run(&self, database: &Database) -> Value {
        let runs = self.runs(database);
        assert_eq!(runs.as_array().unwrap().len(), 1, "{runs:#}");
        let id = runs[0]["run"].to_string();
        self.command(database, &["runs", &id, "--format", "json"]).expect_code(0).json()
    }

    fn status(&self, database: &Database) -> Ended {
        self.command(database, &["status", "--format", "json"])
    }

    /// A database that one process has filled, and what it asked for.
    fn single_run(&self, report: Report, kind: Kind) -> (Database, Requests) {
        let database = Database::new(kind);
        let before = self.testrail.server.count();
        self.run(report, &database, &[]).expect_code(0);
        (database, self.requests_since(before))
    }

    fn requests_since(&self, before: usize) -> Requests {
        let mut requests = Requests::new();
        for asked in &self.testrail.server.asked()[before..] {
            *requests.entry(asked.target.clone()).or_default() += 1;
        }
        requests
    }

    /// Makes the first who asks for the cases of this suite wait: hears when it does, and lets
    /// it go.
    fn hold(&self, suite: i64) -> (Receiver<()>, Sender<()>) {
        let (asked, is_asked) = channel();
        let (release, released) = channel();
        *self.trouble.lock().unwrap() = Trouble::Held { suite, asked, released };
        (is_asked, release)
    }
}

/// How often each address was asked for.
type Requests = BTreeMap<String, usize>;

/// Without those that plan, which every shard does.
fn of_partitions(requests: Requests) -> Requests {
    let plans = |target: &str| target.contains("get_suites") || target.contains("get_case_fields");
    requests.into_iter().filter(|(target, _)| !plans(target)).collect()
}

fn intercept(asked: &Asked, trouble: &Mutex<Trouble>) -> Option<Answer> {
    if asked.target.contains("/get_sections/") {
        let suite = asked.query("suite_id").unwrap();
        let section = json!({"id": suite.parse::<i64>().unwrap() + 500, "name": format!("Section of {suite}"), "suite_id": suite.parse::<i64>().unwrap(), "parent_id": null, "depth": 0, "description": null});
        let list = json!({"offset": 0, "limit": 250, "size": 1, "_links": {"next": null, "prev": null}, "sections": [section]});
        return Some(Server::json(200, list));
    }
    let asked_suite = asked.query("suite_id").filter(|_| asked.target.contains("/get_cases/"))?;
    let asked_suite: i64 = asked_suite.parse().unwrap();
    let mut trouble = trouble.lock().unwrap();
    match &*trouble {
        Trouble::Refused { suite } if *suite == asked_suite => {
            Some(Server::json(403, json!({"error": "No access to the suite."})))
        }
        Trouble::Held { suite, .. } if *suite == asked_suite => {
            let Trouble::Held { asked, released, .. } = std::mem::take(&mut *trouble) else {
                return None;
            };
            drop(trouble);
            asked.send(()).unwrap();
            // Others are answered in the meantime. Also let go when the test has ended.
            let _ = tokio::task::block_in_place(|| released.recv());
            None
        }
        _ => None,
    }
}

fn end(child: Child) -> Ended {
    Ended::new(child.wait_with_output().unwrap())
}

/// What is in the database, but for the present that each run has: it stands in every checkpoint
/// of `test-cases`, and is the same in all of one run.
fn content(database: &Database) -> Tables {
    let mut tables = tables(database);
    let checkpoints = tables.get_mut("checkpoints").unwrap();
    let mut presents = BTreeSet::new();
    for row in checkpoints.iter_mut() {
        let Some((before, after)) = row.split_once(WATERMARK) else { continue };
        let (present, after) = after.split_once('\\').unwrap();
        presents.insert(present.to_string());
        *row = format!("{before}{after}");
    }
    checkpoints.sort_unstable();
    assert!(presents.len() <= 1, "shards took different times for the present: {presents:?}");
    tables
}

fn key(report: Report, partition: &str) -> PartitionKey {
    PartitionKey {
        project: "fenix".into(),
        datasource: "testrail".into(),
        report: report.into(),
        partition: partition.into(),
    }
}

/// The shard that has the cases of this suite.
fn shard_of(suite: i64) -> u16 {
    let key = key(CASES, &format!("cases:{suite}"));
    (1..=COUNT).find(|number| Shard::new(*number, COUNT).unwrap().has(&key)).unwrap()
}

fn suites_of(shard: u16) -> Vec<i64> {
    (1..=SUITES.len() as i64).filter(|suite| shard_of(*suite) == shard).collect()
}

#[test]
fn four_shards_at_once_leave_the_tables_and_the_history_of_a_single_run() {
    stay_clear_of_midnight();
    let pump = Pump::new();
    for kind in Kind::all() {
        for report in [COVERAGE, CASES] {
            let what = format!("{kind:?} {report}");
            let (expected, single) = pump.single_run(report, kind);
            let database = Database::new(kind);
            let before = pump.testrail.server.count();
            let shards = (1..=COUNT).map(|number| {
                let shard = format!("{number}/{COUNT}");
                pump.start(report, &database, &["--shard", &shard, "--run-key", "night"])
            });
            for shard in shards.collect::<Vec<_>>() {
                end(shard).expect_code(0);
            }
            assert_same(&content(&database), &content(&expected), &what);
            let shared = pump.requests_since(before);
            assert_eq!(of_partitions(shared.clone()), of_partitions(single), "{what}");

            let (one, four) = (pump.the_run(&expected), pump.the_run(&database));
            for sum in ["outcome", "rows_read", "rows_new", "rows_changed", "rows_rejected"] {
                assert_eq!(four[sum], one[sum], "{what}: {sum}");
            }
            assert_eq!(four["requests"], shared.values().sum::<usize>(), "{what}");
            assert_eq!((&one["shards"], &four["shards"]), (&Value::Null, &json!(COUNT)));
            let is_done = |shard: &Value| shard["outcome"] == "succeeded";
            assert!(four["shard_states"].as_array().unwrap().iter().all(is_done), "{four:#}");
            assert_eq!(names(&four, true), names(&one, true), "{what}");
            let plans = (1..=COUNT).map(|number| format!("(plan {number}/{COUNT})"));
            assert_eq!(names(&four, false), plans.collect::<Vec<_>>(), "{what}");
            let status = pump.status(&database).json();
            assert_eq!(status["reports"][0]["rows"], four["rows_read"], "{status:#}");
            assert_eq!(status["open_runs"], json!([]));
        }
    }
}

/// The partitions of a run, or else what is none.
fn names(run: &Value, partitions: bool) -> Vec<String> {
    let names = run["partitions"].as_array().unwrap().iter();
    let names = names.map(|partition| partition["partition"].as_str().unwrap().to_string());
    names.filter(|name| name.starts_with('(') != partitions).collect()
}

#[test]
fn the_report_is_fresh_when_the_last_shard_has_ended_and_not_before() {
    let pump = Pump::new();
    for kind in Kind::all() {
        let database = Database::new(kind);
        for number in 1..COUNT {
            let ended = pump.shard(CASES, &database, number, &[]).expect_code(0);
            ended.expect_said("the run waits for").expect_said("4/4");
        }
        let told = pump.command(&database, &["status"]).expect_code(1);
        told.expect_said("it waits for 4/4 (").expect_said("was never read for fenix");
        let shown = pump.command(&database, &["runs", "1"]).expect_code(0);
        shown.expect_said("unfinished, 4 shards").expect_said("not started");
        pump.shard(CASES, &database, COUNT, &[]).expect_code(0).expect_said("all 4 shards");
        pump.command(&database, &["status"]).expect_code(0).expect_said("fresh");

        // What is done is not done again, by whichever shard.
        let before = pump.testrail.server.count();
        let again = pump.shard(CASES, &database, 2, &[]).expect_code(0);
        again.expect_said("shard 2/4 of run 1 was done at");
        let json = pump.shard(CASES, &database, 3, &["--format", "json"]).expect_code(0).json();
        assert_eq!((&json["shard"], &json["outcome"]), (&json!("3/4"), &json!("succeeded")));
        assert_eq!(pump.testrail.server.count(), before);
        assert_eq!(pump.the_run(&database)["outcome"], "succeeded");

        // As when the last shard is killed before it ends the run: any of them does it.
        database.execute("UPDATE runs SET finished_at = NULL, outcome = NULL");
        database.execute("DELETE FROM report_status");
        let told = pump.command(&database, &["status"]).expect_code(1);
        told.expect_said("all 4 shards have ended, and the last was killed");
        pump.shard(CASES, &database, 3, &[]).expect_code(0).expect_said("all 4 shards of run 1");
        assert_eq!(of_partitions(pump.requests_since(before)), Requests::new());
        pump.command(&database, &["status"]).expect_code(0).expect_said("fresh");
    }
}

#[test]
fn a_shard_that_failed_and_is_started_again_reads_what_failed_and_makes_the_run_good() {
    let pump = Pump::new();
    for kind in Kind::all() {
        let (expected, _) = pump.single_run(CASES, kind);
        let database = Database::new(kind);
        let failing = shard_of(1);
        *pump.trouble.lock().unwrap() = Trouble::Refused { suite: 1 };
        // First or in the middle, then as the last.
        for number in 1..=COUNT {
            let code = if number == failing { 3 } else { 0 };
            pump.shard(CASES, &database, number, &[]).expect_code(code);
        }
        let run = pump.the_run(&database);
        assert_eq!(run["outcome"], "partly-failed", "{run:#}");
        let state = &run["shard_states"][usize::from(failing) - 1];
        assert!(state["error"].as_str().unwrap().contains("cases:1"), "{state}");
        pump.shard(CASES, &database, failing, &[]).expect_code(3);
        let told = pump.command(&database, &["status"]).expect_code(1);
        told.expect_said("partly-failed fenix test-cases in run 1: cases:1");

        *pump.trouble.lock().unwrap() = Trouble::None;
        let before = pump.testrail.server.count();
        pump.shard(CASES, &database, failing, &[]).expect_code(0).expect_said("all 4 shards");
        let asked = of_partitions(pump.requests_since(before));
        assert!(
            asked
                .keys()
                .all(|target| target.contains("suite_id=1&") || target.ends_with("suite_id=1")),
            "{asked:#?}"
        );
        assert_same(&content(&database), &content(&expected), &format!("{kind:?}"));
        let run = pump.the_run(&database);
        assert_eq!((&run["outcome"], run["error"].is_null()), (&json!("succeeded"), true));
        pump.status(&database).expect_code(0);
    }
}

/// What `--shard` and `--run-key` say otherwise, as platforms say it to one of two tasks.
fn platforms(task: usize) -> [(&'static str, Vec<(&'static str, &'static str)>); 3] {
    let index = ["0", "1"][task];
    [
        (
            "cloud-run pump-x7k2p",
            vec![
                ("CLOUD_RUN_TASK_INDEX", index),
                ("CLOUD_RUN_TASK_COUNT", "2"),
                ("CLOUD_RUN_EXECUTION", "pump-x7k2p"),
            ],
        ),
        (
            "1b2c3d4e",
            vec![
                ("JOB_COMPLETION_INDEX", index),
                ("TEST_DASHBOARD_SHARDS", "2"),
                ("TEST_DASHBOARD_RUN_KEY", "1b2c3d4e"),
            ],
        ),
        (
            "github mozilla/pump 77",
            vec![
                ("TEST_DASHBOARD_SHARD", ["1/2", "2/2"][task]),
                ("GITHUB_REPOSITORY", "mozilla/pump"),
                ("GITHUB_RUN_ID", "77"),
            ],
        ),
    ]
}

#[test]
fn what_a_platform_sets_is_enough_to_share_a_run() {
    let pump = Pump::new();
    for platform in 0..3 {
        let database = Database::new(Kind::Sqlite);
        let tasks = [0, 1].map(|task| {
            let (_, variables) = &platforms(task)[platform];
            pump.start_with(CASES, &database, &[], variables)
        });
        for task in tasks {
            end(task).expect_code(0);
        }
        let (key, _) = &platforms(0)[platform];
        let run = pump.the_run(&database);
        assert_eq!((&run["shards"], &run["outcome"]), (&json!(2), &json!("succeeded")), "{key}");
        let keys = database.rows("SELECT run_key FROM shared_runs");
        assert_eq!(keys, [json!([key])]);
    }
}

#[test]
fn shards_that_do_not_fit_together_are_told_before_anything_is_asked() {
    let pump = Pump::new();
    let database = Database::new(Kind::Sqlite);
    pump.shard(CASES, &database, 1, &[]).expect_code(0);
    let before = pump.testrail.server.count();
    let night = ["--run-key", "night"];
    for (more, said) in [
        (&["--shard", "1/3"][..], "run 1 has 4 shards, and this one is 1/3"),
        (
            &["--shard", "2/4", "--full"],
            "was started as `run --project fenix --report-type test-cases`",
        ),
        (&["--shard", "5/4"], "is no shard such as 2/4"),
        (&["--shard", "2/4", "--dry-run"], "--dry-run"),
        (&[], "give --shard I/N"),
    ] {
        pump.run(CASES, &database, &[more, &night].concat()).expect_code(2).expect_said(said);
    }
    let alone = pump.run(CASES, &database, &["--shard", "2/4"]).expect_code(2);
    alone.expect_said("give all of them the same --run-key");
    let pod = [("JOB_COMPLETION_INDEX", "0")];
    let pod = end(pump.start_with(CASES, &database, &[], &pod)).expect_code(2);
    pod.expect_said("set TEST_DASHBOARD_SHARDS").expect_said("--shard 1/1");
    assert_eq!(pump.testrail.server.count(), before);
    assert_eq!(pump.the_run(&database)["shard_states"].as_array().unwrap().len(), 1);

    let whole = pump.run(CASES, &database, &["--shard", "1/1"]).expect_code(0);
    assert!(!whole.said().contains("shard"), "{}", whole.said());
    assert_eq!(pump.runs(&database)[0]["shards"], Value::Null);
}

fn long_ago(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => "2026-01-05T03:00:00.000000Z",
        Kind::Postgres | Kind::Mysql => "2026-01-05 03:00:00",
    }
}

#[test]
fn a_full_reading_that_is_due_removes_what_is_gone_and_nothing_that_a_shard_has_read() {
    let pump = Pump::new();
    for kind in Kind::all() {
        pump.testrail.change(|project| *project = Project::of(&SUITES, 0, 0));
        let database = Database::new(kind);
        pump.run(CASES, &database, &[]).expect_code(0);
        let all = database.number("SELECT COUNT(*) FROM testrail_test_cases");
        database.execute(&format!("UPDATE full_runs SET finished_at = '{}'", long_ago(kind)));
        // Suite 9 is gone, and of suite 3 a case.
        pump.testrail.change(|project| {
            project.suites.retain(|(id, _)| *id != 9);
            project.suites[2].1.pop();
        });
        for number in 1..COUNT {
            let ended = pump.shard(CASES, &database, number, &[]).expect_code(0);
            let decided = ended.said().contains("everything is read again");
            assert_eq!(decided, number == 1, "the first decides for all: {}", ended.said());
        }
        let suite = |id: i64| {
            database
                .number(&format!("SELECT COUNT(*) FROM testrail_test_cases WHERE _partition = 'test-cases/cases:{id}'"))
        };
        assert_eq!(suite(9), SUITES[8], "{kind:?}: one shard has not looked yet");
        // Now a suite goes that was read in this run: it goes with the next full refresh.
        let read = (1..=SUITES.len() as i64)
            .find(|suite| shard_of(*suite) != COUNT && SUITES[*suite as usize - 1] > 0)
            .unwrap();
        pump.testrail.change(|project| project.suites.retain(|(id, _)| *id != read));
        let json = ["--format", "json"];
        let last = pump.shard(CASES, &database, COUNT, &json).expect_code(0).json();
        assert_eq!((suite(9), suite(read)), (0, SUITES[read as usize - 1]), "{kind:?}");
        let now = database.number("SELECT COUNT(*) FROM testrail_test_cases");
        assert_eq!(now, all - SUITES[8] - 1, "{kind:?}: {last:#}");
        let removed = last["partitions"].as_array().unwrap().iter();
        let removed = removed.filter(|partition| partition["partition"] == "(full)");
        let removed: Vec<&Value> = removed.map(|partition| &partition["rows_removed"]).collect();
        assert!(removed[0].as_i64().unwrap() >= SUITES[8], "{last:#}");
        // It was the full reading.
        let next = pump.run(CASES, &database, &[]).expect_code(0);
        assert!(!next.said().contains("everything is read again"), "{}", next.said());
    }
}

#[test]
fn shards_of_a_run_over_a_window_make_nothing_fresh_and_no_full_run() {
    let pump = Pump::new();
    let database = Database::new(Kind::Sqlite);
    let days = ["--since", "2026-01-10", "--until", "2026-01-12"];
    for number in 1..=COUNT {
        pump.shard(CASES, &database, number, &days).expect_code(0);
    }
    let run = pump.the_run(&database);
    assert_eq!((&run["since"], &run["until"]), (&json!("2026-01-10"), &json!("2026-01-12")));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    assert_eq!(database.number("SELECT COUNT(*) FROM full_runs"), 0);
    let told = pump.command(&database, &["status"]).expect_code(1);
    told.expect_said("was a backfill (2026-01-10 to 2026-01-12), succeeded");
}

#[test]
fn a_run_that_has_begun_is_due_for_all_its_shards() {
    let pump = Pump::new();
    for kind in Kind::all() {
        let database = Database::new(kind);
        pump.run(CASES, &database, &[]).expect_code(0);
        let every = ["--every", "14d"];
        pump.shard(CASES, &database, 1, &every).expect_code(4).expect_said("not due");
        assert_eq!(pump.runs(&database).as_array().unwrap().len(), 1);
        database
            .execute(&format!("UPDATE report_status SET good_started_at = '{}'", long_ago(kind)));
        for number in 1..=COUNT {
            pump.shard(CASES, &database, number, &every).expect_code(0);
        }
        assert_eq!(pump.runs(&database)[0]["outcome"], "succeeded");
        pump.shard(CASES, &database, 2, &every).expect_code(0).expect_said("was done at");
    }
}

#[test]
fn all_shards_read_the_day_on_which_the_run_began() {
    stay_clear_of_midnight();
    let pump = Pump::new();
    for kind in Kind::all() {
        let database = Database::new(kind);
        pump.shard(COVERAGE, &database, 1, &[]).expect_code(0);
        // As after a midnight.
        database.execute(&format!("UPDATE runs SET started_at = '{}'", long_ago(kind)));
        for number in 2..=COUNT {
            pump.shard(COVERAGE, &database, number, &[]).expect_code(0);
        }
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        let mut days = BTreeSet::new();
        for name in names(&pump.the_run(&database), true) {
            let Some((_, day)) = name.split_once('/') else { continue };
            let by_first = Shard::new(1, COUNT).unwrap().has(&key(COVERAGE, &name));
            assert_eq!(day, if by_first { &today } else { "2026-01-05" }, "{kind:?} {name}");
            days.insert(day.to_string());
        }
        assert_eq!(days.len(), 2, "{kind:?}: {days:?}");
    }
}

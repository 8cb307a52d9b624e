// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A night as the cron workflow has it, in which much goes wrong; what the morning says of it;
//! and the next night, which repairs it.
//!
//! Five projects, all reports of all shipped plugins, one after the other. In the first night
//! the database is stopped in the middle of a run and crashes in the middle of another,
//! Taskcluster is down, Bitrise's token has expired, TestRail shuts one project out, and a run
//! is killed. What triggers it is a count of requests, never the clock.

mod bitrise;
mod github;
mod not_found;
mod taskcluster;
mod testrail;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::channel;

use serde_json::Value;

use crate::support::tables::{Tables, assert_same, tables};
use crate::support::{
    Database, Ended, Kind, OwnServer, Workplace, built, repository, stay_clear_of_midnight,
    testrail as login,
};
use world::{BITRISE_TOKEN, EXPIRED_BITRISE_TOKEN, GITHUB_TOKEN, PROJECTS, SHUT_OUT, World};

/// In the order in which they are run.
const REPORTS: [&str; 16] = [
    "issues",
    "issue-regression",
    "pull-requests",
    "releases",
    "workflow-runs",
    "test-case-coverage",
    "test-run-counts",
    "test-plans-and-runs",
    "test-cases",
    "test-results",
    "milestones",
    "reference",
    "task-groups",
    "hook-fires",
    "builds",
    "build-artifacts",
];
/// During this one the database is stopped, and started again.
const STOPPED: &str = "issues";
/// During this one it crashes.
const CRASHED: &str = "test-results";
/// This one is killed.
const KILLED: &str = "workflow-runs";

/// What is run, and where.
struct Night {
    world: World,
    place: Workplace,
    database: Database,
    /// Where the database is on a server that may be stopped.
    server: Option<Arc<OwnServer>>,
}

#[test]
fn sqlite() {
    night(Kind::Sqlite, None, Database::new(Kind::Sqlite), Database::new(Kind::Sqlite));
}

#[test]
fn postgres() {
    night_on_a_server(Kind::Postgres, "postgres");
}

#[test]
fn mysql() {
    night_on_a_server(Kind::Mysql, "mysql");
}

fn night_on_a_server(kind: Kind, engine: &str) {
    let Some(server) = OwnServer::start(engine, repository()) else { return };
    let server = Arc::new(server);
    let database = || Database::on(kind, server.url.clone());
    night(kind, Some(Arc::clone(&server)), database(), database());
}

fn night(kind: Kind, server: Option<Arc<OwnServer>>, database: Database, fresh: Database) {
    stay_clear_of_midnight();
    let world = World::start();
    let place = Workplace::new(&configuration(&world.server.url));
    let night = Night { world, place, database, server };
    night.are_all_reports();

    let ended = night.first();
    night.summaries_say_what_happened(&ended);
    night.morning_says_what_happened();

    night.world.next_night();
    for report in REPORTS {
        night.run(report, &night.database).expect_code(0);
    }
    night.morning_is_good();

    for report in REPORTS {
        night.run(report, &fresh).expect_code(0);
    }
    has_rows_in_every_table(&fresh);
    let (found, expected) = (comparable(&night.database), comparable(&fresh));
    assert_same(&found, &expected, &format!("{kind:?}"));
    has_no_key_twice(&night.database);
}

/// All services at an address.
fn configuration(url: &str) -> String {
    let datasource = |name: &str, more: &str| {
        let plugin = built(&format!("plugins/{name}.wasm"));
        format!(
            "[datasources.{name}]\nplugin = {plugin:?}\nbase-url = \"{url}/{name}\"\n\
             allow-addresses = [\"127.0.0.1\"]\nrequests-per-minute = 1000000\n{more}\n"
        )
    };
    let mut text = [
        datasource("testrail", "credential = { kind = \"basic\", user = \"${TESTRAIL_USERNAME}\", secret = \"${TESTRAIL_PASSWORD}\" }"),
        datasource("github", "credential = { kind = \"bearer\", secret = \"${GITHUB_TOKEN}\" }"),
        datasource("bitrise", "credential = { kind = \"raw-token\", secret = \"${BITRISE_TOKEN}\" }\nmax-concurrent = 1"),
        // What is down all night need not be tried for long.
        datasource("taskcluster", "limits = { max-attempts = 2 }"),
    ]
    .concat();
    for project in PROJECTS {
        let world::Project { name, testrail, bitrise, .. } = project;
        let (index, hooks) = (taskcluster::INDEX, taskcluster::HOOKS);
        text += &format!(
            "[projects.{name}]\n\
             testrail = {{ project-id = {testrail} }}\n\
             github = {{ repository = \"mozilla-mobile/{name}\", workflow-days = 70, regression-labels = [\"crash\", \"🐞 bug\"] }}\n\
             bitrise = {{ app-slug = \"{bitrise}\" }}\n\
             taskcluster = {{ index-namespace = \"{index}.{name}\", hooks = [\"{hooks}/{name}\"], days = 2 }}\n"
        );
    }
    text += "[schedule]\n";
    text + &REPORTS.map(|report| format!("{report} = \"1d\"\n")).concat()
}

impl Night {
    /// That no report of a shipped plugin is left out.
    fn are_all_reports(&self) {
        let told = self.place.run(&["reports", "--format", "json"]).expect_code(0).json();
        let plugins = told.as_array().unwrap().iter();
        let told: BTreeSet<&str> = plugins
            .flat_map(|plugin| plugin["reports"].as_array().unwrap())
            .map(|report| report["name"].as_str().unwrap())
            .collect();
        assert_eq!(told, BTreeSet::from(REPORTS));
    }

    fn command(&self, report: &str, database: &Database, bitrise: &str) -> std::process::Command {
        let summary = summary_file(report);
        let arguments = ["run", "--project", "ALL", "--report-type", report, "--summary", &summary];
        let mut command =
            self.place.command(&[&arguments[..], &["--database", &database.url]].concat());
        command.envs(login::VARIABLES).env("GITHUB_TOKEN", GITHUB_TOKEN);
        command.env("BITRISE_TOKEN", bitrise);
        command
    }

    /// Runs a report of all projects, with tokens that are good.
    fn run(&self, report: &str, database: &Database) -> Ended {
        Ended::new(self.command(report, database, BITRISE_TOKEN).output().unwrap())
    }

    fn first(&self) -> BTreeMap<&'static str, Ended> {
        let run = |report: &'static str| (report, self.run_in_the_first_night(report));
        REPORTS.map(run).into()
    }

    fn run_in_the_first_night(&self, report: &str) -> Ended {
        let mut command = self.command(report, &self.database, EXPIRED_BITRISE_TOKEN);
        let (tell, told) = channel::<u32>();
        match (report, &self.server) {
            (KILLED, _) => self.world.at_request(40, move || kill(told.recv().unwrap())),
            (STOPPED, Some(server)) => {
                let server = Arc::clone(server);
                self.world.at_request(30, move || {
                    server.stop();
                    // Answered while nobody listens: the run has to wait for the server.
                    std::thread::spawn(move || server.start_again());
                });
            }
            (CRASHED, Some(server)) => {
                let server = Arc::clone(server);
                self.world.at_request(60, move || {
                    server.crash();
                    server.start_again();
                });
            }
            _ => {}
        }
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Nobody listens where nothing is to be killed.
        let _ = tell.send(child.id());
        let ended = Ended::new(child.wait_with_output().unwrap());
        self.world.assert_sprung();
        ended
    }

    /// What each run leaves for a notifier, and with which code it ended.
    fn summaries_say_what_happened(&self, ended: &BTreeMap<&str, Ended>) {
        for (report, ended) in ended {
            let (code, outcome) = match *report {
                KILLED => {
                    assert_eq!(ended.code, None, "{report}");
                    assert!(self.summary(report).is_none(), "it had no time to say anything");
                    continue;
                }
                "task-groups" | "hook-fires" | "builds" | "build-artifacts" => (1, "failed"),
                "milestones" => (3, "partly-failed"),
                _ => (0, "succeeded"),
            };
            assert_eq!(ended.code, Some(code), "{report}: {}", ended.said());
            let told = self.summary(report).unwrap();
            assert_eq!((&told["outcome"], &told["exit_code"]), (&outcome.into(), &code.into()));
            assert!(told["run"].is_i64() && told["error"].is_null(), "{told}");
            let reports = told["reports"].as_array().unwrap();
            assert_eq!(reports.len(), PROJECTS.len(), "{told}");
            for told in reports {
                says_what_happened(told);
            }
        }
        if self.server.is_some() {
            for report in [STOPPED, CRASHED] {
                assert!(ended[report].err.contains("trying again"), "{report}: nothing broke");
            }
        }
    }

    fn summary(&self, report: &str) -> Option<Value> {
        let text = std::fs::read_to_string(self.place.path(&summary_file(report))).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    fn status(&self) -> Ended {
        let config = self.place.path("test-dashboard.toml");
        let arguments = ["status", "--format", "json", "--database", &self.database.url];
        self.place.run(&[&arguments[..], &["--config", config.to_str().unwrap()]].concat())
    }

    fn morning_says_what_happened(&self) {
        let told = self.status().expect_code(1).json();
        let mut expected = BTreeMap::new();
        for report in REPORTS {
            for project in PROJECTS {
                let state = match trouble(project.name, report) {
                    _ if report == KILLED => "late",
                    Some(_) => "failed",
                    None => "fresh",
                };
                expected.insert((project.name.to_string(), report.to_string()), state.to_string());
            }
        }
        assert_eq!(states(&told), expected, "{told}");
        for report in told["reports"].as_array().unwrap() {
            let text = |field: &str| report[field].as_str().unwrap_or_default();
            let (project, name) = (text("project"), text("report"));
            match trouble(project, name) {
                _ if name == KILLED => assert!(report["last_run"].is_null(), "{report}"),
                Some((_, said)) => {
                    assert!(text("error").contains(said), "{report}");
                    assert!(report["fresh_until"].is_null(), "{report}");
                }
                None => {
                    assert!(report["error"].is_null(), "{report}");
                    assert!(report["rows"].as_i64().unwrap() > 0, "{report}");
                }
            }
        }
        let never = told["never_run"].as_array().unwrap().iter();
        let text = |never: &Value, field: &str| never[field].as_str().unwrap().to_string();
        let never: BTreeSet<_> =
            never.map(|never| [text(never, "project"), text(never, "report")]).collect();
        assert_eq!(never, PROJECTS.map(|project| [project.name.into(), KILLED.into()]).into());
        let open = told["open_runs"].as_array().unwrap();
        let [open] = &open[..] else { panic!("one run has no end: {told}") };
        assert_eq!((&open["project"], &open["report"]), (&"ALL".into(), &KILLED.into()));

        let arguments = ["runs", "--format", "json", "--database", &self.database.url];
        let runs = self.place.run(&arguments).expect_code(0).json();
        let runs = runs.as_array().unwrap();
        assert_eq!(runs.len(), REPORTS.len(), "one row for each run");
        let without_an_end = runs.iter().filter(|run| run["finished"].is_null());
        let without_an_end: Vec<&Value> = without_an_end.map(|run| &run["report"]).collect();
        assert_eq!(without_an_end, [KILLED]);
    }

    fn morning_is_good(&self) {
        let told = self.status().expect_code(0).json();
        let states = states(&told);
        assert_eq!(states.len(), REPORTS.len() * PROJECTS.len());
        assert!(states.values().all(|state| state == "fresh"), "{told}");
        assert_eq!(told["never_run"], serde_json::json!([]));
    }
}

fn summary_file(report: &str) -> String {
    format!("{report}.json")
}

/// One report of one project in the summary of the first night.
fn says_what_happened(told: &Value) {
    let text = |field: &str| told[field].as_str().unwrap();
    let failures = told["failures"].as_array().unwrap();
    match trouble(text("project"), text("report")) {
        Some((kind, said)) => {
            assert_eq!(told["outcome"], "failed", "{told}");
            assert!(!failures.is_empty() && told["partitions_done"] == 0, "{told}");
            for failure in failures {
                assert_eq!(failure["kind"], kind, "{told}");
                assert!(failure["message"].as_str().unwrap().contains(said), "{told}");
            }
            assert_eq!((&told["rows_new"], &told["fresh_until"]), (&0.into(), &Value::Null));
        }
        None => {
            assert_eq!((&told["outcome"], failures.len()), (&"succeeded".into(), 0), "{told}");
            assert!(told["partitions_done"].as_i64().unwrap() > 0, "{told}");
            assert!(told["rows_read"].as_i64().unwrap() > 0, "{told}");
            assert!(told["fresh_until"].is_string(), "{told}");
        }
    }
}

/// SIGKILL: nothing can be done about it.
fn kill(id: u32) {
    let killed = std::process::Command::new("kill").args(["-s", "KILL", &id.to_string()]).status();
    assert!(killed.unwrap().success());
}

/// In the first night: with which kind a report of a project fails, and what is said then.
fn trouble(project: &str, report: &str) -> Option<(&'static str, &'static str)> {
    match report {
        "task-groups" | "hook-fires" => Some(("transient", "503")),
        "builds" | "build-artifacts" => Some(("auth", "401")),
        "milestones" if project == SHUT_OUT => Some(("auth", "403")),
        _ => None,
    }
}

/// The state of each project's reports.
fn states(told: &Value) -> BTreeMap<(String, String), String> {
    let text = |report: &Value, field: &str| report[field].as_str().unwrap().to_string();
    let reports = told["reports"].as_array().unwrap().iter();
    reports
        .map(|report| ((text(report, "project"), text(report, "report")), text(report, "state")))
        .collect()
}

/// What two databases have in common that show the same world, of which one has followed it
/// for two nights.
fn comparable(database: &Database) -> Tables {
    let mut tables = tables(database);
    // What is remembered is how the world was followed.
    tables.remove("checkpoints");
    // How many labels an issue, or choices a case, once had shows in positions that are free.
    for table in ["github_issue_labels", "testrail_test_case_custom_values"] {
        tables.get_mut(table).unwrap().retain(|row| !row.contains("null"));
    }
    // Two reports deliver the same runs: which of them was first with a change is history.
    for row in tables.get_mut("testrail_test_runs").unwrap() {
        let mut values: Vec<Value> = serde_json::from_str(row).unwrap();
        values.remove(1);
        *row = Value::from(values).to_string();
    }
    tables.get_mut("testrail_test_runs").unwrap().sort_unstable();
    tables
}

fn has_rows_in_every_table(database: &Database) {
    let issues = PROJECTS.len() as i64 * github::ISSUES;
    assert_eq!(database.number("SELECT COUNT(*) FROM github_issues"), issues);
    for (table, rows) in tables(database) {
        assert!(!rows.is_empty() || table == "rejected_rows", "{table} is empty");
    }
}

fn has_no_key_twice(database: &Database) {
    let quote = if database.kind() == Kind::Mysql { '`' } else { '"' };
    for row in database.rows("SELECT table_name, key_columns FROM catalogue_tables") {
        let (table, key) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        let key = key.split(", ").map(|column| format!(", {quote}{column}{quote}"));
        let key = key.collect::<String>();
        let twice = format!(
            "SELECT COUNT(*) FROM (SELECT project{key} FROM {table} GROUP BY project{key} \
             HAVING COUNT(*) > 1) AS twice"
        );
        assert_eq!(database.number(&twice), 0, "{table}");
    }
}

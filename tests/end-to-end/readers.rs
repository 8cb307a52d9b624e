// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reading does not write: what only tells works for a user who may only read, and leaves the
//! database as it is, also one with a migration that is pending.

use std::fs::{self, Permissions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use test_dashboard_store::{Engine, grants_to_read};

use crate::support::github::{self, GitHub};
use crate::support::user::{User, database_name};
use crate::support::{Database, Ended, Kind, Workplace};

const ISSUES: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];
const JSON: [&str; 2] = ["--format", "json"];

/// The commands that only tell, with the id of a rejected row.
fn commands(id: &str) -> [Vec<&str>; 6] {
    [
        vec!["status"],
        vec!["runs"],
        vec!["runs", "1"],
        vec!["rejects", "list"],
        vec!["rejects", "show", id],
        vec!["db", "status"],
    ]
}

struct Scene {
    database: Database,
    _github: GitHub,
    place: Workplace,
}

impl Scene {
    /// A repository with an issue that is rejected in part, and an empty database.
    fn new(kind: Kind) -> Self {
        let mut issues = github::issues(12);
        issues[4].labels = vec!["far too long ".repeat(100)];
        let github = GitHub::start(issues);
        let place = Workplace::new(&github.section());
        let database = Database::new(kind);
        if let Some(file) = file_of(&database) {
            fs::write(file, "").unwrap();
        }
        Scene { database, _github: github, place }
    }

    /// The same, and all issues have been read.
    fn read(kind: Kind) -> Self {
        let scene = Self::new(kind);
        scene.ask(&scene.database.url, &ISSUES).expect_code(0);
        scene
    }

    fn ask(&self, url: &str, command: &[&str]) -> Ended {
        let config = ["--config", "test-dashboard.toml", "--database", url];
        self.place.run(&[command, &config].concat())
    }

    fn json(&self, url: &str, command: &[&str]) -> Ended {
        self.ask(url, &[command, &JSON].concat())
    }

    /// The id of a row that waits.
    fn rejected(&self) -> String {
        let list = self.json(&self.database.url, &["rejects", "list"]).expect_code(0).json();
        list["rejects"][0]["id"].as_str().unwrap().to_string()
    }
}

fn file_of(database: &Database) -> Option<PathBuf> {
    database.url.strip_prefix("sqlite:").map(PathBuf::from)
}

/// Somebody who may only read. A file and its folder are made so that nobody may write to them,
/// unless he is root.
struct Reader<'a> {
    url: String,
    file: Option<PathBuf>,
    _user: Option<User<'a>>,
}

impl<'a> Reader<'a> {
    fn of(database: &'a Database) -> Self {
        let file = file_of(database);
        if let Some(file) = &file {
            permit(file, 0o444, 0o555);
            return Reader { url: database.url.clone(), file: Some(file.clone()), _user: None };
        }
        let user = User::reading(database);
        Reader { url: user.url(), file, _user: Some(user) }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            permit(file, 0o644, 0o755);
        }
    }
}

fn permit(file: &Path, mode: u32, folder: u32) {
    fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(file.parent().unwrap(), Permissions::from_mode(folder)).unwrap();
}

/// All that a command could have changed: of SQLite every file with its bytes and its time, else
/// the tables and views with their columns, how many rows each has, and which migrations there are.
fn trace(database: &Database) -> Vec<String> {
    if let Some(file) = file_of(database) {
        let beside = fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let modified = entry.metadata().unwrap().modified().unwrap();
            let mut bytes = DefaultHasher::new();
            fs::read(entry.path()).unwrap().hash(&mut bytes);
            format!("{entry:?} {modified:?} {:x}", bytes.finish())
        });
        return sorted(beside.collect());
    }
    let (text, schema) = match database.kind() {
        Kind::Postgres => ("text", "'public'"),
        _ => ("char", "DATABASE()"),
    };
    let query = format!(
        "SELECT CAST(table_name AS {text}), CAST(column_name AS {text}), \
         CAST(data_type AS {text}) FROM information_schema.columns WHERE table_schema = {schema}"
    );
    let columns = database.rows(&query);
    let mut tables: Vec<&str> = columns.iter().map(|row| row[0].as_str().unwrap()).collect();
    tables.sort_unstable();
    tables.dedup();
    let rows = tables.iter().map(|table| {
        let count = format!("SELECT COUNT(*) FROM {table}");
        format!("{table}: {}", database.number(&count))
    });
    let mut trace: Vec<String> = columns.iter().map(ToString::to_string).chain(rows).collect();
    if tables.contains(&"_sqlx_migrations") {
        let applied = database.rows("SELECT version, success FROM _sqlx_migrations");
        trace.extend(applied.iter().map(|row| format!("migration {row}")));
    }
    sorted(trace)
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_unstable();
    lines
}

/// An answer without what is another a moment later.
fn lasting(ended: Ended) -> Value {
    let mut answer = ended.expect_code(0).json();
    let reports = answer.get_mut("reports").and_then(Value::as_array_mut);
    for report in reports.into_iter().flatten() {
        report.as_object_mut().unwrap().remove("age_seconds");
    }
    answer
}

#[test]
fn a_user_who_may_only_read_is_told_everything_and_changes_nothing() {
    for kind in Kind::all() {
        let scene = Scene::read(kind);
        let id = scene.rejected();
        let as_pump = |command: &Vec<&str>| lasting(scene.json(&scene.database.url, command));
        let told: Vec<Value> = commands(&id).iter().map(as_pump).collect();
        let before = trace(&scene.database);
        let reader = Reader::of(&scene.database);
        for (command, told) in commands(&id).iter().zip(&told) {
            let ended = scene.ask(&reader.url, command).expect_code(0);
            assert!(!ended.said().contains("pending"), "{kind:?}: {}", ended.said());
            assert_eq!(&lasting(scene.json(&reader.url, command)), told, "{kind:?}: {command:?}");
        }
        if kind != Kind::Sqlite {
            let run = scene.ask(&reader.url, &ISSUES).expect_code(1);
            run.expect_said("a privilege is missing (migrating the host's own tables)");
        }
        assert_eq!(trace(&scene.database), before, "{kind:?}");
    }
}

#[test]
fn a_migration_that_is_pending_is_told_and_stays_pending() {
    for kind in Kind::all() {
        let scene = Scene::new(kind);
        let last = scene.database.migrate_but_the_last();
        let id = "abcd".repeat(16);
        let time = match kind {
            Kind::Sqlite => "2026-03-01T00:00:00.000000Z",
            Kind::Postgres | Kind::Mysql => "2026-03-01 00:00:00",
        };
        scene.database.execute(&format!(
            "INSERT INTO rejected_rows (digest, run_id, project, datasource, report, partition_id, \
             table_name, reason, row_json, rejected_at) VALUES ('{id}', 1, 'fenix', 'github', \
             'issues', 'p', 'some_table', 'bad', '{{}}', '{time}')"
        ));
        let before = trace(&scene.database);
        let reader = Reader::of(&scene.database);
        for url in [&reader.url, &scene.database.url] {
            for command in &commands(&id) {
                for format in [&[][..], &JSON] {
                    let ended = scene.ask(url, &[command, format].concat());
                    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
                    let times = ended.said().matches(&last).count();
                    assert_eq!(times, 1, "{kind:?}: {command:?}: {}", ended.said());
                    if command[0] != "db" {
                        ended
                            .expect_said(&format!("a migration is pending ({last})"))
                            .expect_said("the next run applies it")
                            .expect_said("`test-dashboard db migrate`");
                    }
                }
            }
            // What can be answered without it.
            let list = scene.json(url, &["rejects", "list"]).expect_code(0).json();
            assert_eq!(list["rejects"][0]["id"], id.as_str(), "{kind:?}");
            let shown = scene.ask(url, &["rejects", "show", &id]).expect_code(0);
            shown.expect_said("WARN").expect_said("some_table");
            let status = scene.json(url, &["db", "status"]).expect_code(0).json();
            let migrations = status["migrations"].as_array().unwrap();
            let pending: Vec<&Value> =
                migrations.iter().filter(|one| one["applied"] == false).collect();
            assert_eq!(pending.len(), 1, "{kind:?}: {status}");
            assert_eq!(pending[0]["name"], last.as_str(), "{kind:?}");
            scene.ask(url, &["db", "status"]).expect_said(&format!("pending: {last}"));
            // And what cannot.
            for command in ["runs", "status"] {
                let ended = scene.json(url, &[command]).expect_code(1);
                assert_eq!(ended.out, "", "{kind:?}: {command}");
            }
        }
        assert_eq!(trace(&scene.database), before, "{kind:?}");

        drop(reader);
        scene.ask(&scene.database.url, &ISSUES).expect_code(0);
        let reader = Reader::of(&scene.database);
        let runs = scene.ask(&reader.url, &["runs"]).expect_code(0);
        assert!(!runs.said().contains("pending"), "{kind:?}: {}", runs.said());
        scene.ask(&reader.url, &["status"]).expect_code(0).expect_said("fresh");
    }
}

#[test]
fn a_database_in_which_nothing_has_run_is_no_error() {
    for kind in Kind::all() {
        let scene = Scene::new(kind);
        let before = trace(&scene.database);
        let reader = Reader::of(&scene.database);
        for (command, code, says) in [
            (&["status"][..], 1, "no report has been read yet into "),
            (&["runs"], 0, "no runs yet in "),
            (&["runs", "1"], 2, "there is no run 1 in "),
            (&["rejects", "list"], 0, "no rejected rows in "),
            (&["rejects", "show", "abcd"], 2, "no rejected row in "),
            (&["db", "status"], 0, "pending: runs checkpoints catalogue"),
        ] {
            scene.ask(&reader.url, command).expect_code(code).expect_said(says);
        }
        assert_eq!(scene.json(&reader.url, &["runs"]).json(), serde_json::json!([]), "{kind:?}");
        let list = scene.json(&reader.url, &["rejects", "list"]).expect_code(0).json();
        assert_eq!(list["total"], 0, "{kind:?}");
        let status = scene.json(&reader.url, &["status"]).expect_code(1).json();
        assert_eq!(status["reports"], serde_json::json!([]), "{kind:?}");
        assert_eq!(trace(&scene.database), before, "{kind:?}");
    }
}

#[test]
fn what_a_user_may_not_read_is_said_once_with_what_helps() {
    for kind in Kind::all().into_iter().filter(|kind| *kind != Kind::Sqlite) {
        let scene = Scene::read(kind);
        let id = scene.rejected();
        let name = database_name(&scene.database);
        let [connect, schema] =
            [format!("CONNECT ON DATABASE {name}"), "USAGE ON SCHEMA public".to_string()];
        let (engine, too_little) = match kind {
            Kind::Postgres => (
                Engine::Postgres,
                vec![
                    vec![connect.clone()],
                    vec![connect.clone(), schema.clone()],
                    vec![connect, schema, "SELECT ON _sqlx_migrations".into()],
                ],
            ),
            _ => (
                Engine::Mysql,
                vec![
                    vec![format!("SELECT ON {name}.github_issues")],
                    vec![format!("SELECT ON {name}._sqlx_migrations")],
                ],
            ),
        };
        let before = trace(&scene.database);
        for rights in &too_little {
            let user = User::with_only(&scene.database, rights);
            for command in &commands(&id) {
                let ended = scene.ask(&user.url(), command).expect_code(1);
                let said = ended.said();
                assert_eq!(said.matches("what helps: ").count(), 1, "{rights:?}: {said}");
                for grant in grants_to_read(engine, &user.name, &name) {
                    assert_eq!(said.matches(&grant).count(), 1, "{rights:?}: {grant}: {said}");
                }
                assert!(!said.contains("CREATE"), "{rights:?}: {said}");
            }
        }
        assert_eq!(trace(&scene.database), before, "{kind:?}");
    }
}

#[test]
fn a_database_of_a_newer_version_stays_an_error() {
    for kind in Kind::all() {
        let scene = Scene::read(kind);
        let id = scene.rejected();
        scene.database.execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 5");
        let before = trace(&scene.database);
        let reader = Reader::of(&scene.database);
        for command in &commands(&id) {
            let ended = scene.ask(&reader.url, command).expect_code(1);
            ended.expect_said("migration 9999").expect_said("use a newer version");
        }
        assert_eq!(trace(&scene.database), before, "{kind:?}");
    }
}

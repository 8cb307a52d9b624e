// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The views over tables as a plugin declares them: what they look like, what they make of rows
//! of an older version, and what is peculiar. `tests/end-to-end` has them over recordings.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;

use support::{At, Database, column, key_text, row};
use test_dashboard_model::ColumnType::{Boolean, Date, Int64, Json, Text, Timestamp};
use test_dashboard_model::{Column, Table, TableMode, Value};
use test_dashboard_store::{
    CommitPoint, Drift, Owner, PartitionKey, ReadMode, Store, StoreError, Views,
};

on_every_database![
    views_are_made_when_their_tables_are_there_and_once,
    rows_without_a_number_have_that_of_their_project,
    projects_that_share_a_number_are_one,
    ids_that_have_no_name_are_in_the_lookups,
    four_byte_labels_are_told_apart,
    something_of_the_same_name_is_left_alone,
    a_view_that_a_person_dropped_is_made_again,
    a_view_that_a_person_put_in_the_place_of_ours_is_left_alone_and_told,
    views_that_others_built_on_ours_outlive_its_renewal,
    a_view_that_cannot_be_made_is_told_until_it_can,
];

/// 2026-03-01.
const DAY: i32 = 20_513;
const NOON: i64 = 1_772_366_400_000_000;

fn owner(datasource: &str) -> Owner {
    Owner { datasource: datasource.into(), plugin_version: "0.1.0".into(), reports: Vec::new() }
}

fn declare(name: &str, columns: Vec<Column>, key: &[&str]) -> Arc<Table> {
    let mut columns = columns;
    for column in &mut columns {
        column.nullable &= !key.contains(&column.name.as_str());
    }
    let (datasource, _) = name.split_once('_').unwrap();
    let key = key.iter().map(|name| (*name).to_owned()).collect();
    let description = String::from("For tests");
    let table = Table { name: name.into(), description, mode: TableMode::Merge, columns, key };
    test_dashboard_model::declaration::check_table(datasource, &table).unwrap();
    Arc::new(table)
}

/// The coverage, of before there were projects' numbers, or of now.
fn coverage(has_number: bool) -> Arc<Table> {
    let mut columns = vec![
        column("day", Date),
        column("suite_id", Int64),
        column("suite_name", Text),
        column("sub_suite_id", Int64),
        column("automation_status_id", Int64),
        column("automation_status", Text),
        column("automation_coverage_id", Int64),
        column("automation_coverage", Text),
        column("case_count", Int64),
    ];
    if has_number {
        columns.push(column("project_id", Int64));
    }
    let key = ["day", "suite_id", "sub_suite_id", "automation_status_id", "automation_coverage_id"];
    declare("testrail_test_case_coverage", columns, &key)
}

fn covered(suite: i64, sub_suite: i64, status: i64, coverage: i64, count: i64) -> Vec<Value> {
    vec![
        Value::Date(DAY),
        Value::Int64(suite),
        Value::Text("Suite".into()),
        Value::Int64(sub_suite),
        Value::Int64(status),
        Value::Null,
        Value::Int64(coverage),
        Value::Null,
        Value::Int64(count),
    ]
}

fn suites() -> Arc<Table> {
    let columns = vec![column("id", Int64), column("project_id", Int64), column("name", Text)];
    declare("testrail_test_suites", columns, &["id"])
}

fn suite(id: i64, project: i64) -> Vec<Value> {
    vec![Value::Int64(id), Value::Int64(project), Value::Text("Suite".into())]
}

fn issues() -> [Arc<Table>; 2] {
    let issues = vec![
        column("repository_id", Int64),
        column("id", Int64),
        column("title", Text),
        column("is_pull_request", Boolean),
        column("labels", Json),
        column("created_at", Timestamp),
        column("updated_at", Timestamp),
        column("closed_at", Timestamp),
    ];
    let labels = vec![
        column("repository_id", Int64),
        column("issue_id", Int64),
        column("position", Int64),
        Column { nullable: true, ..key_text("label", 200) },
    ];
    [
        declare("github_issues", issues, &["repository_id", "id"]),
        declare("github_issue_labels", labels, &["repository_id", "issue_id", "position"]),
    ]
}

/// Makes the table what it is declared as, and writes these rows of a project.
async fn write(store: &Store, project: &str, table: &Arc<Table>, rows: Vec<Vec<Value>>) {
    let (datasource, _) = table.name.split_once('_').unwrap();
    let tables = std::slice::from_ref(table);
    store.prepare_tables(&owner(datasource), tables).await.unwrap();
    let key = PartitionKey {
        project: project.into(),
        datasource: datasource.into(),
        report: "items".into(),
        partition: table.name.clone(),
    };
    let run = support::start(store).await;
    let mut writer = store.open_partition(run, key, tables, ReadMode::Onwards).await.unwrap();
    let rows = rows.into_iter().map(|values| row(table, values)).collect();
    writer.stage(&table.name, rows).await.unwrap();
    writer.commit(None, CommitPoint::End).await.unwrap();
}

fn shipped() -> Views {
    Views::shipped().unwrap()
}

/// The names of what was made.
async fn refresh(store: &Store) -> Vec<String> {
    let changes = store.refresh_views(&shipped()).await.unwrap();
    assert_eq!(changes.dropped, Vec::<String>::new());
    changes.made
}

async fn shown(db: &Database, sql: &str) -> Vec<String> {
    let rows = db.rows(sql).await;
    rows.iter().map(|row| row.join(" ")).collect()
}

const COUNTS: &str = "SELECT CONCAT(r.projects_id, ''), p.project_name_abbrev, CONCAT(r.test_count, '') \
                      FROM report_test_case_coverage r JOIN projects p ON p.id = r.projects_id \
                      ORDER BY 1, 2, 3";

async fn views_are_made_when_their_tables_are_there_and_once(db: Arc<Database>) {
    let store = db.store().await;
    assert_eq!(refresh(&store).await, Vec::<String>::new());
    write(&store, "fenix", &coverage(true), vec![]).await;
    let made = refresh(&store).await;
    let expected = [
        "coverage_trend",
        "projects",
        "report_test_case_coverage",
        "test_automation_coverage",
        "test_automation_status",
        "test_sub_suites",
    ];
    assert_eq!(made, expected);
    assert_eq!(refresh(&store).await, Vec::<String>::new());
    // One that knows more: its text changed.
    write(&store, "fenix", &suites(), vec![]).await;
    assert_eq!(refresh(&store).await, ["projects", "report_test_case_coverage"]);
}

async fn rows_without_a_number_have_that_of_their_project(db: Arc<Database>) {
    let store = db.store().await;
    write(&store, "fenix", &coverage(false), vec![covered(1, 7, 0, 0, 3)]).await;
    write(&store, "focus", &coverage(false), vec![covered(2, 7, 0, 0, 5)]).await;
    refresh(&store).await;
    // Nobody knows them: one project of unknown number, and both are in it.
    assert_eq!(shown(&db, COUNTS).await, ["0 unknown 3", "0 unknown 5"]);
    // The column is there, and empty.
    write(&store, "fenix", &coverage(true), vec![]).await;
    refresh(&store).await;
    assert_eq!(shown(&db, COUNTS).await, ["0 unknown 3", "0 unknown 5"]);
    // Another table tells that of one project.
    write(&store, "fenix", &suites(), vec![suite(1, 59)]).await;
    refresh(&store).await;
    assert_eq!(shown(&db, COUNTS).await, ["0 unknown 5", "59 fenix 3"]);
    // A row that has its own keeps to it.
    let mut own = covered(9, 1, 1, 1, 8);
    own.push(Value::Int64(58));
    write(&store, "fenix", &coverage(true), vec![own]).await;
    assert_eq!(shown(&db, COUNTS).await, ["0 unknown 5", "58 fenix 8", "59 fenix 3"]);
}

async fn projects_that_share_a_number_are_one(db: Arc<Database>) {
    let store = db.store().await;
    for (project, count) in [("fenix", 3), ("fenix-smoke", 4)] {
        write(&store, project, &coverage(false), vec![covered(1, 7, 0, 0, count)]).await;
        write(&store, project, &suites(), vec![suite(1, 59)]).await;
    }
    refresh(&store).await;
    assert_eq!(shown(&db, COUNTS).await, ["59 fenix 3", "59 fenix 4"]);
}

async fn ids_that_have_no_name_are_in_the_lookups(db: Arc<Database>) {
    let store = db.store().await;
    let rows = vec![covered(1, 7, 0, 0, 1), covered(1, 12, 9, 8, 2), covered(2, 12, 9, 8, 4)];
    write(&store, "fenix", &coverage(false), rows).await;
    refresh(&store).await;
    let joined = "SELECT s.status, c.coverage, u.test_sub_suite, CONCAT(r.test_count, '') \
                  FROM report_test_case_coverage r \
                  JOIN test_automation_status s ON s.id = r.test_automation_status_id \
                  JOIN test_automation_coverage c ON c.id = r.test_automation_coverage_id \
                  JOIN test_sub_suites u ON u.id = r.test_sub_suites_id ORDER BY r.test_count";
    let expected = [
        "Not set Not set Other 1",
        "Unknown 9 Unknown 8 Unknown 12 2",
        "Unknown 9 Unknown 8 Unknown 12 4",
    ];
    assert_eq!(shown(&db, joined).await, expected);
    let statuses = shown(&db, "SELECT status FROM test_automation_status ORDER BY id").await;
    let expected =
        ["Not set", "Untriaged", "Suitable", "Unsuitable", "Completed", "Disabled", "Unknown 9"];
    assert_eq!(statuses, expected);
}

async fn four_byte_labels_are_told_apart(db: Arc<Database>) {
    let store = db.store().await;
    let [issues, labels] = issues();
    let issue = |id: i64, is_pull: bool| {
        vec![
            Value::Int64(1),
            Value::Int64(id),
            Value::Text(format!("Issue {id}")),
            Value::Boolean(is_pull),
            Value::Json("[]".into()),
            Value::Timestamp(NOON),
            Value::Timestamp(NOON),
            Value::Null,
        ]
    };
    let label = |issue: i64, position: i64, label: Option<&str>| {
        let label = label.map_or(Value::Null, |label| Value::Text(label.into()));
        vec![Value::Int64(1), Value::Int64(issue), Value::Int64(position), label]
    };
    let labelled = [
        (1, &["🐞 bug"][..]),
        (2, &["Bug 🐞"]),
        // Another beetle, another case, a blank more: other labels.
        (3, &["🪲 bug"]),
        (4, &["bug 🐞"]),
        (5, &["P1 "]),
        (6, &["p1"]),
        (7, &["feature", "P1", "P2", "🐞 bug"]),
        (8, &["crash"]),
        (9, &[]),
    ];
    let rows = labelled.iter().map(|(id, _)| issue(*id, *id == 8)).collect();
    write(&store, "fenix", &issues, rows).await;
    let mut rows: Vec<_> = labelled
        .iter()
        .flat_map(|(id, names)| (1..).zip(*names).map(|(at, name)| label(*id, at, Some(name))))
        .collect();
    rows.push(label(9, 1, None));
    write(&store, "fenix", &labels, rows).await;
    // The same issue under another project, without labels.
    write(&store, "focus", &issues, vec![issue(1, false)]).await;
    refresh(&store).await;
    let bugs = "SELECT CONCAT(id, ''), issue_title, project FROM report_github_bugs ORDER BY id";
    let expected = ["1 Issue 1 fenix", "2 Issue 2 fenix", "7 Issue 7 fenix"];
    assert_eq!(shown(&db, bugs).await, expected);
}

async fn something_of_the_same_name_is_left_alone(db: Arc<Database>) {
    let store = db.store().await;
    db.execute("CREATE TABLE projects (id integer, project_name varchar(75))").await;
    db.execute("INSERT INTO projects VALUES (1, 'The predecessor''s')").await;
    write(&store, "fenix", &coverage(true), vec![]).await;
    let made = refresh(&store).await;
    assert!(!made.contains(&"projects".to_string()), "{made:?}");
    assert!(made.contains(&"report_test_case_coverage".to_string()), "{made:?}");
    assert_eq!(shown(&db, "SELECT project_name FROM projects").await, ["The predecessor's"]);
}

async fn a_view_that_a_person_dropped_is_made_again(db: Arc<Database>) {
    let store = db.store().await;
    write(&store, "fenix", &coverage(true), vec![]).await;
    refresh(&store).await;
    db.execute("DROP VIEW coverage_trend").await;
    assert_eq!(refresh(&store).await, ["coverage_trend"]);
    assert_eq!(refresh(&store).await, Vec::<String>::new());
    assert_eq!(shown(&db, "SELECT * FROM coverage_trend").await, Vec::<String>::new());
}

async fn a_view_that_a_person_put_in_the_place_of_ours_is_left_alone_and_told(db: Arc<Database>) {
    let store = db.store().await;
    write(&store, "fenix", &coverage(true), vec![]).await;
    refresh(&store).await;
    db.execute("DROP VIEW projects; CREATE VIEW projects AS SELECT 'theirs' AS whose").await;
    db.execute("DROP VIEW coverage_trend; CREATE TABLE coverage_trend (whose varchar(9))").await;
    // Ours would be renewed now.
    write(&store, "fenix", &suites(), vec![]).await;
    assert_eq!(refresh(&store).await, ["report_test_case_coverage"]);
    assert_eq!(shown(&db, "SELECT whose FROM projects").await, ["theirs"]);
    let other = |view: &str| Drift::OtherView { view: view.into() };
    assert_eq!(
        store.drift(&shipped()).await.unwrap(),
        [other("coverage_trend"), other("projects")]
    );
    assert!(!other("projects").is_failure(), "it is left alone on purpose");
    db.execute("DROP VIEW projects; DROP TABLE coverage_trend").await;
    assert_eq!(refresh(&store).await, ["coverage_trend", "projects"]);
    assert_eq!(store.drift(&shipped()).await.unwrap(), []);
}

async fn views_that_others_built_on_ours_outlive_its_renewal(db: Arc<Database>) {
    let store = db.store().await;
    write(&store, "fenix", &coverage(true), vec![]).await;
    refresh(&store).await;
    db.execute("CREATE VIEW team AS SELECT project_name FROM projects").await;
    write(&store, "fenix", &suites(), vec![suite(1, 59)]).await;
    let renewed = refresh(&store).await;
    assert_eq!(renewed, ["projects", "report_test_case_coverage"]);
    assert_eq!(shown(&db, "SELECT project_name FROM team").await, ["fenix"]);
}

async fn a_view_that_cannot_be_made_is_told_until_it_can(db: Arc<Database>) {
    let store = db.store().await;
    write(&store, "fenix", &coverage(true), vec![]).await;
    // A column that the view reads, and its report has not put back yet.
    let rename = |from: &str, to: &str| {
        format!("ALTER TABLE testrail_test_case_coverage RENAME COLUMN {from} TO {to}")
    };
    db.execute(&rename("case_count", "old_count")).await;
    let error = store.refresh_views(&shipped()).await.unwrap_err();
    assert!(matches!(error, StoreError::Views { .. }), "{error}");
    assert!(error.to_string().contains("report_test_case_coverage: "), "{error}");
    let named = "SELECT view_name FROM catalogue_views WHERE view_name = 'projects'";
    assert_eq!(shown(&db, named).await, ["projects"], "the others are made");
    let told = store.drift(&shipped()).await.unwrap();
    let is_told = told.iter().any(
        |drift| matches!(drift, Drift::OldView { view, .. } if view == "report_test_case_coverage"),
    );
    assert!(is_told && told.iter().all(Drift::is_failure), "{told:?}");
    db.execute(&rename("old_count", "case_count")).await;
    assert!(refresh(&store).await.contains(&"report_test_case_coverage".to_string()));
    assert_eq!(store.drift(&shipped()).await.unwrap(), []);
}

/// Where a view goes with its privileges, and cannot change its columns in place.
#[test]
fn a_view_of_postgresql_whose_columns_change_keeps_its_readers_or_stays_and_is_told() {
    support::run(At::Postgres, async |db| {
        let store = db.store().await;
        write(&store, "fenix", &coverage(true), vec![]).await;
        refresh(&store).await;
        let reader = format!("{}_reader", db.name());
        db.on_server(&format!("CREATE ROLE {reader}")).await;
        // As a version would leave it whose view had another column.
        let other = format!(
            "DROP VIEW coverage_trend; CREATE VIEW coverage_trend AS SELECT 1 AS project, 2 AS gone; \
             COMMENT ON VIEW coverage_trend IS 'Made by test-dashboard'; \
             GRANT SELECT ON coverage_trend TO {reader} WITH GRANT OPTION; \
             GRANT SELECT (project) ON coverage_trend TO PUBLIC; \
             UPDATE catalogue_views SET digest = ''"
        );
        db.execute(&other).await;
        db.execute("CREATE VIEW team AS SELECT gone FROM coverage_trend").await;
        let error = store.refresh_views(&shipped()).await.unwrap_err().to_string();
        for part in ["public.team depends on it", "DROP VIEW public.team;", "coverage_trend.gone"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(shown(&db, "SELECT CAST(gone AS text) FROM team").await, ["2"]);
        let told = store.drift(&shipped()).await.unwrap();
        assert!(matches!(&told[..], [Drift::OldView { view, .. }] if view == "coverage_trend"));

        db.execute("DROP VIEW team").await;
        assert_eq!(refresh(&store).await, ["coverage_trend"]);
        assert_eq!(store.drift(&shipped()).await.unwrap(), []);
        let granted = "SELECT CAST(relacl AS text) || CAST(attacl AS text) FROM pg_class AS c \
                       JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'project' \
                       WHERE relname = 'coverage_trend'";
        let granted = shown(&db, granted).await.remove(0);
        assert!(granted.contains(&format!("{reader}=r*/")), "{granted}");
        assert!(granted.contains("{=r/"), "{granted}");
        db.as_owner(&format!("DROP OWNED BY {reader}")).await;

        // What depends on it is no reason where that is another one.
        let broken = "CREATE VIEW team AS SELECT project FROM coverage_trend; \
                      ALTER TABLE testrail_test_case_coverage RENAME COLUMN case_count TO mine; \
                      UPDATE catalogue_views SET digest = ''";
        db.execute(broken).await;
        let error = store.refresh_views(&shipped()).await.unwrap_err().to_string();
        assert!(error.contains("case_count") && !error.contains("depends"), "{error}");
        db.on_server(&format!("DROP ROLE {reader}")).await;
    });
}

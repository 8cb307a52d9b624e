// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What BigQuery is made to ask, asked here: every type of a column as it is sent, and the
//! freshness after some runs. `tests/end-to-end` has the statements themselves parsed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;

use sqlparser::ast::Statement;
use sqlparser::dialect::BigQueryDialect;
use sqlparser::parser::Parser;
use support::{Database, column, key_text, row, table};
use test_dashboard_model::{ColumnType, TableMode, Value};
use test_dashboard_store::bigquery::{Connection, SourceEngine, statements};
use test_dashboard_store::{Engine, Outcome, ReportEnd, ReportKey, Store, Views};

on_every_database![
    every_type_is_sent_as_something_that_arrives,
    freshness_is_that_of_the_last_whole_success,
];

/// The statement for a view, and its inner query.
fn made(
    source: SourceEngine,
    view: &str,
    tables: &[&test_dashboard_model::Table],
) -> (String, String) {
    let connection = Connection::parse("pump.eu.dashboard").unwrap();
    let all = statements(source, &connection, None, tables, &Views::shipped().unwrap());
    let statement = all.into_iter().find(|statement| statement.view == view).unwrap();
    let inner = statement.sql.split("\"\"\"").nth(1).unwrap().trim().to_owned();
    (statement.sql, inner)
}

async fn every_type_is_sent_as_something_that_arrives(db: Arc<Database>) {
    // A file cannot be asked.
    let Some(source) = SourceEngine::of(db.engine) else { return };
    let columns = vec![
        key_text("name", 20),
        column("truth", ColumnType::Boolean),
        column("whole", ColumnType::Int64),
        column("float", ColumnType::Float64),
        column("money", ColumnType::Decimal { precision: 12, scale: 2 }),
        column("exact", ColumnType::Decimal { precision: 38, scale: 30 }),
        column("text", ColumnType::Text),
        column("bytes", ColumnType::Bytes),
        column("day", ColumnType::Date),
        column("moment", ColumnType::Timestamp),
        column("document", ColumnType::Json),
    ];
    let table = table("probe_types", TableMode::Merge, columns, &["name"]);
    let values = vec![
        Value::Text("one".into()),
        Value::Boolean(true),
        Value::Int64(i64::MIN),
        Value::Float64(0.1),
        Value::Decimal("1234567890.50".into()),
        Value::Decimal("12345678.000000000000000000000000000001".into()),
        Value::Text("🐞 \"quoted\" `and` 'so'".into()),
        Value::Bytes(vec![0, 255]),
        Value::Date(0),
        Value::Timestamp(1),
        Value::Json("{\"a\":[1.10]}".into()),
    ];
    let store = db.store().await;
    support::write(&store, &table, "p", vec![row(&table, values)]).await.unwrap();
    let (statement, inner) = made(source, "probe_types", &[&table]);

    // What is cast arrives as a text that loses nothing.
    let quote = if db.engine == Engine::Mysql { '`' } else { '"' };
    let names = ["exact", "money", "text", "document", "_in_partition"];
    let names = names.map(|name| format!("q.{quote}{name}{quote}")).join(", ");
    let sent = db.rows(&format!("SELECT {names} FROM ({inner}) AS q")).await;
    let expected = [
        "12345678.000000000000000000000000000001",
        "1234567890.50",
        "🐞 \"quoted\" `and` 'so'",
        "{\"a\":[1.10]}",
        "items/p",
    ];
    assert_eq!(sent, [expected]);
    for expected in [
        "CAST(`truth` AS BOOL) AS `truth`",
        "CAST(`money` AS NUMERIC) AS `money`",
        "CAST(`exact` AS BIGNUMERIC) AS `exact`",
        "CAST(`bytes` AS BYTES) AS `bytes`",
        "CAST(`day` AS DATE) AS `day`",
        "SAFE.PARSE_JSON(`document`, wide_number_mode => 'round') AS `document`",
    ] {
        assert!(statement.contains(expected), "{expected}\n{statement}");
    }
    let moment = match source {
        SourceEngine::Postgres => "CAST(`moment` AS TIMESTAMP) AS `moment`",
        SourceEngine::Mysql => "TIMESTAMP(`moment`, 'UTC') AS `moment`",
    };
    assert!(statement.contains(moment), "{statement}");
    if source == SourceEngine::Mysql {
        // Its booleans are numbers, and arrive as whole numbers only when they are sent as such.
        assert!(inner.contains("CAST(`truth` AS SIGNED) AS `truth`"), "{inner}");
    }
}

/// A plugin's author writes these texts, and a person runs the statement.
#[test]
fn what_a_plugin_says_of_its_table_stays_a_description() {
    let connection = Connection::parse("pump.eu.dashboard").unwrap();
    for text in [
        "",
        "\"",
        "\"\"\"",
        "\\",
        "\\\"",
        "\"); DROP VIEW x; --",
        "') AS SELECT 1; /*",
        "\"\"\", \"\"\"SELECT * FROM secrets\"\"\"",
        "`\n` -- \r\n\u{2028}\0\u{1b}[31m",
        "\\u0022); DROP VIEW x; --",
        "👩‍👩‍👧‍👦 🐞 e\u{301}",
        "{partition} {0} %s $1 ?",
    ] {
        let mut columns = vec![key_text("name", 20), column("label", ColumnType::Text)];
        columns.iter_mut().for_each(|column| column.description = text.into());
        let mut table = table("probe_texts", TableMode::Merge, columns, &["name"]);
        Arc::make_mut(&mut table).description = text.into();
        for source in [SourceEngine::Postgres, SourceEngine::Mysql] {
            let printed =
                statements(source, &connection, None, &[&table], &Views::shipped().unwrap());
            let sql = &printed[0].sql;
            let parsed = Parser::parse_sql(&BigQueryDialect, sql).unwrap();
            let [Statement::CreateView(view)] = parsed.as_slice() else { panic!("{sql}") };
            let columns: Vec<&str> = view.columns.iter().map(|c| c.name.value.as_str()).collect();
            let expected =
                ["project", "name", "label", "_in_partition", "_run_id", "_extracted_at"];
            assert_eq!(columns, expected, "{sql}");
            // A line for each of its parts, whatever the text has for line ends.
            let lines = |source| {
                let (plain, _) = made(source, "probe_texts", &[&plain_texts()]);
                plain.lines().count()
            };
            assert_eq!(sql.lines().count(), lines(source), "{sql}");
            assert!(!sql.chars().any(|c| c.is_control() && c != '\n'), "{sql:?}");
        }
    }
}

/// The same table, with nothing peculiar said of it.
fn plain_texts() -> test_dashboard_model::Table {
    let columns = vec![key_text("name", 20), column("label", ColumnType::Text)];
    Arc::unwrap_or_clone(table("probe_texts", TableMode::Merge, columns, &["name"]))
}

/// A run of each of these projects' report.
async fn run(store: &Store, ends: &[(&str, Outcome)], started: &str) {
    let id = support::start(store).await;
    for (project, outcome) in ends {
        let (datasource, report) = ("probe".into(), "items".into());
        let key = ReportKey { project: (*project).into(), datasource, report };
        let started = started.parse().unwrap();
        let end = ReportEnd { started, outcome: *outcome, error: None, rows_read: 1 };
        store.record_report(id, &key, &end).await.unwrap();
    }
}

async fn freshness_is_that_of_the_last_whole_success(db: Arc<Database>) {
    use Outcome::{Failed, PartlyFailed, Succeeded};
    let store = db.store().await;
    run(&store, &[("fenix", Succeeded), ("focus", Succeeded)], "2026-03-01T06:00:00Z").await;
    run(&store, &[("fenix", PartlyFailed), ("focus", Succeeded)], "2026-03-02T06:00:00Z").await;
    run(&store, &[("fenix", Failed), ("klar", Failed)], "2026-03-03T06:00:00Z").await;
    for (digest, project) in [("1", "fenix"), ("2", "fenix"), ("3", "other")] {
        db.execute(&format!(
            "INSERT INTO rejected_rows (digest, run_id, project, datasource, report, partition_id, \
             table_name, reason, row_json, rejected_at) VALUES \
             ('{digest}', 1, '{project}', 'probe', 'items', 'a', 't', 'r', '[]', '2026-03-01 00:00:00')"
        ))
        .await;
    }
    // PostgreSQL's text is one that SQLite takes as well.
    let (_, inner) =
        made(SourceEngine::of(db.engine).unwrap_or(SourceEngine::Postgres), "freshness", &[]);
    let day = match db.engine {
        Engine::Sqlite => "substr(q.last_success, 1, 10)",
        Engine::Postgres => "to_char(q.last_success AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
        Engine::Mysql => "DATE_FORMAT(q.last_success, '%Y-%m-%d')",
    };
    let found = db
        .rows(&format!(
            "SELECT q.project, q.report, {day}, q.last_outcome, CONCAT(q.rejected_rows, '') \
             FROM ({inner}) AS q ORDER BY q.project"
        ))
        .await;
    let found: Vec<String> = found.iter().map(|row| row.join(" ")).collect();
    let expected = [
        "fenix items 2026-03-01 failed 2",
        "focus items 2026-03-02 succeeded 0",
        "klar items NULL failed 0",
    ];
    assert_eq!(found, expected);
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `views bigquery`: what it prints is BigQuery's SQL, and each inner query is run as it is.

use std::collections::BTreeMap;

use sqlparser::ast::{
    ColumnOption, ColumnOptions, CreateTableOptions, Expr, FunctionArg, FunctionArgExpr,
    SelectItem, SetExpr, SqlOption, Statement, TableFactor, Value, ViewColumnDef,
};
use sqlparser::dialect::BigQueryDialect;
use sqlparser::parser::Parser;

use crate::support::{Database, Demo, Kind, Workplace};

const CONNECTION: &str = "pump-project.europe-west1.dashboard";

/// A statement's parts.
struct Made {
    /// As it stands in the statement.
    path: String,
    /// Name and description of each column.
    columns: Vec<(String, String)>,
    /// The expression of each column.
    selected: Vec<String>,
    connection: String,
    inner: String,
}

fn text(expr: &Expr) -> String {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::DoubleQuotedString(text) | Value::TripleDoubleQuotedString(text) => text.clone(),
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

fn description(options: &[SqlOption]) -> String {
    match options {
        [SqlOption::KeyValue { key, value }] if key.value == "description" => text(value),
        other => panic!("{other:?}"),
    }
}

fn column(column: &ViewColumnDef) -> (String, String) {
    let options = match &column.options {
        Some(ColumnOptions::SpaceSeparated(options) | ColumnOptions::CommaSeparated(options)) => {
            options
        }
        None => panic!("{column} has no description"),
    };
    let [ColumnOption::Options(options)] = options.as_slice() else { panic!("{column}") };
    (column.name.value.clone(), description(options))
}

fn read(statement: &Statement) -> Made {
    let Statement::CreateView(view) = statement else { panic!("{statement}") };
    assert!(view.or_replace, "{statement}");
    let CreateTableOptions::Options(options) = &view.options else { panic!("{statement}") };
    assert!(!description(options).is_empty());
    let SetExpr::Select(select) = view.query.body.as_ref() else { panic!("{statement}") };
    let [from] = select.from.as_slice() else { panic!("{statement}") };
    let TableFactor::Table { name, args: Some(args), .. } = &from.relation else {
        panic!("{from}")
    };
    assert_eq!(name.to_string(), "EXTERNAL_QUERY");
    let argument = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => text(expr),
        other => panic!("{other}"),
    };
    let [connection, inner] = args.args.as_slice() else { panic!("{from}") };
    let columns: Vec<_> = view.columns.iter().map(column).collect();
    let selected: Vec<_> = select
        .projection
        .iter()
        .zip(&columns)
        .map(|(item, (name, _))| {
            let SelectItem::ExprWithAlias { expr, alias } = item else { panic!("{item}") };
            assert_eq!(alias.value, *name);
            expr.to_string()
        })
        .collect();
    assert_eq!(selected.len(), columns.len(), "{statement}");
    Made {
        path: view.name.to_string(),
        columns,
        selected,
        connection: argument(connection),
        inner: argument(inner),
    }
}

/// The type that BigQuery gives a column of an external query: the documented mappings, as far
/// as the pump has need of them. What is not here, federation does not carry.
fn arrives_as(kind: Kind, sent: &str) -> &'static str {
    match (kind, sent) {
        (Kind::Postgres, "INT8") | (Kind::Mysql, "BIGINT" | "INT") => "INT64",
        (_, "TEXT" | "VARCHAR" | "CHAR") | (Kind::Mysql, "LONGTEXT") => "STRING",
        (_, "DATE") => "DATE",
        (Kind::Postgres, "FLOAT8") | (Kind::Mysql, "DOUBLE") => "FLOAT64",
        (Kind::Postgres, "BOOL") => "BOOL",
        (Kind::Postgres, "BYTEA") | (Kind::Mysql, "BLOB" | "LONGBLOB") => "BYTES",
        (Kind::Postgres, "TIMESTAMPTZ") => "TIMESTAMP",
        (Kind::Mysql, "DATETIME") => "DATETIME",
        other => panic!("no mapping for {other:?}; text in MySQL has to be of no binary sort"),
    }
}

/// What a column is at the end, when what arrives may become that.
fn becomes(arrives: &str, expr: &str, name: &str) -> &'static str {
    let column = format!("`{name}`");
    for (from, to, expected) in [
        ("INT64", "INT64", format!("CAST({column} AS INT64)")),
        ("INT64", "BOOL", format!("CAST({column} AS BOOL)")),
        ("BOOL", "BOOL", format!("CAST({column} AS BOOL)")),
        ("FLOAT64", "FLOAT64", format!("CAST({column} AS FLOAT64)")),
        ("STRING", "STRING", format!("CAST({column} AS STRING)")),
        ("STRING", "NUMERIC", format!("CAST({column} AS NUMERIC)")),
        ("STRING", "BIGNUMERIC", format!("CAST({column} AS BIGNUMERIC)")),
        ("STRING", "JSON", format!("SAFE.PARSE_JSON({column}, wide_number_mode => 'round')")),
        ("BYTES", "BYTES", format!("CAST({column} AS BYTES)")),
        ("DATE", "DATE", format!("CAST({column} AS DATE)")),
        ("TIMESTAMP", "TIMESTAMP", format!("CAST({column} AS TIMESTAMP)")),
        ("DATETIME", "TIMESTAMP", format!("TIMESTAMP({column}, 'UTC')")),
    ] {
        if from == arrives && expr == expected {
            return to;
        }
    }
    panic!("{name}: {arrives} does not become {expr}")
}

#[test]
fn bigquery_reads_every_table_and_view_of_the_servers() {
    for kind in Kind::all().into_iter().filter(|kind| *kind != Kind::Sqlite) {
        bigquery_reads_everything(kind);
    }
}

fn bigquery_reads_everything(kind: Kind) {
    let demo = Demo::new();
    let database = Database::new(kind);
    for (plugin, report) in demo.reports() {
        demo.pump(&plugin, &report, &database);
    }
    let what = ["views", "bigquery", "--connection", CONNECTION, "--dataset", "testops"];
    let run = |format: &str| {
        let format = ["--database", &database.url, "--format", format];
        demo.place.run(&[&what[..], &["--config", &demo.configuration], &format].concat())
    };
    let printed = run("human").expect_code(0).out;
    assert_eq!(printed, run("human").expect_code(0).out, "printed twice, it is the same");
    let statements = Parser::parse_sql(&BigQueryDialect, &printed).unwrap();
    let json = run("json").expect_code(0).json();
    assert_eq!(json.as_array().unwrap().len(), statements.len());

    let mut types: BTreeMap<String, BTreeMap<String, &str>> = BTreeMap::new();
    for statement in &statements {
        let made = read(statement);
        assert_eq!(
            made.connection,
            "projects/pump-project/locations/europe-west1/connections/dashboard"
        );
        let name = made.path.strip_prefix("`testops`.").unwrap().trim_matches('`').to_string();
        let sent = database.columns(&made.inner);
        // The query runs, and gives as many rows as there are.
        let rows = database.number(&format!("SELECT COUNT(*) FROM ({}) AS q", made.inner));
        if name == "freshness" {
            freshness_is_asked_for(&database, &made, &sent, rows);
            continue;
        }
        assert_eq!(rows, database.number(&format!("SELECT COUNT(*) FROM {name}")), "{name}");
        // Every column that is there, and no other, in the same order.
        let there = database.columns(&format!("SELECT * FROM {name}")).into_iter();
        let there: Vec<String> =
            there.map(|(column, _)| column.replace("_partition", "_in_partition")).collect();
        let columns: Vec<&String> = made.columns.iter().map(|(column, _)| column).collect();
        assert_eq!(columns, there.iter().collect::<Vec<_>>(), "{name}");
        let of = types.entry(name.clone()).or_default();
        assert_eq!(sent.len(), made.columns.len(), "{name}");
        for (((sent, kind_sent), (column, about)), expr) in
            sent.iter().zip(&made.columns).zip(&made.selected)
        {
            assert_eq!(sent, column, "{name}");
            assert!(!about.is_empty() && about.chars().count() <= 1_024, "{name}.{column}");
            assert!(!column.to_ascii_uppercase().starts_with("_PARTITION"), "{name}.{column}");
            of.insert(column.clone(), becomes(arrives_as(kind, kind_sent), expr, column));
        }
    }
    everything_is_there(&demo, &database, &types);
}

fn freshness_is_asked_for(database: &Database, made: &Made, sent: &[(String, String)], rows: i64) {
    let columns: Vec<&str> = made.columns.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "project",
        "datasource",
        "report",
        "last_success",
        "age_hours",
        "last_outcome",
        "rejected_rows",
    ];
    assert_eq!(columns, expected);
    for ((sent, kind_sent), name) in sent.iter().zip(expected.iter().filter(|n| **n != "age_hours"))
    {
        assert_eq!(sent, name);
        let at = columns.iter().position(|column| column == name).unwrap();
        becomes(arrives_as(database.kind(), kind_sent), &made.selected[at], name);
    }
    assert!(made.selected[4].contains("TIMESTAMP_DIFF(CURRENT_TIMESTAMP()"), "{:?}", made.selected);
    // The query ran. What was replayed is as old as its recording and makes nothing fresh; the
    // store's tests have what it says after real runs.
    assert_eq!(rows, 0);
}

fn everything_is_there(
    demo: &Demo,
    database: &Database,
    types: &BTreeMap<String, BTreeMap<String, &str>>,
) {
    let status = demo.run(&["db", "status", "--database", &database.url]).expect_code(0).json();
    let tables = status["tables"].as_array().unwrap().iter();
    let mut there: Vec<&str> = tables.map(|table| table["table"].as_str().unwrap()).collect();
    let views = database.rows("SELECT view_name FROM catalogue_views");
    there.extend(views.iter().map(|row| row[0].as_str().unwrap()));
    there.sort_unstable();
    assert_eq!(types.keys().collect::<Vec<_>>(), there);
    // The same type whatever the database sends it as.
    for (table, column, kind) in [
        ("github_issues", "project", "STRING"),
        ("github_issues", "id", "INT64"),
        ("github_issues", "is_pull_request", "BOOL"),
        ("github_issues", "labels", "JSON"),
        ("github_issues", "closed_at", "TIMESTAMP"),
        ("github_issues", "_in_partition", "STRING"),
        ("github_issues", "_extracted_at", "TIMESTAMP"),
        ("bitrise_builds", "duration_seconds", "FLOAT64"),
        ("testrail_test_case_coverage", "day", "DATE"),
        ("report_test_case_coverage", "created_at", "TIMESTAMP"),
        ("report_test_case_coverage", "test_count", "INT64"),
        ("report_github_bugs", "github_merged_at", "DATE"),
        ("report_testrail_milestones", "build_name", "STRING"),
        ("test_automation_status", "status", "STRING"),
        ("ci_builds", "queue_seconds", "FLOAT64"),
        ("projects", "id", "INT64"),
    ] {
        assert_eq!(types[table][column], kind, "{:?} {table}.{column}", database.kind());
    }
}

#[test]
fn the_engine_can_be_named_and_sqlite_is_refused() {
    let demo = Demo::new();
    let views = |more: &[&str]| {
        demo.run(&[&["views", "bigquery", "--connection", CONNECTION], more].concat())
    };
    views(&[]).expect_code(2).expect_said("SQLite").expect_said("--database-engine");
    for (engine, sign) in [("postgres", "\"github_issues\""), ("mysql", "`github_issues`")] {
        let statements = views(&["--database-engine", engine]).expect_code(0).json();
        let issues = statements.as_array().unwrap().iter().find(|of| of["view"] == "github_issues");
        let issues = issues.unwrap()["statement"].as_str().unwrap();
        assert!(issues.contains(&format!("FROM {sign}\n")), "{issues}");
        // Without a dataset that of the session is meant.
        assert!(issues.starts_with("CREATE OR REPLACE VIEW `github_issues` (\n"), "{issues}");
    }
    demo.run(&["views", "bigquery", "--connection", "dashboard"])
        .expect_code(2)
        .expect_said("--connection: \"dashboard\" is no connection: PROJECT.REGION.CONNECTION");
    views(&["--dataset", "a-b"]).expect_code(2).expect_said("--dataset: \"a-b\" is no dataset");
}

#[test]
fn a_plugin_that_cannot_be_loaded_is_no_list_that_lacks_its_tables() {
    let place = Workplace::new("[datasources.github]\nplugin = \"missing.wasm\"\n");
    let what = ["views", "bigquery", "--connection", CONNECTION, "--database-engine", "mysql"];
    let ended = place.run(&what).expect_code(1).expect_said("missing.wasm");
    assert_eq!(ended.out, "");
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a database holds, in a form in which two of the same kind can be compared.

use std::collections::BTreeMap;

use super::{Database, Kind};

/// The rows of each table as sorted lines. Left out is what tells when and by which run a row
/// was written.
pub type Tables = BTreeMap<String, Vec<String>>;

/// All tables of the plugins, the rejected rows and the checkpoints.
pub fn tables(database: &Database) -> Tables {
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in database.rows("SELECT table_name, column_name FROM catalogue_columns") {
        let text = |index: usize| row[index].as_str().unwrap().to_string();
        columns
            .entry(text(0))
            .or_insert_with(|| vec!["project".into(), "_partition".into()])
            .push(text(1));
    }
    let own: [(&str, &[&str]); 2] = [
        (
            "rejected_rows",
            &[
                "project",
                "datasource",
                "report",
                "partition_id",
                "table_name",
                "reason",
                "row_json",
            ],
        ),
        ("checkpoints", &["project", "datasource", "report", "partition_id", "checkpoint"]),
    ];
    for (table, names) in own {
        columns.insert(table.into(), names.iter().map(|name| (*name).into()).collect());
    }
    columns
        .into_iter()
        .map(|(table, names)| {
            let l = lines(database, &table, &names);
            (table, l)
        })
        .collect()
}

fn lines(database: &Database, table: &str, columns: &[String]) -> Vec<String> {
    let quote = if database.kind() == Kind::Mysql { '`' } else { '"' };
    let as_text = match database.kind() {
        Kind::Mysql => "CHAR",
        Kind::Sqlite | Kind::Postgres => "TEXT",
    };
    let columns: Vec<String> =
        columns.iter().map(|name| format!("CAST({quote}{name}{quote} AS {as_text})")).collect();
    let rows = database.rows(&format!("SELECT {} FROM {table}", columns.join(", ")));
    let mut lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    lines.sort_unstable();
    lines
}

/// That two databases hold the same; shows the first rows that only one of them has.
#[track_caller]
pub fn assert_same(found: &Tables, expected: &Tables, what: &str) {
    let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{what}");
    for (table, expected) in expected {
        let found = &found[table];
        if found == expected {
            continue;
        }
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|row| those.binary_search(row).is_err()).take(5).cloned().collect()
        };
        panic!(
            "{what}: {table} has {} rows, expected {}\nonly here: {:#?}\nmissing: {:#?}",
            found.len(),
            expected.len(),
            only(found, expected),
            only(expected, found)
        );
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The text of SQL that is SQLite's own.

use test_dashboard_model::{Column, ColumnType, Table};

use crate::sql::dialect::{Dialect, MADE_BY};
use crate::sql::merge::Merge;
use crate::sql::{key_columns, quote, stage_columns};

pub(crate) struct SqliteDialect;

impl Dialect for SqliteDialect {
    fn column_type(&self, column: &Column, _is_key: bool) -> String {
        String::from(match column.kind {
            ColumnType::Boolean | ColumnType::Int64 => "INTEGER",
            ColumnType::Float64 => "REAL",
            ColumnType::Bytes => "BLOB",
            // An exact decimal does not survive SQLite's NUMERIC, which is a float.
            ColumnType::Decimal { .. }
            | ColumnType::Text
            | ColumnType::Date
            | ColumnType::Timestamp
            | ColumnType::Json => "TEXT",
        })
    }

    fn name_type(&self, _characters: u32) -> String {
        String::from("TEXT")
    }

    fn integer_type(&self) -> &'static str {
        "INTEGER"
    }

    fn time_type(&self) -> &'static str {
        "TEXT"
    }

    fn table_options(&self) -> String {
        String::from(" STRICT")
    }

    fn begin(&self) -> &'static str {
        // The lock is taken at once: one that is asked for later, after reading, can be
        // refused without waiting.
        "BEGIN IMMEDIATE"
    }

    fn has_transactional_ddl(&self) -> bool {
        true
    }

    fn schema_lock(&self) -> Option<&'static str> {
        None
    }

    fn schema_unlock(&self) -> Option<&'static str> {
        None
    }

    fn how_to_find_holders(&self) -> &'static str {
        "another program writes to the file, or has begun to and not ended; `fuser` or `lsof` on \
         the file tells which. Wait until it has ended, or end it, and run again"
    }

    fn columns_query(&self) -> &'static str {
        // In lower case, as all that is declared is: to the database they are the same.
        "SELECT lower(name) AS column_name FROM pragma_table_info(?)"
    }

    fn relations_query(&self) -> &'static str {
        // Not the whole text: a table or column that a person renames is renamed in it, too.
        "SELECT lower(name) AS name, CASE type WHEN 'view' THEN 1 ELSE 0 END AS is_view, \
         CASE WHEN instr(sql, 'Made by test-dashboard') > 0 THEN 'Made by test-dashboard' END AS mark \
         FROM sqlite_schema WHERE type IN ('table', 'view')"
    }

    fn all_columns_query(&self) -> &'static str {
        // Not of views, of which one that is broken would fail all.
        "SELECT lower(t.name) AS table_name, lower(c.name) AS column_name FROM sqlite_schema AS t \
         JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'"
    }

    fn create_view(&self, name: &str, query: &str) -> String {
        format!("CREATE VIEW {} AS -- {MADE_BY}\n{query}", quote(name))
    }

    fn takes_names_for_texts(&self) -> bool {
        true
    }

    fn time_parameter(&self) -> &'static str {
        "?"
    }

    fn time_as_text(&self, expression: &str) -> String {
        expression.to_owned()
    }

    fn day_of(&self, moment: &str) -> String {
        format!("substr({moment}, 1, 10)")
    }

    fn start_of(&self, day: &str) -> String {
        format!("({day} || 'T00:00:00.000000Z')")
    }

    fn text_cast(&self) -> &'static str {
        "TEXT"
    }

    fn integer_cast(&self) -> &'static str {
        "INTEGER"
    }

    fn stage_name(&self, table: &str) -> String {
        format!("temp.{}", quote(&format!("_stage_{table}")))
    }

    fn create_stage(&self, table: &Table) -> Vec<String> {
        // The key makes a later row of the same key replace the earlier one.
        let stage = self.stage_name(&table.name);
        let create = format!(
            "CREATE TEMPORARY TABLE {} ({}, PRIMARY KEY ({})) STRICT",
            quote(&format!("_stage_{}", table.name)),
            stage_columns(self, table),
            key_columns(table)
        );
        vec![format!("DROP TABLE IF EXISTS {stage}"), create]
    }

    fn settle_stage(&self, _table: &Table) -> Vec<String> {
        vec![]
    }

    fn empty_stage(&self, table: &Table) -> Vec<String> {
        vec![format!("DELETE FROM {}", self.stage_name(&table.name))]
    }

    fn drop_stage(&self, table: &str) -> String {
        format!("DROP TABLE IF EXISTS {}", self.stage_name(table))
    }

    fn update(&self, merge: &Merge<'_>) -> String {
        // CROSS JOIN keeps the order of the tables: every staged row is looked up in the
        // table. Left to itself SQLite, which has no statistics of either, may read all rows
        // of the project instead. LIMIT -1 limits nothing but keeps the subquery whole; SQLite
        // would merge it into the UPDATE and read the whole table for every staged row.
        format!(
            "UPDATE {target} AS t SET {set} FROM (SELECT x._rowid_ AS _rowid, s.* FROM {stage} AS s \
             CROSS JOIN {target} AS x WHERE x.\"project\" = ? AND {key} AND ({differs}) LIMIT -1) AS s \
             WHERE t._rowid_ = s._rowid",
            target = merge.target(),
            set = merge.assignments(""),
            stage = merge.stage(),
            key = merge.same_key("x", "s"),
            differs = merge.any_differs("x", |t, s| format!("{t} IS NOT {s}")),
        )
    }

    fn own(&self, merge: &Merge<'_>) -> String {
        format!(
            "UPDATE {target} SET \"_partition\" = ? WHERE _rowid_ IN (SELECT t._rowid_ FROM {stage} AS s \
             CROSS JOIN {target} AS t WHERE t.\"project\" = ? AND {key} AND t.\"_partition\" <> ?)",
            target = merge.target(),
            stage = merge.stage(),
            key = merge.same_key("t", "s"),
        )
    }

    fn remove(&self, merge: &Merge<'_>, keep_staged: bool) -> String {
        let delivered = if keep_staged {
            format!(
                " AND NOT EXISTS (SELECT 1 FROM {} AS s WHERE {})",
                merge.stage(),
                merge.same_key("t", "s")
            )
        } else {
            String::new()
        };
        format!(
            "DELETE FROM {} AS t WHERE t.\"project\" = ? AND t.\"_partition\" = ?{delivered}",
            merge.target()
        )
    }

    fn widen_key(&self, _table: &str, _column: &Column) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;
    use test_dashboard_model::TableMode;

    use sqlx::{AssertSqlSafe, Connection as _};

    use super::*;

    #[tokio::test]
    async fn a_staged_row_is_looked_up_and_the_table_never_read_from_end_to_end() {
        let column = |name: &str, kind, nullable| Column {
            name: name.into(),
            kind,
            nullable,
            max_length: None,
            description: String::new(),
        };
        let table = Table {
            name: "x_rows".into(),
            description: String::new(),
            mode: TableMode::Merge,
            columns: vec![
                column("id", ColumnType::Int64, false),
                column("label", ColumnType::Text, true),
            ],
            key: vec!["id".into()],
        };
        let mut connection = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let create = "CREATE TABLE x_rows (project TEXT NOT NULL, id INTEGER NOT NULL, label TEXT, \
                      _partition TEXT, _run_id INTEGER, _extracted_at TEXT, PRIMARY KEY (project, id)) STRICT";
        sqlx::raw_sql(create).execute(&mut connection).await.unwrap();
        for statement in SqliteDialect.create_stage(&table) {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        let merge = Merge { table: &table, dialect: &SqliteDialect };
        for statement in [SqliteDialect.update(&merge), SqliteDialect.own(&merge)] {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let plan = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            let scans: Vec<&String> = steps.iter().filter(|step| step.contains("SCAN")).collect();
            assert!(scans.iter().all(|scan| *scan == "SCAN s"), "{steps:#?}");
        }
    }
}

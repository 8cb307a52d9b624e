// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! SQLite, the default: a file beside the program.

mod reading;

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use include_dir::{Dir, include_dir};
use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, Connection as _, Row as _, Sqlite, SqliteConnection,
    TypeInfo, ValueRef,
};
use test_dashboard_model::validate::CheckedRow;
use test_dashboard_model::{Column, ColumnType, Table, Value};

use super::{Dialect, MADE_BY, Opened, insert_rows, key_columns, quote, stage_columns, values};
use crate::connection::{Arg, Connection, Connections, Field, Fields};
use crate::login::ConnectError;
use crate::merge::Merge;
use crate::migrations;
use reading::Reader;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/sqlite");
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| migrations::of(&FILES));

/// SQLite takes 32,766 parameters; above some thousand a statement does not get faster.
const PARAMETERS: usize = 8_000;

pub(super) async fn open(path: &Path, connections: u32) -> Result<Opened, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // Readers go on while a commit writes.
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode this cannot corrupt the file. A power cut may lose the last commits,
        // but whole ones: rows and checkpoint together, so the next run reads them again.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(30))
        .pragma("cache_size", "-8000");
    let first = connect_first(&options).await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(60))
        .connect_lazy_with(options);
    Ok(Opened {
        connections: Arc::new(pool),
        dialect: Arc::new(SqliteDialect),
        product: format!("SQLite {first}"),
    })
}

/// Opens a file that is only read.
pub(super) async fn open_to_read(path: &Path) -> Result<Opened, sqlx::Error> {
    let mut reader = Reader::new(path);
    let version = reader.fetch("SELECT sqlite_version()", vec![]).await?;
    let version = version.first().map(|row| row.text(0)).transpose()?.unwrap_or_default();
    Ok(Opened {
        connections: Arc::new(reader),
        dialect: Arc::new(SqliteDialect),
        product: format!("SQLite {version}"),
    })
}

/// Two hosts that make the file at once may find it locked while the other turns WAL on, which
/// the busy timeout does not cover.
async fn connect_first(options: &SqliteConnectOptions) -> Result<String, sqlx::Error> {
    let mut tries = 0;
    loop {
        let result = async {
            let mut connection = sqlx::SqliteConnection::connect_with(options).await?;
            let version = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection);
            let version: String = version.await?;
            connection.close().await?;
            Ok(version)
        };
        match result.await {
            Err(sqlx::Error::Database(error))
                if tries < 50 && error.code().as_deref() == Some("5") =>
            {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20 * tries)).await;
            }
            result => return result,
        }
    }
}

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
        "SELECT lower(name) FROM pragma_table_info(?)"
    }

    fn relations_query(&self) -> &'static str {
        // Not the whole text: a table or column that a person renames is renamed in it, too.
        "SELECT lower(name), CASE type WHEN 'view' THEN 1 ELSE 0 END, \
         CASE WHEN instr(sql, 'Made by test-dashboard') > 0 THEN 'Made by test-dashboard' END \
         FROM sqlite_schema WHERE type IN ('table', 'view')"
    }

    fn all_columns_query(&self) -> &'static str {
        // Not of views, of which one that is broken would fail all.
        "SELECT lower(t.name), lower(c.name) FROM sqlite_schema AS t \
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

#[async_trait]
impl Connections for SqlitePool {
    async fn acquire(&self) -> Result<Box<dyn Connection>, ConnectError> {
        Ok(Box::new(SqlitePool::acquire(self).await?))
    }

    async fn acquire_soon(&self) -> Result<Box<dyn Connection>, ConnectError> {
        Connections::acquire(self).await
    }

    /// A file has no primary.
    fn forget_idle(&self) {}

    async fn close(&self) {
        SqlitePool::close(self).await;
    }
}

#[async_trait]
impl Connection for PoolConnection<Sqlite> {
    async fn execute(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64, sqlx::Error> {
        let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?).persistent(false);
        Ok(query.execute(&mut **self).await?.rows_affected())
    }

    async fn fetch(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Fields>, sqlx::Error> {
        fetch(self, sql, args).await
    }

    async fn insert(&mut self, sql: &str, args: Vec<Arg>) -> Result<i64, sqlx::Error> {
        let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?).persistent(false);
        Ok(query.execute(&mut **self).await?.last_insert_rowid())
    }

    async fn stage(
        &mut self,
        table: &Table,
        rows: Vec<CheckedRow>,
        _sequence: u64,
    ) -> Result<(), sqlx::Error> {
        let width = table.columns.len().max(1);
        let chunk = (PARAMETERS / width).max(1);
        let stage = SqliteDialect.stage_name(&table.name);
        let mut rows = rows.into_iter();
        let mut left = rows.len();
        while left > 0 {
            let count = left.min(chunk);
            let mut arguments = SqliteArguments::default();
            arguments.reserve(count * width, 0);
            for row in rows.by_ref().take(count) {
                bind_row(&mut arguments, row)?;
            }
            let sql = insert_rows("INSERT OR REPLACE", &stage, table, count);
            // A full chunk is the same statement each time and worth keeping.
            sqlx::query_with(AssertSqlSafe(sql), arguments)
                .persistent(count == chunk)
                .execute(&mut **self)
                .await?;
            left -= count;
        }
        Ok(())
    }

    async fn migrate(&mut self) -> Result<Vec<String>, MigrateError> {
        // SQLite has no advisory lock: the whole of it is one transaction that writes.
        let mut transaction = self.begin_with("BEGIN IMMEDIATE").await?;
        let applied = migrations::run(&MIGRATIONS, &mut *transaction).await?;
        transaction.commit().await?;
        Ok(applied)
    }

    async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError> {
        (**self).list_applied_migrations(migrations::HISTORY).await
    }

    fn migrations(&self) -> &'static Migrator {
        &MIGRATIONS
    }

    fn discard(&mut self) {
        self.close_on_drop();
    }
}

async fn fetch(
    connection: &mut SqliteConnection,
    sql: &str,
    args: Vec<Arg>,
) -> Result<Vec<Fields>, sqlx::Error> {
    let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?).persistent(false);
    query.fetch_all(connection).await?.iter().map(fields).collect()
}

fn bind(args: Vec<Arg>) -> Result<SqliteArguments, sqlx::Error> {
    let time = |time: jiff::Timestamp| values::time(time.as_microsecond());
    let mut arguments = SqliteArguments::default();
    for arg in args {
        match arg {
            Arg::Int(number) => arguments.add(number),
            Arg::Text(text) => arguments.add(text),
            Arg::OptionalText(text) => arguments.add(text),
            Arg::OptionalInt(number) => arguments.add(number),
            Arg::Time(moment) => arguments.add(time(moment)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn bind_row(arguments: &mut SqliteArguments, row: CheckedRow) -> Result<(), sqlx::Error> {
    for value in row.into_values() {
        match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Boolean(value) => arguments.add(value),
            Value::Int64(value) => arguments.add(value),
            Value::Float64(value) => arguments.add(value),
            Value::Decimal(text) | Value::Text(text) | Value::Json(text) => arguments.add(text),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Date(days) => arguments.add(values::date(days)),
            Value::Timestamp(micros) => arguments.add(values::time(micros)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(())
}

fn fields(row: &SqliteRow) -> Result<Fields, sqlx::Error> {
    let field = |index: usize| {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(Field::Null);
        }
        let is_integer = matches!(value.type_info().name(), "INTEGER" | "INT4" | "BOOLEAN");
        if is_integer {
            row.try_get_unchecked(index).map(Field::Int)
        } else {
            row.try_get_unchecked(index).map(Field::Text)
        }
    };
    let indices = row.columns().iter().map(|column| column.ordinal());
    indices.map(field).collect::<Result<_, sqlx::Error>>().map(Fields)
}

#[cfg(test)]
mod tests {
    use test_dashboard_model::TableMode;

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

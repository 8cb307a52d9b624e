// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One connection to a file, and the pool that it comes from.

use std::sync::LazyLock;

use async_trait::async_trait;
use include_dir::{Dir, include_dir};
use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteArguments, SqlitePool};
use sqlx::{Arguments, AssertSqlSafe, Connection as _, Sqlite, SqliteConnection};
use test_dashboard_model::validate::CheckedRow;
use test_dashboard_model::{Table, Value};

use super::dialect::SqliteDialect;
use crate::connect::connection::{Arg, Connection, Connections};
use crate::connect::error::ConnectError;
use crate::engine::embedded;
use crate::sql::dialect::Dialect as _;
use crate::sql::fields::{Fields, fields};
use crate::sql::{insert_rows, values};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/sqlite");
pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| embedded::of(&FILES));

/// SQLite takes 32,766 parameters; above some thousand a statement does not get faster.
const PARAMETERS: usize = 8_000;

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
        let applied = embedded::run(&MIGRATIONS, &mut *transaction).await?;
        transaction.commit().await?;
        Ok(applied)
    }

    async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError> {
        (**self).list_applied_migrations(embedded::HISTORY).await
    }

    fn migrations(&self) -> &'static Migrator {
        &MIGRATIONS
    }

    fn discard(&mut self) {
        self.close_on_drop();
    }
}

pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    sql: &str,
    args: Vec<Arg>,
) -> Result<Vec<Fields>, sqlx::Error> {
    let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?).persistent(false);
    fields(&query.fetch_all(connection).await?, |kind| {
        matches!(kind, "INTEGER" | "INT4" | "BOOLEAN")
    })
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

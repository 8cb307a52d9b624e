// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One connection to MySQL or MariaDB, and the pool that it comes from.

use std::sync::LazyLock;

use async_trait::async_trait;
use include_dir::{Dir, include_dir};
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions};
use sqlx::{Arguments, AssertSqlSafe};
use test_dashboard_model::validate::CheckedRow;
use test_dashboard_model::{Table, Value};

use crate::connect::connection::{Arg, Connection, Connections};
use crate::connect::error::ConnectError;
use crate::connect::pool::{Lease, Pool};
use crate::engine::embedded;
use crate::sql::fields::{Fields, fields};
use crate::sql::{insert_rows, quote, values};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/mysql");
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| embedded::of(&FILES));

/// MySQL takes 65,535 parameters; above some thousand a statement does not get faster.
const PARAMETERS: usize = 8_000;

/// Bytes of values in one statement, unless the server takes less.
const STATEMENT_BYTES: usize = 4 << 20;

pub(super) struct MysqlConnections {
    pub(super) pool: Pool<MySqlConnectOptions>,
    pub(super) packet: usize,
}

#[async_trait]
impl Connections for MysqlConnections {
    async fn acquire(&self) -> Result<Box<dyn Connection>, ConnectError> {
        let connection = self.pool.acquire().await?;
        Ok(Box::new(MysqlConnection { connection, packet: self.packet }))
    }

    async fn acquire_soon(&self) -> Result<Box<dyn Connection>, ConnectError> {
        let connection = self.pool.acquire_soon().await?;
        Ok(Box::new(MysqlConnection { connection, packet: self.packet }))
    }

    fn forget_idle(&self) {
        self.pool.forget_idle();
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

struct MysqlConnection {
    connection: Lease<MySqlConnectOptions>,
    /// The greatest number of bytes that the server takes in one message.
    packet: usize,
}

#[async_trait]
impl Connection for MysqlConnection {
    async fn execute(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64, sqlx::Error> {
        let connection = self.connection.get()?;
        if args.is_empty() {
            // Some statements (START TRANSACTION, some DDL) cannot be prepared everywhere.
            return Ok(sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(connection)
                .await?
                .rows_affected());
        }
        // Statements are kept. To close one is a message that nothing answers, and the next one
        // waits behind it until the server has acknowledged it: 40 ms, as the driver leaves
        // Nagle's algorithm on.
        let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?);
        Ok(query.execute(connection).await?.rows_affected())
    }

    async fn fetch(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Fields>, sqlx::Error> {
        let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?);
        fields(&query.fetch_all(self.connection.get()?).await?, |kind| kind.contains("INT"))
    }

    async fn insert(&mut self, sql: &str, args: Vec<Arg>) -> Result<i64, sqlx::Error> {
        let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?);
        let id = query.execute(self.connection.get()?).await?.last_insert_id();
        i64::try_from(id).map_err(|error| sqlx::Error::Decode(error.into()))
    }

    async fn stage(
        &mut self,
        table: &Table,
        rows: Vec<CheckedRow>,
        _sequence: u64,
    ) -> Result<(), sqlx::Error> {
        let chunk = (PARAMETERS / table.columns.len().max(1)).max(1);
        let limit = STATEMENT_BYTES.min(self.packet / 2);
        let mut waiting = Vec::with_capacity(chunk.min(rows.len()));
        let mut bytes = 0;
        for row in rows {
            let size = row.values().iter().map(size).sum::<usize>();
            if size > self.packet {
                return Err(sqlx::Error::InvalidArgument(format!(
                    "a row has {size} bytes, the server takes {} in one message; raise its max_allowed_packet",
                    self.packet
                )));
            }
            if waiting.len() == chunk || (bytes + size > limit && !waiting.is_empty()) {
                self.stage_chunk(table, std::mem::take(&mut waiting), chunk).await?;
                bytes = 0;
            }
            bytes += size;
            waiting.push(row);
        }
        if !waiting.is_empty() {
            self.stage_chunk(table, waiting, chunk).await?;
        }
        Ok(())
    }

    fn id(&self) -> Option<i64> {
        self.connection.session()
    }

    async fn migrate(&mut self) -> Result<Vec<String>, MigrateError> {
        let connection = self.connection.get()?;
        connection.ensure_migrations_table("_sqlx_migrations").await?;
        // DDL commits by itself here, so a host killed half-way leaves its migration marked
        // as begun. The migrations create only what is missing: they can run again.
        sqlx::raw_sql("DELETE FROM _sqlx_migrations WHERE success = false")
            .execute(&mut *connection)
            .await?;
        embedded::run(&MIGRATIONS, connection).await
    }

    async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError> {
        self.connection.get()?.list_applied_migrations(embedded::HISTORY).await
    }

    fn migrations(&self) -> &'static Migrator {
        &MIGRATIONS
    }

    fn discard(&mut self) {
        self.connection.discard();
    }
}

impl MysqlConnection {
    async fn stage_chunk(
        &mut self,
        table: &Table,
        rows: Vec<CheckedRow>,
        full: usize,
    ) -> Result<(), sqlx::Error> {
        let stage = quote(&format!("_stage_{}", table.name));
        let sql = insert_rows("REPLACE", &stage, table, rows.len());
        let is_full = rows.len() == full;
        let mut arguments = MySqlArguments::default();
        arguments.reserve(rows.len() * table.columns.len(), 0);
        for row in rows {
            bind_row(&mut arguments, row)?;
        }
        // A full chunk is the same statement each time and worth keeping.
        sqlx::query_with(AssertSqlSafe(sql), arguments)
            .persistent(is_full)
            .execute(self.connection.get()?)
            .await?;
        Ok(())
    }
}

/// About how many bytes a value takes in a message.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Boolean(_) => 2,
        Value::Int64(_) | Value::Float64(_) => 10,
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) => text.len() + 10,
        Value::Bytes(bytes) => bytes.len() + 10,
        Value::Date(_) | Value::Timestamp(_) => 30,
    }
}

/// `2026-01-31 12:00:00.000000`: MySQL wants a blank, and no zone.
fn datetime(micros: i64) -> String {
    let mut text = values::time(micros);
    text.truncate(text.len() - 1);
    text.replace('T', " ")
}

fn bind(args: Vec<Arg>) -> Result<MySqlArguments, sqlx::Error> {
    let time = |time: jiff::Timestamp| datetime(time.as_microsecond());
    let mut arguments = MySqlArguments::default();
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

fn bind_row(arguments: &mut MySqlArguments, row: CheckedRow) -> Result<(), sqlx::Error> {
    for value in row.into_values() {
        match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Boolean(value) => arguments.add(value),
            Value::Int64(value) => arguments.add(value),
            Value::Float64(value) => arguments.add(value),
            Value::Decimal(text) | Value::Text(text) | Value::Json(text) => arguments.add(text),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Date(days) => arguments.add(values::date(days)),
            Value::Timestamp(micros) => arguments.add(datetime(micros)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_without_a_zone() {
        assert_eq!(datetime(1), "1970-01-01 00:00:00.000001");
    }
}

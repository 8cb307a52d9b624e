// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One connection to PostgreSQL, and the pool that it comes from.

use std::fmt::Write;
use std::sync::LazyLock;

use async_trait::async_trait;
use include_dir::{Dir, include_dir};
use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migrator};
use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::{Arguments, AssertSqlSafe};
use test_dashboard_model::validate::CheckedRow;
use test_dashboard_model::{Table, Value};

use super::dialect::PostgresDialect;
use crate::connect::connection::{Arg, Connection, Connections};
use crate::connect::error::ConnectError;
use crate::connect::pool::{Lease, Pool};
use crate::engine::embedded;
use crate::sql::dialect::Dialect as _;
use crate::sql::fields::{Fields, fields};
use crate::sql::{list, quote, values};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/postgres");
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| embedded::of(&FILES));

/// Bytes of COPY text that are gathered before they are sent.
const COPY_BYTES: usize = 1 << 20;

#[async_trait]
impl Connections for Pool<PgConnectOptions> {
    async fn acquire(&self) -> Result<Box<dyn Connection>, ConnectError> {
        Ok(Box::new(Pool::acquire(self).await?))
    }

    async fn acquire_soon(&self) -> Result<Box<dyn Connection>, ConnectError> {
        Ok(Box::new(Pool::acquire_soon(self).await?))
    }

    fn forget_idle(&self) {
        Pool::forget_idle(self);
    }

    async fn close(&self) {
        Pool::close(self).await;
    }
}

#[async_trait]
impl Connection for Lease<PgConnectOptions> {
    async fn execute(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64, sqlx::Error> {
        let sql = numbered(sql, &args);
        let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?).persistent(false);
        Ok(query.execute(self.get()?).await?.rows_affected())
    }

    async fn fetch(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Fields>, sqlx::Error> {
        let sql = numbered(sql, &args);
        let query = sqlx::query_with(AssertSqlSafe(sql), bind(args)?).persistent(false);
        fields(&query.fetch_all(self.get()?).await?, |kind| kind == "INT8")
    }

    async fn insert(&mut self, sql: &str, args: Vec<Arg>) -> Result<i64, sqlx::Error> {
        let sql = format!("{} RETURNING id", numbered(sql, &args));
        let query = sqlx::query_scalar_with(AssertSqlSafe(sql), bind(args)?).persistent(false);
        query.fetch_one(self.get()?).await
    }

    async fn stage(
        &mut self,
        table: &Table,
        rows: Vec<CheckedRow>,
        sequence: u64,
    ) -> Result<(), sqlx::Error> {
        let columns = list(&table.columns, ", ", |column| quote(&column.name));
        let stage = PostgresDialect.stage_name(&table.name);
        let statement = format!("COPY {stage} (\"_seq\", {columns}) FROM STDIN");
        let mut copy = self.get()?.copy_in_raw(&statement).await?;
        let mut text = String::with_capacity(COPY_BYTES + COPY_BYTES / 8);
        for (row, number) in rows.iter().zip(sequence..) {
            push_row(&mut text, number, row);
            if text.len() >= COPY_BYTES {
                copy.send(text.as_bytes()).await?;
                text.clear();
            }
        }
        copy.send(text.as_bytes()).await?;
        copy.finish().await?;
        Ok(())
    }

    fn id(&self) -> Option<i64> {
        self.session()
    }

    async fn migrate(&mut self) -> Result<Vec<String>, MigrateError> {
        embedded::run(&MIGRATIONS, self.get()?).await
    }

    async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError> {
        self.get()?.list_applied_migrations(embedded::HISTORY).await
    }

    fn migrations(&self) -> &'static Migrator {
        &MIGRATIONS
    }

    fn discard(&mut self) {
        Lease::discard(self);
    }
}

/// `?` becomes `$1`, `$2`, …; a statement with arguments holds no other question mark.
fn numbered(sql: &str, args: &[Arg]) -> String {
    if args.is_empty() {
        return sql.to_owned();
    }
    let mut out = String::with_capacity(sql.len() + 16);
    for (index, part) in sql.split('?').enumerate() {
        if index > 0 {
            let _ = write!(out, "${index}");
        }
        out.push_str(part);
    }
    out
}

/// One row of COPY's text format:
/// <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2>.
fn push_row(out: &mut String, number: u64, row: &CheckedRow) {
    let _ = write!(out, "{number}");
    for value in row.values() {
        out.push('\t');
        match value {
            Value::Null => out.push_str("\\N"),
            Value::Boolean(value) => out.push(if *value { 't' } else { 'f' }),
            Value::Int64(value) => {
                let _ = write!(out, "{value}");
            }
            // The shortest digits that read back as the same number.
            Value::Float64(value) => {
                let _ = write!(out, "{value:e}");
            }
            Value::Decimal(text) => out.push_str(text),
            Value::Text(text) | Value::Json(text) => push_escaped(out, text),
            Value::Bytes(bytes) => {
                out.push_str("\\\\x");
                for byte in bytes {
                    let _ = write!(out, "{byte:02x}");
                }
            }
            Value::Date(days) => values::push_date(out, *days),
            Value::Timestamp(micros) => values::push_time(out, *micros),
        }
    }
    out.push('\n');
}

fn push_escaped(out: &mut String, text: &str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            _ => continue,
        };
        // All four are ASCII, so `at` is between characters.
        out.push_str(&text[from..at]);
        out.push_str(escaped);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

fn bind(args: Vec<Arg>) -> Result<PgArguments, sqlx::Error> {
    let time = |time: jiff::Timestamp| values::time(time.as_microsecond());
    let mut arguments = PgArguments::default();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_in_their_order() {
        let args = [Arg::Int(1), Arg::Int(2)];
        assert_eq!(numbered("a = ? AND b = ?", &args), "a = $1 AND b = $2");
        assert_eq!(numbered("SELECT '?'", &[]), "SELECT '?'");
    }

    #[test]
    fn what_copy_would_take_for_its_own_is_escaped() {
        let mut out = String::new();
        push_escaped(&mut out, "a\tb\nc\rd\\N🐞\\");
        assert_eq!(out, "a\\tb\\nc\\rd\\\\N🐞\\\\");
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! PostgreSQL.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use include_dir::{Dir, include_dir};
use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migrator};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::{Arguments, AssertSqlSafe, Column as _, Connection as _, Row as _, TypeInfo, ValueRef};
use test_dashboard_model::validate::CheckedRow;
use test_dashboard_model::{Column, ColumnType, Table, Value};

use super::{Dialect, MADE_BY, Opened, key_columns, list, quote, stage_columns, values};
use crate::connection::{Arg, Connection, Connections, Field, Fields};
use crate::login::{ConnectError, Login};
use crate::merge::Merge;
use crate::migrations;
use crate::pool::{Lease, Pool};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/postgres");
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| migrations::of(&FILES));

/// An arbitrary number of this project's own; the lock is the database's.
const LOCK: &str = "SELECT CAST(1 AS bigint) FROM pg_advisory_xact_lock(7313874212050491777)";
/// The same lock for longer than a transaction.
const SESSION_LOCK: &str = "SELECT CAST(1 AS bigint) FROM pg_advisory_lock(7313874212050491777)";
const SESSION_UNLOCK: &str =
    "SELECT CAST(1 AS bigint) FROM pg_advisory_unlock(7313874212050491777)";

/// Bytes of COPY text that are gathered before they are sent.
const COPY_BYTES: usize = 1 << 20;

/// The driver itself asks for UTC, UTF8 and ISO dates when it connects. Whoever holds a table
/// longer than the timeout is not waited for: the commit fails as busy and is tried again.
pub(crate) const SESSION: &str = "SET lock_timeout = '10s'; SET client_min_messages = 'warning'";

pub(super) async fn open(
    mut login: Login<PgConnectOptions>,
    connections: u32,
) -> Result<Opened, ConnectError> {
    login.options = login.options.application_name("test-dashboard");
    let mut first = login.connect().await?;
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut first).await?;
    // The server may have hung up first.
    let _ = first.close().await;
    let version = version.split_whitespace().next().unwrap_or_default();
    Ok(Opened {
        connections: Arc::new(Pool::new(login, connections)?),
        dialect: Arc::new(PostgresDialect),
        product: format!("PostgreSQL {version}"),
    })
}

struct PostgresDialect;

impl Dialect for PostgresDialect {
    fn column_type(&self, column: &Column, is_key: bool) -> String {
        match column.kind {
            ColumnType::Boolean => "boolean".into(),
            ColumnType::Int64 => "bigint".into(),
            ColumnType::Float64 => "double precision".into(),
            ColumnType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
            ColumnType::Text if is_key => "text COLLATE \"C\"".into(),
            ColumnType::Text => "text".into(),
            ColumnType::Bytes => "bytea".into(),
            ColumnType::Date => "date".into(),
            ColumnType::Timestamp => "timestamp with time zone".into(),
            // Not jsonb: that would drop a number's digits and trailing zeros.
            ColumnType::Json => "json".into(),
        }
    }

    fn stage_type(&self, column: &Column, is_key: bool) -> String {
        match column.kind {
            // Parsed by the server only where the row is new or changed.
            ColumnType::Json => "text".into(),
            _ => self.column_type(column, is_key),
        }
    }

    fn name_type(&self, characters: u32) -> String {
        format!("varchar({characters}) COLLATE \"C\"")
    }

    fn integer_type(&self) -> &'static str {
        "bigint"
    }

    fn time_type(&self) -> &'static str {
        "timestamp with time zone"
    }

    fn table_options(&self) -> String {
        String::new()
    }

    fn begin(&self) -> &'static str {
        "BEGIN ISOLATION LEVEL READ COMMITTED"
    }

    fn has_transactional_ddl(&self) -> bool {
        true
    }

    fn schema_lock(&self) -> Option<&'static str> {
        Some(LOCK)
    }

    fn schema_unlock(&self) -> Option<&'static str> {
        None
    }

    fn migration_lock(&self) -> Option<(&'static str, &'static str)> {
        Some((SESSION_LOCK, SESSION_UNLOCK))
    }

    fn lock_wait(&self, wait: Duration) -> Option<String> {
        Some(format!("SET lock_timeout = {}", wait.as_millis()))
    }

    fn process_query(&self) -> Option<&'static str> {
        Some("SELECT CAST(pg_backend_pid() AS bigint), current_setting('server_encoding')")
    }

    fn holders_queries(&self) -> &'static [&'static str] {
        // Of other users' sessions, most is only shown to members of pg_read_all_stats.
        &["SELECT DISTINCT CAST(a.pid AS bigint), CAST(1 AS bigint), CAST(a.usename AS text), \
           a.application_name, a.state, CAST(extract(epoch FROM clock_timestamp() - \
           COALESCE(a.xact_start, a.query_start)) AS bigint), left(a.query, 80) \
           FROM unnest(pg_blocking_pids(CAST(? AS integer))) AS b (pid) \
           JOIN pg_stat_activity AS a ON a.pid = b.pid"]
    }

    fn how_to_find_holders(&self) -> &'static str {
        "which session holds the lock could not be seen; while a run waits, `SELECT pid, \
         pg_blocking_pids(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'` shows it. \
         Wait until it has ended, or end it, and run again"
    }

    fn end_session(&self, session: i64) -> String {
        format!("SELECT pg_terminate_backend({session})")
    }

    fn columns_query(&self) -> &'static str {
        // Not information_schema, which leaves out what the user may not read.
        "SELECT CAST(attname AS text) FROM pg_attribute \
         WHERE attrelid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident(?)) \
         AND attnum > 0 AND NOT attisdropped"
    }

    fn relations_query(&self) -> &'static str {
        "SELECT CAST(relname AS text), CAST(CASE WHEN relkind = 'v' THEN 1 ELSE 0 END AS bigint), \
         obj_description(oid, 'pg_class') FROM pg_class \
         WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
         AND relkind IN ('r', 'p', 'f', 'v', 'm')"
    }

    fn all_columns_query(&self) -> &'static str {
        "SELECT CAST(c.relname AS text), CAST(a.attname AS text) FROM pg_class AS c \
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
         AND c.relkind IN ('r', 'p', 'f', 'v', 'm')"
    }

    fn schema_query(&self) -> Option<&'static str> {
        Some("SELECT CAST(current_schema() AS text)")
    }

    fn create_view(&self, name: &str, query: &str) -> String {
        format!("CREATE OR REPLACE VIEW {} AS\n{query}", quote(name))
    }

    fn mark_view(&self, name: &str) -> Option<String> {
        Some(format!("COMMENT ON VIEW {} IS '{MADE_BY}'", quote(name)))
    }

    fn view_grants_query(&self) -> Option<&'static str> {
        // 0 is everybody. The owner's own rights come with the view.
        Some(
            "WITH v AS (SELECT oid, relowner, relacl FROM pg_class \
             WHERE oid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident(?))), \
             g AS (SELECT v.relowner, a.grantee, a.privilege_type, a.is_grantable, \
             CAST(NULL AS text) AS attname FROM v, aclexplode(v.relacl) AS a UNION ALL \
             SELECT v.relowner, a.grantee, a.privilege_type, a.is_grantable, CAST(c.attname AS text) \
             FROM v JOIN pg_attribute AS c ON c.attrelid = v.oid, aclexplode(c.attacl) AS a) \
             SELECT CAST(privilege_type AS text), CASE grantee WHEN 0 THEN 'PUBLIC' \
             ELSE quote_ident(pg_get_userbyid(grantee)) END, \
             CAST(CASE WHEN is_grantable THEN 1 ELSE 0 END AS bigint), attname FROM g WHERE grantee <> relowner",
        )
    }

    fn view_dependants_query(&self) -> Option<&'static str> {
        Some(
            "SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
             CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, \
             pg_get_viewdef(c.oid) FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid \
             JOIN pg_class AS c ON c.oid = r.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace \
             WHERE d.classid = CAST('pg_rewrite' AS regclass) \
             AND d.refobjid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident(?)) \
             AND c.oid <> d.refobjid ORDER BY 1",
        )
    }

    fn time_parameter(&self) -> &'static str {
        "CAST(? AS timestamp with time zone)"
    }

    fn time_as_text(&self, expression: &str) -> String {
        format!("to_char({expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    }

    fn day_of(&self, moment: &str) -> String {
        format!("CAST({moment} AT TIME ZONE 'UTC' AS date)")
    }

    fn start_of(&self, day: &str) -> String {
        format!("(CAST({day} AS timestamp) AT TIME ZONE 'UTC')")
    }

    fn text_cast(&self) -> &'static str {
        "text"
    }

    fn integer_cast(&self) -> &'static str {
        "bigint"
    }

    fn stage_name(&self, table: &str) -> String {
        format!("pg_temp.{}", quote(&format!("_stage_{table}")))
    }

    fn create_stage(&self, table: &Table) -> Vec<String> {
        let stage = self.stage_name(&table.name);
        let columns = stage_columns(self, table);
        vec![
            format!("DROP TABLE IF EXISTS {stage}"),
            format!(
                "CREATE TEMPORARY TABLE {} (\"_seq\" bigint NOT NULL, {columns})",
                quote(&format!("_stage_{}", table.name))
            ),
        ]
    }

    fn settle_stage(&self, table: &Table) -> Vec<String> {
        let stage = self.stage_name(&table.name);
        let same = list(&table.key, " AND ", |name| format!("a.{0} = b.{0}", quote(name)));
        vec![
            // The planner knows nothing of rows that this transaction has written to the table
            // itself, and takes them for few: then it goes through the staged rows once for
            // each of them, unless these have an index. Made after the COPY, which is faster.
            format!("CREATE INDEX {} ON {stage} ({})", stage_index(table), key_columns(table)),
            // Without it the planner takes the staged rows for few as well.
            format!("ANALYZE {stage} ({})", key_columns(table)),
            format!(
                "DELETE FROM {stage} AS a USING {stage} AS b WHERE {same} AND a.\"_seq\" < b.\"_seq\""
            ),
        ]
    }

    fn empty_stage(&self, table: &Table) -> Vec<String> {
        vec![
            format!("DROP INDEX pg_temp.{}", stage_index(table)),
            format!("TRUNCATE {}", self.stage_name(&table.name)),
        ]
    }

    fn drop_stage(&self, table: &str) -> String {
        format!("DROP TABLE IF EXISTS {}", self.stage_name(table))
    }

    fn update(&self, merge: &Merge<'_>) -> String {
        format!(
            "UPDATE {} AS t SET {} FROM {} AS s WHERE t.\"project\" = ? AND {} AND ({})",
            merge.target(),
            merge.assignments(""),
            merge.stage(),
            merge.same_key("t", "s"),
            merge.any_differs("t", |t, s| format!("{t} IS DISTINCT FROM {s}")),
        )
    }

    fn own(&self, merge: &Merge<'_>) -> String {
        format!(
            "UPDATE {} AS t SET \"_partition\" = ? FROM {} AS s \
             WHERE t.\"project\" = ? AND {} AND t.\"_partition\" <> ?",
            merge.target(),
            merge.stage(),
            merge.same_key("t", "s"),
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

    fn comparable(&self, column: &Column, stored: &str) -> String {
        match column.kind {
            // json has no equality of its own; the host stores one text per document.
            ColumnType::Json => format!("CAST({stored} AS text)"),
            _ => stored.to_owned(),
        }
    }

    fn staged_value(&self, column: &Column) -> String {
        let staged = format!("s.{}", quote(&column.name));
        match column.kind {
            ColumnType::Json => format!("CAST({staged} AS json)"),
            _ => staged,
        }
    }

    fn widen_key(&self, _table: &str, _column: &Column) -> Option<String> {
        None
    }
}

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
        query.fetch_all(self.get()?).await?.iter().map(fields).collect()
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
        migrations::run(&MIGRATIONS, self.get()?).await
    }

    async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError> {
        self.get()?.list_applied_migrations(migrations::HISTORY).await
    }

    fn migrations(&self) -> &'static Migrator {
        &MIGRATIONS
    }

    fn discard(&mut self) {
        Lease::discard(self);
    }
}

/// At most 7 + 48 + 4 characters.
fn stage_index(table: &Table) -> String {
    quote(&format!("_stage_{}_key", table.name))
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

fn fields(row: &PgRow) -> Result<Fields, sqlx::Error> {
    let field = |index: usize| {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            Ok(Field::Null)
        } else if value.type_info().name() == "INT8" {
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

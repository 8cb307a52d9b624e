// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The text of SQL that is PostgreSQL's own.

use std::time::Duration;

use test_dashboard_model::{Column, ColumnType, Table};

use crate::sql::dialect::{Dialect, MADE_BY};
use crate::sql::merge::Merge;
use crate::sql::{key_columns, list, quote, stage_columns};

/// An arbitrary number of this project's own; the lock is the database's.
const LOCK: &str =
    "SELECT CAST(1 AS bigint) AS taken FROM pg_advisory_xact_lock(7313874212050491777)";
/// The same lock for longer than a transaction.
const SESSION_LOCK: &str =
    "SELECT CAST(1 AS bigint) AS taken FROM pg_advisory_lock(7313874212050491777)";
const SESSION_UNLOCK: &str =
    "SELECT CAST(1 AS bigint) AS taken FROM pg_advisory_unlock(7313874212050491777)";

pub(crate) struct PostgresDialect;

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
        Some(
            "SELECT CAST(pg_backend_pid() AS bigint) AS process, \
              current_setting('server_encoding') AS encoding",
        )
    }

    fn holders_queries(&self) -> &'static [&'static str] {
        // Of other users' sessions, most is only shown to members of pg_read_all_stats.
        &["SELECT DISTINCT CAST(a.pid AS bigint) AS session, CAST(1 AS bigint) AS is_sure, \
           CAST(a.usename AS text) AS user_name, a.application_name AS application, a.state, CAST(extract(epoch FROM clock_timestamp() - \
           COALESCE(a.xact_start, a.query_start)) AS bigint) AS seconds, left(a.query, 80) AS statement \
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
        "SELECT CAST(attname AS text) AS column_name FROM pg_attribute \
         WHERE attrelid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident(?)) \
         AND attnum > 0 AND NOT attisdropped"
    }

    fn relations_query(&self) -> &'static str {
        "SELECT CAST(relname AS text) AS name, \
         CAST(CASE WHEN relkind = 'v' THEN 1 ELSE 0 END AS bigint) AS is_view, \
         obj_description(oid, 'pg_class') AS mark FROM pg_class \
         WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
         AND relkind IN ('r', 'p', 'f', 'v', 'm')"
    }

    fn all_columns_query(&self) -> &'static str {
        "SELECT CAST(c.relname AS text) AS table_name, CAST(a.attname AS text) AS column_name \
         FROM pg_class AS c \
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
         AND c.relkind IN ('r', 'p', 'f', 'v', 'm')"
    }

    fn schema_query(&self) -> Option<&'static str> {
        Some("SELECT CAST(current_schema() AS text) AS schema_name")
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
             SELECT CAST(privilege_type AS text) AS privilege, CASE grantee WHEN 0 THEN 'PUBLIC' \
             ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee, \
             CAST(CASE WHEN is_grantable THEN 1 ELSE 0 END AS bigint) AS may_grant, \
             attname AS column_name FROM g WHERE grantee <> relowner",
        )
    }

    fn view_dependants_query(&self) -> Option<&'static str> {
        Some(
            "SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, \
             CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind, \
             pg_get_viewdef(c.oid) AS query FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid \
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

/// At most 7 + 48 + 4 characters.
fn stage_index(table: &Table) -> String {
    quote(&format!("_stage_{}_key", table.name))
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The text of SQL that is MySQL's and MariaDB's own.

use std::time::Duration;

use test_dashboard_model::{Column, ColumnType, Table};

use crate::sql::dialect::Dialect;
use crate::sql::merge::Merge;
use crate::sql::{key_columns, quote, stage_columns};

/// Such locks are the server's, and their names have at most 64 characters. Not by SHA1, which
/// the newest MySQL does not have any more.
const LOCK: &str = "SELECT GET_LOCK(SHA2(CONCAT('test-dashboard ', DATABASE()), 224), 10) AS taken";
const UNLOCK: &str = "SELECT RELEASE_LOCK(SHA2(CONCAT('test-dashboard ', DATABASE()), 224))";

/// Who keeps a session waiting; without the privilege PROCESS, and in MySQL without SELECT on
/// performance_schema, most of it is not shown.
const HOLDERS: [&str; 5] = [
    // A lock by name.
    "SELECT CAST(p.id AS SIGNED) AS session, CAST(1 AS SIGNED) AS is_sure, p.user AS user_name, \
     p.host AS application, p.command AS state, CAST(p.time AS SIGNED) AS seconds, \
     LEFT(p.info, 80) AS statement FROM information_schema.processlist AS w \
     JOIN information_schema.processlist AS p ON p.id <> w.id AND p.id = \
     IS_USED_LOCK(SHA2(CONCAT('test-dashboard ', DATABASE()), 224)) \
     WHERE w.id = ? AND w.state = 'User lock'",
    // A table, in MySQL.
    "SELECT DISTINCT CAST(t.processlist_id AS SIGNED) AS session, CAST(1 AS SIGNED) AS is_sure, \
     t.processlist_user AS user_name, t.processlist_host AS application, \
     t.processlist_command AS state, CAST(t.processlist_time AS SIGNED) AS seconds, \
     LEFT(t.processlist_info, 80) AS statement FROM performance_schema.threads AS me \
     JOIN performance_schema.metadata_locks AS w ON w.owner_thread_id = me.thread_id \
     AND w.lock_status = 'PENDING' \
     JOIN performance_schema.metadata_locks AS h ON h.object_type = w.object_type \
     AND h.object_schema <=> w.object_schema AND h.object_name <=> w.object_name \
     AND h.lock_status = 'GRANTED' AND h.owner_thread_id <> w.owner_thread_id \
     JOIN performance_schema.threads AS t ON t.thread_id = h.owner_thread_id \
     WHERE me.processlist_id = ?",
    // Rows, in MySQL.
    "SELECT DISTINCT CAST(t.processlist_id AS SIGNED) AS session, CAST(1 AS SIGNED) AS is_sure, \
     t.processlist_user AS user_name, t.processlist_host AS application, \
     t.processlist_command AS state, CAST(t.processlist_time AS SIGNED) AS seconds, \
     LEFT(t.processlist_info, 80) AS statement FROM performance_schema.threads AS me \
     JOIN performance_schema.data_lock_waits AS w ON w.requesting_thread_id = me.thread_id \
     JOIN performance_schema.threads AS t ON t.thread_id = w.blocking_thread_id \
     WHERE me.processlist_id = ?",
    // Rows, in MariaDB.
    "SELECT DISTINCT CAST(p.id AS SIGNED) AS session, CAST(1 AS SIGNED) AS is_sure, \
     p.user AS user_name, p.host AS application, p.command AS state, \
     CAST(p.time AS SIGNED) AS seconds, LEFT(p.info, 80) AS statement FROM information_schema.innodb_trx AS me \
     JOIN information_schema.innodb_lock_waits AS w ON w.requesting_trx_id = me.trx_id \
     JOIN information_schema.innodb_trx AS h ON h.trx_id = w.blocking_trx_id \
     JOIN information_schema.processlist AS p ON p.id = h.trx_mysql_thread_id \
     WHERE me.trx_mysql_thread_id = ?",
    // A table, where nothing else tells: whoever has a transaction open, first in this database.
    "SELECT CAST(p.id AS SIGNED) AS session, CAST(0 AS SIGNED) AS is_sure, p.user AS user_name, \
     p.host AS application, p.command AS state, CAST(p.time AS SIGNED) AS seconds, \
     LEFT(p.info, 80) AS statement FROM information_schema.processlist AS me \
     JOIN information_schema.innodb_trx AS h ON h.trx_mysql_thread_id <> me.id \
     JOIN information_schema.processlist AS p ON p.id = h.trx_mysql_thread_id \
     WHERE me.id = ? AND me.state LIKE 'Waiting for % metadata lock' \
     ORDER BY p.db <=> DATABASE() DESC, h.trx_started LIMIT 3",
];

pub(super) struct MysqlDialect {
    /// Compares text byte by byte, trailing spaces among them.
    pub(super) collation: &'static str,
}

impl MysqlDialect {
    fn collate(&self, kind: &str) -> String {
        format!("{kind} CHARACTER SET utf8mb4 COLLATE {}", self.collation)
    }
}

impl Dialect for MysqlDialect {
    fn column_type(&self, column: &Column, is_key: bool) -> String {
        match column.kind {
            ColumnType::Boolean => "boolean".into(),
            ColumnType::Int64 => "bigint".into(),
            ColumnType::Float64 => "double".into(),
            ColumnType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            // varchar only where an index wants it: all varchars of a row share 65,535 bytes.
            ColumnType::Text if is_key => self.name_type(column.max_length.unwrap_or(255)),
            ColumnType::Text | ColumnType::Json => self.collate("longtext"),
            ColumnType::Bytes => "longblob".into(),
            ColumnType::Date => "date".into(),
            ColumnType::Timestamp => "datetime(6)".into(),
        }
    }

    fn name_type(&self, characters: u32) -> String {
        self.collate(&format!("varchar({characters})"))
    }

    fn integer_type(&self) -> &'static str {
        "bigint"
    }

    fn time_type(&self) -> &'static str {
        "datetime(6)"
    }

    fn table_options(&self) -> String {
        format!(
            " ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE {}",
            self.collation
        )
    }

    fn begin(&self) -> &'static str {
        "START TRANSACTION"
    }

    fn has_transactional_ddl(&self) -> bool {
        false
    }

    fn schema_lock(&self) -> Option<&'static str> {
        Some(LOCK)
    }

    fn schema_unlock(&self) -> Option<&'static str> {
        Some(UNLOCK)
    }

    fn lock_wait(&self, wait: Duration) -> Option<String> {
        // Whole seconds, and not none.
        Some(format!("SET SESSION lock_wait_timeout = {}", wait.as_secs().max(1)))
    }

    fn holders_queries(&self) -> &'static [&'static str] {
        &HOLDERS
    }

    fn how_to_find_holders(&self) -> &'static str {
        "which session holds the lock could not be seen: a user with the privilege PROCESS finds \
         it with `SHOW FULL PROCESSLIST` and `SELECT * FROM information_schema.innodb_trx`, in \
         MySQL also with `SELECT * FROM sys.schema_table_lock_waits` while a run waits; granted \
         to the user of the runs, it is named here. Wait until it has ended, or end it, and run \
         again"
    }

    fn end_session(&self, session: i64) -> String {
        format!("KILL {session}")
    }

    fn columns_query(&self) -> &'static str {
        // In lower case, as all that is declared is: to the database they are the same.
        "SELECT LOWER(column_name) AS column_name FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = ?"
    }

    fn relations_query(&self) -> &'static str {
        // The definition without the database's name, so that it is the same in a copy.
        "SELECT t.table_name AS name, CASE WHEN v.table_name IS NULL THEN 0 ELSE 1 END AS is_view, \
         REPLACE(v.view_definition, CONCAT('`', DATABASE(), '`.'), '') AS mark \
         FROM information_schema.tables AS t LEFT JOIN information_schema.views AS v \
         ON v.table_schema = t.table_schema AND v.table_name = t.table_name \
         WHERE t.table_schema = DATABASE()"
    }

    fn all_columns_query(&self) -> &'static str {
        "SELECT table_name AS table_name, LOWER(column_name) AS column_name FROM information_schema.columns \
         WHERE table_schema = DATABASE()"
    }

    fn create_view(&self, name: &str, query: &str) -> String {
        format!("CREATE OR REPLACE VIEW {} AS\n{query}", quote(name))
    }

    fn time_parameter(&self) -> &'static str {
        "CAST(? AS datetime(6))"
    }

    fn time_as_text(&self, expression: &str) -> String {
        format!("DATE_FORMAT({expression}, '%Y-%m-%dT%H:%i:%s.%fZ')")
    }

    fn day_of(&self, moment: &str) -> String {
        format!("CAST({moment} AS date)")
    }

    fn start_of(&self, day: &str) -> String {
        format!("CAST({day} AS datetime(6))")
    }

    fn text_cast(&self) -> &'static str {
        "char"
    }

    fn literal(&self, text: &str) -> String {
        // The text of a view is kept in utf8mb3 in some places, which has no character of four
        // bytes.
        let bytes = text.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
        format!("_utf8mb4 X'{bytes}'")
    }

    fn integer_cast(&self) -> &'static str {
        "SIGNED"
    }

    fn stage_name(&self, table: &str) -> String {
        quote(&format!("_stage_{table}"))
    }

    fn create_stage(&self, table: &Table) -> Vec<String> {
        // The key makes a later row of the same key replace the earlier one.
        let stage = self.stage_name(&table.name);
        let create = format!(
            "CREATE TEMPORARY TABLE {stage} ({}, PRIMARY KEY ({})){}",
            stage_columns(self, table),
            key_columns(table),
            self.table_options()
        );
        vec![self.drop_stage(&table.name), create]
    }

    fn settle_stage(&self, _table: &Table) -> Vec<String> {
        vec![]
    }

    fn empty_stage(&self, table: &Table) -> Vec<String> {
        self.create_stage(table)
    }

    fn drop_stage(&self, table: &str) -> String {
        format!("DROP TEMPORARY TABLE IF EXISTS {}", self.stage_name(table))
    }

    fn update(&self, merge: &Merge<'_>) -> String {
        // STRAIGHT_JOIN keeps the order of the tables and FORCE INDEX the way: every staged row
        // is looked up by its key. Left alone, the server may read the index by partition, all
        // of it for each staged row.
        format!(
            "UPDATE {} AS s STRAIGHT_JOIN {} AS t FORCE INDEX (PRIMARY) SET {} WHERE t.\"project\" = ? AND {} AND ({})",
            merge.stage(),
            merge.target(),
            merge.assignments("t."),
            merge.same_key("t", "s"),
            merge.any_differs("t", |t, s| format!("NOT ({t} <=> {s})")),
        )
    }

    fn own(&self, merge: &Merge<'_>) -> String {
        format!(
            "UPDATE {} AS s STRAIGHT_JOIN {} AS t FORCE INDEX (PRIMARY) SET t.\"_partition\" = ? \
             WHERE t.\"project\" = ? AND {} AND t.\"_partition\" <> ?",
            merge.stage(),
            merge.target(),
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
            "DELETE t FROM {} AS t WHERE t.\"project\" = ? AND t.\"_partition\" = ?{delivered}",
            merge.target()
        )
    }

    fn widen_key(&self, table: &str, column: &Column) -> Option<String> {
        let (name, kind) = (quote(&column.name), self.column_type(column, true));
        Some(format!("ALTER TABLE {} MODIFY COLUMN {name} {kind} NOT NULL", quote(table)))
    }

    fn for_a_person(&self, sql: &str) -> String {
        sql.replace('"', "`")
    }
}

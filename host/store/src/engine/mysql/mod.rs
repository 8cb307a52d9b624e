// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! MySQL from 8.0.17 on, and MariaDB from 10.2 on.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use include_dir::{Dir, include_dir};
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions};
use sqlx::{Arguments, AssertSqlSafe, Connection as _};
use test_dashboard_model::validate::CheckedRow;
use test_dashboard_model::{Column, ColumnType, Table, Value};

use super::{Dialect, Opened, insert_rows, key_columns, quote, stage_columns, values};
use crate::connection::{Arg, Connection, Connections};
use crate::fields::{Fields, fields};
use crate::login::{ConnectError, Login};
use crate::merge::Merge;
use crate::migrations;
use crate::pool::{Lease, Pool};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/mysql");
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| migrations::of(&FILES));

/// MySQL takes 65,535 parameters; above some thousand a statement does not get faster.
const PARAMETERS: usize = 8_000;

/// Bytes of values in one statement, unless the server takes less.
const STATEMENT_BYTES: usize = 4 << 20;

/// Quotes around names as in the other databases, and no value is ever cut or replaced. Left to
/// itself the server waits for a year until whoever reads a table lets it be altered.
pub(crate) const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,\
NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION', SESSION time_zone = '+00:00', \
    SESSION lock_wait_timeout = 10, SESSION innodb_lock_wait_timeout = 10";

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

pub(super) async fn open(
    mut login: Login<MySqlConnectOptions>,
    connections: u32,
) -> Result<Opened, ConnectError> {
    login.options = login.options.charset("utf8mb4");
    let mut first = login.connect().await?;
    let query = sqlx::query_as("SELECT VERSION(), CAST(@@max_allowed_packet AS SIGNED)");
    let (version, packet): (String, i64) = query.fetch_one(&mut first).await?;
    // The server may have hung up first.
    let _ = first.close().await;
    let server = Server::parse(&version)?;
    let packet = usize::try_from(packet).unwrap_or(usize::MAX);
    Ok(Opened {
        connections: Arc::new(MysqlConnections { pool: Pool::new(login, connections)?, packet }),
        product: server.product.clone(),
        dialect: Arc::new(MysqlDialect { collation: server.collation }),
    })
}

/// Which of the two products it is.
struct Server {
    product: String,
    /// Compares text byte by byte, trailing spaces among them.
    collation: &'static str,
}

impl Server {
    fn parse(version: &str) -> Result<Server, sqlx::Error> {
        // MariaDB says `10.11.6-MariaDB-…`; behind some proxies `5.5.5-10.11.6-MariaDB-…`.
        let is_mariadb = version.contains("MariaDB");
        let number = version.strip_prefix("5.5.5-").filter(|_| is_mariadb).unwrap_or(version);
        let number = number.split('-').next().unwrap_or_default();
        let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let mut part = || parts.next().unwrap_or(0);
        let found = (part(), part(), part());
        let (name, least, collation) = if is_mariadb {
            ("MariaDB", (10, 2, 0), "utf8mb4_nopad_bin")
        } else {
            ("MySQL", (8, 0, 17), "utf8mb4_0900_bin")
        };
        if found < least {
            let (major, minor, patch) = least;
            return Err(sqlx::Error::InvalidArgument(format!(
                "this is {name} {number}; {major}.{minor}.{patch} or later is needed, for a collation that tells all texts apart"
            )));
        }
        Ok(Server { product: format!("{name} {number}"), collation })
    }
}

struct MysqlDialect {
    collation: &'static str,
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

struct MysqlConnections {
    pool: Pool<MySqlConnectOptions>,
    packet: usize,
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
        migrations::run(&MIGRATIONS, connection).await
    }

    async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError> {
        self.connection.get()?.list_applied_migrations(migrations::HISTORY).await
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
    fn the_two_products_are_told_apart_and_old_ones_refused() {
        let parsed = |version: &str| match Server::parse(version) {
            Ok(server) => format!("{} {}", server.product, server.collation),
            Err(error) => error.to_string(),
        };
        assert_eq!(parsed("8.4.5"), "MySQL 8.4.5 utf8mb4_0900_bin");
        assert_eq!(parsed("8.0.37-google"), "MySQL 8.0.37 utf8mb4_0900_bin");
        let mariadb = "MariaDB 10.11.6 utf8mb4_nopad_bin";
        assert_eq!(parsed("10.11.6-MariaDB-0+deb12u1"), mariadb);
        assert_eq!(parsed("5.5.5-10.11.6-MariaDB-log"), mariadb);
        assert!(parsed("5.7.44").contains("8.0.17 or later"));
    }

    #[test]
    fn moments_are_written_without_a_zone() {
        assert_eq!(datetime(1), "1970-01-01 00:00:00.000001");
    }
}

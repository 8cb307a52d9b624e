// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A fresh database per test, on SQLite and each of the servers; and what the tests look at it
//! with.

#![allow(dead_code, reason = "each test file uses its part of this")]

#[path = "../../../../tests/end-to-end/support/own_server.rs"]
pub mod own_server;
pub mod proxy;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Row};
use test_dashboard_model::validate::Validator;
use test_dashboard_model::validate::{CheckedRow, RejectedRow};
use test_dashboard_model::{CheckpointText, Column, ColumnType, Counts, Table, TableMode, Value};
use test_dashboard_store::{
    CommitPoint, Engine, NewRun, Outcome, Owner, PartitionKey, PartitionResult, Password, ReadMode,
    RunId, Server, Store, StoreError, Target, Tls, grants,
};

/// Makes one test per database of an `async fn(Arc<Database>)`.
#[macro_export]
macro_rules! on_every_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite { $(#[test] fn $name() {
            $crate::support::run($crate::support::At::Sqlite, super::$name);
        })* }
        $crate::on_every_server![$($name),*];
    };
}

/// The same for those that are reached over a connection.
#[macro_export]
macro_rules! on_every_server {
    ($($name:ident),* $(,)?) => {
        mod postgres { $(#[test] fn $name() {
            $crate::support::run($crate::support::At::Postgres, super::$name);
        })* }
        mod mysql { $(#[test] fn $name() {
            $crate::support::run($crate::support::At::Mysql, super::$name);
        })* }
        mod oracle_mysql { $(#[test] fn $name() {
            $crate::support::run($crate::support::At::OracleMysql, super::$name);
        })* }
    };
}

/// What the tests run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Sqlite,
    Postgres,
    /// MariaDB, unless somebody has set another one.
    Mysql,
    /// MySQL itself.
    OracleMysql,
}

impl At {
    pub fn engine(self) -> Engine {
        match self {
            At::Sqlite => Engine::Sqlite,
            At::Postgres => Engine::Postgres,
            At::Mysql | At::OracleMysql => Engine::Mysql,
        }
    }

    /// The variable of scripts/test-databases that says this of the server.
    fn variable(self, what: &str) -> String {
        let server = match self {
            At::Sqlite => "SQLITE",
            At::Postgres => "POSTGRES",
            At::Mysql => "MYSQL",
            At::OracleMysql => "ORACLE_MYSQL",
        };
        format!("TEST_{server}_{what}")
    }
}

/// A database of one test's own, and a user of its own who has the privileges that the
/// documentation grants, and no more.
pub struct Database {
    at: At,
    pub engine: Engine,
    /// As that user.
    pub url: String,
    /// As the server's owner.
    pub owner: String,
    server: String,
    name: String,
    folder: Option<tempfile::TempDir>,
}

/// The password of a database's user.
const PASSWORD: &str = "pump";

/// Runs a test on a fresh database and drops that afterwards, also when the test fails.
pub fn run<F: Future<Output = ()> + Send + 'static>(
    at: At,
    test: impl FnOnce(Arc<Database>) -> F + Send + 'static,
) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let Some(database) = Database::fresh(at).await else { return };
        let database = Arc::new(database);
        let outcome = tokio::spawn(test(database.clone())).await;
        database.remove().await;
        if let Err(failure) = outcome {
            std::panic::resume_unwind(failure.into_panic());
        }
    });
}

fn fresh_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("test_dashboard_{}_{number}", std::process::id())
}

impl Database {
    async fn fresh(at: At) -> Option<Database> {
        let (engine, name) = (at.engine(), fresh_name());
        if at == At::Sqlite {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("dashboard.sqlite").display());
            let (owner, server) = (url.clone(), url.clone());
            return Some(Database { at, engine, url, owner, server, name, folder: Some(folder) });
        }
        let variable = at.variable("URL");
        let Ok(server) = std::env::var(&variable) else {
            eprintln!(
                "not run: {at:?}, because {variable} is not set; scripts/test-databases sets it"
            );
            assert!(std::env::var_os("CI").is_none(), "{variable} has to be set where CI is");
            return None;
        };
        Some(Self::on(at, server, name).await)
    }

    /// A fresh database on this server.
    pub async fn fresh_on(at: At, server: String) -> Database {
        Self::on(at, server, fresh_name()).await
    }

    async fn on(at: At, server: String, name: String) -> Database {
        let mut owner = url::Url::parse(&server).unwrap();
        owner.set_path(&name);
        let owner = String::from(owner);
        let (engine, folder) = (at.engine(), None);
        let mut database = Database { at, engine, url: owner.clone(), owner, server, name, folder };
        let name = &database.name;
        database.on_server(&format!("CREATE DATABASE {name}")).await;
        if engine == Engine::Postgres {
            // Nothing but what is granted below.
            database.as_owner(&format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC")).await;
            database.as_owner("REVOKE ALL ON SCHEMA public FROM PUBLIC").await;
        }
        database.make_user(name, PASSWORD).await;
        database.url = database.url_as(name, PASSWORD);
        database
    }

    /// Makes a user who may do in this database what the documentation grants.
    pub async fn make_user(&self, user: &str, password: &str) {
        let identified = if self.engine == Engine::Postgres { "PASSWORD" } else { "IDENTIFIED BY" };
        self.on_server(&format!("CREATE USER {user} {identified} '{password}'")).await;
        for grant in grants(self.engine, user, &self.name) {
            self.as_owner(&grant).await;
        }
    }

    /// Takes a user away with all that he owns and may do.
    pub async fn drop_user(&self, user: &str) {
        if self.engine == Engine::Postgres {
            self.as_owner(&format!("DROP OWNED BY {user} CASCADE")).await;
        }
        self.on_server(&format!("DROP USER {user}")).await;
    }

    async fn remove(&self) {
        let name = &self.name;
        match self.engine {
            Engine::Sqlite => return,
            Engine::Postgres => {
                self.on_server(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
            Engine::Mysql => self.on_server(&format!("DROP DATABASE {name}")).await,
        }
        self.on_server(&format!("DROP USER {name}")).await;
    }

    /// Runs a statement as the server's owner, outside of this database.
    pub async fn on_server(&self, sql: &str) {
        execute_at(self.engine, &self.server, sql).await;
    }

    /// The same in this database.
    pub async fn as_owner(&self, sql: &str) {
        execute_at(self.engine, &self.owner, sql).await;
    }

    /// Runs statements in this database as its user, with names in double quotes.
    pub async fn execute(&self, sql: &str) {
        execute_at(self.engine, &self.url, sql).await;
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same database under another login.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        let mut url = url::Url::parse(&self.url).unwrap();
        url.set_username(user).unwrap();
        url.set_password(Some(password)).unwrap();
        url.into()
    }

    /// The same database in parts.
    pub fn parts(&self) -> Server {
        let url = url::Url::parse(&self.url).unwrap();
        Server {
            engine: self.engine,
            host: url.host_str().unwrap().into(),
            port: url.port(),
            user: url.username().into(),
            database: self.name.clone(),
            password: Password::Text(url.password().unwrap_or_default().into()),
            tls: Tls::default(),
        }
    }

    /// The folder of the server's Unix socket.
    pub fn socket(&self) -> Option<PathBuf> {
        self.extra("SOCKET", "a Unix socket")
    }

    /// The folder with the certificates that belong to the server's.
    pub fn certificates(&self) -> Option<PathBuf> {
        self.extra("TLS", "TLS and client certificates")
    }

    /// The same database through a pooler in transaction mode.
    pub fn pooler(&self) -> Option<String> {
        let port = self.extra("POOLER", "a pooler")?;
        let mut url = url::Url::parse(&self.url).unwrap();
        url.set_port(port.to_str().and_then(|port| port.parse().ok())).unwrap();
        Some(url.into())
    }

    /// What only a server has that scripts/test-databases has started.
    fn extra(&self, name: &str, what: &str) -> Option<PathBuf> {
        let variable = self.at.variable(name);
        let found = std::env::var_os(&variable).map(PathBuf::from);
        if found.is_none() {
            eprintln!(
                "not run: {what} on {:?}, because {variable} is not set; scripts/test-databases sets it",
                self.at
            );
            assert!(std::env::var_os("CI").is_none(), "{variable} has to be set where CI is");
        }
        found
    }

    /// The store, connected and migrated.
    pub async fn store(&self) -> Store {
        let store = self.connect().await;
        store.migrate().await.unwrap();
        store
    }

    pub async fn connect(&self) -> Store {
        Store::connect(&Target::parse(&self.url).unwrap(), 4).await.unwrap()
    }

    /// What a query of text columns answers the server's owner; null is `NULL`.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let sql = AssertSqlSafe(sql.to_owned());
        macro_rules! read {
            ($connection:expr) => {{
                let mut connection = $connection.await.unwrap();
                let rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await.unwrap();
                let cell = |value: Option<String>| value.unwrap_or_else(|| "NULL".into());
                let rows = rows.iter().map(|row| {
                    (0..row.columns().len()).map(|i| cell(row.get_unchecked(i))).collect()
                });
                let rows: Vec<Vec<String>> = rows.collect();
                connection.close().await.unwrap();
                rows
            }};
        }
        match self.engine {
            Engine::Sqlite => read!(sqlx::SqliteConnection::connect(&self.owner)),
            Engine::Postgres => read!(sqlx::PgConnection::connect(&self.owner)),
            Engine::Mysql => read!(mysql(&self.owner)),
        }
    }

    /// All rows of a plugin's table, in the order of the key, as text that is the same for the
    /// same values whichever database it is; without `_run_id` and `_extracted_at`.
    pub async fn table(&self, table: &Table) -> Vec<Vec<String>> {
        let columns = table.columns.iter().map(|column| self.as_text(column));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let keys = table.key.iter().map(|key| format!("t.\"{key}\""));
        let keys = keys.collect::<Vec<_>>().join(", ");
        let (project, partition) = (self.cast("\"project\""), self.cast("\"_partition\""));
        let sql = format!(
            "SELECT {project}, {columns}, {partition} FROM \"{}\" AS t ORDER BY t.\"project\", {keys}",
            table.name
        );
        let mut rows = self.rows(&sql).await;
        for row in &mut rows {
            for (cell, column) in row[1..].iter_mut().zip(&table.columns) {
                if column.kind == ColumnType::Float64 && cell != "NULL" {
                    *cell = format!("{:e}", cell.parse::<f64>().unwrap());
                }
            }
        }
        rows
    }

    /// Which run last changed each row, in the order of the key.
    pub async fn last_runs(&self, table: &Table) -> Vec<String> {
        let sql = format!(
            "SELECT {} FROM \"{}\" AS t ORDER BY t.\"project\", t.\"{}\"",
            self.cast("\"_run_id\""),
            table.name,
            table.key[0]
        );
        self.rows(&sql).await.into_iter().map(|mut row| row.remove(0)).collect()
    }

    fn cast(&self, expression: &str) -> String {
        match self.engine {
            Engine::Mysql => format!("CAST({expression} AS CHAR)"),
            Engine::Sqlite | Engine::Postgres => format!("CAST({expression} AS text)"),
        }
    }

    fn as_text(&self, column: &Column) -> String {
        let name = format!("\"{}\"", column.name);
        match (column.kind, self.engine) {
            (ColumnType::Boolean, _) => {
                format!("CASE WHEN {name} THEN 'true' WHEN NOT {name} THEN 'false' END")
            }
            // SQLite's own CAST gives 15 digits, and its printf and hex take null for a value.
            (ColumnType::Float64, Engine::Sqlite) => {
                format!("CASE WHEN {name} IS NOT NULL THEN printf('%!.17g', {name}) END")
            }
            (ColumnType::Bytes, Engine::Postgres) => format!("encode({name}, 'hex')"),
            (ColumnType::Bytes, _) => {
                format!("CASE WHEN {name} IS NOT NULL THEN lower(hex({name})) END")
            }
            (ColumnType::Timestamp, Engine::Postgres) => {
                format!("to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
            }
            (ColumnType::Timestamp, Engine::Mysql) => {
                format!("DATE_FORMAT({name}, '%Y-%m-%dT%H:%i:%s.%fZ')")
            }
            _ => self.cast(&name),
        }
    }
}

async fn mysql(url: &str) -> Result<sqlx::MySqlConnection, sqlx::Error> {
    let mut connection = sqlx::MySqlConnection::connect(url).await?;
    sqlx::raw_sql("SET SESSION sql_mode = 'ANSI_QUOTES'").execute(&mut connection).await?;
    Ok(connection)
}

async fn execute_at(engine: Engine, url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    macro_rules! execute {
        ($connection:expr) => {{
            let mut connection = $connection.await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }};
    }
    match engine {
        Engine::Sqlite => execute!(sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc"))),
        Engine::Postgres => execute!(sqlx::PgConnection::connect(url)),
        Engine::Mysql => execute!(mysql(url)),
    }
}

pub fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.into(), kind, nullable: true, max_length: None, description: name.into() }
}

pub fn key_text(name: &str, max_length: u32) -> Column {
    let max_length = Some(max_length);
    Column { nullable: false, max_length, ..column(name, ColumnType::Text) }
}

pub fn table(name: &str, mode: TableMode, columns: Vec<Column>, key: &[&str]) -> Arc<Table> {
    let mut columns = columns;
    for column in &mut columns {
        column.nullable &= !key.contains(&column.name.as_str());
    }
    let key = key.iter().map(|name| (*name).to_owned()).collect();
    let table = Table { name: name.into(), description: "For tests".into(), mode, columns, key };
    test_dashboard_model::declaration::check_table("probe", &table).unwrap();
    Arc::new(table)
}

/// `id`, `title`: the plainest table there is.
pub fn plain(mode: TableMode) -> Arc<Table> {
    let columns = vec![column("id", ColumnType::Int64), column("title", ColumnType::Text)];
    table("probe_items", mode, columns, &["id"])
}

pub fn row(table: &Arc<Table>, values: Vec<Value>) -> CheckedRow {
    Validator::new(table.clone()).check(values).unwrap()
}

pub fn item(table: &Arc<Table>, id: i64, title: &str) -> CheckedRow {
    row(table, vec![Value::Int64(id), Value::Text(title.into())])
}

pub fn owner() -> Owner {
    let fills = |report: &str, table: &str| (report.to_owned(), vec![table.to_owned()]);
    Owner {
        datasource: "probe".into(),
        plugin_version: "0.1.0".into(),
        reports: vec![fills("items", "probe_items"), fills("others", "probe_others")],
    }
}

pub fn key(partition: &str) -> PartitionKey {
    PartitionKey {
        project: "fenix".into(),
        datasource: "probe".into(),
        report: "items".into(),
        partition: partition.into(),
    }
}

pub fn reject(row: &str) -> RejectedRow {
    RejectedRow {
        table: "probe_items".into(),
        reason: "column id: is null".into(),
        row: row.into(),
    }
}

pub fn checkpoint(text: &str) -> Option<CheckpointText> {
    Some(CheckpointText(text.into()))
}

pub async fn start(store: &Store) -> RunId {
    let run = NewRun {
        project: "fenix".into(),
        report: "items".into(),
        command: "test-dashboard run --project fenix --report-type items".into(),
        version: "0.1.0".into(),
    };
    store.start_run(&run).await.unwrap()
}

/// Prepares a table, and writes and ends one partition of it in a run of its own.
pub async fn write(
    store: &Store,
    table: &Arc<Table>,
    partition: &str,
    rows: Vec<CheckedRow>,
) -> Result<Counts, StoreError> {
    let tables = [table.clone()];
    store.prepare_tables(&owner(), &tables).await?;
    let run = start(store).await;
    let mut writer = store.open_partition(run, key(partition), &tables, ReadMode::Onwards).await?;
    writer.stage(&table.name, rows).await?;
    writer.commit(None, CommitPoint::End).await
}

pub fn counts(new: u64, changed: u64, unchanged: u64, removed: u64, rejected: u64) -> Counts {
    Counts {
        rows_new: new,
        rows_changed: changed,
        rows_unchanged: unchanged,
        rows_removed: removed,
        rows_rejected: rejected,
        ..Counts::default()
    }
}

/// What becomes of a partition in which hardly anything was.
pub fn nothing() -> PartitionResult {
    PartitionResult {
        outcome: Outcome::Succeeded,
        error: None,
        failure_kind: None,
        counts: Counts {
            rows_read: 1,
            rows_new: 1,
            requests: 1,
            response_bytes: 1,
            ..Counts::default()
        },
        started: jiff::Timestamp::now(),
        elapsed: std::time::Duration::from_millis(5),
    }
}

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

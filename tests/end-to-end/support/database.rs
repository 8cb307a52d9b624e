// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Databases of a test's own, and what is in them.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::{Column as _, Executor as _, Row as _, TypeInfo as _, ValueRef as _};
use test_dashboard_store::{Engine, grant_to_read_later, grants, grants_to_read};

use super::repository;

/// Which databases there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
    Mysql,
}

impl Kind {
    /// The databases that the tests can use here: SQLite always; the servers when
    /// `TEST_POSTGRES_URL` and `TEST_MYSQL_URL` name them, which `make test` sees to. Under
    /// CI a missing one is a failure.
    pub fn all() -> Vec<Kind> {
        let mut kinds = vec![Kind::Sqlite];
        for (kind, variable) in
            [(Kind::Postgres, "TEST_POSTGRES_URL"), (Kind::Mysql, "TEST_MYSQL_URL")]
        {
            if std::env::var_os(variable).is_some() {
                kinds.push(kind);
            } else {
                assert!(std::env::var_os("CI").is_none(), "{variable} is not set");
                eprintln!("NOT RUN on {kind:?}: {variable} is not set");
            }
        }
        kinds
    }
}

/// A database of a test's own; dropped with it.
pub struct Database {
    kind: Kind,
    /// Its address, as `--database` takes it: as a user of its own, who has the privileges that
    /// the documentation grants, and no more.
    pub url: String,
    /// The same as the server's owner.
    owner: String,
    /// Where it was created: the server's address.
    server: String,
    name: String,
    runtime: tokio::runtime::Runtime,
    _folder: Option<tempfile::TempDir>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// A fresh, empty database.
    pub fn new(kind: Kind) -> Self {
        if kind == Kind::Sqlite {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("test.sqlite").display());
            let _folder = Some(folder);
            let (owner, server, name) = (url.clone(), String::new(), String::new());
            return Database { kind, url, owner, server, name, runtime, _folder };
        }
        let variable = if kind == Kind::Postgres { "TEST_POSTGRES_URL" } else { "TEST_MYSQL_URL" };
        Self::on(kind, std::env::var(variable).unwrap())
    }

    /// A fresh, empty database on the server with this address.
    pub fn on(kind: Kind, server: String) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e_{}_{number}", std::process::id());
        let mut address = url::Url::parse(&server).unwrap();
        address.set_path(&name);
        let owner = address.to_string();
        address.set_username(&name).unwrap();
        address.set_password(Some("pump")).unwrap();
        let url = address.to_string();
        let database = Database { kind, url, owner, server, name, runtime, _folder: None };
        let name = &database.name;
        database.administrate(&format!("CREATE DATABASE {name}"));
        if kind == Kind::Postgres {
            // Nothing but what is granted.
            database.as_owner(&format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"));
            database.as_owner("REVOKE ALL ON SCHEMA public FROM PUBLIC");
        }
        database.make_user(name, "pump", "");
        database
    }

    /// Makes a user who may do here what the documentation grants.
    pub fn make_user(&self, user: &str, password: &str, more: &str) {
        self.make_stranger(user, password, more);
        for grant in grants(self.engine(), user, &self.name) {
            self.as_owner(&grant);
        }
    }

    /// Makes a user who may read here what there is and what is to come, as the documentation
    /// grants it, and nothing else.
    pub fn make_reader(&self, user: &str, password: &str) {
        self.make_stranger(user, password, "");
        let later = grant_to_read_later(self.engine(), user, &self.name);
        for grant in grants_to_read(self.engine(), user, &self.name).into_iter().chain(later) {
            self.as_owner(&grant);
        }
    }

    /// Makes a user who may do nothing here.
    pub fn make_stranger(&self, user: &str, password: &str, more: &str) {
        let identified = if self.kind == Kind::Postgres { "PASSWORD" } else { "IDENTIFIED BY" };
        self.as_owner(&format!("CREATE USER {user} {identified} '{password}'{more}"));
    }

    fn engine(&self) -> Engine {
        match self.kind {
            Kind::Sqlite => Engine::Sqlite,
            Kind::Postgres => Engine::Postgres,
            Kind::Mysql => Engine::Mysql,
        }
    }

    /// Which database it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The folder of the server's Unix socket. A server that scripts/test-databases has not
    /// started has none here, which is said, and is a failure under CI.
    pub fn socket(&self) -> Option<String> {
        self.extra("SOCKET", "over a socket")
    }

    /// The folder with ca.pem, client.pem and client-key.pem, for a server as above.
    pub fn tls(&self) -> Option<String> {
        self.extra("TLS", "with certificates")
    }

    fn extra(&self, what: &str, how: &str) -> Option<String> {
        let engine = if self.kind == Kind::Postgres { "POSTGRES" } else { "MYSQL" };
        let variable = format!("TEST_{engine}_{what}");
        let folder = std::env::var(&variable).ok();
        if folder.is_none() {
            assert!(std::env::var_os("CI").is_none(), "{variable} is not set");
            eprintln!("NOT RUN {how} on {:?}: {variable} is not set", self.kind);
        }
        folder
    }

    /// Breaks every connection to this database, as a server that restarts does. SQLite has
    /// none.
    pub fn break_connections(&self) {
        match self.kind {
            Kind::Sqlite => {}
            Kind::Postgres => self.administrate(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = '{}' AND pid <> pg_backend_pid()",
                self.name
            )),
            Kind::Mysql => {
                // MySQL's list in information_schema cannot be read while a statement runs that has
                // a character of four bytes (error 3854), and MariaDB has no other.
                let is_mariadb = self.rows("SELECT VERSION() LIKE '%MariaDB%'")[0][0] == 1;
                let list = if is_mariadb { "information_schema" } else { "performance_schema" };
                let others = self.rows(&format!(
                    "SELECT CAST(id AS SIGNED) FROM {list}.processlist \
                     WHERE db = '{}' AND id <> CONNECTION_ID()",
                    self.name
                ));
                for row in others {
                    // It may have ended by itself in the meantime.
                    let _ = self.try_to(&format!("KILL {}", row[0]));
                }
            }
        }
    }

    /// Makes the host's own tables as the version did that did not have the last migration yet; its
    /// name.
    pub fn migrate_but_the_last(&self) -> String {
        let folder = match self.kind {
            Kind::Sqlite => "sqlite",
            Kind::Postgres => "postgres",
            Kind::Mysql => "mysql",
        };
        self.runtime.block_on(async {
            use sqlx::Connection as _;
            let mut all =
                Migrator::new(repository().join("migrations").join(folder)).await.unwrap();
            all.set_locking(false);
            let last = all.iter().last().unwrap().clone();
            let before = Some(last.version - 1);
            match self.kind {
                Kind::Sqlite => {
                    let options: sqlx::sqlite::SqliteConnectOptions = self.url.parse().unwrap();
                    let options = options.create_if_missing(true);
                    let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
                    let mut c = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                    all.run_direct(before, &mut c, false).await.unwrap();
                    c.close().await.unwrap();
                }
                Kind::Postgres => {
                    let mut c = sqlx::PgConnection::connect(&self.url).await.unwrap();
                    all.run_direct(before, &mut c, false).await.unwrap();
                }
                Kind::Mysql => {
                    let mut c = sqlx::MySqlConnection::connect(&self.url).await.unwrap();
                    all.run_direct(before, &mut c, false).await.unwrap();
                }
            }
            last.description.to_string()
        })
    }

    /// Changes something in the database, as its user.
    pub fn execute(&self, sql: &str) {
        self.execute_at(&self.url, sql).unwrap();
    }

    /// The same as the server's owner.
    pub fn as_owner(&self, sql: &str) {
        self.execute_at(&self.owner, sql).unwrap();
    }

    fn administrate(&self, sql: &str) {
        self.try_to(sql).unwrap();
    }

    fn try_to(&self, sql: &str) -> Result<(), sqlx::Error> {
        if self.kind == Kind::Sqlite {
            return Ok(());
        }
        self.execute_at(&self.server, sql)
    }

    fn execute_at(&self, url: &str, sql: &str) -> Result<(), sqlx::Error> {
        use sqlx::Connection as _;
        let sql = sqlx::AssertSqlSafe(sql.to_string());
        self.runtime.block_on(async {
            match self.kind {
                Kind::Sqlite => {
                    let mut c = sqlx::SqliteConnection::connect(url).await?;
                    c.execute(sql).await?;
                    // Left to itself it may have its files beside the database for a while yet.
                    c.close().await?;
                }
                Kind::Postgres => {
                    sqlx::PgConnection::connect(url).await?.execute(sql).await?;
                }
                Kind::Mysql => {
                    sqlx::MySqlConnection::connect(url).await?.execute(sql).await?;
                }
            }
            Ok(())
        })
    }

    /// The rows of a query by the server's owner, each as a JSON array. Select what compares alike everywhere.
    pub fn rows(&self, sql: &str) -> Vec<Value> {
        let sql = sqlx::AssertSqlSafe(sql.to_string());
        self.runtime.block_on(async {
            use sqlx::Connection as _;
            match self.kind {
                Kind::Sqlite => {
                    let mut c = sqlx::SqliteConnection::connect(&self.owner).await.unwrap();
                    let rows = c.fetch_all(sql).await.unwrap();
                    rows.iter().map(sqlite_row).collect()
                }
                Kind::Postgres => {
                    let mut c = sqlx::PgConnection::connect(&self.owner).await.unwrap();
                    let rows = c.fetch_all(sql).await.unwrap();
                    rows.iter().map(postgres_row).collect()
                }
                Kind::Mysql => {
                    let mut c = sqlx::MySqlConnection::connect(&self.owner).await.unwrap();
                    let rows = c.fetch_all(sql).await.unwrap();
                    rows.iter().map(mysql_row).collect()
                }
            }
        })
    }

    /// The names of the columns that a query gives, each with its type as the database says it.
    pub fn columns(&self, sql: &str) -> Vec<(String, String)> {
        use sqlx::SqlSafeStr as _;
        let sql = sqlx::AssertSqlSafe(sql.to_string()).into_sql_str();
        macro_rules! columns {
            ($connection:expr) => {{
                let mut c = $connection.await.unwrap();
                let statement = (&mut c).prepare(sql).await.unwrap();
                let columns = statement.columns().iter();
                columns.map(|c| (c.name().into(), c.type_info().name().into())).collect()
            }};
        }
        self.runtime.block_on(async {
            use sqlx::{Connection as _, Statement as _};
            match self.kind {
                Kind::Sqlite => columns!(sqlx::SqliteConnection::connect(&self.owner)),
                Kind::Postgres => columns!(sqlx::PgConnection::connect(&self.owner)),
                Kind::Mysql => columns!(sqlx::MySqlConnection::connect(&self.owner)),
            }
        })
    }

    /// The one number that a query gives.
    pub fn number(&self, sql: &str) -> i64 {
        self.rows(sql)[0][0].as_i64().unwrap()
    }
}

/// Every value as text or number, whatever its type: enough to compare tables.
macro_rules! row_to_json {
    ($name:ident, $row:ty) => {
        fn $name(row: &$row) -> Value {
            let value = |index: usize| {
                if row.try_get_raw(index).unwrap().is_null() {
                    return Value::Null;
                }
                if let Ok(number) = row.try_get::<i64, _>(index) {
                    return json!(number);
                }
                if let Ok(number) = row.try_get::<i32, _>(index) {
                    return json!(number);
                }
                if let Ok(truth) = row.try_get::<bool, _>(index) {
                    return json!(truth);
                }
                if let Ok(number) = row.try_get::<f64, _>(index) {
                    return json!(number);
                }
                if let Ok(text) = row.try_get_unchecked::<String, _>(index) {
                    return json!(text);
                }
                let kind = row.columns()[index].type_info().name().to_string();
                panic!("cast the column {index} to text in the query: it is a {kind}")
            };
            (0..row.columns().len()).map(value).collect()
        }
    };
}

row_to_json!(sqlite_row, sqlx::sqlite::SqliteRow);
row_to_json!(postgres_row, sqlx::postgres::PgRow);
row_to_json!(mysql_row, sqlx::mysql::MySqlRow);

impl Drop for Database {
    fn drop(&mut self) {
        let force = match self.kind {
            Kind::Sqlite => return,
            Kind::Postgres => " WITH (FORCE)",
            Kind::Mysql => "",
        };
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.administrate(&format!("DROP DATABASE {}{force}", self.name));
            self.administrate(&format!("DROP USER {}", self.name));
        }));
        // What made the test fail comes first: a second panic would end all tests.
        if let Err(panic) = dropped
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

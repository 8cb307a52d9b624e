// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The databases that are written to, each made anew for what is measured.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Serialize;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use sqlx::{MySqlConnection, PgConnection, SqliteConnection};
use url::Url;

use crate::rows::Facts;

/// What the database is called on a server.
const NAME: &str = "test_dashboard_bench";

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A file.
    Sqlite,
    /// The server of `TEST_POSTGRES_URL`.
    Postgres,
    /// The server of `TEST_MYSQL_URL`: MySQL or MariaDB.
    Mysql,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
            Engine::Mysql => "MySQL",
        })
    }
}

/// An empty database, and later a full refresh.
#[derive(Debug)]
pub struct Database {
    engine: Engine,
    /// As the pump, dlt and psycopg take it.
    pub url: String,
}

/// Runs a query that has one row of whole numbers, on whichever database it is.
macro_rules! fetch_one {
    ($database:expr, $sql:expr) => {{
        let (url, sql) = ($database.url.as_str(), AssertSqlSafe($sql));
        match $database.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(url).await?;
                let row = sqlx::query_as(sql).fetch_one(&mut connection).await?;
                connection.close().await?;
                row
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(url).await?;
                let row = sqlx::query_as(sql).fetch_one(&mut connection).await?;
                connection.close().await?;
                row
            }
            Engine::Mysql => {
                let mut connection = MySqlConnection::connect(url).await?;
                let row = sqlx::query_as(sql).fetch_one(&mut connection).await?;
                connection.close().await?;
                row
            }
        }
    }};
}

impl Database {
    /// An empty database. One that an earlier call made on the same server is dropped.
    ///
    /// # Errors
    ///
    /// When the server of the environment variable cannot be used.
    pub async fn fresh(engine: Engine, folder: &std::path::Path) -> anyhow::Result<Self> {
        let url = match engine {
            Engine::Sqlite => sqlite_file(folder)?,
            Engine::Postgres => fresh_postgres().await?,
            Engine::Mysql => fresh_mysql().await?,
        };
        Ok(Database { engine, url })
    }

    /// Whether the server is there: SQLite always is.
    pub fn is_there(engine: Engine) -> bool {
        variable(engine).is_none_or(|name| std::env::var_os(name).is_some())
    }

    /// What the server says that it is.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    pub async fn version(&self) -> anyhow::Result<String> {
        let sql = match self.engine {
            Engine::Sqlite => "SELECT 'SQLite ' || sqlite_version()",
            Engine::Postgres => "SELECT 'PostgreSQL ' || current_setting('server_version')",
            Engine::Mysql => "SELECT CONCAT('MySQL or MariaDB ', VERSION())",
        };
        let (version,): (String,) = fetch_one!(self, sql.to_owned());
        Ok(version)
    }

    /// What a table holds.
    ///
    /// # Errors
    ///
    /// When there is no such table, or it lacks a column.
    pub async fn facts(&self, table: &str) -> anyhow::Result<Facts> {
        let (integer, length) = match self.engine {
            Engine::Sqlite => ("integer", "length"),
            Engine::Postgres => ("bigint", "char_length"),
            Engine::Mysql => ("signed", "char_length"),
        };
        let (rows, attempts, details, title_characters) = fetch_one!(
            self,
            format!(
                "SELECT COUNT(*), CAST(SUM(attempts) AS {integer}), COUNT(details), \
                 CAST(SUM({length}(title)) AS {integer}) FROM {table}"
            )
        );
        Ok(Facts { rows, attempts, details, title_characters })
    }

    /// What a query for one whole number answers.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let (number,): (i64,) = fetch_one!(self, sql.to_owned());
        Ok(number)
    }

    /// How many rows of the pump's table this run inserted or changed.
    ///
    /// # Errors
    ///
    /// When the table is not there.
    pub async fn written_by(&self, run: i64) -> anyhow::Result<u64> {
        let sql = format!("SELECT COUNT(*) FROM mock_rows WHERE _run_id = {run}");
        let (rows,): (i64,) = fetch_one!(self, sql);
        Ok(rows.unsigned_abs())
    }
}

fn variable(engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some("TEST_POSTGRES_URL"),
        Engine::Mysql => Some("TEST_MYSQL_URL"),
    }
}

fn sqlite_file(folder: &std::path::Path) -> anyhow::Result<String> {
    let file: PathBuf = folder.join(format!("{NAME}.sqlite"));
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.clone().into_os_string();
        path.push(suffix);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {path:?}"));
            }
            _ => {}
        }
    }
    // An empty file is an empty database, and lets itself be asked for its version.
    std::fs::File::create(&file)?;
    Ok(format!("sqlite:{}", file.display()))
}

fn server(engine: Engine) -> anyhow::Result<Url> {
    let name = variable(engine).unwrap_or_default();
    let url = std::env::var(name).with_context(|| format!("{name} is not set"))?;
    Url::parse(&url).with_context(|| format!("{name} is no URL"))
}

async fn fresh_postgres() -> anyhow::Result<String> {
    let mut url = server(Engine::Postgres)?;
    let mut connection = PgConnection::connect(url.as_str()).await?;
    let drop = format!("DROP DATABASE IF EXISTS {NAME} WITH (FORCE)");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
    let create = format!("CREATE DATABASE {NAME}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
    connection.close().await?;
    url.set_path(NAME);
    Ok(url.into())
}

async fn fresh_mysql() -> anyhow::Result<String> {
    let mut url = server(Engine::Mysql)?;
    let options = sqlx::mysql::MySqlConnectOptions::from_url(&url)?;
    let mut connection = options.connect().await?;
    for sql in [format!("DROP DATABASE IF EXISTS {NAME}"), format!("CREATE DATABASE {NAME}")] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    }
    connection.close().await?;
    url.set_path(NAME);
    Ok(url.into())
}

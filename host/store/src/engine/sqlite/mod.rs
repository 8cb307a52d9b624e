// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! SQLite, the default: a file beside the program.

pub(crate) mod codes;
mod connection;
pub(crate) mod dialect;
mod reading;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use sqlx::Connection as _;
use sqlx::error::DatabaseError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteError, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};

use super::driver::{Driver, Unusable};
use super::privileges::Need;
use crate::connect::connection::Connection as _;
use crate::connect::error::ConnectError;
use crate::connect::login::{Access, Opened, Parts, Place};
use crate::connect::trouble::Trouble;
use dialect::SqliteDialect;
use reading::Reader;

/// SQLite: a file, without a server, users or privileges.
pub(crate) struct SqliteDriver;

/// What a path ends in that needs no `sqlite:` before it.
const EXTENSIONS: [&str; 3] = ["sqlite", "sqlite3", "db"];

impl Driver for SqliteDriver {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn names(&self) -> &'static [&'static str] {
        &["sqlite"]
    }

    fn form(&self) -> &'static str {
        "sqlite:PATH"
    }

    fn takes(&self, address: &str) -> bool {
        let extension = Path::new(address).extension().unwrap_or_default();
        address.starts_with("sqlite:")
            || EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
    }

    fn parse(&self, address: &str) -> Result<Arc<dyn Place>, Unusable> {
        let path = address.strip_prefix("sqlite:").unwrap_or(address);
        let path = path.strip_prefix("//").filter(|_| path != address).unwrap_or(path);
        if path.is_empty() || path.starts_with(':') {
            let reason = "sqlite: needs the path of a file, such as sqlite:dashboard.sqlite";
            return Err(Unusable(reason.into()));
        }
        Ok(Arc::new(File(PathBuf::from(path))))
    }

    fn server(&self, _parts: &Parts<'_>) -> Option<Arc<dyn Place>> {
        None
    }

    fn trouble(&self, error: &dyn DatabaseError) -> Option<Trouble> {
        error.try_downcast_ref::<SqliteError>()?;
        // SQLite has no codes of its own for these.
        if error.message().starts_with("no such table") {
            return Some(Trouble::NoTable);
        }
        if error.message().ends_with("already exists") {
            return Some(Trouble::NoReplacement);
        }
        let code = error.code().and_then(|code| code.parse().ok());
        Some(codes::meaning(code.unwrap_or(0)))
    }

    /// Everything that a server's user is asked for but what only a server has.
    fn asks_for(&self, need: Need) -> bool {
        need != Need::ShowView
    }

    fn grant(&self, _needs: &[Need], _user: &str, _database: &str) -> Vec<String> {
        vec![]
    }

    fn remedy(&self, _needs: &[Need], _user: &str, _database: &str) -> String {
        String::from("let the user who runs this write the file and its folder")
    }

    fn remedy_to_read(&self, _user: &str, _database: &str) -> String {
        String::from(
            "let the user who runs this read the file; where a run was killed in its middle, the next run mends what it has left",
        )
    }
}

struct File(PathBuf);

#[async_trait]
impl Place for File {
    async fn open(&self, connections: u32, access: Access) -> Result<Opened, ConnectError> {
        Ok(match access {
            Access::Read => open_to_read(&self.0).await?,
            Access::Write => open(&self.0, connections).await?,
        })
    }

    fn location(&self) -> String {
        format!("file {}", self.0.display())
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.0)
    }
}

async fn open(path: &Path, connections: u32) -> Result<Opened, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // Readers go on while a commit writes.
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode this cannot corrupt the file. A power cut may lose the last commits,
        // but whole ones: rows and checkpoint together, so the next run reads them again.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(30))
        .pragma("cache_size", "-8000");
    let first = connect_first(&options).await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(60))
        .connect_lazy_with(options);
    Ok(Opened {
        connections: Arc::new(pool),
        dialect: Arc::new(SqliteDialect),
        product: format!("SQLite {first}"),
    })
}

/// Opens a file that is only read.
async fn open_to_read(path: &Path) -> Result<Opened, sqlx::Error> {
    let mut reader = Reader::new(path);
    let version = reader.fetch("SELECT sqlite_version() AS version", vec![]).await?;
    let version = version.first().map(|row| row.text("version")).transpose()?.unwrap_or_default();
    Ok(Opened {
        connections: Arc::new(reader),
        dialect: Arc::new(SqliteDialect),
        product: format!("SQLite {version}"),
    })
}

/// Two hosts that make the file at once may find it locked while the other turns WAL on, which
/// the busy timeout does not cover.
async fn connect_first(options: &SqliteConnectOptions) -> Result<String, sqlx::Error> {
    let connect = || async {
        let mut connection = sqlx::SqliteConnection::connect_with(options).await?;
        let version = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection);
        let version: String = version.await?;
        connection.close().await?;
        Ok(version)
    };
    let is_locked = |error: &sqlx::Error| {
        error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("5"))
    };
    let pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(Duration::from_millis(500))
        .with_max_times(50);
    connect.retry(pauses).sleep(tokio::time::sleep).when(is_locked).await
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A file that is only read: nothing of it is changed, and nothing is made beside it.
//!
//! A run leaves its file in WAL mode. SQLite makes two files beside such a file for whoever opens
//! it, `-wal` and `-shm`, and does not remove them for a connection that may not write. As another
//! user's files they would keep out the next run; and in a folder that the user may not write to,
//! the file could not be opened at all. So where there is no `-wal`, and with that nobody who has
//! the file open, it is read as one that does not change, without locks. A run that begins in the
//! meantime is noticed afterwards, and the statement is run again.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use test_dashboard_model::Table;
use test_dashboard_model::validate::CheckedRow;

use super::connection::{MIGRATIONS, fetch};
use crate::connect::connection::{Arg, Connection, Connections};
use crate::connect::error::ConnectError;
use crate::engine::embedded;
use crate::sql::fields::Fields;

/// Opens the file anew for each statement: how it can be opened may be another way by then.
#[derive(Clone)]
pub(super) struct Reader {
    path: PathBuf,
}

/// By what a file is known that nobody has written to.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    /// None where somebody has the file open to write, or was killed while he had.
    fn of(path: &Path) -> Option<Stamp> {
        // SQLite follows symbolic links, and has its files beside the file itself.
        let file = path.canonicalize().ok()?;
        let is_open = ["-wal", "-journal"].iter().any(|end| {
            let mut beside = file.clone().into_os_string();
            beside.push(end);
            // What cannot be looked at may be there.
            Path::new(&beside).try_exists().unwrap_or(true)
        });
        let metadata = file.metadata().ok().filter(|_| !is_open)?;
        Some(Stamp { length: metadata.len(), modified: metadata.modified().ok()? })
    }
}

impl Reader {
    pub(super) fn new(path: &Path) -> Reader {
        Reader { path: path.to_owned() }
    }

    async fn open(&self, is_unchanging: bool) -> Result<SqliteConnection, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .immutable(is_unchanging)
            .busy_timeout(Duration::from_secs(30));
        SqliteConnection::connect_with(&options).await
    }

    /// Whether what was read counts, of a file that was like this before.
    fn is_as_before(&self, before: Option<&Stamp>) -> bool {
        before.is_none() || before == Stamp::of(&self.path).as_ref()
    }
}

#[async_trait]
impl Connections for Reader {
    async fn acquire(&self) -> Result<Box<dyn Connection>, ConnectError> {
        Ok(Box::new(self.clone()))
    }

    async fn acquire_soon(&self) -> Result<Box<dyn Connection>, ConnectError> {
        self.acquire().await
    }

    fn forget_idle(&self) {}

    async fn close(&self) {}
}

/// What a statement that writes ends with. No command that only reads has one.
fn refused() -> sqlx::Error {
    sqlx::Error::Protocol("the file was opened for reading only".into())
}

#[async_trait]
impl Connection for Reader {
    async fn execute(&mut self, _sql: &str, _args: Vec<Arg>) -> Result<u64, sqlx::Error> {
        Err(refused())
    }

    async fn fetch(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Fields>, sqlx::Error> {
        loop {
            let before = Stamp::of(&self.path);
            let mut connection = self.open(before.is_some()).await?;
            let fetched = fetch(&mut connection, sql, args.clone()).await;
            let _ = connection.close().await;
            if self.is_as_before(before.as_ref()) {
                return fetched;
            }
        }
    }

    async fn insert(&mut self, _sql: &str, _args: Vec<Arg>) -> Result<i64, sqlx::Error> {
        Err(refused())
    }

    async fn stage(
        &mut self,
        _table: &Table,
        _rows: Vec<CheckedRow>,
        _sequence: u64,
    ) -> Result<(), sqlx::Error> {
        Err(refused())
    }

    async fn migrate(&mut self) -> Result<Vec<String>, MigrateError> {
        Err(refused().into())
    }

    async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError> {
        loop {
            let before = Stamp::of(&self.path);
            let mut connection = self.open(before.is_some()).await?;
            let applied = connection.list_applied_migrations(embedded::HISTORY).await;
            let _ = connection.close().await;
            if self.is_as_before(before.as_ref()) {
                return applied;
            }
        }
    }

    fn migrations(&self) -> &'static Migrator {
        &MIGRATIONS
    }

    /// No connection outlives its statement.
    fn discard(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written(path: &Path, sql: &'static str) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection
    }

    async fn count(reader: &mut Reader) -> i64 {
        let rows = reader.fetch("SELECT COUNT(*) AS count FROM x", vec![]).await.unwrap();
        rows[0].int("count").unwrap()
    }

    #[tokio::test]
    async fn a_file_that_is_written_meanwhile_is_not_taken_for_one_that_does_not_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sqlite");
        let first = written(&path, "CREATE TABLE x (id INTEGER)").await;
        let mut reader = Reader::new(&path);
        assert_eq!((Stamp::of(&path), count(&mut reader).await), (None, 0));
        first.close().await.unwrap();
        let before = Stamp::of(&path);
        assert!(before.is_some() && reader.is_as_before(before.as_ref()));
        // So many that the file grows: its time may be the same, for a moment.
        let many = "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n LIMIT 5000) \
                    INSERT INTO x SELECT id FROM n";
        let second = written(&path, many).await;
        assert!(!reader.is_as_before(before.as_ref()), "it is open");
        assert_eq!(count(&mut reader).await, 5000, "what is not in the file itself yet");
        second.close().await.unwrap();
        assert!(!reader.is_as_before(before.as_ref()), "it was written");
        assert_eq!(count(&mut reader).await, 5000);
    }

    #[tokio::test]
    async fn nothing_is_made_beside_a_file_that_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("x?.sqlite"), folder.path().join("link.sqlite"));
        written(&path, "CREATE TABLE x (id INTEGER)").await.close().await.unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        for path in [&path, &link] {
            assert_eq!(count(&mut Reader::new(path)).await, 0);
            assert_eq!(files(), 2);
        }
        let open = written(&path, "INSERT INTO x VALUES (1)").await;
        assert_eq!(count(&mut Reader::new(&link)).await, 1, "it is open behind the link");
        open.close().await.unwrap();
        assert_eq!(files(), 2);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sqlite");
        Reader::new(&path).fetch("SELECT 1", vec![]).await.unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

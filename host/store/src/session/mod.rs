// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One connection in use: its statements, transactions and waits for locks, with what goes wrong in
//! a person's words.

pub(crate) mod locks;
pub(crate) mod patience;
pub(crate) mod schema;

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{AppliedMigration, MigrateError, Migrator};
use test_dashboard_model::Table;
use test_dashboard_model::validate::CheckedRow;

use crate::connect::connection::{Arg, Connection};
use crate::engine;
use crate::error::StoreError;
use crate::sql::dialect::Dialect;
use crate::sql::fields::Fields;
use locks::{LockWaits, USUAL, Watch};

/// A connection that cannot go back to the pool in a state that the next user would notice:
/// within a statement that was given up, within a transaction, with staged rows or a lock.
pub(crate) struct DatabaseSession {
    connection: Box<dyn Connection>,
    pub(crate) dialect: Arc<dyn Dialect>,
    pub(crate) database: Arc<str>,
    /// A statement is on its way; true in `drop` when its future was dropped half-way.
    running: bool,
    /// Something of this session would outlive it: a transaction, a staging table, a lock.
    holding: u32,
    watch: Watch,
    waits: LockWaits,
    /// Who the last statement may have waited for, if it took long enough.
    held: Option<String>,
    /// What helps a user who may not read; none where the database is written, too.
    to_read: Option<Arc<str>>,
}

impl DatabaseSession {
    pub(crate) fn new(
        connection: Box<dyn Connection>,
        watch: Watch,
        database: Arc<str>,
        waits: LockWaits,
        to_read: Option<Arc<str>>,
    ) -> DatabaseSession {
        let dialect = watch.dialect.clone();
        let (running, holding, held) = (false, 0, None);
        DatabaseSession {
            connection,
            dialect,
            database,
            running,
            holding,
            watch,
            waits,
            held,
            to_read,
        }
    }

    pub(crate) async fn execute(
        &mut self,
        doing: &str,
        sql: &str,
        args: Vec<Arg>,
    ) -> Result<u64, StoreError> {
        self.running = true;
        let (result, held) = self.watch.over(self.connection.execute(sql, args)).await;
        self.held = held;
        self.done(doing, result)
    }

    pub(crate) async fn fetch(
        &mut self,
        doing: &str,
        sql: &str,
        args: Vec<Arg>,
    ) -> Result<Vec<Fields>, StoreError> {
        self.running = true;
        let (result, held) = self.watch.over(self.connection.fetch(sql, args)).await;
        self.held = held;
        self.done(doing, result)
    }

    /// Runs a query, and reads each row of its result.
    pub(crate) async fn read<T>(
        &mut self,
        doing: &str,
        sql: &str,
        args: Vec<Arg>,
        read: impl Fn(&Fields) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.fetch(doing, sql, args).await?;
        let read = rows.iter().map(read).collect::<Result<_, _>>();
        read.map_err(|error| self.failed(doing, error))
    }

    /// Runs a query, and reads the first row of its result; none where it has no rows.
    pub(crate) async fn read_first<T>(
        &mut self,
        doing: &str,
        sql: &str,
        args: Vec<Arg>,
        read: impl Fn(&Fields) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        let rows = self.fetch(doing, sql, args).await?;
        rows.first().map(read).transpose().map_err(|error| self.failed(doing, error))
    }

    pub(crate) async fn insert(
        &mut self,
        doing: &str,
        sql: &str,
        args: Vec<Arg>,
    ) -> Result<i64, StoreError> {
        self.running = true;
        let (result, held) = self.watch.over(self.connection.insert(sql, args)).await;
        self.held = held;
        self.done(doing, result)
    }

    pub(crate) async fn stage(
        &mut self,
        table: &Table,
        rows: Vec<CheckedRow>,
        sequence: u64,
    ) -> Result<(), StoreError> {
        self.running = true;
        let result = self.connection.stage(table, rows, sequence).await;
        self.done(&format!("staging rows of {}", table.name), result)
    }

    pub(crate) async fn migrate(&mut self) -> Result<Vec<String>, MigrateError> {
        self.running = true;
        let (result, held) = self.watch.over(self.connection.migrate()).await;
        self.held = held;
        // A failed migration may leave its lock behind: then the connection is not reused.
        self.running = result.is_err();
        result
    }

    pub(crate) async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError> {
        self.running = true;
        let result = self.connection.applied().await;
        self.running = result.is_err();
        result
    }

    pub(crate) fn migrations(&self) -> &'static Migrator {
        self.connection.migrations()
    }

    fn done<T>(&mut self, doing: &str, result: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        // After most errors that the server reported the connection is whole; after any other
        // nobody knows.
        self.running = result.as_ref().is_err_and(engine::spoils);
        if result.as_ref().is_err_and(engine::is_read_only) {
            self.watch.connections.forget_idle();
        }
        result.map_err(|error| self.failed(doing, error))
    }

    /// How the server called this session when it was opened; none where there is no server.
    pub(crate) fn id(&self) -> Option<i64> {
        self.connection.id()
    }

    /// `error` in this database's context.
    pub(crate) fn failed(&self, doing: &str, error: sqlx::Error) -> StoreError {
        match StoreError::classify(&self.database, doing, error) {
            StoreError::Busy { reason, .. } if self.held.is_some() => self.busy(doing, &reason),
            StoreError::MissingPrivilege { reason, .. } if self.reads() => {
                self.may_not_read(doing, &reason)
            }
            other => other,
        }
    }

    /// Whether the database was opened for reading only.
    pub(crate) fn reads(&self) -> bool {
        self.to_read.is_some()
    }

    /// That this user may not read what there is.
    pub(crate) fn may_not_read(&self, doing: &str, reason: &str) -> StoreError {
        StoreError::MissingPrivilege {
            database: self.database.to_string(),
            doing: doing.to_owned(),
            reason: reason.to_owned(),
            remedy: self.to_read.as_deref().unwrap_or_default().to_owned(),
        }
    }

    /// That the last statement did not get its lock.
    pub(crate) fn busy(&self, doing: &str, reason: &str) -> StoreError {
        let unseen = || self.dialect.how_to_find_holders().to_owned();
        StoreError::Busy {
            database: self.database.to_string(),
            doing: doing.to_owned(),
            reason: reason.to_owned(),
            advice: self.held.clone().unwrap_or_else(unseen),
        }
    }

    /// From here on waits for locks are brief: while a statement waits to alter a table, nobody
    /// else gets at it. Only for a session that is held.
    pub(crate) async fn wait_briefly(&mut self, doing: &str) -> Result<(), StoreError> {
        self.wait_for_locks(doing, self.waits.brief).await
    }

    /// Takes [`DatabaseSession::wait_briefly`] back.
    pub(crate) async fn wait_as_usual(&mut self, doing: &str) -> Result<(), StoreError> {
        self.wait_for_locks(doing, USUAL).await
    }

    async fn wait_for_locks(&mut self, doing: &str, wait: Duration) -> Result<(), StoreError> {
        self.watch.every = wait / 3;
        match self.dialect.lock_wait(wait) {
            Some(sql) => self.execute(doing, &sql, vec![]).await.map(drop),
            None => Ok(()),
        }
    }

    /// From here on the connection is closed rather than reused, until [`DatabaseSession::release`].
    pub(crate) fn hold(&mut self) {
        self.holding += 1;
    }

    /// Takes one [`DatabaseSession::hold`] back.
    pub(crate) fn release(&mut self) {
        self.holding = self.holding.saturating_sub(1);
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&mut self, doing: &str) -> Result<(), StoreError> {
        self.hold();
        let sql = self.dialect.begin();
        let result = self.execute(doing, sql, vec![]).await;
        if result.is_err() {
            self.release();
        }
        result.map(drop)
    }

    /// Commits. After an error the transaction has to be rolled back.
    pub(crate) async fn commit(&mut self, doing: &str) -> Result<(), StoreError> {
        self.execute(doing, "COMMIT", vec![]).await?;
        self.release();
        Ok(())
    }

    /// Rolls back. After an error the session is not fit for anything but being dropped.
    pub(crate) async fn roll_back(&mut self, doing: &str) -> Result<(), StoreError> {
        self.execute(doing, "ROLLBACK", vec![]).await?;
        self.release();
        Ok(())
    }

    /// Ends a transaction: commits what succeeded, and takes back what did not.
    pub(crate) async fn end<T>(
        &mut self,
        doing: &str,
        outcome: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match outcome {
            Ok(done) => self.commit(doing).await.map(|()| done),
            Err(error) => {
                self.roll_back(doing).await?;
                Err(error)
            }
        }
    }
}

impl Drop for DatabaseSession {
    fn drop(&mut self) {
        if self.running || self.holding > 0 {
            self.connection.discard();
        }
    }
}

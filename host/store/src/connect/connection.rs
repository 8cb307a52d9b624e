// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One connection to a database, whichever it is.

use async_trait::async_trait;
use sqlx::migrate::{AppliedMigration, MigrateError, Migrator};
use test_dashboard_model::Table;
use test_dashboard_model::validate::CheckedRow;

use crate::connect::error::ConnectError;
use crate::sql::fields::Fields;

/// A bound parameter of one of the host's own statements.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Int(i64),
    Text(String),
    OptionalText(Option<String>),
    OptionalInt(Option<i64>),
    /// Bound as each database writes a moment; see [`Dialect::time_parameter`](crate::sql::dialect::Dialect::time_parameter).
    Time(jiff::Timestamp),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Arg {
        Arg::Text(text.to_owned())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Arg {
        Arg::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Arg {
        Arg::Int(number)
    }
}

/// What differs between databases in talking to the server. Statements are written with `?`.
#[async_trait]
pub(crate) trait Connection: Send {
    /// Runs a statement; the number of rows it touched.
    async fn execute(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64, sqlx::Error>;

    /// Runs a query.
    async fn fetch(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Fields>, sqlx::Error>;

    /// Runs an INSERT into a table whose key `id` the database gives out; that id.
    async fn insert(&mut self, sql: &str, args: Vec<Arg>) -> Result<i64, sqlx::Error>;

    /// Adds rows to the staging table of `table`. `sequence` counts the rows staged before.
    async fn stage(
        &mut self,
        table: &Table,
        rows: Vec<CheckedRow>,
        sequence: u64,
    ) -> Result<(), sqlx::Error>;

    /// Brings the host's own tables up to date; the names of the migrations applied now.
    async fn migrate(&mut self) -> Result<Vec<String>, MigrateError>;

    /// The migrations that the database has on record; an error where it has no such record.
    async fn applied(&mut self) -> Result<Vec<AppliedMigration>, MigrateError>;

    /// The migrations that are embedded for this database.
    fn migrations(&self) -> &'static Migrator;

    /// How the server calls this session; none where there is no server.
    fn id(&self) -> Option<i64> {
        None
    }

    /// Closes the connection instead of giving it back to the pool. It is not used again.
    fn discard(&mut self);
}

/// The pool that connections come from.
#[async_trait]
pub(crate) trait Connections: Send + Sync {
    /// Waits for a server that is away for a moment.
    async fn acquire(&self) -> Result<Box<dyn Connection>, ConnectError>;
    /// For what can be done without: of no use to it is a connection that comes late.
    async fn acquire_soon(&self) -> Result<Box<dyn Connection>, ConnectError>;
    /// Closes what nobody uses: it may lead to a server that is not the primary any more.
    fn forget_idle(&self);
    async fn close(&self);
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What an error means here, whichever database it is of.

use sqlx::error::DatabaseError;

/// Errors by what is done about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection, or the server, is gone for now. A new one waits for it.
    Lost,
    /// The server takes no more of us for now: connections, memory, locks. A new connection waits.
    AtLimit,
    /// The server does not let us in, and will not by itself.
    Login,
    NoDatabase,
    Privilege,
    /// The server takes no writes: a replica, perhaps since a failover. The connection is given up.
    ReadOnly,
    DiskFull,
    /// Locks and what else another transaction was in the way of. Nothing of ours was kept.
    Busy,
    /// A time limit of the server's, or a person, has ended the statement.
    Cancelled,
    Duplicate,
    /// A view cannot take the place of the one that is there: SQLite has no way to, and PostgreSQL
    /// none that changes columns or leaves some out.
    NoReplacement,
    /// Something cannot be dropped because something else depends on it. Only PostgreSQL minds.
    DependedOn,
    NoTable,
    /// A pooler has lost what a session has prepared.
    Pooler,
    /// A pooler does not take what a session is begun with.
    PoolerStartup,
    Other,
}

/// What an error means: one of a server's by what the engine makes of it.
pub(crate) fn of(
    error: &sqlx::Error,
    of_server: impl Fn(&dyn DatabaseError) -> Option<Trouble>,
) -> Trouble {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Trouble::Lost,
        sqlx::Error::Database(error) => of_server(error.as_ref()).unwrap_or(Trouble::Other),
        _ => Trouble::Other,
    }
}

/// What the server said, without the driver's words around it.
pub(crate) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::PoolTimedOut => String::from("no connection became free in time"),
        other => other.to_string(),
    }
}

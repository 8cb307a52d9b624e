// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What can go wrong with the database, told apart by what a person or the host does next.

use crate::connect::error::{ConnectError, SettingError};
use crate::connect::trouble::{Trouble, reason};
use crate::engine::trouble;

/// Why transaction pooling cannot be supported.
pub(crate) const POOLER: &str = "its connections go through a pooler in transaction mode (in PgBouncer pool_mode = transaction): what a session has sent reaches several server processes, so its temporary tables, locks, settings and prepared statements are lost. Use the server's own port, or a pool in session mode (pool_mode = session)";

/// Why the database did not do what was asked. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address of the database makes no sense.
    #[error("the database's address is not usable: {reason}")]
    Address {
        /// What is wrong, and which forms there are.
        reason: String,
    },
    /// What is said about the database does not fit together.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The password is not to be had: its file or its program fails.
    #[error("{database}: there is no password to log in with: {reason}")]
    Password {
        /// Which database, as which user.
        database: String,
        /// What was tried.
        reason: String,
    },
    /// No connection with the protection that is asked for.
    #[error("{database}: no protected connection: {reason}; {advice}")]
    Tls {
        /// Which database, as which user.
        database: String,
        /// What failed.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// Nothing answers there, or the connection broke.
    #[error("{database} cannot be reached ({doing}): {reason}; {}", where_to_look(database))]
    Unreachable {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the system said.
        reason: String,
    },
    /// The server takes no more of us for now: connections, memory, locks.
    #[error(
        "{database} is at one of its limits ({doing}): {reason}; raise it, or let fewer programs work on it at a time"
    )]
    AtLimit {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the server said.
        reason: String,
    },
    /// The server takes no writes. Nothing of the transaction was kept.
    #[error(
        "{database} takes no writes ({doing}): {reason}; is this a replica, perhaps since a failover, or is the server under maintenance? The pump needs the primary"
    )]
    ReadOnly {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the server said.
        reason: String,
    },
    /// A time limit of the server's, or a person, has ended a statement. Nothing of the
    /// transaction was kept.
    #[error(
        "{database} has cancelled a statement ({doing}): {reason}; unless a person did that, raise the time limit of this user or of the server (PostgreSQL's statement_timeout, MariaDB's max_statement_time)"
    )]
    Cancelled {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the server said.
        reason: String,
    },
    /// The user or the password is wrong.
    #[error("{database} refused the login: {reason}; {advice}")]
    WrongLogin {
        /// Which database, as which user.
        database: String,
        /// What the server said.
        reason: String,
        /// What to look at.
        advice: String,
    },
    /// The server has no such database.
    #[error("{database}: {reason}; create it, or correct the name")]
    NoSuchDatabase {
        /// Which database.
        database: String,
        /// What the server said.
        reason: String,
    },
    /// The user lacks a right.
    #[error("{database}: a privilege is missing ({doing}): {reason}\nwhat helps: {remedy}")]
    MissingPrivilege {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the server said.
        reason: String,
        /// The statement that helps, or what else to do.
        remedy: String,
    },
    /// The disk, or the database's share of it, is full or takes no more. Nothing of the
    /// transaction was kept.
    #[error(
        "{database}: the disk is full or takes no more ({doing}): {reason}; make room and run again"
    )]
    DiskFull {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the server said.
        reason: String,
    },
    /// Another host has committed the partition since it was opened; nothing was written.
    #[error(
        "{partition}: another run has moved its checkpoint since this one opened it; nothing was written, and the next run goes on from there"
    )]
    Conflict {
        /// Which partition.
        partition: String,
    },
    /// A table that this project did not make stands where a plugin's table should be.
    #[error(
        "{database} has a table or view {table} that test-dashboard did not create; nothing was changed. Rename it or drop it: {remedy}"
    )]
    ForeignTable {
        /// Which database.
        database: String,
        /// The table's name.
        table: String,
        /// The statement that a person would run.
        remedy: String,
    },
    /// The table belongs to another datasource.
    #[error(
        "the table {table} in {database} belongs to the datasource {owner}; {datasource} cannot write to it"
    )]
    OwnedByAnother {
        /// Which database.
        database: String,
        /// The table's name.
        table: String,
        /// Who owns it.
        owner: String,
        /// Who wanted it.
        datasource: String,
    },
    /// A plugin declares a column's type or a table's key otherwise than it was created, or a
    /// person has taken a part of the key away.
    #[error(
        "the table {table}: {change}. This is not changed by itself, because rows could be lost. To start it anew (the next run of each report that fills it reads everything again) run:\n{statements}"
    )]
    Changed {
        /// The table's name.
        table: String,
        /// What it was and what is declared now.
        change: String,
        /// The statements that a person would run, one a line.
        statements: String,
    },
    /// Locks or deadlocks, still there after several tries; nothing was written.
    #[error("{database} is busy ({doing}): {reason}; {advice}")]
    Busy {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the server said.
        reason: String,
        /// Who holds the lock, where that is known, and what to do.
        advice: String,
    },
    /// The server, or what stands before it, is not fit for a run.
    #[error("{database} cannot be used: {reason}")]
    Unfit {
        /// Which database.
        database: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A table that this project did not make stands where one of the host's own should be.
    #[error(
        "{database} has a table or view {table}{schema} that test-dashboard did not create: {reason}. test-dashboard keeps its own records under that name. Give it another database, or in PostgreSQL a schema of its own, or rename yours: {remedy}"
    )]
    OwnTableTaken {
        /// Which database.
        database: String,
        /// In which of its schemas, with a blank before it; empty where there are none.
        schema: String,
        /// The table's name.
        table: String,
        /// How that is known.
        reason: String,
        /// The statement that a person would run.
        remedy: String,
    },
    /// The host's own tables are missing or are not those of this version.
    #[error("{database}: {reason}")]
    Migration {
        /// Which database.
        database: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A statement is about a table that is not there.
    #[error(
        "{database}: {doing}: {reason}; if that is one of the host's own tables, `test-dashboard db migrate` makes it"
    )]
    NoTable {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the server said.
        reason: String,
    },
    /// Views that could not be made, renewed or dropped; everything else was.
    #[error("{database}: views that could not be made, renewed or dropped:\n{failed}")]
    Views {
        /// Which database.
        database: String,
        /// Each view with the reason and what to do.
        failed: String,
    },
    /// The writer was used otherwise than it can be.
    #[error("{0}")]
    Caller(String),
    /// Anything else that the database said.
    #[error("{database}: {doing}: {}", reason(.error))]
    Other {
        /// Which database.
        database: String,
        /// What was being done.
        doing: String,
        /// What the driver said. Not the `source`: it is in the message, and who prints the chain
        /// of causes would say it again, with the driver's words around it.
        error: Box<sqlx::Error>,
    },
}

impl StoreError {
    /// Whether another host has committed the same partition in the meantime.
    pub fn is_conflict(&self) -> bool {
        matches!(self, StoreError::Conflict { .. })
    }

    /// Whether the same may succeed when it is tried again from `open_partition` on.
    pub fn is_transient(&self) -> bool {
        // What makes a password did so before, or the run would not have begun.
        matches!(
            self,
            StoreError::Unreachable { .. }
                | StoreError::AtLimit { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::Busy { .. }
                | StoreError::Cancelled { .. }
                | StoreError::Password { .. }
        )
    }

    /// Whether it is this of which nothing is told but what the database says.
    pub(crate) fn is(&self, what: Trouble) -> bool {
        matches!(self, StoreError::Other { error, .. } if trouble(error) == what)
    }

    /// Whether a key that was to be inserted is there already.
    pub(crate) fn is_duplicate(&self) -> bool {
        self.is(Trouble::Duplicate)
    }

    /// What the database said, for where it is known which and what was being done.
    pub(crate) fn in_short(&self) -> String {
        match self {
            StoreError::Other { error, .. } => reason(error),
            other => other.to_string(),
        }
    }

    /// Why there is no connection, for a person. `advice` is what to look at when the login
    /// was refused.
    pub(crate) fn connecting(
        database: &str,
        advice: &str,
        doing: &str,
        error: ConnectError,
    ) -> StoreError {
        let nobody_listens = |reason: String| StoreError::Unreachable {
            database: database.to_owned(),
            doing: doing.to_owned(),
            reason: format!("{reason} (where the Cloud SQL auth proxy should be: is it running?)"),
        };
        match error {
            ConnectError::Password(reason) => {
                StoreError::Password { database: database.to_owned(), reason }
            }
            ConnectError::Tls { reason, advice } => {
                StoreError::Tls { database: database.to_owned(), reason, advice }
            }
            ConnectError::Socket(reason) => nobody_listens(reason),
            ConnectError::Driver(sqlx::Error::Io(error))
                if error.kind() == std::io::ErrorKind::ConnectionRefused =>
            {
                nobody_listens(error.to_string())
            }
            // What a server of another kind answers, or no database at all.
            ConnectError::Driver(error @ sqlx::Error::Protocol(_)) => StoreError::Unfit {
                database: database.to_owned(),
                reason: format!(
                    "what answers there does not speak its protocol ({}); are engine and port right?",
                    reason(&error)
                ),
            },
            ConnectError::Driver(error) => match StoreError::classify(database, doing, error) {
                StoreError::WrongLogin { database, reason, .. } => {
                    let advice = format!("{advice}{}", about_protection(&reason));
                    StoreError::WrongLogin { database, reason, advice }
                }
                other => other,
            },
        }
    }

    /// What `error` means for a person, in the context of what was being done.
    pub(crate) fn classify(database: &str, doing: &str, error: sqlx::Error) -> StoreError {
        let (database, doing) = (database.to_owned(), doing.to_owned());
        let reason = reason(&error);
        match trouble(&error) {
            Trouble::Lost => StoreError::Unreachable { database, doing, reason },
            Trouble::AtLimit => StoreError::AtLimit { database, doing, reason },
            Trouble::ReadOnly => StoreError::ReadOnly { database, doing, reason },
            Trouble::Cancelled => StoreError::Cancelled { database, doing, reason },
            Trouble::Login => {
                let advice = String::from("check user and password");
                StoreError::WrongLogin { database, reason, advice }
            }
            Trouble::NoDatabase => StoreError::NoSuchDatabase { database, reason },
            Trouble::Privilege => {
                let remedy = String::from(
                    "`test-dashboard check` names the privileges that are missing, with the GRANT for them",
                );
                StoreError::MissingPrivilege { database, doing, reason, remedy }
            }
            Trouble::DiskFull => StoreError::DiskFull { database, doing, reason },
            Trouble::Busy => {
                let advice = String::from("run again later");
                StoreError::Busy { database, doing, reason, advice }
            }
            Trouble::NoTable => StoreError::NoTable { database, doing, reason },
            Trouble::Pooler => {
                StoreError::Unfit { database, reason: format!("{POOLER}: {reason}") }
            }
            Trouble::PoolerStartup => {
                let reason = format!(
                    "a pooler refuses what every session is begun with: {reason}; in PgBouncer set ignore_startup_parameters to it, and pool_mode to session"
                );
                StoreError::Unfit { database, reason }
            }
            Trouble::Duplicate | Trouble::NoReplacement | Trouble::DependedOn | Trouble::Other => {
                StoreError::Other { database, doing, error: Box::new(error) }
            }
        }
    }
}

/// A file has no host and no port.
fn where_to_look(database: &str) -> &'static str {
    match database.starts_with("SQLite") {
        true => "is its folder there, and may this user read and write it?",
        false => "is it running, and are host and port right?",
    }
}

/// Where a refused login is about TLS, which setting that is. PostgreSQL says so; MySQL has
/// one message for all of it.
fn about_protection(reason: &str) -> &'static str {
    if reason.contains("client certificate") {
        "; this user has to present a client certificate: set tls-cert and tls-key"
    } else if reason.contains("no encryption") || reason.contains("SSL off") {
        "; this server may want TLS: set tls = \"require\" or better"
    } else if reason.starts_with("Access denied") {
        "; if it has to present a client certificate, set tls-cert and tls-key"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_database_said_is_said_once() {
        use sqlx::Connection as _;
        let mut connection = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let error = sqlx::raw_sql("SELECT absent").execute(&mut connection).await.unwrap_err();
        let error = StoreError::classify("SQLite", "looking around", error);
        assert_eq!(error.to_string(), "SQLite: looking around: no such column: absent");
        assert!(std::error::Error::source(&error).is_none(), "it would be said again");
    }

    #[tokio::test]
    async fn a_server_of_another_kind_is_told_as_such() {
        use sqlx::Connection as _;
        use tokio::io::AsyncWriteExt as _;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://u:p@{}/x", listener.local_addr().unwrap());
        let connecting = sqlx::PgConnection::connect(&url);
        // MySQL greets whoever connects.
        let greeting = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"\x4a\0\0\0\x0a8.4.0\0").await.unwrap();
            stream
        };
        let (connected, _stream) = tokio::join!(connecting, greeting);
        let error = ConnectError::Driver(connected.unwrap_err());
        let error = StoreError::connecting("PostgreSQL", "", "connecting", error).to_string();
        assert!(error.contains("are engine and port right?"), "{error}");
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The databases: a folder for each, with its addresses, its connections, its errors and its SQL.

pub(crate) mod driver;
pub(crate) mod embedded;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod privileges;
pub(crate) mod sqlite;

use std::fmt;

use crate::connect::trouble::{self, Trouble};
use driver::Driver;

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in a file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

impl Engine {
    /// All of them.
    pub const ALL: [Engine; 3] = [Engine::Sqlite, Engine::Postgres, Engine::Mysql];

    pub(crate) fn driver(self) -> &'static dyn Driver {
        match self {
            Engine::Sqlite => &sqlite::SqliteDriver,
            Engine::Postgres => &postgres::PostgresDriver,
            Engine::Mysql => &mysql::MysqlDriver,
        }
    }

    /// What addresses of it begin with, and how a configuration calls it; the usual name first.
    pub fn names(self) -> &'static [&'static str] {
        self.driver().names()
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.driver().name())
    }
}

/// What an error means here.
pub(crate) fn trouble(error: &sqlx::Error) -> Trouble {
    let of_server = |error: &_| Engine::ALL.iter().find_map(|one| one.driver().trouble(error));
    trouble::of(error, of_server)
}

/// At which character of a statement an error is, from 1, where the server tells that.
pub(crate) fn position(error: &sqlx::Error) -> Option<usize> {
    let error = error.as_database_error()?;
    Engine::ALL.iter().find_map(|one| one.driver().position(error))
}

/// Whether the connection is of no use after this: gone, in an unknown state, or to a server that
/// is not the primary any more.
pub(crate) fn spoils(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(_) = error else { return true };
    matches!(trouble(error), Trouble::Lost | Trouble::ReadOnly)
}

/// Whether it says that the server only reads, as a primary does that has become a replica.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    matches!(trouble(error), Trouble::ReadOnly)
}

#[cfg(test)]
mod tests;

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Users of one test's own, who may do in one database what the documentation grants, or less.

use super::{Database, Kind};

/// How a user reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over the Unix socket.
    Socket,
    /// Over TCP, and only with TLS and a certificate of the server's authority.
    Certificate,
}

/// The password of those who may not write.
const READS: &str = "reads";

/// A user; dropped with what he owns.
pub struct User<'a> {
    database: &'a Database,
    /// What he is called.
    pub name: String,
}

impl<'a> User<'a> {
    pub fn new(database: &'a Database, password: &str, way: Way) -> Self {
        let demand = match (database.kind(), way) {
            (_, Way::Socket) => "",
            (Kind::Postgres, Way::Certificate) => " IN ROLE needs_certificate",
            (_, Way::Certificate) => " REQUIRE X509",
        };
        let name = format!("u_{}", database_name(database));
        database.make_user(&name, password, demand);
        User { database, name }
    }

    /// One who may read, and nothing else.
    pub fn reading(database: &'a Database) -> Self {
        let name = format!("r_{}", database_name(database));
        database.make_reader(&name, READS);
        User { database, name }
    }

    /// One who may do this: what stands in GRANTs between that word and TO.
    pub fn with_only(database: &'a Database, rights: &[String]) -> Self {
        let name = format!("s_{}", database_name(database));
        database.make_stranger(&name, READS, "");
        for right in rights {
            database.as_owner(&format!("GRANT {right} TO {name}"));
        }
        User { database, name }
    }

    /// The database's address as one who may not write.
    pub fn url(&self) -> String {
        let mut url = url::Url::parse(&self.database.url).unwrap();
        url.set_username(&self.name).unwrap();
        url.set_password(Some(READS)).unwrap();
        url.to_string()
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        if self.database.kind() == Kind::Postgres {
            self.database.as_owner(&format!("DROP OWNED BY {} CASCADE", self.name));
        }
        self.database.as_owner(&format!("DROP USER {}", self.name));
    }
}

/// The database's name on its server.
pub fn database_name(database: &Database) -> String {
    let url = url::Url::parse(&database.url).unwrap();
    url.path().trim_start_matches('/').to_string()
}

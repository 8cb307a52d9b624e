// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Users of one test's own, who may do everything in one database.

use super::{Database, Kind};

/// How a user reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over the Unix socket.
    Socket,
    /// Over TCP, and only with TLS and a certificate of the server's authority.
    Certificate,
}

/// A user; dropped with what he owns.
pub struct User<'a> {
    database: &'a Database,
    /// What he is called.
    pub name: String,
    way: Way,
}

impl<'a> User<'a> {
    pub fn new(database: &'a Database, password: &str, way: Way) -> Self {
        let user = User { database, name: format!("u_{}", database_name(database)), way };
        let (name, base) = (user.quoted(), database_name(database));
        match database.kind() {
            Kind::Postgres => {
                let role = if way == Way::Certificate { " IN ROLE needs_certificate" } else { "" };
                database.execute(&format!("CREATE USER {name} PASSWORD '{password}'{role}"));
                database.execute(&format!("ALTER DATABASE {base} OWNER TO {name}"));
            }
            _ => {
                let demand = if way == Way::Certificate { " REQUIRE X509" } else { "" };
                database.execute(&format!("CREATE USER {name} IDENTIFIED BY '{password}'{demand}"));
                database.execute(&format!("GRANT ALL ON {base}.* TO {name}"));
            }
        }
        user
    }

    fn quoted(&self) -> String {
        quoted(self.database.kind(), &self.name, self.way)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        let name = self.quoted();
        if self.database.kind() == Kind::Postgres {
            let base = database_name(self.database);
            self.database.execute(&format!("ALTER DATABASE {base} OWNER TO CURRENT_USER"));
            self.database.execute(&format!("DROP OWNED BY {name} CASCADE"));
        }
        self.database.execute(&format!("DROP USER {name}"));
    }
}

/// As statements name the user, who in MySQL is another one for each place that he comes from.
pub fn quoted(kind: Kind, user: &str, way: Way) -> String {
    match (kind, way) {
        (Kind::Postgres, _) => user.to_string(),
        (_, Way::Socket) => format!("{user}@localhost"),
        (_, Way::Certificate) => format!("{user}@'127.0.0.1'"),
    }
}

/// The database's name on its server.
pub fn database_name(database: &Database) -> String {
    let url = url::Url::parse(&database.url).unwrap();
    url.path().trim_start_matches('/').to_string()
}

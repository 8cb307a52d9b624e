// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Where the database is.
//!
//! | Form | Database |
//! |---|---|
//! | `sqlite:PATH`, `sqlite://PATH`, a bare path that ends in `.sqlite`, `.sqlite3` or `.db` | SQLite, the file is created |
//! | `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`, `postgresql://…` | PostgreSQL |
//! | `mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=…`, `mariadb://…` | MySQL, MariaDB |
//!
//! In a URL the special characters of user and password are percent-encoded; a [`Server`]
//! takes them as they are, and its password from a file or a program as well. A Unix socket is
//! `?host=/folder` for PostgreSQL and `?socket=/path` for MySQL.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::connect::error::SettingError;
use crate::connect::login::{Files, Parts, Place};
use crate::connect::password::Password;
use crate::connect::tls::Tls;
use crate::engine::Engine;
use crate::error::StoreError;
use crate::sql::list;

/// Where the database is and how to log in. `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct Target {
    engine: Engine,
    pub(crate) place: Arc<dyn Place>,
}

/// A server, in parts that are taken as they are: nothing is escaped or unescaped.
#[derive(Debug, Clone)]
pub struct Server {
    /// PostgreSQL or MySQL.
    pub engine: Engine,
    /// A name or an address, or what begins with `/`: for PostgreSQL the folder of a Unix
    /// socket, for MySQL the socket (as Cloud SQL makes it) or its folder.
    pub host: String,
    /// The port; the engine's own by default. It is in the name of PostgreSQL's socket, too.
    pub port: Option<u16>,
    /// Who logs in.
    pub user: String,
    /// The database's name.
    pub database: String,
    /// With which password.
    pub password: Password,
    /// How the connection is protected.
    pub tls: Tls,
}

impl Target {
    /// Reads an address in one of the forms at the head of this module.
    ///
    /// # Errors
    ///
    /// [`StoreError::Address`] when it is none of them. The message does not repeat the
    /// address, which may hold a password.
    pub fn parse(url: &str) -> Result<Target, StoreError> {
        let Some(engine) = Engine::ALL.into_iter().find(|one| one.driver().takes(url)) else {
            let forms = list(Engine::ALL, " or ", |one| one.driver().form().into());
            let hint = match url.split_once(':') {
                Some((scheme, _)) => format!("it begins with {scheme:?}"),
                None => "or a path that ends in .sqlite or .db".into(),
            };
            return Err(StoreError::Address { reason: format!("expected {forms}; {hint}") });
        };
        let place = engine.driver().parse(url);
        let place = place.map_err(|unusable| StoreError::Address { reason: unusable.0 })?;
        Ok(Target { engine, place })
    }

    /// A server's address from its parts.
    ///
    /// # Errors
    ///
    /// [`SettingError`] names the part that is empty or does not fit the others.
    pub fn server(server: Server) -> Result<Target, SettingError> {
        let Server { engine, host, port, user, database, password, tls } = server;
        for (setting, value) in [("host", &host), ("user", &user), ("name", &database)] {
            if value.trim().is_empty() {
                return Err(SettingError::new(setting, "is empty"));
            }
        }
        if matches!(&password, Password::Command(words) if words.is_empty()) {
            return Err(SettingError::new("password-command", "names no program"));
        }
        let mode = tls.settle(&host)?;
        let socket = host.starts_with('/').then(|| PathBuf::from(&host));
        let parts = Parts {
            host: if socket.is_some() { "localhost" } else { &host },
            port,
            user: &user,
            database: &database,
            mode,
            password: &password,
            socket,
            files: Files::new(tls, mode),
        };
        let place = engine.driver().server(&parts);
        let place = place.ok_or_else(|| {
            let name = engine.names().first().copied().unwrap_or_default();
            SettingError::new("engine", format!("{name} is no server: give its url"))
        })?;
        Ok(Target { engine, place })
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The file, when it is SQLite.
    pub fn path(&self) -> Option<&Path> {
        self.place.path()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.engine, self.place.location())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        match Target::parse(url) {
            Ok(target) => format!("{target} {target:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_is_read() {
        for (url, expected) in [
            ("sqlite:a.sqlite", "SQLite, file a.sqlite"),
            ("sqlite:///var/a b.sqlite", "SQLite, file /var/a b.sqlite"),
            ("sqlite://a.sqlite", "SQLite, file a.sqlite"),
            ("out/dash.db", "SQLite, file out/dash.db"),
            ("postgres://u:p@db/dash", "PostgreSQL, database dash at db:5432"),
            ("postgresql://u:p@db:6543/dash", "PostgreSQL, database dash at db:6543"),
            ("postgres://u@localhost/dash?host=/run/pg", "PostgreSQL, database dash at /run/pg"),
            ("mysql://u:p@db/dash", "MySQL, database dash at db:3306"),
            ("mariadb://u:p@db:3307/dash", "MySQL, database dash at db:3307"),
            (
                "mysql://u@localhost/dash?socket=/run/my.sock",
                "MySQL, database dash at /run/my.sock",
            ),
        ] {
            assert!(shown(url).starts_with(expected), "{url}: {}", shown(url));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_forms_there_are() {
        for url in ["", "dashboard", "oracle://u:secret@db/x", "sqlite:", "sqlite::memory:"] {
            let error = shown(url);
            assert!(error.contains("not usable") && error.contains("sqlite:"), "{url}: {error}");
        }
        assert!(shown("postgres://u:secret@db").contains("names no database"));
        assert!(shown("mysql://u:secret@db").contains("names no database"));
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://u:s3cret@db/dash",
            "mysql://u:s3cret@db/dash",
            "postgres://u:s3cret@db:notaport/dash",
            "mysql://u:s3cret@db",
            "oracle://u:s3cret@db/dash",
            "u:s3cret@db/dash",
        ] {
            assert!(!shown(url).contains("s3cret"), "{url}: {}", shown(url));
        }
        let password = Password::Text("p:@/ s3cret?#%".into());
        let target = Target::server(Server { password, ..server("db") });
        assert!(!format!("{target:?}").contains("s3cret"));
    }

    fn server(host: &str) -> Server {
        Server {
            engine: Engine::Mysql,
            host: host.into(),
            port: None,
            user: "u".into(),
            database: "d".into(),
            password: Password::None,
            tls: Tls::default(),
        }
    }

    #[test]
    fn parts_need_no_escaping() {
        let parts = Server { port: Some(1), user: "me@host:x".into(), ..server("db") };
        let target = Target::server(parts).unwrap();
        assert_eq!(target.place.user(), "me@host:x");
        assert_eq!(target.to_string(), "MySQL, database d at db:1");
        for engine in [Engine::Postgres, Engine::Mysql] {
            let socket = Target::server(Server { engine, ..server("/run/db") }).unwrap();
            assert_eq!(socket.to_string(), format!("{engine}, database d at /run/db"));
        }
    }

    #[test]
    fn a_part_that_is_wrong_is_named() {
        let problem = |server| Target::server(server).unwrap_err().to_string();
        assert!(problem(server(" ")).starts_with("host: is empty"));
        assert!(problem(Server { user: String::new(), ..server("db") }).starts_with("user:"));
        let password = Password::Command(vec![]);
        let problem = problem(Server { password, ..server("db") });
        assert!(problem.starts_with("password-command: names no program"), "{problem}");
    }
}

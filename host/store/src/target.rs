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

use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::StoreError;
use crate::login::{Authority, Files, Login, Options};
use crate::password::Password;
use crate::tls::{Tls, TlsMode, is_loopback};

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

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
            Engine::Mysql => "MySQL",
        })
    }
}

/// Where the database is and how to log in. `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct Target {
    pub(crate) place: Place,
}

#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<Login<PgConnectOptions>>),
    Mysql(Box<Login<MySqlConnectOptions>>),
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

const FORMS: &str = "expected sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE";

fn unusable<T>(reason: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError::Address { reason: reason.into() })
}

impl Target {
    /// Reads an address in one of the forms at the head of this module.
    ///
    /// # Errors
    ///
    /// [`StoreError::Address`] when it is none of them. The message does not repeat the
    /// address, which may hold a password.
    pub fn parse(url: &str) -> Result<Target, StoreError> {
        let Some((scheme, rest)) = url.split_once(':') else { return Self::from_bare_path(url) };
        match scheme {
            "sqlite" => Self::from_path(rest.strip_prefix("//").unwrap_or(rest)),
            "postgres" | "postgresql" | "mysql" | "mariadb" => Self::from_url(scheme, url),
            _ if ["sqlite", "sqlite3", "db"].iter().any(|end| has_extension(url, end)) => {
                Self::from_path(url)
            }
            _ => unusable(format!("{FORMS}; it begins with {scheme:?}")),
        }
    }

    fn from_bare_path(path: &str) -> Result<Target, StoreError> {
        if ["sqlite", "sqlite3", "db"].iter().any(|end| has_extension(path, end)) {
            Self::from_path(path)
        } else {
            unusable(format!("{FORMS}, or a path that ends in .sqlite or .db"))
        }
    }

    fn from_path(path: &str) -> Result<Target, StoreError> {
        if path.is_empty() || path.starts_with(':') {
            return unusable("sqlite: needs the path of a file, such as sqlite:dashboard.sqlite");
        }
        Ok(Target { place: Place::Sqlite(PathBuf::from(path)) })
    }

    fn from_url(scheme: &str, url: &str) -> Result<Target, StoreError> {
        let wrong = |error: String| StoreError::Address {
            reason: format!(
                "the {scheme} address does not parse: {error}; special characters in user and password have to be percent-encoded"
            ),
        };
        let url = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if scheme.starts_with("postgres") {
            let options =
                PgConnectOptions::from_url(&url).map_err(|error| wrong(error.to_string()))?;
            if options.get_database().is_none() {
                return unusable("the postgres address names no database: postgres://…/DATABASE");
            }
            let mut login = Login::of_url(options);
            login.socket = login.options.get_socket().cloned();
            Ok(Target { place: Place::Postgres(Box::new(login)) })
        } else {
            let options =
                MySqlConnectOptions::from_url(&url).map_err(|error| wrong(error.to_string()))?;
            if options.get_database().is_none() {
                return unusable("the mysql address names no database: mysql://…/DATABASE");
            }
            let mut login = Login::of_url(options);
            login.socket = login.options.get_socket().cloned();
            Ok(Target { place: Place::Mysql(Box::new(login)) })
        }
    }

    /// A server's address from its parts.
    ///
    /// # Errors
    ///
    /// [`StoreError::Setting`] names the part that is empty or does not fit the others.
    pub fn server(server: Server) -> Result<Target, StoreError> {
        let Server { engine, host, port, user, database, password, tls } = server;
        for (setting, value) in [("host", &host), ("user", &user), ("name", &database)] {
            if value.trim().is_empty() {
                return Err(StoreError::setting(setting, "is empty"));
            }
        }
        if matches!(&password, Password::Command(words) if words.is_empty()) {
            return Err(StoreError::setting("password-command", "names no program"));
        }
        let mode = tls.settle(&host)?;
        let socket = host.starts_with('/').then(|| PathBuf::from(&host));
        let files = Files::new(tls, mode);
        // With a socket the drivers use the host for nothing but names in certificates.
        let address = if socket.is_some() { "localhost" } else { &host };
        let place = match engine {
            Engine::Sqlite => {
                return Err(StoreError::setting("engine", "sqlite is no server: give its url"));
            }
            Engine::Postgres => {
                // A password left in the environment is not meant.
                let options = PgConnectOptions::new_without_pgpass()
                    .host(address)
                    .port(port.unwrap_or(5432))
                    .username(&user)
                    .password("")
                    .database(&database)
                    .with_tls(mode);
                Place::Postgres(Box::new(Login { options, password, socket, files }))
            }
            Engine::Mysql => {
                let takes_tokens = takes_tokens(&password, &host, mode);
                // MySQL wants the password itself over a socket, where the driver would encrypt it
                // for want of TLS: the first login of a user would be refused.
                let mode = if socket.is_some() { TlsMode::Prefer } else { mode };
                let options = MySqlConnectOptions::new()
                    .host(address)
                    .port(port.unwrap_or(3306))
                    .username(&user)
                    .password("")
                    .database(&database)
                    .enable_cleartext_plugin(takes_tokens)
                    .with_tls(mode);
                Place::Mysql(Box::new(Login { options, password, socket, files }))
            }
        };
        Ok(Target { place })
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        match self.place {
            Place::Sqlite(_) => Engine::Sqlite,
            Place::Postgres(_) => Engine::Postgres,
            Place::Mysql(_) => Engine::Mysql,
        }
    }

    /// The file, when it is SQLite.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) | Place::Mysql(_) => None,
        }
    }

    /// `database dash at db:5432`, or `file dashboard.sqlite`.
    pub(crate) fn location(&self) -> String {
        let ((host, port), socket) = match &self.place {
            Place::Sqlite(path) => return format!("file {}", path.display()),
            Place::Postgres(login) => (login.options.server(), &login.socket),
            Place::Mysql(login) => (login.options.server(), &login.socket),
        };
        let database = self.database();
        match socket {
            Some(socket) => format!("database {database} at {}", socket.display()),
            None if host.starts_with('/') => format!("database {database} at {host}"),
            None => format!("database {database} at {host}:{port}"),
        }
    }

    /// The user who logs in; empty for SQLite.
    pub(crate) fn user(&self) -> &str {
        match &self.place {
            Place::Sqlite(_) => "",
            Place::Postgres(login) => login.options.get_username(),
            Place::Mysql(login) => login.options.get_username(),
        }
    }

    /// What to look at when the login is refused.
    pub(crate) fn advice(&self) -> String {
        match &self.place {
            Place::Sqlite(_) => String::new(),
            Place::Postgres(login) => login.password.advice(),
            Place::Mysql(login) => login.password.advice(),
        }
    }

    /// The database's name on its server; empty for SQLite.
    pub(crate) fn database(&self) -> &str {
        match &self.place {
            Place::Sqlite(_) => None,
            Place::Postgres(login) => login.options.get_database(),
            Place::Mysql(login) => login.options.get_database(),
        }
        .unwrap_or_default()
    }
}

impl Files {
    fn new(tls: Tls, mode: TlsMode) -> Files {
        let full = mode == TlsMode::VerifyFull;
        Files {
            identity: tls.certificate.zip(tls.key),
            ca: tls.ca.map(|file| Authority { file, full }),
        }
    }
}

/// Whether MySQL's server may ask for the password itself rather than a proof of it, as Cloud
/// SQL does for a token. Only where nobody listens, and a token is what is sent.
fn takes_tokens(password: &Password, host: &str, mode: TlsMode) -> bool {
    matches!(password, Password::Command(_))
        && (mode >= TlsMode::Require || host.starts_with('/') || is_loopback(host))
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.engine(), self.location())
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
        assert_eq!(target.user(), "me@host:x");
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

    #[test]
    fn a_token_is_sent_only_where_nobody_listens() {
        let token = Password::Command(vec!["gcloud".into()]);
        assert!(takes_tokens(&token, "10.1.2.3", TlsMode::VerifyCa));
        assert!(takes_tokens(&token, "127.0.0.1", TlsMode::Off));
        assert!(takes_tokens(&token, "/cloudsql/p:r:i", TlsMode::Prefer));
        assert!(!takes_tokens(&token, "10.1.2.3", TlsMode::Prefer));
        assert!(!takes_tokens(&Password::Text("p".into()), "127.0.0.1", TlsMode::Off));
    }
}

//! Where the database is.
//!
//! | Form | Database |
//! |---|---|
//! | `sqlite:PATH`, `sqlite://PATH`, a bare path that ends in `.sqlite`, `.sqlite3` or `.db` | SQLite, the file is created |
//! | `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`, `postgresql://…` | PostgreSQL |
//! | `mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=…`, `mariadb://…` | MySQL, MariaDB |
//!
//! In a URL the special characters of user and password are percent-encoded;
//! [`Target::from_parts`] takes them as they are. A Unix socket is `?host=/folder` for
//! PostgreSQL and `?socket=/path` for MySQL.

use std::fmt;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::StoreError;

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
    Postgres(Box<PgConnectOptions>),
    Mysql(Box<MySqlConnectOptions>),
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
            Ok(Target { place: Place::Postgres(Box::new(options)) })
        } else {
            let options =
                MySqlConnectOptions::from_url(&url).map_err(|error| wrong(error.to_string()))?;
            if options.get_database().is_none() {
                return unusable("the mysql address names no database: mysql://…/DATABASE");
            }
            Ok(Target { place: Place::Mysql(Box::new(options)) })
        }
    }

    /// An address from its parts, taken as they are: nothing is escaped or unescaped. A host
    /// that begins with `/` is a Unix socket: its folder for PostgreSQL, its path for MySQL.
    /// For SQLite `database` is the path, and the rest is not looked at.
    ///
    /// # Errors
    ///
    /// [`StoreError::Address`] when host, user or database is empty.
    pub fn from_parts(
        engine: Engine,
        host: &str,
        port: Option<u16>,
        user: &str,
        password: &str,
        database: &str,
    ) -> Result<Target, StoreError> {
        if engine == Engine::Sqlite {
            return Self::from_path(database);
        }
        for (name, value) in [("host", host), ("user", user), ("database", database)] {
            if value.trim().is_empty() {
                return unusable(format!("the {engine} database's {name} is empty"));
            }
        }
        let is_socket = host.starts_with('/');
        let place = if engine == Engine::Postgres {
            let options = PgConnectOptions::new_without_pgpass()
                .port(port.unwrap_or(5432))
                .username(user)
                .password(password)
                .database(database);
            let options = if is_socket { options.socket(host) } else { options.host(host) };
            Place::Postgres(Box::new(options))
        } else {
            let options = MySqlConnectOptions::new()
                .port(port.unwrap_or(3306))
                .username(user)
                .password(password)
                .database(database);
            let options = if is_socket { options.socket(host) } else { options.host(host) };
            Place::Mysql(Box::new(options))
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
        let (database, host, port, socket) = match &self.place {
            Place::Sqlite(path) => return format!("file {}", path.display()),
            Place::Postgres(options) => (
                options.get_database(),
                options.get_host(),
                options.get_port(),
                options.get_socket(),
            ),
            Place::Mysql(options) => (
                options.get_database(),
                options.get_host(),
                options.get_port(),
                options.get_socket(),
            ),
        };
        let database = database.unwrap_or_default();
        match socket {
            Some(socket) => format!("database {database} at {}", socket.display()),
            None => format!("database {database} at {host}:{port}"),
        }
    }

    /// The user who logs in; empty for SQLite.
    pub(crate) fn user(&self) -> &str {
        match &self.place {
            Place::Sqlite(_) => "",
            Place::Postgres(options) => options.get_username(),
            Place::Mysql(options) => options.get_username(),
        }
    }

    /// The database's name on its server; empty for SQLite.
    pub(crate) fn database(&self) -> &str {
        match &self.place {
            Place::Sqlite(_) => None,
            Place::Postgres(options) => options.get_database(),
            Place::Mysql(options) => options.get_database(),
        }
        .unwrap_or_default()
    }
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
        let password = "p:@/ s3cret?#%";
        let target = Target::from_parts(Engine::Postgres, "db", None, "u", password, "dash");
        assert!(!format!("{target:?}").contains("s3cret"));
    }

    #[test]
    fn parts_need_no_escaping() {
        let target =
            Target::from_parts(Engine::Mysql, "db", Some(1), "me@host:x", "p/%40", "dash").unwrap();
        assert_eq!(target.user(), "me@host:x");
        assert_eq!(target.to_string(), "MySQL, database dash at db:1");
        let socket = Target::from_parts(Engine::Postgres, "/run/pg", None, "u", "p", "d").unwrap();
        assert_eq!(socket.to_string(), "PostgreSQL, database d at /run/pg");
        assert!(Target::from_parts(Engine::Mysql, "", None, "u", "p", "d").is_err());
    }
}

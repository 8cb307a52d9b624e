// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Opens one connection to a server: password, socket and certificates as they are now.
//!
//! The driver's pool takes its options once, so a token that has expired would stay in it.
//! That is why connections are opened here, one at a time, and why the [pool](crate::pool) is
//! another one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, MySqlConnection, PgConnection, Row as _};

use crate::dialect::{mysql, postgres};
use crate::password::Password;
use crate::tls::TlsMode;
use crate::tunnel::{Tunnel, Verified, rustls_error};
use crate::{Engine, error, socket, tls};

/// How long a server may take to let us in. What makes the password has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The password is not to be had.
    Password(String),
    /// There is no Unix socket.
    Socket(String),
    /// TLS is not possible as it is asked for: what happened, and what to do.
    Tls { reason: String, advice: String },
    /// What the driver says.
    Driver(sqlx::Error),
}

impl From<sqlx::Error> for ConnectError {
    fn from(error: sqlx::Error) -> ConnectError {
        match &error {
            sqlx::Error::Io(io) => match rustls_error(io) {
                Some(error) => tls::explain(Some(error)),
                None => ConnectError::Driver(error),
            },
            // The driver has no other case for this one.
            sqlx::Error::Tls(said) if said.to_string().contains("does not support TLS") => {
                tls::explain(None)
            }
            sqlx::Error::Tls(said) => ConnectError::Tls {
                reason: said.to_string(),
                advice: String::from("check tls-cert and tls-key, or what the address says of TLS"),
            },
            _ => ConnectError::Driver(error),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Password(reason) | ConnectError::Socket(reason) => f.write_str(reason),
            ConnectError::Tls { reason, advice } => write!(f, "{reason}; {advice}"),
            ConnectError::Driver(error) => f.write_str(&error::reason(error)),
        }
    }
}

impl ConnectError {
    /// Whether a server that is starting, gone for a moment or full would look like this.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            ConnectError::Socket(_) => true,
            ConnectError::Driver(error) => error::may_pass(error),
            ConnectError::Password(_) | ConnectError::Tls { .. } => false,
        }
    }
}

/// What has to be known to log in to a server.
#[derive(Clone)]
pub(crate) struct Login<O> {
    /// Host, port, user and database; for a URL all there is.
    pub(crate) options: O,
    pub(crate) password: Password,
    /// Where the Unix socket is, when it is one and has to be looked for.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) files: Files,
}

/// The files of TLS, read for each connection.
#[derive(Clone, Default)]
pub(crate) struct Files {
    /// The client's certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// With a CA: the server is verified here, not by the driver.
    pub(crate) ca: Option<Authority>,
}

/// Who has to have issued the server's certificate.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) file: PathBuf,
    /// Whether the certificate has to be for the host as well.
    pub(crate) full: bool,
}

impl<O: Options> Login<O> {
    /// All that is said about TLS and password stays with the driver.
    pub(crate) fn of_url(options: O) -> Login<O> {
        Login { options, password: Password::None, socket: None, files: Files::default() }
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<O::Connection, ConnectError> {
        let mut options = self.options.clone();
        if let Some(password) = self.password.read().await.map_err(ConnectError::Password)? {
            options = options.with_password(&password);
        }
        if let Some(place) = &self.socket {
            let path = socket::find(O::ENGINE, place, options.server().1);
            options = options.with_socket(&path.map_err(ConnectError::Socket)?);
        }
        let connecting = async {
            match &self.files.ca {
                Some(authority) => self.connect_verified(options, authority).await,
                None => self.connect_by_the_driver(options).await,
            }
        };
        let connected = tokio::time::timeout(PATIENCE, connecting).await.unwrap_or_else(|_| {
            let late = format!("no answer within {} seconds", PATIENCE.as_secs());
            let late = io::Error::new(io::ErrorKind::TimedOut, late);
            Err(ConnectError::Driver(sqlx::Error::Io(late)))
        });
        connected.map_err(|error| self.about_identity(error))
    }

    /// A server that does not take the client's certificate may hang up without a word.
    fn about_identity(&self, error: ConnectError) -> ConnectError {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        match error {
            ConnectError::Driver(sqlx::Error::Io(error))
                if self.files.identity.is_some()
                    && matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) =>
            {
                let said =
                    format!("{error} (perhaps it does not take the certificate of tls-cert)");
                ConnectError::Driver(sqlx::Error::Io(io::Error::new(error.kind(), said)))
            }
            other => other,
        }
    }

    async fn connect_by_the_driver(&self, options: O) -> Result<O::Connection, ConnectError> {
        let options = match &self.files.identity {
            None => options,
            Some((certificate, key)) => {
                options.with_identity(&read("tls-cert", certificate)?, &read("tls-key", key)?)
            }
        };
        Ok(options.connect().await?)
    }

    async fn connect_verified(
        &self,
        options: O,
        authority: &Authority,
    ) -> Result<O::Connection, ConnectError> {
        let ca = read("tls-ca", &authority.file)?;
        let identity = match &self.files.identity {
            None => None,
            Some((certificate, key)) => {
                Some((read("tls-cert", certificate)?, read("tls-key", key)?))
            }
        };
        let verified = Verified::new(&ca, identity, authority.full)?;
        let (host, port) = options.server();
        let tunnel = Tunnel::open(O::ENGINE, host, port, verified)?;
        let options = options.with_socket(tunnel.socket()).with_tls(TlsMode::Require);
        match options.connect().await {
            Ok(connection) => Ok(connection),
            // What the server said counts, also when it has hung up since.
            Err(error @ sqlx::Error::Database(_)) => Err(error.into()),
            // The driver only sees that the tunnel has broken off.
            Err(error) => Err(tunnel.failure().unwrap_or_else(|| error.into())),
        }
    }
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, ConnectError> {
    test_dashboard_files::read(path, test_dashboard_files::WRITTEN_BY_HAND).map_err(|error| {
        ConnectError::Tls {
            reason: format!("{setting} {} cannot be read: {error}", path.display()),
            advice: String::from("paths are taken from the configuration's folder"),
        }
    })
}

/// What the two drivers' options have in common.
pub(crate) trait Options: ConnectOptions<Connection: Send + Sized> {
    const ENGINE: Engine;
    /// Readies a new connection for the statements of the host; how the server calls the session.
    fn set_up(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<i64, sqlx::Error>> + Send;
    /// Host and port.
    fn server(&self) -> (&str, u16);
    fn with_password(self, password: &str) -> Self;
    /// The path of the socket itself.
    fn with_socket(self, path: &Path) -> Self;
    fn with_tls(self, mode: TlsMode) -> Self;
    fn with_identity(self, certificate: &[u8], key: &[u8]) -> Self;
}

impl Options for PgConnectOptions {
    const ENGINE: Engine = Engine::Postgres;

    async fn set_up(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
        sqlx::raw_sql(postgres::SESSION).execute(&mut *connection).await?;
        let session = sqlx::raw_sql("SELECT CAST(pg_backend_pid() AS bigint)");
        session.fetch_one(connection).await?.try_get_unchecked(0)
    }

    fn server(&self) -> (&str, u16) {
        (self.get_host(), self.get_port())
    }

    fn with_password(self, password: &str) -> Self {
        self.password(password)
    }

    fn with_socket(self, path: &Path) -> Self {
        // The driver adds the name again, from the port.
        self.socket(path.parent().unwrap_or(path))
    }

    fn with_tls(self, mode: TlsMode) -> Self {
        self.ssl_mode(match mode {
            TlsMode::Off => PgSslMode::Disable,
            TlsMode::Prefer => PgSslMode::Prefer,
            TlsMode::Require => PgSslMode::Require,
            TlsMode::VerifyCa => PgSslMode::VerifyCa,
            TlsMode::VerifyFull => PgSslMode::VerifyFull,
        })
    }

    fn with_identity(self, certificate: &[u8], key: &[u8]) -> Self {
        self.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key)
    }
}

impl Options for MySqlConnectOptions {
    const ENGINE: Engine = Engine::Mysql;

    async fn set_up(connection: &mut MySqlConnection) -> Result<i64, sqlx::Error> {
        sqlx::raw_sql(mysql::SESSION).execute(&mut *connection).await?;
        let session = sqlx::raw_sql("SELECT CAST(CONNECTION_ID() AS SIGNED)");
        session.fetch_one(connection).await?.try_get_unchecked(0)
    }

    fn server(&self) -> (&str, u16) {
        (self.get_host(), self.get_port())
    }

    fn with_password(self, password: &str) -> Self {
        self.password(password)
    }

    fn with_socket(self, path: &Path) -> Self {
        self.socket(path)
    }

    fn with_tls(self, mode: TlsMode) -> Self {
        self.ssl_mode(match mode {
            TlsMode::Off => MySqlSslMode::Disabled,
            TlsMode::Prefer => MySqlSslMode::Preferred,
            TlsMode::Require => MySqlSslMode::Required,
            TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
            TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
        })
    }

    fn with_identity(self, certificate: &[u8], key: &[u8]) -> Self {
        self.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key)
    }
}

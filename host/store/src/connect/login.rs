// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Opens one connection to a server: password, socket and certificates as they are now.
//!
//! The driver's pool takes its options once, so a token that has expired would stay in it.
//! That is why connections are opened here, one at a time, and why the [pool](super::pool) is
//! another one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::ConnectOptions;
use sqlx::error::DatabaseError;
use tokio::net::{TcpStream, UnixStream};

use super::connection::Connections;
use super::error::ConnectError;
use super::password::Password;
use super::socket;
use super::tls::{Tls, TlsMode};
use super::trouble::Trouble;
use super::tunnel::{Tunnel, TunnelError, Verified};
use crate::sql::dialect::Dialect;

/// How long a server may take to let us in. What makes the password has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server, in parts that fit together.
pub(crate) struct Parts<'a> {
    /// A name or an address; that of this machine beside a socket, where the drivers use it for
    /// nothing but names in certificates.
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    pub(crate) mode: TlsMode,
    pub(crate) password: &'a Password,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) files: Files,
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

impl Files {
    pub(crate) fn new(tls: Tls, mode: TlsMode) -> Files {
        let full = mode == TlsMode::VerifyFull;
        Files {
            identity: tls.certificate.zip(tls.key),
            ca: tls.ca.map(|file| Authority { file, full }),
        }
    }
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
    pub(crate) fn of_url(options: O, socket: Option<PathBuf>) -> Login<O> {
        Login { options, password: Password::None, socket, files: Files::default() }
    }

    /// Logs in with what is said of a server in parts.
    pub(crate) fn of_parts(options: O, parts: &Parts<'_>) -> Login<O> {
        let Parts { password, socket, files, .. } = parts;
        Login {
            options,
            password: (*password).clone(),
            socket: socket.clone(),
            files: files.clone(),
        }
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<O::Connection, ConnectError> {
        let mut options = self.options.clone();
        if let Some(password) = self.password.read().await.map_err(ConnectError::Password)? {
            options = options.with_password(&password);
        }
        if let Some(place) = &self.socket {
            let path = socket::find(O::sockets(place, options.server().1));
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
        let tunnel = Tunnel::open::<O>(host, port, verified)?;
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

/// What the drivers' options of servers have in common.
#[async_trait]
pub(crate) trait Options: ConnectOptions<Connection: Send + Sized> {
    /// Opens the database, after a first connection has shown that it works.
    async fn open(login: Login<Self>, connections: u32) -> Result<Opened, ConnectError>;
    /// Readies a new connection for the statements of the host; how the server calls the session.
    async fn set_up(connection: &mut Self::Connection) -> Result<i64, sqlx::Error>;
    /// Passes on how driver and server agree to go on with TLS; whether they do. Where they do not
    /// the driver has heard why.
    async fn agree_on_tls(
        driver: &mut UnixStream,
        server: &mut TcpStream,
    ) -> Result<bool, TunnelError>;
    /// What an error of its server means.
    fn trouble(error: &dyn DatabaseError) -> Option<Trouble>;
    /// Where the socket may be that the configuration names by `place`.
    fn sockets(place: &Path, port: u16) -> Vec<PathBuf>;
    /// Host and port.
    fn server(&self) -> (&str, u16);
    fn user(&self) -> &str;
    fn database(&self) -> &str;
    fn with_password(self, password: &str) -> Self;
    /// The path of the socket itself.
    fn with_socket(self, path: &Path) -> Self;
    fn with_tls(self, mode: TlsMode) -> Self;
    fn with_identity(self, certificate: &[u8], key: &[u8]) -> Self;
}

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
}

/// An open database.
pub(crate) struct Opened {
    pub(crate) connections: Arc<dyn Connections>,
    pub(crate) dialect: Arc<dyn Dialect>,
    /// Product and version, `PostgreSQL 15.18`.
    pub(crate) product: String,
}

/// Where a database is, and how to log in.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    /// Opens a pool of at most `connections`.
    async fn open(&self, connections: u32, access: Access) -> Result<Opened, ConnectError>;
    /// `database dash at db:5432`, or `file dashboard.sqlite`.
    fn location(&self) -> String;
    /// The file; none where it is on a server.
    fn path(&self) -> Option<&Path> {
        None
    }
    /// The user who logs in; empty where there are none.
    fn user(&self) -> &str {
        ""
    }
    /// The database's name on its server; empty where there is none.
    fn database(&self) -> &str {
        ""
    }
    /// What to look at when the login is refused.
    fn advice(&self) -> String {
        String::new()
    }
}

#[async_trait]
impl<O: Options> Place for Login<O> {
    async fn open(&self, connections: u32, _access: Access) -> Result<Opened, ConnectError> {
        O::open(self.clone(), connections).await
    }

    fn location(&self) -> String {
        let (database, (host, port)) = (self.options.database(), self.options.server());
        match &self.socket {
            Some(socket) => format!("database {database} at {}", socket.display()),
            None if host.starts_with('/') => format!("database {database} at {host}"),
            None => format!("database {database} at {host}:{port}"),
        }
    }

    fn user(&self) -> &str {
        self.options.user()
    }

    fn database(&self) -> &str {
        self.options.database()
    }

    fn advice(&self) -> String {
        self.password.advice()
    }
}

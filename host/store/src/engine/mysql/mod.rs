// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! MySQL from 8.0.17 on, and MariaDB from 10.2 on.

pub(crate) mod codes;
mod connection;
mod dialect;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode};
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use url::Url;

use super::driver::{Driver, Unusable, does_not_parse};
use super::privileges::Need;
use crate::connect::error::ConnectError;
use crate::connect::login::{Login, Opened, Options, Parts, Place};
use crate::connect::password::Password;
use crate::connect::pool::Pool;
use crate::connect::tls::{TlsMode, is_loopback};
use crate::connect::trouble::Trouble;
use crate::connect::tunnel::TunnelError;
use crate::sql::list;
use connection::MysqlConnections;
use dialect::MysqlDialect;

/// Quotes around names as in the other databases, and no value is ever cut or replaced. Left to
/// itself the server waits for a year until whoever reads a table lets it be altered.
pub(crate) const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,\
NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION', SESSION time_zone = '+00:00', \
    SESSION lock_wait_timeout = 10, SESSION innodb_lock_wait_timeout = 10";

/// The flag by which a server says that it speaks TLS.
const SPEAKS_TLS: u8 = 0x08;

/// The most bytes of a greeting, and of the answer to it.
const LONGEST_GREETING: usize = 64 << 10;

/// MySQL and MariaDB.
pub(crate) struct MysqlDriver;

/// The privilege, which is granted on a database; none where nobody is asked for it.
fn privilege(need: Need) -> Option<&'static str> {
    Some(match need {
        Need::Connect => return None,
        Need::Temporary => "CREATE TEMPORARY TABLES",
        Need::Create => "CREATE",
        Need::Refer => "REFERENCES",
        Need::Index => "INDEX",
        Need::Alter => "ALTER",
        Need::Insert => "INSERT",
        Need::Update => "UPDATE",
        Need::Select => "SELECT",
        Need::Delete => "DELETE",
        Need::View => "CREATE VIEW",
        Need::ShowView => "SHOW VIEW",
        Need::Drop => "DROP",
    })
}

impl Driver for MysqlDriver {
    fn name(&self) -> &'static str {
        "MySQL"
    }

    fn names(&self) -> &'static [&'static str] {
        &["mysql", "mariadb"]
    }

    fn form(&self) -> &'static str {
        "mysql://USER:PASSWORD@HOST/DATABASE"
    }

    fn parse(&self, address: &str) -> Result<Arc<dyn Place>, Unusable> {
        let wrong = |error: &dyn std::fmt::Display| does_not_parse(address, error);
        let url = Url::parse(address).map_err(|error| wrong(&error))?;
        let options = MySqlConnectOptions::from_url(&url).map_err(|error| wrong(&error))?;
        if options.get_database().is_none() {
            let reason = "the mysql address names no database: mysql://…/DATABASE";
            return Err(Unusable(reason.into()));
        }
        let socket = options.get_socket().cloned();
        Ok(Arc::new(Login::of_url(options, socket)))
    }

    fn server(&self, parts: &Parts<'_>) -> Option<Arc<dyn Place>> {
        // MySQL wants the password itself over a socket, where the driver would encrypt it for want
        // of TLS: the first login of a user would be refused.
        let mode = if parts.socket.is_some() { TlsMode::Prefer } else { parts.mode };
        let options = MySqlConnectOptions::new()
            .host(parts.host)
            .port(parts.port.unwrap_or(3306))
            .username(parts.user)
            .password("")
            .database(parts.database)
            .enable_cleartext_plugin(takes_tokens(parts))
            .with_tls(mode);
        Some(Arc::new(Login::of_parts(options, parts)))
    }

    fn trouble(&self, error: &dyn DatabaseError) -> Option<Trouble> {
        MySqlConnectOptions::trouble(error)
    }

    fn asks_for(&self, need: Need) -> bool {
        privilege(need).is_some()
    }

    fn names_in(&self, refusal: &str, need: Need) -> bool {
        // MySQL says `CREATE VIEW command denied to user …`.
        let names = refusal.split_once(" command denied to user").map_or("", |(names, _)| names);
        privilege(need).is_some_and(|name| names.split(", ").any(|n| n == name))
    }

    fn grant(&self, needs: &[Need], user: &str, database: &str) -> Vec<String> {
        let names = list(needs.iter().copied().filter_map(privilege), ", ", String::from);
        let (user, database) = (user.replace('\'', "''"), database.replace('`', "``"));
        vec![format!("GRANT {names} ON `{database}`.* TO '{user}'@'%'")]
    }

    fn grants_to_read(&self, user: &str, database: &str) -> Vec<String> {
        self.grant(&[Need::Select], user, database)
    }

    fn grants_to_see_locks(&self, user: &str) -> Vec<String> {
        let user = user.replace('\'', "''");
        ["PROCESS ON *.*", "SELECT ON performance_schema.*"]
            .map(|what| format!("GRANT {what} TO '{user}'@'%'"))
            .into()
    }

    /// It does not tell a user of no privileges which databases there are.
    fn remedy_to_connect(&self, remedy: String) -> String {
        format!("the right name of the database, or, where it is right, {remedy}")
    }
}

/// Whether MySQL's server may ask for the password itself rather than a proof of it, as Cloud
/// SQL does for a token. Only where nobody listens, and a token is what is sent.
fn takes_tokens(parts: &Parts<'_>) -> bool {
    matches!(parts.password, Password::Command(_))
        && (parts.mode >= TlsMode::Require || parts.socket.is_some() || is_loopback(parts.host))
}

#[async_trait]
impl Options for MySqlConnectOptions {
    async fn open(login: Login<Self>, connections: u32) -> Result<Opened, ConnectError> {
        open(login, connections).await
    }

    async fn set_up(connection: &mut MySqlConnection) -> Result<i64, sqlx::Error> {
        sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
        let session = sqlx::raw_sql("SELECT CAST(CONNECTION_ID() AS SIGNED)");
        session.fetch_one(connection).await?.try_get_unchecked(0)
    }

    /// The server greets, the driver answers with a request for TLS:
    /// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>.
    async fn agree_on_tls(
        driver: &mut UnixStream,
        server: &mut TcpStream,
    ) -> Result<bool, TunnelError> {
        let greeting = packet(server).await?;
        let is_refusal = greeting.get(4) == Some(&0xff);
        if !is_refusal && !offers_tls(&greeting) {
            return Err(TunnelError::NoTls);
        }
        driver.write_all(&greeting).await?;
        if !is_refusal {
            let request = packet(driver).await?;
            server.write_all(&request).await?;
        }
        Ok(!is_refusal)
    }

    fn trouble(error: &dyn DatabaseError) -> Option<Trouble> {
        let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
        Some(codes::meaning(error.number()))
    }

    /// The path itself, as Cloud SQL makes it, or one of the usual names in that folder.
    fn sockets(place: &Path, _port: u16) -> Vec<PathBuf> {
        vec![place.to_owned(), place.join("mysqld.sock"), place.join("mysql.sock")]
    }

    fn user(&self) -> &str {
        self.get_username()
    }

    fn database(&self) -> &str {
        self.get_database().unwrap_or_default()
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

/// One packet: three bytes of length, one of number, the content.
async fn packet(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    from.read_exact(&mut packet).await?;
    let length = u32::from_le_bytes([packet[0], packet[1], packet[2], 0]) as usize;
    if length > LONGEST_GREETING {
        return Err(io::Error::other("the server does not greet as MySQL does"));
    }
    packet.resize(4 + length, 0);
    from.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}

/// Behind the version, which ends with a zero, are 4 bytes of a number, 8 of a nonce, a zero,
/// and the flags.
fn offers_tls(greeting: &[u8]) -> bool {
    let version = greeting.iter().skip(5).position(|byte| *byte == 0).unwrap_or(greeting.len());
    let flags = 5 + version + 1 + 4 + 8 + 1;
    greeting.get(flags + 1).is_some_and(|byte| byte & SPEAKS_TLS != 0)
}

async fn open(
    mut login: Login<MySqlConnectOptions>,
    connections: u32,
) -> Result<Opened, ConnectError> {
    login.options = login.options.charset("utf8mb4");
    let mut first = login.connect().await?;
    let query = sqlx::query_as("SELECT VERSION(), CAST(@@max_allowed_packet AS SIGNED)");
    let (version, packet): (String, i64) = query.fetch_one(&mut first).await?;
    // The server may have hung up first.
    let _ = first.close().await;
    let server = Server::parse(&version)?;
    let packet = usize::try_from(packet).unwrap_or(usize::MAX);
    Ok(Opened {
        connections: Arc::new(MysqlConnections { pool: Pool::new(login, connections)?, packet }),
        product: server.product.clone(),
        dialect: Arc::new(MysqlDialect { collation: server.collation }),
    })
}

/// Which of the two products it is.
struct Server {
    product: String,
    /// Compares text byte by byte, trailing spaces among them.
    collation: &'static str,
}

impl Server {
    fn parse(version: &str) -> Result<Server, sqlx::Error> {
        // MariaDB says `10.11.6-MariaDB-…`; behind some proxies `5.5.5-10.11.6-MariaDB-…`.
        let is_mariadb = version.contains("MariaDB");
        let number = version.strip_prefix("5.5.5-").filter(|_| is_mariadb).unwrap_or(version);
        let number = number.split('-').next().unwrap_or_default();
        let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let mut part = || parts.next().unwrap_or(0);
        let found = (part(), part(), part());
        let (name, least, collation) = if is_mariadb {
            ("MariaDB", (10, 2, 0), "utf8mb4_nopad_bin")
        } else {
            ("MySQL", (8, 0, 17), "utf8mb4_0900_bin")
        };
        if found < least {
            let (major, minor, patch) = least;
            return Err(sqlx::Error::InvalidArgument(format!(
                "this is {name} {number}; {major}.{minor}.{patch} or later is needed, for a collation that tells all texts apart"
            )));
        }
        Ok(Server { product: format!("{name} {number}"), collation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::login::Files;

    #[test]
    fn the_two_products_are_told_apart_and_old_ones_refused() {
        let parsed = |version: &str| match Server::parse(version) {
            Ok(server) => format!("{} {}", server.product, server.collation),
            Err(error) => error.to_string(),
        };
        assert_eq!(parsed("8.4.5"), "MySQL 8.4.5 utf8mb4_0900_bin");
        assert_eq!(parsed("8.0.37-google"), "MySQL 8.0.37 utf8mb4_0900_bin");
        let mariadb = "MariaDB 10.11.6 utf8mb4_nopad_bin";
        assert_eq!(parsed("10.11.6-MariaDB-0+deb12u1"), mariadb);
        assert_eq!(parsed("5.5.5-10.11.6-MariaDB-log"), mariadb);
        assert!(parsed("5.7.44").contains("8.0.17 or later"));
    }

    #[test]
    fn a_token_is_sent_only_where_nobody_listens() {
        let takes = |password: &Password, host: &str, mode| {
            let socket = host.starts_with('/').then(|| PathBuf::from(host));
            let host = if socket.is_some() { "localhost" } else { host };
            let (port, user, database, files) = (None, "u", "d", Files::default());
            takes_tokens(&Parts { host, port, user, database, mode, password, socket, files })
        };
        let token = Password::Command(vec!["gcloud".into()]);
        assert!(takes(&token, "10.1.2.3", TlsMode::VerifyCa));
        assert!(takes(&token, "127.0.0.1", TlsMode::Off));
        assert!(takes(&token, "/cloudsql/p:r:i", TlsMode::Off));
        assert!(!takes(&token, "10.1.2.3", TlsMode::Prefer));
        assert!(!takes(&Password::Text("p".into()), "127.0.0.1", TlsMode::Off));
    }

    /// As a server sends it: the version, a number, a nonce, a zero, the lower flags.
    fn greeting(flags: [u8; 2]) -> Vec<u8> {
        let mut packet = vec![0, 0, 0, 0, 10];
        packet.extend(b"8.4.3\0");
        packet.extend([0x08; 12]);
        packet.push(0);
        packet.extend(flags);
        packet
    }

    #[test]
    fn a_mysql_server_says_whether_it_speaks_tls() {
        assert!(offers_tls(&greeting([0xff, 0xff])));
        assert!(!offers_tls(&greeting([0xff, 0xf7])));
        assert!(!offers_tls(b"HTTP/1.1 400 Bad Request"));
        assert!(!offers_tls(&[]));
    }
}

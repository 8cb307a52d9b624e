// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! PostgreSQL.

pub(crate) mod codes;
mod connection;
mod dialect;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgErrorPosition, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use url::Url;

use super::driver::{Driver, Unusable, does_not_parse};
use super::privileges::Need;
use crate::connect::error::ConnectError;
use crate::connect::login::{Login, Opened, Options, Parts, Place};
use crate::connect::pool::Pool;
use crate::connect::tls::TlsMode;
use crate::connect::trouble::Trouble;
use crate::connect::tunnel::TunnelError;
use crate::sql::quote;
use dialect::PostgresDialect;

/// The driver itself asks for UTC, UTF8 and ISO dates when it connects. Whoever holds a table
/// longer than the timeout is not waited for: the commit fails as busy and is tried again.
pub(crate) const SESSION: &str = "SET lock_timeout = '10s'; SET client_min_messages = 'warning'";

/// PostgreSQL.
pub(crate) struct PostgresDriver;

/// What PostgreSQL grants a privilege on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Database,
    Schema,
}

/// The privilege, and what it is granted on; none where nobody is asked for it.
fn privilege(need: Need) -> Option<(On, &'static str)> {
    match need {
        Need::Connect => Some((On::Database, "CONNECT")),
        Need::Temporary => Some((On::Database, "TEMPORARY")),
        Need::ShowView => None,
        // All that is done to what one has made in a schema comes with this.
        _ => Some((On::Schema, "USAGE, CREATE")),
    }
}

impl Driver for PostgresDriver {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn names(&self) -> &'static [&'static str] {
        &["postgres", "postgresql"]
    }

    fn form(&self) -> &'static str {
        "postgres://USER:PASSWORD@HOST/DATABASE"
    }

    fn parse(&self, address: &str) -> Result<Arc<dyn Place>, Unusable> {
        let wrong = |error: &dyn std::fmt::Display| does_not_parse(address, error);
        let url = Url::parse(address).map_err(|error| wrong(&error))?;
        let options = PgConnectOptions::from_url(&url).map_err(|error| wrong(&error))?;
        if options.get_database().is_none() {
            let reason = "the postgres address names no database: postgres://…/DATABASE";
            return Err(Unusable(reason.into()));
        }
        let socket = options.get_socket().cloned();
        Ok(Arc::new(Login::of_url(options, socket)))
    }

    fn server(&self, parts: &Parts<'_>) -> Option<Arc<dyn Place>> {
        // A password left in the environment is not meant.
        let options = PgConnectOptions::new_without_pgpass()
            .host(parts.host)
            .port(parts.port.unwrap_or(5432))
            .username(parts.user)
            .password("")
            .database(parts.database)
            .with_tls(parts.mode);
        Some(Arc::new(Login::of_parts(options, parts)))
    }

    fn trouble(&self, error: &dyn DatabaseError) -> Option<Trouble> {
        PgConnectOptions::trouble(error)
    }

    fn position(&self, error: &dyn DatabaseError) -> Option<usize> {
        match error.try_downcast_ref::<PgDatabaseError>()?.position()? {
            PgErrorPosition::Original(at) => Some(at),
            PgErrorPosition::Internal { .. } => None,
        }
    }

    fn asks_for(&self, need: Need) -> bool {
        privilege(need).is_some()
    }

    fn names_in(&self, refusal: &str, need: Need) -> bool {
        privilege(need).is_some_and(|(on, name)| match on {
            On::Database if name == "TEMPORARY" => refusal.contains("create temporary tables"),
            On::Database => refusal.starts_with("permission denied for database"),
            On::Schema => refusal.contains("schema"),
        })
    }

    fn grant(&self, needs: &[Need], user: &str, database: &str) -> Vec<String> {
        let on = |place: On, name: String| {
            let mut names: Vec<&str> = Vec::new();
            for (other, names_on) in needs.iter().copied().filter_map(privilege) {
                if other == place && !names.contains(&names_on) {
                    names.push(names_on);
                }
            }
            let names = (!names.is_empty()).then(|| names.join(", "))?;
            Some(format!("GRANT {names} ON {name} TO {}", quote(user)))
        };
        let database = format!("DATABASE {}", quote(database));
        let grants = [on(On::Database, database), on(On::Schema, "SCHEMA public".into())];
        grants.into_iter().flatten().collect()
    }

    fn grants_to_read(&self, user: &str, database: &str) -> Vec<String> {
        let database = quote(database);
        [
            format!("CONNECT ON DATABASE {database}"),
            "USAGE ON SCHEMA public".into(),
            "SELECT ON ALL TABLES IN SCHEMA public".into(),
        ]
        .map(|what| format!("GRANT {what} TO {}", quote(user)))
        .into()
    }

    fn grant_to_read_later(&self, user: &str, pump: &str) -> Option<String> {
        let (user, pump) = (quote(user), quote(pump));
        Some(format!(
            "ALTER DEFAULT PRIVILEGES FOR USER {pump} IN SCHEMA public GRANT SELECT ON TABLES TO {user}"
        ))
    }

    fn remedy_to_read(&self, user: &str, database: &str) -> String {
        let grants = self.grants_to_read(user, database).join("; ");
        let later = format!("GRANT SELECT ON TABLES TO {}", quote(user));
        format!(
            "{grants}; and, as the user of the runs, for tables that are to come: ALTER DEFAULT PRIVILEGES IN SCHEMA public {later}"
        )
    }

    fn grants_to_see_locks(&self, user: &str) -> Vec<String> {
        vec![format!("GRANT pg_read_all_stats TO {}", quote(user))]
    }
}

#[async_trait]
impl Options for PgConnectOptions {
    async fn open(login: Login<Self>, connections: u32) -> Result<Opened, ConnectError> {
        open(login, connections).await
    }

    async fn set_up(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
        sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
        let session = sqlx::raw_sql("SELECT CAST(pg_backend_pid() AS bigint)");
        session.fetch_one(connection).await?.try_get_unchecked(0)
    }

    /// The driver's request for TLS is one message, the answer one byte:
    /// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>.
    async fn agree_on_tls(
        driver: &mut UnixStream,
        server: &mut TcpStream,
    ) -> Result<bool, TunnelError> {
        let mut request = [0; 8];
        driver.read_exact(&mut request).await?;
        server.write_all(&request).await?;
        match server.read_u8().await? {
            b'N' => Err(TunnelError::NoTls),
            answer => {
                driver.write_u8(answer).await?;
                Ok(answer == b'S')
            }
        }
    }

    fn trouble(error: &dyn DatabaseError) -> Option<Trouble> {
        let error = error.try_downcast_ref::<PgDatabaseError>()?;
        // PgBouncer has one code for all that it says itself.
        if error.message().starts_with("unsupported startup parameter") {
            return Some(Trouble::PoolerStartup);
        }
        Some(codes::meaning(error.code()))
    }

    /// It is named after the port.
    fn sockets(place: &Path, port: u16) -> Vec<PathBuf> {
        vec![place.join(format!(".s.PGSQL.{port}"))]
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

async fn open(
    mut login: Login<PgConnectOptions>,
    connections: u32,
) -> Result<Opened, ConnectError> {
    login.options = login.options.application_name("test-dashboard");
    let mut first = login.connect().await?;
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut first).await?;
    // The server may have hung up first.
    let _ = first.close().await;
    let version = version.split_whitespace().next().unwrap_or_default();
    Ok(Opened {
        connections: Arc::new(Pool::new(login, connections)?),
        dialect: Arc::new(PostgresDialect),
        product: format!("PostgreSQL {version}"),
    })
}

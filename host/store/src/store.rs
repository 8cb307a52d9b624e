// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! An open database.

use std::sync::Arc;
use std::time::Duration;

use crate::connect::absence::{Absence, BRIEFLY, IN_A_RUN};
use crate::connect::connection::{Connection, Connections};
use crate::connect::error::ConnectError;
use crate::connect::login::{Access, Opened};
use crate::engine::driver::Driver;
use crate::engine::privileges::{self, Need};
use crate::engine::{self, Engine};
use crate::error::StoreError;
use crate::session::DatabaseSession;
use crate::session::locks::{LockWaits, USUAL, Watch};
use crate::sql::dialect::Dialect;
use crate::sql::quote;
use crate::target::Target;

/// How long one try to open the first connection may take: what makes the password has 30
/// seconds, the server 15 to let us in.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open database; cloning shares its connections.
#[derive(Clone)]
pub struct Store {
    connections: Arc<dyn Connections>,
    pub(crate) dialect: Arc<dyn Dialect>,
    engine: Engine,
    name: Arc<str>,
    user: Arc<str>,
    database: Arc<str>,
    /// What to look at when a login is refused.
    advice: Arc<str>,
    /// What helps a user who may not read; none where the database is written, too.
    to_read: Option<Arc<str>>,
    pub(crate) waits: LockWaits,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.name)
    }
}

impl Store {
    /// Opens the database; a SQLite file is created when it is missing. `connections` is the
    /// number of partitions that are written at the same time: each
    /// [`PartitionWriter`](crate::PartitionWriter) has one connection to itself. Two more may
    /// be opened for history and catalogue.
    ///
    /// # Errors
    ///
    /// Unreachable (a server that does not let us in for a few seconds, or does not answer for
    /// 15), no password, wrong login, no such database, TLS not as it is asked for.
    pub async fn connect(target: &Target, connections: u32) -> Result<Store, StoreError> {
        Store::open(target, connections, BRIEFLY, Access::Write).await
    }

    /// Opens the database for what only reads: its user needs no other privilege, a SQLite file
    /// has to be there, and nothing is made beside it.
    ///
    /// # Errors
    ///
    /// As [`Store::connect`].
    pub async fn connect_to_read(target: &Target) -> Result<Store, StoreError> {
        Store::open(target, 1, BRIEFLY, Access::Read).await
    }

    /// The same for a run that nobody watches: waits for a server that is away as long as a run
    /// does in its middle.
    ///
    /// # Errors
    ///
    /// As [`Store::connect`], after three minutes.
    pub async fn connect_for_run(target: &Target, connections: u32) -> Result<Store, StoreError> {
        Store::open(target, connections, IN_A_RUN, Access::Write).await
    }

    async fn open(
        target: &Target,
        connections: u32,
        patience: Duration,
        access: Access,
    ) -> Result<Store, StoreError> {
        let (driver, place) = (target.engine().driver(), &target.place);
        let advice = place.advice();
        let to_read = (access == Access::Read)
            .then(|| Arc::<str>::from(driver.remedy_to_read(place.user(), place.database())));
        let attempt = || async {
            let open = place.open(connections.saturating_add(2), access);
            tokio::time::timeout(PATIENCE, open).await.unwrap_or_else(|_| {
                let late = format!("no answer within {} seconds", PATIENCE.as_secs());
                let late = std::io::Error::new(std::io::ErrorKind::TimedOut, late);
                Err(ConnectError::Driver(sqlx::Error::Io(late)))
            })
        };
        // No file comes by itself.
        let is_server = target.path().is_none();
        let absence = if is_server { patience } else { Duration::ZERO };
        let absence = Absence::of_at_most(absence, engine::trouble);
        let opened = absence.wait_out(attempt).await;
        let Opened { connections, dialect, product } = opened.map_err(|error| {
            let who = as_user(&target.to_string(), place.user());
            match StoreError::connecting(&who, &advice, "connecting", error) {
                StoreError::MissingPrivilege { database, doing, reason, .. } => {
                    let remedy = match &to_read {
                        Some(remedy) => String::from(&**remedy),
                        None => {
                            let (user, database) = (place.user(), place.database());
                            privileges::remedy_of(driver, &reason, user, database)
                        }
                    };
                    let remedy = driver.remedy_to_connect(remedy);
                    StoreError::MissingPrivilege { database, doing, reason, remedy }
                }
                other => other,
            }
        })?;
        Ok(Store {
            connections,
            dialect,
            engine: target.engine(),
            name: format!("{product}, {}", place.location()).into(),
            user: place.user().into(),
            database: place.database().into(),
            advice: advice.into(),
            to_read,
            waits: LockWaits::default(),
        })
    }

    /// With other waits for locks on tables, so that tests do not take long: how long one lasts,
    /// in MySQL whole seconds, and the pause after the first.
    #[doc(hidden)]
    #[must_use]
    pub fn with_lock_waits(mut self, brief: Duration, pause: Duration) -> Store {
        self.waits = LockWaits { brief, pause };
        self
    }

    /// Which database this is, for a person: `PostgreSQL 15.18, database dash at db:5432`.
    pub fn name(&self) -> String {
        self.name.to_string()
    }

    /// How many rows each of the tables has.
    ///
    /// # Errors
    ///
    /// When one of them does not exist or cannot be read.
    pub async fn table_counts(&self, tables: &[&str]) -> Result<Vec<(String, i64)>, StoreError> {
        let mut session = self.session().await?;
        let mut counts = Vec::with_capacity(tables.len());
        for table in tables {
            let doing = format!("counting the rows of {table}");
            let sql = format!("SELECT COUNT(*) AS count FROM {}", quote(table));
            let count = session.read_first(&doing, &sql, vec![], |row| row.int("count")).await?;
            counts.push((table.to_string(), count.unwrap_or_default()));
        }
        Ok(counts)
    }

    /// Closes all connections; those that are in use as soon as they are given back.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// A connection of one's own.
    pub(crate) async fn session(&self) -> Result<DatabaseSession, StoreError> {
        let connection = self.connections.acquire().await;
        let connection = connection.map_err(|error| {
            let who = as_user(&self.name, &self.user);
            StoreError::connecting(&who, &self.advice, "taking a connection", error)
        })?;
        Ok(self.session_on(connection))
    }

    /// A second connection beside the first, if it can be had soon. Nobody waits for one while
    /// holding another: where they are counted, two that do wait for each other.
    pub(crate) async fn second_session(&self) -> Option<DatabaseSession> {
        Some(self.session_on(self.connections.acquire_soon().await.ok()?))
    }

    fn session_on(&self, connection: Box<dyn Connection>) -> DatabaseSession {
        let watch = Watch {
            session: connection.id(),
            connections: self.connections.clone(),
            dialect: self.dialect.clone(),
            every: USUAL / 3,
        };
        DatabaseSession::new(connection, watch, self.name.clone(), self.waits, self.to_read.clone())
    }

    /// What helps where these privileges are missing to this database's user.
    pub(crate) fn remedy(&self, missing: &[Need]) -> String {
        privileges::remedy(self.driver(), missing, &self.user, &self.database)
    }

    /// What this kind of database brings along.
    pub(crate) fn driver(&self) -> &'static dyn Driver {
        self.engine.driver()
    }

    /// Where a privilege is missing: with the statement that gives it.
    pub(crate) fn with_grant(&self, error: StoreError) -> StoreError {
        let StoreError::MissingPrivilege { database, doing, reason, .. } = error else {
            return error;
        };
        let remedy = privileges::remedy_of(self.driver(), &reason, &self.user, &self.database);
        StoreError::MissingPrivilege { database, doing, reason, remedy }
    }
}

/// The database, and as whom; SQLite has no users.
fn as_user(database: &str, user: &str) -> String {
    if user.is_empty() { database.to_owned() } else { format!("{database}, as {user}") }
}

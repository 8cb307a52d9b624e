// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The connections to a server: opened when they are wanted, looked at before they are used
//! again.
//!
//! Not the driver's own pool: that takes its options once, and here every new connection asks
//! for its password again. No lock is held while it does, so a slow program delays nobody but
//! the one who waits for that connection.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{
    self, Manager, Metrics, Object, PoolError, RecycleError, RecycleResult, Timeouts,
};
use sqlx::Connection as _;

use super::absence::{Absence, IN_A_RUN};
use super::error::ConnectError;
use super::login::{Login, Options};
use super::trouble;

/// How long to wait for a connection that somebody else has.
const WAIT: Duration = Duration::from_secs(60);

/// How long to wait for a connection that can be done without.
const SOON: Duration = Duration::from_secs(5);

/// How long an idle connection may take to show that it is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// After this a connection is replaced, however well it is.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// At most so many connections to one server.
pub(crate) struct Pool<O: Options> {
    connections: managed::Pool<Login<O>>,
    absence: Absence,
}

impl<O: Options> Pool<O> {
    /// Opens none yet.
    pub(crate) fn new(login: Login<O>, connections: u32) -> Result<Pool<O>, ConnectError> {
        let connections = managed::Pool::builder(login)
            .max_size(usize::try_from(connections).unwrap_or(usize::MAX))
            .wait_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        Ok(Pool {
            connections,
            absence: Absence::of_at_most(IN_A_RUN, |error| trouble::of(error, O::trouble)),
        })
    }

    /// A connection of one's own. Waits for a server that is away for a moment.
    pub(crate) async fn acquire(&self) -> Result<Lease<O>, ConnectError> {
        self.absence.wait_out(|| self.take(self.connections.timeouts())).await
    }

    /// A connection of one's own, if it can be had soon.
    pub(crate) async fn acquire_soon(&self) -> Result<Lease<O>, ConnectError> {
        self.take(Timeouts { wait: Some(SOON), create: Some(SOON), recycle: None }).await
    }

    async fn take(&self, timeouts: Timeouts) -> Result<Lease<O>, ConnectError> {
        match self.connections.timeout_get(&timeouts).await {
            Ok(open) => Ok(Lease(Some(open))),
            Err(PoolError::Backend(error)) => Err(error),
            Err(PoolError::Timeout(_)) => Err(sqlx::Error::PoolTimedOut.into()),
            Err(_) => Err(sqlx::Error::PoolClosed.into()),
        }
    }

    /// Closes every idle connection without a word.
    pub(crate) fn forget_idle(&self) {
        self.connections.retain(|_, _| false);
    }

    /// Says goodbye on every idle connection; one that is in use is closed when it is given
    /// back.
    pub(crate) async fn close(&self) {
        for open in self.connections.retain(|_, _| false).removed {
            // The server may have gone first.
            let _ = open.connection.close().await;
        }
        self.connections.close();
    }
}

/// An open connection.
pub(crate) struct Open<O: Options> {
    connection: O::Connection,
    session: i64,
}

impl<O: Options> Manager for Login<O> {
    type Type = Open<O>;
    type Error = ConnectError;

    async fn create(&self) -> Result<Open<O>, ConnectError> {
        let mut connection = self.connect().await?;
        let session = O::set_up(&mut connection).await?;
        Ok(Open { connection, session })
    }

    async fn recycle(&self, open: &mut Open<O>, metrics: &Metrics) -> RecycleResult<ConnectError> {
        if metrics.age() > LIFETIME {
            return Err(RecycleError::message("it is old"));
        }
        match tokio::time::timeout(SIGN_OF_LIFE, open.connection.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(RecycleError::Backend(error.into())),
            Err(_) => Err(RecycleError::message("it does not answer")),
        }
    }
}

/// A connection that goes back to the pool when it is dropped.
pub(crate) struct Lease<O: Options>(Option<Object<Login<O>>>);

impl<O: Options> Lease<O> {
    /// The connection, unless it was discarded.
    pub(crate) fn get(&mut self) -> Result<&mut O::Connection, sqlx::Error> {
        self.0.as_deref_mut().map(|open| &mut open.connection).ok_or(sqlx::Error::PoolClosed)
    }

    /// How the server calls this session.
    pub(crate) fn session(&self) -> Option<i64> {
        self.0.as_deref().map(|open| open.session)
    }

    /// Closes the connection, whatever is under way on it.
    pub(crate) fn discard(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What stops a run: a signal on the command line, anything else in another program.

use futures::FutureExt as _;
use futures::future::BoxFuture;

/// Called when reading begins; what it gives comes to its end when the run is to stop. An error
/// is that nobody can tell.
pub type Stop<'a> = &'a (dyn Fn() -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync);

/// Nothing stops the run.
pub fn never() -> BoxFuture<'static, anyhow::Result<()>> {
    std::future::pending().boxed()
}

/// What comes of `work`, or none when it is stopped. Dropping a run's work drops everything that was
/// not committed.
///
/// # Errors
///
/// That of `stop`.
pub async fn until<T>(work: impl Future<Output = T>, stop: Stop<'_>) -> anyhow::Result<Option<T>> {
    tokio::select! {
        done = work => Ok(Some(done)),
        stopped = stop() => stopped.map(|()| None),
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Trying again what a connection that broke, a lock or another process has cut short.
//!
//! Only what does no harm when it is done twice: whoever lost the connection does not know whether
//! the server has done it. A new connection waits for a server that is away by itself (see
//! `absence.rs`). So a few tries are enough: another one may break where a server that shuts down
//! lets somebody in for the last time. For a lock that somebody holds there are more of them, with
//! pauses in which whoever waits behind us gets a turn.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};

use crate::error::StoreError;
use crate::session::locks::LockWaits;

/// How often something is tried.
const TRIES: u32 = 3;
/// How long the server is left alone after the first try, and twice as long after the second.
const PAUSE: Duration = Duration::from_secs(1);
/// How often what needs a lock is tried.
const LOCK_TRIES: u32 = 6;

/// What is tried again, and how often.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retries {
    waits: LockWaits,
    races: u32,
}

impl Retries {
    /// For what waits for locks in this way.
    pub(crate) fn with_locks(waits: LockWaits) -> Self {
        Retries { waits, races: 0 }
    }

    /// For what inserts a row that another process may insert at the same time, and finds it there
    /// in its next try: that often.
    pub(crate) fn with_races(races: u32) -> Self {
        Retries { waits: LockWaits::default(), races }
    }

    /// Does something again while that may help.
    ///
    /// # Errors
    ///
    /// That of the last try.
    pub(crate) async fn over<T, F>(self, attempt: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let (mut tried, mut raced) = (0, 0);
        let mut pause = |error: &StoreError| {
            if error.is_duplicate() {
                raced += 1;
                return (raced <= self.races).then_some(Duration::ZERO);
            }
            tried += 1;
            let (tries, pause) = match error {
                StoreError::Busy { .. } => (LOCK_TRIES, self.waits.pause),
                _ => (TRIES, PAUSE),
            };
            (error.is_transient() && tried < tries).then(|| pause * tried)
        };
        let mut is_told = false;
        let tell = |error: &StoreError, _| {
            // A lock's holder is told once, and not with every try.
            if error.is_duplicate() || is_told && matches!(error, StoreError::Busy { .. }) {
                tracing::debug!("{error}; trying again");
            } else {
                tracing::warn!("{error}; trying again");
                is_told = true;
            }
        };
        let retry = attempt.retry(ConstantBuilder::new().without_max_times());
        retry.sleep(tokio::time::sleep).adjust(|error, _| pause(error)).notify(tell).await
    }
}

/// Does something again where its connection breaks.
///
/// # Errors
///
/// That of the last try.
pub(crate) async fn again<T, F>(attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    Retries::default().over(attempt).await
}

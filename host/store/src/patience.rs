// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Trying again what a connection that broke has cut short.
//!
//! A new connection waits for a server that is away by itself (see `absence.rs`). So a few tries
//! are enough: another one may break where a server that shuts down lets somebody in for the
//! last time. For a lock that somebody holds there are more of them, with pauses in which whoever
//! waits behind us gets a turn.

use std::time::Duration;

use crate::StoreError;
use crate::locks::LockWaits;

/// How often something is tried.
const TRIES: u32 = 3;
/// How long the server is left alone after the first try, and twice as long after the second.
const PAUSE: Duration = Duration::from_secs(1);
/// How often what needs a lock is tried.
const LOCK_TRIES: u32 = 6;

/// What is left of the patience with something that does no harm when it is done twice: whoever
/// lost the connection does not know whether the server has done it.
pub(crate) struct Patience {
    tried: u32,
    lock_pause: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self::with_locks(LockWaits::default())
    }

    fn with_locks(waits: LockWaits) -> Self {
        Patience { tried: 0, lock_pause: waits.pause }
    }

    /// Whether to try again after this; then that is told, and the server was left alone.
    pub(crate) async fn is_left_after(&mut self, error: &StoreError) -> bool {
        self.tried += 1;
        let (tries, pause) = match error {
            StoreError::Busy { .. } => (LOCK_TRIES, self.lock_pause),
            _ => (TRIES, PAUSE),
        };
        if !error.is_transient() || self.tried >= tries {
            return false;
        }
        // A lock's holder is told once, and not with every try.
        if self.tried == 1 || !matches!(error, StoreError::Busy { .. }) {
            tracing::warn!("{error}; trying again");
        } else {
            tracing::debug!("{error}; trying again");
        }
        tokio::time::sleep(pause * self.tried).await;
        true
    }
}

/// Does something that does no harm when it is done twice, again where its connection breaks.
///
/// # Errors
///
/// That of the last try.
pub(crate) async fn again<T, F>(attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    again_after(LockWaits::default(), attempt).await
}

/// The same for what waits for locks in this way.
///
/// # Errors
///
/// That of the last try.
pub(crate) async fn again_after<T, F>(
    waits: LockWaits,
    mut attempt: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut patience = Patience::with_locks(waits);
    loop {
        match attempt().await {
            Err(error) if patience.is_left_after(&error).await => {}
            done => return done,
        }
    }
}

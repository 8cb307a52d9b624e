// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Waiting for a server that is away for a moment, or takes no more connections for now.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};

use super::error::ConnectError;
use super::trouble::Trouble;

/// How long a run waits, whether it is at its beginning or in the middle: long enough for a
/// restart or a failover.
pub(crate) const IN_A_RUN: Duration = Duration::from_secs(180);

/// How long everything else waits for the first connection. A person may have mistyped the port;
/// and a proxy that was started beside the program is there within a moment.
pub(crate) const BRIEFLY: Duration = Duration::from_secs(5);

/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// The absence of one server. It is counted from when the server was first missed: many
/// partitions do not wait for it one after the other.
pub(crate) struct Absence {
    patience: Duration,
    /// What the engine makes of an error.
    trouble: fn(&sqlx::Error) -> Trouble,
    since: Mutex<Option<Instant>>,
}

impl Absence {
    pub(crate) fn of_at_most(patience: Duration, trouble: fn(&sqlx::Error) -> Trouble) -> Absence {
        Absence { patience, trouble, since: Mutex::new(None) }
    }

    /// What comes of `attempt`, which opens a connection, tried until the server is there or has
    /// been away for too long.
    ///
    /// # Errors
    ///
    /// That of the last try.
    pub(crate) async fn wait_out<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, ConnectError>
    where
        F: Future<Output = Result<T, ConnectError>>,
    {
        let (first, longest) = PAUSES;
        let pauses = ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest);
        let retry = attempt.retry(pauses.without_max_times()).sleep(tokio::time::sleep);
        let opened =
            retry.when(|error| error.may_pass(self.trouble) && self.may_end(error)).await?;
        *self.since() = None;
        Ok(opened)
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_end(&self, error: &ConnectError) -> bool {
        if self.patience.is_zero() {
            return false;
        }
        let since = *self.since().get_or_insert_with(|| {
            tracing::warn!(
                "the database is away: {error}; waiting up to {} seconds for it",
                self.patience.as_secs()
            );
            Instant::now()
        });
        since.elapsed() < self.patience
    }
}

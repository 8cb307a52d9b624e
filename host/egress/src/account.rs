// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How much memory the process holds for one instance of a plugin, whoever allocated it.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The memory account of one instance: its own memories and tables, answers that it has not read,
/// bodies of requests that wait, host objects, and rows on their way into the database. Clones are
/// the same account.
///
/// It is charged before memory is taken and has no debts. What waits for the database becomes free
/// without the plugin's doing, so whoever finds no room waits for that first: whether a plugin
/// stays within its budget does not depend on how fast the database is.
#[derive(Debug, Clone)]
pub struct Account(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: u64,
    sums: Mutex<Sums>,
    released: Notify,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    held: u64,
    /// The part that waits for the database.
    leaving: u64,
}

/// The account does not have that much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more memory than {limit} bytes")]
pub struct OverMemory {
    /// The whole account, in bytes.
    pub limit: u64,
}

/// Some bytes of an account, given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    account: Account,
    bytes: u64,
    is_leaving: bool,
}

impl Account {
    /// An account of this many bytes.
    pub fn new(limit: u64) -> Self {
        let inner = Inner { limit, sums: Mutex::default(), released: Notify::new() };
        Account(Arc::new(inner))
    }

    /// The whole account, in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// What is free now, in bytes.
    pub fn left(&self) -> u64 {
        self.0.limit.saturating_sub(self.sums().held)
    }

    /// Nothing yet, to be grown.
    pub fn nothing(&self) -> Held {
        Held { account: self.clone(), bytes: 0, is_leaving: false }
    }

    /// Waits until `bytes` are free or nothing is on its way into the database any more, whichever
    /// is first; what is free then, in bytes.
    pub async fn room_for(&self, bytes: u64) -> u64 {
        loop {
            let mut released = pin!(self.0.released.notified());
            // From here on no release is missed.
            released.as_mut().enable();
            let Sums { held, leaving } = *self.sums();
            let left = self.0.limit.saturating_sub(held);
            if leaving == 0 || left >= bytes {
                return left;
            }
            released.await;
        }
    }

    /// Holds rows that wait for the database.
    ///
    /// # Errors
    ///
    /// [`OverMemory`] when there is no room for them although none are left that wait.
    pub async fn hold_leaving(&self, bytes: u64) -> Result<Held, OverMemory> {
        let mut held = Held { account: self.clone(), bytes: 0, is_leaving: true };
        held.grow(bytes).await?;
        Ok(held)
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        // Plain numbers: a panic elsewhere cannot have left them half changed.
        self.0.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Holds more, as soon as there is room.
    ///
    /// # Errors
    ///
    /// [`OverMemory`] when there is none; what was held stays so.
    pub async fn grow(&mut self, bytes: u64) -> Result<(), OverMemory> {
        let account = self.account.clone();
        loop {
            let mut released = pin!(account.0.released.notified());
            // From here on no release is missed.
            released.as_mut().enable();
            match self.try_grow(bytes) {
                Err((_, true)) => released.await,
                Err((over, false)) => return Err(over),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Holds more; where there is no room, whether there may be some without the plugin's doing.
    fn try_grow(&mut self, bytes: u64) -> Result<(), (OverMemory, bool)> {
        let limit = self.account.0.limit;
        let mut sums = self.account.sums();
        let held = sums.held.checked_add(bytes).filter(|held| *held <= limit);
        sums.held = held.ok_or((OverMemory { limit }, sums.leaving > 0))?;
        if self.is_leaving {
            sums.leaving += bytes;
        }
        drop(sums);
        self.bytes += bytes;
        Ok(())
    }

    /// Holds this many bytes from now on, more or less than before. Who counts again and again
    /// cannot wait: as long as rows wait for the database, what finds no room is left for the next
    /// time.
    ///
    /// # Errors
    ///
    /// As [`Held::grow`].
    pub fn set(&mut self, bytes: u64) -> Result<(), OverMemory> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => match self.try_grow(more) {
                Err((over, false)) => Err(over),
                Ok(()) | Err((_, true)) => Ok(()),
            },
            None => {
                self.release(self.bytes - bytes);
                Ok(())
            }
        }
    }

    /// Gives this many bytes back, or all there are where that is less.
    pub fn shrink(&mut self, bytes: u64) {
        self.release(bytes.min(self.bytes));
    }

    fn release(&mut self, bytes: u64) {
        let mut sums = self.account.sums();
        sums.held = sums.held.saturating_sub(bytes);
        if self.is_leaving {
            sums.leaving = sums.leaving.saturating_sub(bytes);
        }
        drop(sums);
        self.bytes -= bytes;
        self.account.0.released.notify_waiters();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_is_held_comes_back_and_no_more_is_given_than_there_is() {
        let account = Account::new(100);
        let mut body = account.nothing();
        body.grow(60).await.unwrap();
        assert_eq!(body.grow(50).await, Err(OverMemory { limit: 100 }));
        assert_eq!(body.grow(u64::MAX).await, Err(OverMemory { limit: 100 }));
        assert_eq!(account.left(), 40);
        body.set(10).unwrap();
        assert_eq!(account.left(), 90);
        assert_eq!(body.set(101), Err(OverMemory { limit: 100 }));
        drop(body);
        assert_eq!(account.left(), 100);
    }

    #[tokio::test]
    async fn two_that_wait_for_the_same_rows_do_not_take_each_others_room() {
        let account = Account::new(100);
        let first = account.hold_leaving(60).await.unwrap();
        let second = account.hold_leaving(40).await.unwrap();
        let (mut body, mut memory) = (account.nothing(), account.nothing());
        let mut one = pin!(body.grow(50));
        let mut other = pin!(memory.grow(50));
        assert!(one.as_mut().now_or_never().is_none());
        assert!(other.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(one.as_mut().now_or_never(), Some(Ok(())));
        assert!(other.as_mut().now_or_never().is_none());
        drop(second);
        assert_eq!(other.as_mut().now_or_never(), Some(Ok(())));
    }

    #[tokio::test]
    async fn what_finds_no_room_waits_for_rows_that_are_on_their_way_into_the_database() {
        let account = Account::new(100);
        let first = account.hold_leaving(50).await.unwrap();
        let second = account.hold_leaving(40).await.unwrap();
        let mut body = account.nothing();
        {
            let mut growing = pin!(body.grow(70));
            assert!(growing.as_mut().now_or_never().is_none());
            drop(second);
            assert!(growing.as_mut().now_or_never().is_none());
            drop(first);
            assert_eq!(growing.as_mut().now_or_never(), Some(Ok(())));
        }
        // Nobody but the plugin gives this back: there is nothing to wait for.
        assert!(matches!(account.hold_leaving(40).now_or_never(), Some(Err(_))));
    }

    #[tokio::test]
    async fn what_is_counted_again_is_refused_when_no_rows_wait_any_more() {
        let account = Account::new(100);
        let rows = account.hold_leaving(60).await.unwrap();
        let mut objects = account.nothing();
        assert_eq!(objects.set(50), Ok(()));
        assert_eq!(account.left(), 40);
        drop(rows);
        assert_eq!(objects.set(50), Ok(()));
        assert_eq!(account.left(), 50);
        assert_eq!(objects.set(101), Err(OverMemory { limit: 100 }));
    }
}

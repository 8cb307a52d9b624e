// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The memory that all concurrently running plugins share.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The unit in which it is given out.
const MIB: u64 = 1 << 20;

/// The memory for all instances together. Each reserves its whole budget before it begins, and
/// waits until there is as much: none of them fails because others are greedy. Clones are the same
/// memory.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Places>);

#[derive(Debug)]
struct Places {
    all: u32,
    free: Semaphore,
}

impl Memory {
    /// This many bytes.
    pub fn new(bytes: u64) -> Self {
        let all = u32::try_from(bytes / MIB).unwrap_or(u32::MAX).max(1);
        Memory(Arc::new(Places { all, free: Semaphore::new(all as usize) }))
    }

    /// Reserves an instance's budget, or all there is where that is less, until it is dropped.
    pub async fn reserve(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let wanted = u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX);
        // Only a semaphore that was closed has no permits to give, and this one never is.
        self.0.free.acquire_many(wanted.min(self.0.all)).await.ok()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Memory::new(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_finds_too_little_waits_and_gets_all_there_is_if_that_is_too_little() {
        let memory = Memory::new(100 * MIB);
        let first = memory.reserve(60 * MIB).await.unwrap();
        let mut second = pin!(memory.reserve(60 * MIB));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        drop(second.await.unwrap());
        let _all = memory.reserve(1 << 40).await.unwrap();
        assert!(memory.reserve(1).now_or_never().is_none());
    }
}

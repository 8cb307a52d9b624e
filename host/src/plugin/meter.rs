// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The CPU time that one instance of a plugin has used.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The processor's time for one instance: its own code, and what the host does within its calls
/// (random bytes, polls, what it hands over). Waiting costs nothing, nor does what else runs on the
/// machine: it is the thread's time. Clones are the same meter.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Inner>);

/// In nanoseconds.
#[derive(Debug, Default)]
struct Inner {
    used: AtomicU64,
    /// The running thread's time when it began, or was charged last.
    since: AtomicU64,
}

impl Meter {
    /// Runs a call and charges every piece of it, from one wait to the next.
    pub async fn run<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        std::future::poll_fn(|context| {
            self.0.since.store(thread_time(), Ordering::Relaxed);
            let polled: Poll<T> = call.as_mut().poll(context);
            self.charge();
            polled
        })
        .await
    }

    /// Charges the time since the running piece began or was charged last; all time so far. Only
    /// within [`Meter::run`].
    pub fn charge(&self) -> Duration {
        let now = thread_time();
        let since = self.0.since.swap(now, Ordering::Relaxed);
        self.0.used.fetch_add(now.saturating_sub(since), Ordering::Relaxed);
        self.used()
    }

    /// All time so far.
    pub fn used(&self) -> Duration {
        Duration::from_nanos(self.0.used.load(Ordering::Relaxed))
    }
}

/// The time for which this thread has had a processor, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let time = Duration::try_from(time).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_costs_and_waiting_does_not() {
        let meter = Meter::default();
        meter.run(tokio::time::sleep(Duration::from_millis(300))).await;
        let idle = meter.used();
        assert!(idle < Duration::from_millis(100), "{idle:?}");
        let work = async {
            while meter.charge() < Duration::from_millis(200) {
                std::hint::spin_loop();
            }
            tokio::task::yield_now().await;
        };
        meter.run(work).await;
        assert!(meter.used() >= Duration::from_millis(200));
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How fast and how many at once: the pace that a datasource's partitions share.
//!
//! Three things hold a request back. A pause, because the service asked for one: nobody
//! sends anything until it is over. The operator's `requests-per-minute`. And
//! `max-concurrent`, the requests under way at once.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The pace of one datasource.
#[derive(Debug)]
pub struct Limiter {
    rate: Option<RateLimiter<NotKeyed, InMemoryState, TokioClock>>,
    concurrent: Semaphore,
    /// The end of a pause that the service asked for.
    not_before: Mutex<Option<Instant>>,
    /// When the pace lets the next request go that waits for it.
    paced_until: Mutex<Option<Instant>>,
}

/// Lets one request out. Dropping it lets the next one.
#[derive(Debug)]
pub struct Admission<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    /// How long a pause of the service kept it waiting.
    pub paused: Duration,
}

/// A pause is in force that lasts longer than the request may wait: what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PausedFor(pub Duration);

impl Limiter {
    /// A pace of so many requests in any sixty seconds, so many at once.
    pub fn new(requests_per_minute: Option<NonZeroU32>, max_concurrent: usize) -> Limiter {
        Limiter {
            rate: requests_per_minute.map(|n| RateLimiter::direct_with_clock(quota(n), TokioClock)),
            concurrent: Semaphore::new(max_concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            not_before: Mutex::new(None),
            paced_until: Mutex::new(None),
        }
    }

    /// Waits until a request may go out. Only a pause of the service counts against
    /// `max_wait`; the operator's own pace is waited for as long as it takes, and what `turn`
    /// gives is kept meanwhile.
    ///
    /// # Errors
    ///
    /// A pause lasts longer than `max_wait`; it is not waited for at all then.
    pub async fn admit<T>(
        &self,
        max_wait: Duration,
        turn: impl Fn() -> T,
    ) -> Result<Admission<'_>, PausedFor> {
        let mut paused = Duration::ZERO;
        loop {
            while let Some(left) = self.pause_left() {
                if paused.saturating_add(left) > max_wait {
                    return Err(PausedFor(left));
                }
                tokio::time::sleep(left).await;
                paused += left;
            }
            let turn = turn();
            // It fails only when the semaphore was closed, which nobody does.
            let permit = self.concurrent.acquire().await.ok();
            self.keep_pace().await;
            drop(turn);
            // Another request may have been told to pause in the meantime.
            if self.pause_left().is_none() {
                return Ok(Admission { _permit: permit, paused });
            }
        }
    }

    /// The service asked to be left alone for `duration`.
    pub fn pause(&self, duration: Duration) {
        let now = Instant::now();
        // What a clock cannot hold is for ever, to a run.
        let until = now.checked_add(duration).unwrap_or(now + A_YEAR);
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(until, |current| current.max(until)));
    }

    /// When the next request may go out, if any is held back by a pause or by the pace.
    pub fn waiting_until(&self) -> Option<Timestamp> {
        let left = self.pause_left().max(left_of(&self.paced_until))?;
        Timestamp::now().checked_add(jiff::SignedDuration::try_from(left).ok()?).ok()
    }

    fn pause_left(&self) -> Option<Duration> {
        left_of(&self.not_before)
    }

    async fn keep_pace(&self) {
        let Some(rate) = &self.rate else { return };
        while let Err(not_until) = rate.check() {
            let until = Instant::now() + not_until.wait_time_from(TokioClock.now());
            *self.paced_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
            tokio::time::sleep_until(until).await;
        }
    }
}

/// How long it is until then; none when that is past.
fn left_of(until: &Mutex<Option<Instant>>) -> Option<Duration> {
    let until = *until.lock().unwrap_or_else(PoisonError::into_inner);
    let left = until?.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

/// A tenth of the minute's requests may come at once; the rest is spread so that no sixty
/// seconds see more than `per_minute`.
fn quota(per_minute: NonZeroU32) -> Quota {
    let burst = NonZeroU32::new(per_minute.get() / 10).unwrap_or(NonZeroU32::MIN);
    let spread = per_minute.get() - burst.get() + 1;
    let interval = Duration::from_secs(60) / spread;
    Quota::with_period(interval).unwrap_or(Quota::per_minute(per_minute)).allow_burst(burst)
}

/// Tokio's clock, so that a test that pauses it pauses the pace too.
#[derive(Debug, Clone, Copy, Default)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(1_000_000);

    #[tokio::test(start_paused = true)]
    async fn no_sixty_seconds_see_more_requests_than_a_minute_allows() {
        for per_minute in [1, 2, 9, 10, 60, 180] {
            let limiter = Limiter::new(NonZeroU32::new(per_minute), 4);
            let mut sent = Vec::new();
            for _ in 0..per_minute * 3 {
                limiter.admit(Duration::ZERO, || ()).await.unwrap();
                sent.push(Instant::now());
            }
            let busiest = sent
                .iter()
                .map(|start| {
                    let minute = *start..*start + Duration::from_secs(60);
                    sent.iter().filter(|at| minute.contains(at)).count()
                })
                .max();
            assert!(busiest <= Some(per_minute as usize), "{per_minute}: {busiest:?}");
            // And it is not slower than it has to be.
            let took = sent[sent.len() - 1] - sent[0];
            assert!(took <= Duration::from_secs(200), "{per_minute}: {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_max_concurrent_are_out_at_once() {
        let limiter = Limiter::new(None, 2);
        let first = limiter.admit(FOR_EVER, || ()).await.unwrap();
        let _second = limiter.admit(FOR_EVER, || ()).await.unwrap();
        let third =
            tokio::time::timeout(Duration::from_secs(9), limiter.admit(FOR_EVER, || ())).await;
        assert!(third.is_err());
        drop(first);
        assert_eq!(limiter.admit(FOR_EVER, || ()).await.unwrap().paused, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody_back_and_the_longer_one_wins() {
        let limiter = Limiter::new(None, 8);
        assert_eq!(limiter.waiting_until(), None);
        limiter.pause(Duration::from_secs(30));
        limiter.pause(Duration::from_secs(10));
        let until = limiter.waiting_until().unwrap();
        assert!(until > Timestamp::now() + Duration::from_secs(20), "{until}");

        let start = Instant::now();
        let admission = limiter.admit(Duration::from_secs(30), || ()).await.unwrap();
        assert_eq!(admission.paused, Duration::from_secs(30));
        assert_eq!(start.elapsed(), Duration::from_secs(30));
        assert_eq!(limiter.waiting_until(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_the_pace_holds_back_is_known_to_wait() {
        let limiter = Limiter::new(NonZeroU32::new(1), 8);
        limiter.admit(FOR_EVER, || ()).await.unwrap();
        assert_eq!(limiter.waiting_until(), None);
        let (_, until) = tokio::join!(limiter.admit(FOR_EVER, || ()), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            limiter.waiting_until().unwrap()
        });
        assert!(until > Timestamp::now() + Duration::from_secs(50), "{until}");
        assert_eq!(limiter.waiting_until(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_ones_patience_is_not_waited_for() {
        let limiter = Limiter::new(None, 8);
        limiter.pause(Duration::from_secs(3600));
        let start = Instant::now();
        let refused = limiter.admit(Duration::from_secs(60), || ()).await.unwrap_err();
        assert_eq!(refused, PausedFor(Duration::from_secs(3600)));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_begins_while_one_waits_for_its_turn_is_kept() {
        let limiter = Limiter::new(NonZeroU32::new(1), 8);
        limiter.admit(FOR_EVER, || ()).await.unwrap();
        let start = Instant::now();
        let (admission, ()) = tokio::join!(limiter.admit(FOR_EVER, || ()), async {
            tokio::time::sleep(Duration::from_secs(59)).await;
            limiter.pause(Duration::from_secs(100));
        });
        assert_eq!(admission.unwrap().paused, Duration::from_secs(99));
        assert!(start.elapsed() >= Duration::from_secs(159));
    }
}

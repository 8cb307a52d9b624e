// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a partition (or a call of `check` or `plan`) has used of its budgets, and the first rule
//! that it broke.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Account, GateError, Tape};

/// What one session may use of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestBudget {
    /// Requests that the plugin may make (`max-requests`). The host's own retries do not
    /// count: they are the service's doing.
    pub max_requests: u64,
    /// Bytes of all bodies received, after decompression, those of retried answers included
    /// (`max-response-bytes`).
    pub max_response_bytes: u64,
    /// Bytes of memory that the host holds for the instance (`memory`).
    pub memory: u64,
}

/// One partition's side of the gate. Clones share their counts.
#[derive(Debug, Clone)]
pub struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    label: String,
    tape: Option<Arc<dyn Tape>>,
    budget: RequestBudget,
    asked: AtomicU64,
    sent: AtomicU64,
    meter: Arc<AtomicU64>,
    response_bytes: AtomicU64,
    turn: Mutex<Turn>,
    violation: OnceLock<GateError>,
    account: Account,
}

/// For how long nothing but others kept its requests back: some waited for their turn, and none was
/// under way. Several that wait at once wait no longer than one.
#[derive(Debug, Default)]
struct Turn {
    waiting: u32,
    under_way: u32,
    /// Whether one has ever been under way.
    has_set_out: bool,
    since: Option<Instant>,
    before: Duration,
}

impl Turn {
    /// The counts have changed.
    fn note(&mut self) {
        if self.waiting > 0 && self.under_way == 0 {
            self.since.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.since.take() {
            self.before += since.elapsed();
        }
    }
}

/// A request waits for its turn until this is dropped.
pub(crate) struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut turn = self.0.turn();
        turn.waiting = turn.waiting.saturating_sub(1);
        turn.note();
    }
}

/// A request is under way until this is dropped.
pub(crate) struct UnderWay<'a>(&'a Inner);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut turn = self.0.turn();
        turn.under_way = turn.under_way.saturating_sub(1);
        turn.note();
    }
}

impl Inner {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A budget is used up: its name, its size and its setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedUp {
    pub budget: &'static str,
    pub limit: u64,
    pub setting: &'static str,
}

impl Session {
    /// A session named `label` in messages (`fenix/issues/mozilla-mobile`). Without a tape the
    /// network answers, and nothing is kept of it.
    pub fn new(label: String, tape: Option<Arc<dyn Tape>>, budget: RequestBudget) -> Session {
        Session::metered(label, tape, budget, Arc::default())
    }

    /// A session whose requests are counted in `meter` as well, as they are sent.
    pub fn metered(
        label: String,
        tape: Option<Arc<dyn Tape>>,
        budget: RequestBudget,
        meter: Arc<AtomicU64>,
    ) -> Session {
        Session(Arc::new(Inner {
            label,
            tape,
            budget,
            asked: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            meter,
            response_bytes: AtomicU64::new(0),
            turn: Mutex::default(),
            violation: OnceLock::new(),
            account: Account::new(budget.memory),
        }))
    }

    /// Requests that were really sent (or replayed), retries included.
    pub fn requests(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Bytes of bodies received, after decompression, those of retried answers included.
    pub fn response_bytes(&self) -> u64 {
        self.0.response_bytes.load(Ordering::Relaxed)
    }

    /// How long its requests have waited for their turn, as the operator's pace and the other
    /// partitions have it, while none of them was under way. What the service asks to wait for is
    /// not part of it.
    pub fn waited_for_turn(&self) -> Duration {
        let turn = self.0.turn();
        turn.before + turn.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// A request waits for its turn.
    pub(crate) fn wait_for_turn(&self) -> Waiting<'_> {
        let mut turn = self.0.turn();
        turn.waiting += 1;
        turn.note();
        Waiting(&self.0)
    }

    /// A request has got its turn.
    pub(crate) fn set_out(&self) -> UnderWay<'_> {
        let mut turn = self.0.turn();
        turn.under_way += 1;
        turn.has_set_out = true;
        turn.note();
        UnderWay(&self.0)
    }

    /// The first rule that the plugin broke. The host fails the partition with it, whatever
    /// the plugin says afterwards.
    pub fn violation(&self) -> Option<GateError> {
        self.0.violation.get().cloned()
    }

    /// The memory of the instance that makes these requests.
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    pub(crate) fn label(&self) -> &str {
        &self.0.label
    }

    /// Whether a tape answers, and nothing has been asked of the network.
    pub fn is_replay(&self) -> bool {
        self.0.tape.is_some() && !self.0.turn().has_set_out
    }

    pub(crate) fn tape(&self) -> Option<&dyn Tape> {
        self.0.tape.as_deref()
    }

    pub(crate) fn set_violation(&self, error: &GateError) {
        // The first one stays: what follows is often only its consequence.
        let _ = self.0.violation.set(error.clone());
    }

    /// The plugin makes a request.
    pub(crate) fn ask(&self) -> Result<(), UsedUp> {
        let limit = self.0.budget.max_requests;
        if self.0.asked.fetch_add(1, Ordering::Relaxed) >= limit {
            return Err(UsedUp { budget: "requests", limit, setting: "limits.max-requests" });
        }
        Ok(())
    }

    /// A request goes out, for the first time or again.
    pub(crate) fn count_sent(&self) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
        self.0.meter.fetch_add(1, Ordering::Relaxed);
    }

    /// A piece of a body arrived.
    pub(crate) fn receive(&self, bytes: u64) -> Result<(), UsedUp> {
        let limit = self.0.budget.max_response_bytes;
        let before = self.0.response_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > limit {
            return Err(UsedUp {
                budget: "response bytes",
                limit,
                setting: "limits.max-response-bytes",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let budget = RequestBudget { max_requests: 1, max_response_bytes: 1, memory: 1 };
        Session::new("fenix".into(), None, budget)
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_wait_for_their_turn_together_wait_once() {
        let session = session();
        pass(7).await;
        let first = session.wait_for_turn();
        pass(1).await;
        let second = session.wait_for_turn();
        pass(1).await;
        drop(first);
        pass(1).await;
        assert_eq!(session.waited_for_turn(), Duration::from_secs(3));
        drop(second);
        pass(7).await;
        assert_eq!(session.waited_for_turn(), Duration::from_secs(3));
        let _third = session.wait_for_turn();
        pass(2).await;
        assert_eq!(session.waited_for_turn(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_behind_a_request_of_its_own_does_not_wait_for_others() {
        let session = session();
        let waiting = session.wait_for_turn();
        pass(1).await;
        let first = session.set_out();
        let second = session.set_out();
        pass(10).await;
        drop(first);
        pass(10).await;
        assert_eq!(session.waited_for_turn(), Duration::from_secs(1));
        drop(second);
        pass(2).await;
        assert_eq!(session.waited_for_turn(), Duration::from_secs(3));
        drop(waiting);
        pass(10).await;
        assert_eq!(session.waited_for_turn(), Duration::from_secs(3));
    }
}

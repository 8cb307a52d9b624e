// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is remembered of runs and plans from one load to the next, and what follows from it.
//!
//! TestRail can be asked for what was created in a time, not for what has changed since. So
//! new runs are found by a watermark over their creation, and a run that was open when it was
//! last read is asked for by its number until it is closed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::http::RequestBuilder;
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::{CheckpointState, Request, Timestamp};

/// How much is asked for again. Whether `created_after` includes the second it names is not
/// documented, and a run may become visible a little after it was created.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// The checkpoint of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What was created from here on was read; none when everything was.
    from: Option<Timestamp>,
    /// Until here: the latest creation that was read.
    watermark: Option<Timestamp>,
    /// The numbers of what was still open, or not found while TestRail lists it.
    open: BTreeSet<i64>,
    /// How many loads ended with something missing. It makes the last checkpoint of such a
    /// load differ from all before it, so that every row is covered by one.
    #[serde(default)]
    missed: u32,
    /// The latest creation that this load has read.
    #[serde(skip)]
    latest: Option<Timestamp>,
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

impl State {
    /// The state before the first load of this window.
    pub fn before(window: &Window) -> Self {
        State { from: window.from, ..State::default() }
    }

    /// What was still open.
    pub fn open(&self) -> &BTreeSet<i64> {
        &self.open
    }

    /// A run or plan was read that is open or closed.
    pub fn read(&mut self, id: i64, is_completed: bool) {
        if is_completed {
            self.open.remove(&id);
        } else {
            self.open.insert(id);
        }
    }

    /// Something that TestRail lists was not found.
    pub fn miss(&mut self) {
        self.missed = self.missed.wrapping_add(1);
    }

    /// A run or plan is gone.
    pub fn forget(&mut self, id: i64) {
        self.open.remove(&id);
    }

    /// Everything of the window that was created up to here was read.
    pub fn advance(&mut self, created_on: Timestamp) {
        self.latest = self.latest.max(Some(created_on));
        // Between what is older than `from` and that, there may be what was never read.
        if self.from.is_none_or(|from| created_on >= from) {
            self.watermark = self.watermark.max(Some(created_on));
        }
    }

    /// The window was read to its end.
    pub fn finish(&mut self, window: &Window) {
        if window.reaches(self.from) {
            self.from = self.from.min(window.from);
            self.watermark = self.watermark.max(self.latest);
        }
    }
}

/// The time in which a load looks for runs or plans that it does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Where the rows that are wanted begin; none for no bound.
    from: Option<Timestamp>,
    /// Where to begin looking.
    begin: Option<Timestamp>,
    /// Where they end, exclusive.
    until: Option<Timestamp>,
    /// When the load began: what was created later is a wrong clock's, and what comes before it
    /// is still to be read.
    pub now: Timestamp,
}

impl Window {
    /// Days that were asked for are read, whatever was read before; from the watermark on when
    /// they begin later, so that no gap is left behind it. Without such days a load goes on at
    /// the watermark, unless an earlier one left out what was before its days: then everything
    /// is read.
    pub fn of(request: &Request, state: Option<&State>) -> Self {
        let Request { since, until, .. } = *request;
        let now = request.context.now;
        let Some(state) = state else { return Window { from: since, begin: since, until, now } };
        let is_asked_for = request.has_window();
        // Everything from `state.from` to here is known.
        let known = state.watermark.map(|watermark| watermark.min(now)).or(state.from);
        let goes_on = match since {
            None => !is_asked_for && state.from.is_none(),
            Some(since) => known.is_none_or(|known| since > known),
        };
        let (from, begin) = if goes_on { (state.from, known) } else { (since, since) };
        Window { from, begin, until, now }
    }

    /// Puts the window on a request, wider than it is.
    pub fn on(&self, request: RequestBuilder) -> RequestBuilder {
        let begin = self.begin.map(|begin| begin.saturating_sub(OVERLAP).unwrap_or(begin));
        let until = self.until.map(|until| until.saturating_add(OVERLAP).unwrap_or(until));
        request
            .query_opt("created_after", begin.map(Timestamp::as_second))
            .query_opt("created_before", until.map(Timestamp::as_second))
    }

    /// Whether something created then is wanted.
    pub fn holds(&self, created_on: Timestamp) -> bool {
        self.from.is_none_or(|from| created_on >= from)
            && self.until.is_none_or(|until| created_on < until)
    }

    /// Whether nothing is left out between this window and what was read from `known` on.
    fn reaches(&self, known: Option<Timestamp>) -> bool {
        match (self.until, known) {
            (None, _) => true,
            (Some(until), Some(known)) => until >= known,
            (Some(_), None) => false,
        }
    }
}

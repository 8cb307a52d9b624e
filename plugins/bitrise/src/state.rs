// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is remembered of a week, and what follows from it.
//!
//! Bitrise can be asked for builds by when they were triggered, not for what has changed
//! since. So a week is read again from its *watermark*: when the oldest build was triggered
//! that was not done, or else the newest that was seen; minus an hour. A build is done when
//! it is settled and, in `build-artifacts`, its artifacts were delivered.
//!
//! A build that is not settled after a day hardly ever runs: it is on hold. It would have
//! every run read its week from it on, so it does not hold the watermark back, and is asked
//! for by its name instead.
//!
//! When a week was read after it was over, and none of its builds holds the watermark back,
//! the list has nothing more to tell and is not read again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::{CheckpointState, Timestamp};

use crate::weeks::{OVERLAP, Span, earlier};

/// How long a build holds the watermark back.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// The checkpoint of one app and week.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What was triggered before is done, or `late`; none when no build was seen.
    watermark: Option<Timestamp>,
    /// Whether the list has nothing more to tell.
    is_listed: bool,
    /// Builds that are asked for by their names.
    late: BTreeSet<String>,
    /// In `build-artifacts`: the builds that are done among those that the list will name
    /// again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    done: BTreeSet<String>,
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It still changes at Bitrise.
    Unsettled,
    /// It is settled, and something of it is still to be delivered.
    Pending,
    /// All of it was delivered.
    Done,
}

/// The builds of a week that a run has seen: when they were triggered, and how far they are.
pub type Seen = BTreeMap<String, (Timestamp, Standing)>;

impl State {
    /// What to ask the list for; none when it has nothing more to tell.
    pub fn span_to_list(&self, week: Span) -> Option<Span> {
        let begin = self.watermark.unwrap_or(week.begin);
        let end = week.end.checked_add(OVERLAP).unwrap_or(Timestamp::MAX);
        (!self.is_listed).then(|| Span { begin: earlier(begin, OVERLAP), end })
    }

    /// Builds that are asked for by their names, where the list did not have them.
    pub fn late(&self) -> &BTreeSet<String> {
        &self.late
    }

    /// Whether everything of this build was delivered by an earlier run.
    pub fn is_done(&self, build: &str) -> bool {
        self.done.contains(build)
    }

    /// The state after a run that began at `now` in this state and has seen these builds.
    pub fn after(&self, seen: &Seen, week: Span, now: Timestamp) -> Self {
        let patient_since = earlier(now, PATIENCE);
        let is_late = |triggered_at: Timestamp, standing: Standing| {
            standing == Standing::Unsettled && triggered_at < patient_since
        };
        let holding = seen.values().filter(|&&(triggered_at, standing)| {
            standing != Standing::Done && !is_late(triggered_at, standing)
        });
        let oldest_holding = holding.map(|&(triggered_at, _)| triggered_at).min();
        let newest = seen.values().map(|&(triggered_at, _)| triggered_at).max();
        let late = seen.iter().filter(|&(_, &(at, standing))| is_late(at, standing));
        State {
            watermark: oldest_holding.or(newest.max(self.watermark)),
            is_listed: oldest_holding.is_none() && week.end <= earlier(now, OVERLAP),
            late: late.map(|(slug, _)| slug.clone()).collect(),
            done: BTreeSet::new(),
        }
    }

    /// Remembers which builds need not be delivered again when the list names them.
    #[must_use]
    pub fn remembering_done(mut self, seen: &Seen, week: Span) -> Self {
        if let Some(listed) = self.span_to_list(week) {
            let done = seen.iter().filter(|&(_, &(triggered_at, standing))| {
                standing == Standing::Done && triggered_at >= listed.begin
            });
            self.done = done.map(|(slug, _)| slug.clone()).collect();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weeks::Week;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// 2026-02-23 to 2026-03-01.
    fn week() -> Span {
        Week::of(moment("2026-02-25T00:00:00Z")).span()
    }

    fn seen<'a>(builds: impl IntoIterator<Item = (&'a str, &'a str, Standing)>) -> Seen {
        let seen = |(slug, at, standing): (&str, &str, _)| (slug.into(), (moment(at), standing));
        builds.into_iter().map(seen).collect()
    }

    /// From where the list is read after a run.
    fn from(state: &State) -> Option<Timestamp> {
        state.span_to_list(week()).map(|span| span.begin)
    }

    const NOW: &str = "2026-02-27T06:00:00Z";

    #[test]
    fn a_week_is_read_from_before_its_begin_to_after_its_end() {
        assert_eq!(
            State::default().span_to_list(week()),
            Some(Span {
                begin: moment("2026-02-22T23:00:00Z"),
                end: moment("2026-03-02T01:00:00Z")
            })
        );
        let empty = State::default().after(&Seen::new(), week(), moment(NOW));
        assert_eq!(empty, State::default());
    }

    #[test]
    fn the_watermark_is_the_newest_build_when_all_are_done() {
        let all = seen([
            ("a", "2026-02-26T10:00:00Z", Standing::Done),
            ("b", "2026-02-26T20:00:00Z", Standing::Done),
        ]);
        let state = State::default().after(&all, week(), moment(NOW));
        assert_eq!(from(&state), Some(moment("2026-02-26T19:00:00Z")));
        // A run that sees nothing new keeps it.
        assert_eq!(state.after(&Seen::new(), week(), moment(NOW)), state);
    }

    #[test]
    fn a_build_that_is_not_done_holds_the_watermark_back() {
        for standing in [Standing::Unsettled, Standing::Pending] {
            let all = seen([
                ("a", "2026-02-26T10:00:00Z", standing),
                ("b", "2026-02-26T20:00:00Z", Standing::Done),
            ]);
            let state = State::default().after(&all, week(), moment(NOW));
            assert_eq!(from(&state), Some(moment("2026-02-26T09:00:00Z")));
            assert!(state.late().is_empty());
        }
    }

    #[test]
    fn a_build_that_is_unsettled_for_more_than_a_day_is_asked_for_by_its_name() {
        let all = seen([
            ("a", "2026-02-24T10:00:00Z", Standing::Unsettled),
            ("b", "2026-02-26T20:00:00Z", Standing::Done),
        ]);
        let state = State::default().after(&all, week(), moment(NOW));
        assert_eq!(from(&state), Some(moment("2026-02-26T19:00:00Z")));
        assert_eq!(state.late().iter().collect::<Vec<_>>(), ["a"]);
        let settled = seen([("a", "2026-02-24T10:00:00Z", Standing::Done)]);
        let state = state.after(&settled, week(), moment(NOW));
        assert_eq!(from(&state), Some(moment("2026-02-26T19:00:00Z")));
        assert!(state.late().is_empty());
    }

    #[test]
    fn what_is_settled_and_not_yet_delivered_is_never_asked_for_by_its_name() {
        let all = seen([("a", "2026-02-24T10:00:00Z", Standing::Pending)]);
        let state = State::default().after(&all, week(), moment(NOW));
        assert_eq!(from(&state), Some(moment("2026-02-24T09:00:00Z")));
        assert!(state.late().is_empty());
    }

    #[test]
    fn a_week_that_is_over_and_done_is_not_listed_again() {
        let done = seen([("a", "2026-03-01T23:00:00Z", Standing::Done)]);
        let open = seen([("a", "2026-03-01T23:00:00Z", Standing::Unsettled)]);
        let soon = moment("2026-03-02T00:59:59Z");
        let over = moment("2026-03-02T01:00:00Z");
        assert!(from(&State::default().after(&done, week(), soon)).is_some());
        assert!(from(&State::default().after(&open, week(), over)).is_some());
        assert_eq!(from(&State::default().after(&done, week(), over)), None);
        assert_eq!(from(&State::default().after(&Seen::new(), week(), over)), None);
        // One that waits does not change that.
        let later = moment("2026-03-04T00:00:00Z");
        let late = State::default().after(&open, week(), later);
        assert_eq!((from(&late), late.late().len()), (None, 1));
    }

    #[test]
    fn only_builds_that_the_list_names_again_are_remembered() {
        let all = seen([
            ("a", "2026-02-26T10:00:00Z", Standing::Done),
            ("b", "2026-02-26T19:30:00Z", Standing::Done),
            ("c", "2026-02-26T20:00:00Z", Standing::Unsettled),
        ]);
        let state = State::default().after(&all, week(), moment(NOW));
        let state = state.remembering_done(&all, week());
        assert_eq!(["a", "b", "c"].map(|slug| state.is_done(slug)), [false, true, false]);
    }
}

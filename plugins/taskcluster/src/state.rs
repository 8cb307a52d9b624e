// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is remembered of one trail from one load to the next.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::{CheckpointState, Timestamp};

/// How many tasks that led to groups are remembered: a checkpoint has a greatest size. What
/// is beyond is looked up again, which costs requests and loses nothing.
const MOST_REMEMBERED: usize = 6_000;

/// The checkpoint of one trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The groups that may still change.
    open: BTreeSet<String>,
    /// The groups that do not change any more, each with the tasks that led to it.
    settled: BTreeMap<String, BTreeSet<String>>,
    /// Until when Taskcluster has an open group. One that is not found before is missing, one
    /// that is not found after has expired.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    kept_until: BTreeMap<String, Timestamp>,
    /// Tasks to which a route led, that were not found, and to which it may lead no more: until
    /// when they are to be asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    awaited: BTreeMap<String, Timestamp>,
    /// Until when the index has what a route led to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    route_until: Option<Timestamp>,
    /// How many runs ended with something missing. Without it the last checkpoint of such a run
    /// could be the one before, and what was read since would not be covered by any.
    #[serde(default, skip_serializing_if = "is_zero")]
    missed: u32,
    /// Nothing of this trail is open, and it leads to no more groups.
    complete: bool,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

impl State {
    /// What was settled is read again, and the trail followed once more.
    #[must_use]
    pub fn reopened(mut self) -> Self {
        self.open.extend(self.settled.into_keys());
        let State { open, kept_until, missed, .. } = self;
        State { open, kept_until, missed, ..State::default() }
    }

    /// The groups to read again.
    pub fn open(&self) -> impl Iterator<Item = &String> {
        self.open.iter()
    }

    /// Whether nothing is to be expected of this trail any more.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether a group was settled when it was read last.
    pub fn is_settled(&self, group: &str) -> bool {
        self.settled.contains_key(group)
    }

    /// Whether some group was settled.
    pub fn has_settled(&self) -> bool {
        !self.settled.is_empty()
    }

    /// Whether it is known where a task leads to, without asking.
    pub fn knows(&self, lead: &str) -> bool {
        self.settled.values().any(|leads| leads.contains(lead))
    }

    /// A group was read: it may still change, or not, and these tasks had led to it.
    pub fn read(&mut self, group: &str, is_settled: bool, leads: impl IntoIterator<Item = String>) {
        if !is_settled {
            self.settled.remove(group);
            self.open.insert(group.into());
            return;
        }
        self.open.remove(group);
        self.kept_until.remove(group);
        let remembered: usize = self.settled.values().map(BTreeSet::len).sum();
        let room = MOST_REMEMBERED.saturating_sub(remembered);
        self.settled.entry(group.into()).or_default().extend(leads.into_iter().take(room));
    }

    /// A group stays open, and is to be found until then.
    pub fn keep_until(&mut self, group: &str, until: Timestamp) {
        self.read(group, false, []);
        self.kept_until.insert(group.into(), until);
    }

    /// Until when an open group is to be found, where that is known.
    pub fn kept_until(&self, group: &str) -> Option<Timestamp> {
        self.kept_until.get(group).copied()
    }

    /// Tasks that are to be asked for again, although nothing leads to them any more.
    pub fn awaited(&mut self, now: Timestamp) -> impl Iterator<Item = &String> {
        self.awaited.retain(|_, until| *until > now);
        self.awaited.keys()
    }

    /// A task was not found, and is to be asked for again until then.
    pub fn wait_for(&mut self, lead: &str, until: Timestamp) {
        self.awaited.entry(lead.into()).or_insert(until);
    }

    /// A run ends, and something is missing.
    pub fn miss(&mut self) {
        self.missed = self.missed.wrapping_add(1);
    }

    /// A task was found, by itself or in the list of a group.
    pub fn found(&mut self, lead: &str) {
        self.awaited.remove(lead);
    }

    /// A route led to a task that the index has until then.
    pub fn route_leads_until(&mut self, until: Option<Timestamp>) {
        self.route_until = until;
    }

    /// Whether what a route led to last has expired since.
    pub fn route_has_expired(&self, now: Timestamp) -> bool {
        self.route_until.is_some_and(|until| until <= now)
    }

    /// Forgets the tasks that do not lead here any more, and settled groups to which none
    /// does, for a trail that moves on for ever.
    pub fn keep_only(&mut self, leads: &BTreeSet<String>) {
        self.settled.values_mut().for_each(|known| known.retain(|lead| leads.contains(lead)));
        self.settled.retain(|_, known| !known.is_empty());
    }

    /// The trail is old enough to lead to no more groups. It is complete if no group is open.
    pub fn close(&mut self) {
        if self.open.is_empty() {
            self.complete = true;
            self.settled.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|&id| id.into()).collect()
    }

    #[test]
    fn a_group_is_open_until_it_is_settled_and_may_open_again() {
        let mut state = State::default();
        state.read("g", false, leads(&["a"]));
        assert_eq!(state.open().collect::<Vec<_>>(), ["g"]);
        assert!(!state.knows("a"), "where it leads to shows when the group is read again");
        state.read("g", true, leads(&["a"]));
        assert!(state.is_settled("g") && state.knows("a") && state.open().next().is_none());
        state.read("g", false, leads(&["a"]));
        assert!(!state.is_settled("g") && !state.knows("a"));
    }

    #[test]
    fn a_trail_with_an_open_group_does_not_close() {
        let mut state = State::default();
        state.read("g", false, []);
        state.close();
        assert!(!state.is_complete());
        state.read("g", true, []);
        state.close();
        assert!(state.is_complete());
    }

    #[test]
    fn what_does_not_lead_here_any_more_is_forgotten() {
        let mut state = State::default();
        state.read("old", true, leads(&["a"]));
        state.read("new", true, leads(&["b"]));
        state.keep_only(&leads(&["b"]).into_iter().collect());
        assert!(!state.is_settled("old") && state.is_settled("new"));
    }

    #[test]
    fn a_checkpoint_of_before_there_were_expiries_is_read() {
        let before = r#"{"open":["g"],"settled":{},"gone":["a"],"complete":false}"#;
        let state: State = serde_json::from_str(before).unwrap();
        assert_eq!(
            (state.open().count(), state.kept_until("g"), state.knows("a")),
            (1, None, false)
        );
    }

    #[test]
    fn the_largest_state_fits_a_checkpoint() {
        let mut state = State::default();
        state.read(&"g".repeat(22), true, (0..90_000).map(|number| format!("{number:022}")));
        let checkpoint = test_dashboard_sdk::Checkpoint::of(&state).unwrap();
        assert!(checkpoint.0.len() < 200 * 1024, "{} bytes", checkpoint.0.len());
    }
}

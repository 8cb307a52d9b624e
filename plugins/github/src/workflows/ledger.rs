// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is remembered of a week of runs, and which runs it makes due.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::{CheckpointState, Timestamp};

use super::answers::Run;
use super::{LONGEST_OPEN, OVERLAP, RERUNNABLE};

/// The checkpoint of a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// When the last reading began.
    read_at: Timestamp,
    /// Where a first reading broke off: runs created from here on were not read.
    unread_from: Option<Timestamp>,
    /// Runs that were not finished, or had a job that was not, or were not all there.
    open: BTreeSet<i64>,
    /// Finished runs that changed so short a time before the reading that they will look
    /// changed to the next one.
    recent: BTreeMap<i64, Version>,
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

/// What of a run changes whenever anything does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    attempt: i64,
    updated_at: Timestamp,
}

impl Version {
    fn of(run: &Run) -> Self {
        Version { attempt: run.run_attempt, updated_at: run.updated_at }
    }
}

/// Keeps what was known before this reading apart from what is known after it.
#[derive(Debug)]
pub struct Ledger {
    before: Option<State>,
    after: State,
    /// Open runs that this reading has not come across.
    unseen: BTreeSet<i64>,
}

impl Ledger {
    /// Before a reading that begins now.
    pub fn begin(before: Option<State>, now: Timestamp) -> Self {
        let open = before.as_ref().map(|state| state.open.clone()).unwrap_or_default();
        let unseen = open.clone();
        let after = State { read_at: now, unread_from: None, open, recent: BTreeMap::new() };
        Ledger { before, after, unseen }
    }

    /// Runs created from here on have to be listed; all of them when nothing is known.
    pub fn list_from(&self) -> Option<Timestamp> {
        let State { read_at, unread_from, .. } = self.before.as_ref()?;
        let rerunnable = read_at.saturating_sub(RERUNNABLE + OVERLAP).unwrap_or(*read_at);
        Some(unread_from.map_or(rerunnable, |unread| unread.min(rerunnable)))
    }

    /// A run was listed. Whether it has to be read.
    pub fn list(&mut self, run: &Run) -> bool {
        self.unseen.remove(&run.id);
        let is_due = self.before.as_ref().is_none_or(|before| before.makes_due(run));
        if !is_due {
            self.note(run, true);
        }
        is_due
    }

    /// Open runs that were not listed.
    pub fn take_unseen(&mut self) -> BTreeSet<i64> {
        std::mem::take(&mut self.unseen)
    }

    /// A run was read, and whether all of its jobs had ended: they may lag behind it.
    pub fn note(&mut self, run: &Run, jobs_have_ended: bool) {
        let now = self.after.read_at;
        let is_final = run.is_finished() && jobs_have_ended && !run.is_odd();
        let is_old = run.created_at < now.saturating_sub(LONGEST_OPEN).unwrap_or(now);
        if is_final || is_old {
            self.after.open.remove(&run.id);
        } else {
            self.after.open.insert(run.id);
        }
        if is_final && run.updated_at >= changed_from(now) {
            self.after.recent.insert(run.id, Version::of(run));
        }
    }

    /// Not all of a run was there, so it is to be read again, however old it is.
    pub fn keep_open(&mut self, id: i64) {
        self.after.open.insert(id);
        self.after.recent.remove(&id);
    }

    /// A run is gone.
    pub fn forget(&mut self, id: i64) {
        self.after.open.remove(&id);
        self.unseen.remove(&id);
    }

    /// The state of a first reading that has come to runs created at this moment. None where
    /// that is known ground: a reading that breaks off there is done again.
    pub fn broken_off_at(&self, unread_from: Timestamp) -> Option<State> {
        let is_new_ground = match &self.before {
            None => true,
            Some(State { unread_from: known, .. }) => {
                known.is_some_and(|known| unread_from > known)
            }
        };
        is_new_ground.then(|| State { unread_from: Some(unread_from), ..self.after.clone() })
    }

    /// The state after a reading to the end.
    pub fn finish(&self) -> &State {
        &self.after
    }
}

impl State {
    fn makes_due(&self, run: &Run) -> bool {
        let is_unread = self.unread_from.is_some_and(|unread| run.created_at >= unread);
        let is_known = self.recent.get(&run.id) == Some(&Version::of(run));
        let has_changed = run.updated_at >= changed_from(self.read_at) && !is_known;
        // What the times of an odd one say is not known.
        let is_open = !run.is_finished() || run.is_odd() || self.open.contains(&run.id);
        is_unread || has_changed || is_open
    }
}

/// What changed from here on may not have been seen by a reading that began then.
fn changed_from(read_at: Timestamp) -> Timestamp {
    read_at.saturating_sub(OVERLAP).unwrap_or(read_at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(name: serde_json::Value) -> Run {
        let run = json!({
            "id": 7, "run_attempt": 1, "workflow_id": 1, "name": name, "run_number": 1,
            "event": "push", "status": "completed", "conclusion": "success", "head_sha": "c0ffee",
            "created_at": "2026-02-20T00:00:00Z", "updated_at": "2026-02-20T01:00:00Z",
            "html_url": "https://github.com/o/r/actions/runs/7",
        });
        serde_json::from_str(&run.to_string()).unwrap()
    }

    #[test]
    fn a_run_that_cannot_be_understood_is_read_again() {
        let now = "2026-02-22T00:00:00Z".parse().unwrap();
        let after = |run: &Run| {
            let mut ledger = Ledger::begin(None, now);
            ledger.note(run, true);
            ledger.finish().clone()
        };
        let (sound, odd) = (run(json!("Tests")), run(json!(["Tests"])));
        assert!(!after(&sound).open.contains(&7) && after(&odd).open.contains(&7));
        assert!(!after(&sound).makes_due(&sound) && after(&sound).makes_due(&odd));
    }
}

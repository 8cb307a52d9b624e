// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `task-groups`: the groups of one trail.
//!
//! First the trail is followed to the tasks that it leads to. Then the groups that were open
//! are read, and what they list needs no asking. For a task that is left its group is looked
//! up and read, which again covers all other tasks of that group: so there are as many
//! look-ups as there are groups, not tasks. Each group that was read is a commit point.
//!
//! What leads to a group is a list or a setting, so a group or task that is not found is missing,
//! not deleted, unless it is known to have expired. It is read on without it, the trail stays
//! open, and the partition fails at its end.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use test_dashboard_sdk::jiff::ToSpan;
use test_dashboard_sdk::{
    Batches, Buffered, Checkpoint, Failure, FailureKind, Missing, Partition, Progress, Reader,
    Request, Source, Timestamp, log, time,
};

use crate::api::{Api, Status};
use crate::finding::Finder;
use crate::listing::{Listed, Listing, Turn};
use crate::settings::Settings;
use crate::state::State;
use crate::tables::TaskRow;
use crate::trail::Trail;

/// Begins to read the groups of a trail.
///
/// # Errors
///
/// When the settings make no sense, or the partition is none of this report.
pub fn open(
    request: &Request,
    partition: &Partition,
    checkpoint: Option<&Checkpoint>,
) -> Result<Box<dyn Reader>, Failure> {
    let settings = Settings::of(&request.context)?;
    let trail: Trail = partition.data()?;
    if let Trail::NoHook(why) = trail {
        return Err(Failure::not_found(why));
    }
    let state: State = checkpoint.and_then(Checkpoint::state).unwrap_or_default();
    // A window is of days: what has none is read as always.
    let state = match request.has_window() && trail.has_a_day() {
        true => state.reopened(),
        false => state,
    };
    let api = Api::of(&request.context);
    let kept_until = trail
        .day()
        .map(|day| time::start_of(day.saturating_add((i64::from(settings.days) + 1).days())));
    let step = match &trail {
        _ if state.is_complete() => Step::Done,
        trail => Step::Finding(Finder::start(&api, trail)),
    };
    let groups = Groups {
        api,
        now: request.context.now,
        full: request.full,
        days: settings.days,
        kept_until,
        trail,
        state,
        step,
        leads: BTreeMap::new(),
        unread: VecDeque::new(),
        unresolved: VecDeque::new(),
        found: HashMap::new(),
        missing: Missing::of("tasks and task groups"),
        not_there: None,
        read: HashSet::new(),
        listed: HashSet::new(),
    };
    Ok(Box::new(Buffered::of::<TaskRow>(groups)))
}

enum Step {
    /// Following the trail.
    Finding(Finder),
    /// Choosing the next group.
    Choosing,
    /// Reading one.
    Reading(Box<Listing>),
    /// Everything was read, or nothing was to be.
    Done,
}

struct Groups {
    api: Api,
    now: Timestamp,
    full: bool,
    days: u32,
    /// Until when a full refresh comes back to this trail.
    kept_until: Option<Timestamp>,
    trail: Trail,
    state: State,
    step: Step,
    /// The tasks that the trail leads to, and until when the index has them.
    leads: BTreeMap<String, Option<Timestamp>>,
    /// Groups that are to be read.
    unread: VecDeque<String>,
    /// Tasks whose group is to be looked up, unless a group that is read has them.
    unresolved: VecDeque<String>,
    /// Groups that a task was found to belong to, and until when that task is kept.
    found: HashMap<String, Option<Timestamp>>,
    /// What was listed, and then not found.
    missing: Missing,
    /// Why there is not what a setting names.
    not_there: Option<Failure>,
    /// The groups that were read.
    read: HashSet<String>,
    /// Their tasks.
    listed: HashSet<String>,
}

impl Source for Groups {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        match &mut self.step {
            Step::Finding(finder) => match finder.next() {
                Ok(Some(tasks)) => {
                    self.leads.extend(tasks.into_iter().map(|task| (task.task_id, task.expires)));
                }
                Ok(None) => self.begin(),
                Err(failure) => self.route_is_not_found(failure)?,
            },
            Step::Choosing => self.choose(batches)?,
            Step::Reading(listing) => match listing.next_page(self.now, batches)? {
                Turn::More => {}
                Turn::End(group) => self.end_of(group, batches)?,
                Turn::NotFound(failure) => self.group_is_not_found(failure, batches)?,
            },
            Step::Done => return self.failure().map_or(Ok(Progress::Finished), Err),
        }
        Ok(Progress::More)
    }
}

impl Groups {
    /// The trail was followed to its end.
    fn begin(&mut self) {
        self.unread = self.state.open().cloned().collect();
        if let Trail::Group(id) = &self.trail
            && !self.state.is_settled(id)
            && !self.unread.contains(id)
        {
            self.unread.push_back(id.clone());
        }
        if let (Trail::Route(_), Some(until)) = (&self.trail, self.leads.values().next()) {
            self.state.route_leads_until(*until);
        }
        self.leads.extend(self.state.awaited(self.now).map(|lead| (lead.clone(), None)));
        let leads = self.leads.keys().filter(|lead| !self.state.knows(lead));
        self.unresolved = leads.cloned().collect();
        self.step = Step::Choosing;
    }

    fn choose(&mut self, batches: &mut Batches) -> Result<(), Failure> {
        if let Some(group) = self.unread.pop_front() {
            self.read.insert(group.clone());
            self.step = Step::Reading(Box::new(Listing::start(&self.api, group)));
            return Ok(());
        }
        let Some(lead) = self.unresolved.pop_front() else { return self.finish(batches) };
        if self.listed.contains(&lead) {
            self.state.found(&lead);
            return Ok(());
        }
        let got = self.api.status(&lead);
        self.resolve(&lead, got)
    }

    fn resolve(&mut self, lead: &str, got: Result<Status, Failure>) -> Result<(), Failure> {
        let is_not_found = got.as_ref().is_err_and(|failure| failure.kind == FailureKind::NotFound);
        // The list of fires, too, shows that the queue does not have it. A full refresh would
        // remove its rows, and has to fail nevertheless.
        if is_not_found && !self.full && self.trail.tells_no_state_of(lead) {
            log::info(format!("the task {lead} has expired, and leads to no group any more"));
            return Ok(());
        }
        let Some(status) = self.missing.there(format!("task {lead}"), got)? else {
            // The lists of a push or hook lead to it again, a route may lead on to another.
            if matches!(self.trail, Trail::Route(_)) {
                let until = self.leads.get(lead).copied().flatten();
                self.state.wait_for(lead, until.unwrap_or(self.patience()));
            }
            return Ok(());
        };
        self.state.found(lead);
        let group = status.task_group_id;
        if self.read.contains(&group) {
            // The list of the group shifted past it.
            self.state.read(&group, false, []);
        } else {
            // A group that was settled has got a task since, if it is not a new one.
            self.found.insert(group.clone(), status.expires);
            self.unread.push_back(group);
        }
        Ok(())
    }

    /// Until when something is asked for again of which it is not known how long it is kept.
    fn patience(&self) -> Timestamp {
        let last = time::day_of(self.now).saturating_add((i64::from(self.days) + 1).days());
        time::start_of(last)
    }

    fn end_of(&mut self, group: Listed, batches: &mut Batches) -> Result<(), Failure> {
        self.warn_of_what_is_kept_too_short(&group);
        self.missing.there("", Ok(()))?;
        let leads = self.leads.keys().filter(|lead| group.tasks.contains(*lead)).cloned();
        self.state.read(&group.id, group.is_settled, leads);
        if let (false, Some(until)) = (group.is_settled, group.last_expiry) {
            self.state.keep_until(&group.id, until);
        }
        self.listed.extend(group.tasks);
        self.step = Step::Choosing;
        self.checkpoint(batches)
    }

    fn group_is_not_found(
        &mut self,
        failure: Failure,
        batches: &mut Batches,
    ) -> Result<(), Failure> {
        let Step::Reading(listing) = std::mem::replace(&mut self.step, Step::Choosing) else {
            return Ok(());
        };
        let id = listing.id();
        let kept_until = self.state.kept_until(id);
        if kept_until.is_some_and(|until| until <= self.now) {
            log::warn(format!("the group {id} has expired: rows that it has stay"));
            self.state.read(id, true, []);
        } else if matches!(self.trail, Trail::Group(_)) && kept_until.is_none() {
            self.setting_leads_nowhere("task-group-ids", &format!("group {id}"), failure);
            return Ok(());
        } else {
            self.missing.there::<()>(format!("group {id}"), Err(failure))?;
            let until = kept_until.or(self.found.get(id).copied().flatten());
            self.state.keep_until(id, until.unwrap_or(self.patience()));
        }
        self.checkpoint(batches)
    }

    fn route_is_not_found(&mut self, failure: Failure) -> Result<(), Failure> {
        match &self.trail {
            Trail::Route(path) if failure.kind == FailureKind::NotFound => {
                let what = format!("task at {path} in the index");
                if self.state.route_has_expired(self.now) {
                    log::warn(format!("the {what} has expired, and none has come after it"));
                } else {
                    self.setting_leads_nowhere("decision-routes", &what, failure);
                }
                Ok(())
            }
            _ => Err(failure),
        }
    }

    /// There is not what a setting names. It may have expired before it was ever read, which
    /// nothing tells from a wrong name. A full refresh has no checkpoint that knows better, and
    /// neither removes nor remembers anything of this trail: it leaves the failing to others.
    fn setting_leads_nowhere(&mut self, setting: &str, what: &str, failure: Failure) {
        let message = format!(
            "there is no {what}: it has expired, or never was. Correct the setting {setting}; until then each run asks for it again ({failure})"
        );
        if self.full {
            log::warn(message);
        } else {
            self.not_there = Some(failure.retold(FailureKind::NotFound, message));
        }
    }

    /// Why the partition fails, although all the rest of it was read.
    fn failure(&self) -> Option<Failure> {
        let Some(mut missing) = self.missing.failure() else { return self.not_there.clone() };
        if self.trail.has_a_day() {
            missing.message.push_str(
                ". If they have expired, set days to fewer than Taskcluster keeps the tasks of this project: a full refresh would remove their rows",
            );
        }
        Some(missing)
    }

    fn warn_of_what_is_kept_too_short(&self, group: &Listed) {
        if let (Some(expiry), Some(kept_until)) = (group.first_expiry, self.kept_until)
            && expiry < kept_until
        {
            log::warn(format!(
                "a task of the group {} expires {expiry:.0}, within the {} days that a full refresh goes back, which will then remove its rows: set days to less",
                group.id, self.days
            ));
        }
    }

    fn finish(&mut self, batches: &mut Batches) -> Result<(), Failure> {
        match self.trail {
            // All of the trail is followed again.
            _ if self.failure().is_some() => self.state.miss(),
            Trail::Route(_) => self.state.keep_only(&self.leads.keys().cloned().collect()),
            _ if self.trail.is_over(self.state.has_settled(), self.now) => self.state.close(),
            _ => {}
        }
        self.step = Step::Done;
        self.checkpoint(batches)
    }

    /// A full refresh's own names of partitions have no use for one.
    fn checkpoint(&self, batches: &mut Batches) -> Result<(), Failure> {
        if self.full && !self.trail.has_a_day() {
            return Ok(());
        }
        batches.checkpoint(&self.state)
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `task-groups`: the groups of one trail.
//!
//! First the trail is followed to the tasks that it leads to. Then the groups that were open
//! are read, and what they list needs no asking. For a task that is left its group is looked
//! up and read, which again covers all other tasks of that group: so there are as many
//! look-ups as there are groups, not tasks. Each group that was read is a commit point.

use std::collections::{BTreeSet, HashSet, VecDeque};

use test_dashboard_sdk::jiff::ToSpan;
use test_dashboard_sdk::{
    Batches, Buffered, Checkpoint, Failure, Partition, Progress, Reader, Request, Source,
    Timestamp, log, time,
};

use crate::api::Api;
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
        id: partition.id.clone(),
        api,
        now: request.context.now,
        full: request.full,
        days: settings.days,
        kept_until,
        trail,
        state,
        step,
        leads: BTreeSet::new(),
        unread: VecDeque::new(),
        unresolved: VecDeque::new(),
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
    /// The partition, for messages.
    id: String,
    api: Api,
    now: Timestamp,
    full: bool,
    days: u32,
    /// Until when a full run comes back to this trail.
    kept_until: Option<Timestamp>,
    trail: Trail,
    state: State,
    step: Step,
    /// The tasks that the trail leads to.
    leads: BTreeSet<String>,
    /// Groups that are to be read.
    unread: VecDeque<String>,
    /// Tasks whose group is to be looked up, unless a group that is read has them.
    unresolved: VecDeque<String>,
    /// The groups that were read.
    read: HashSet<String>,
    /// Their tasks.
    listed: HashSet<String>,
}

impl Source for Groups {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        match &mut self.step {
            Step::Finding(finder) => match finder.next()? {
                Some(tasks) => self.leads.extend(tasks),
                None => self.begin(),
            },
            Step::Choosing => self.choose(batches)?,
            Step::Reading(listing) => match listing.next_page(self.now, batches)? {
                Turn::More => {}
                Turn::End(group) => self.end_of(group, batches)?,
                Turn::Gone => self.group_is_gone(batches)?,
            },
            Step::Done => return Ok(Progress::Finished),
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
        let leads = self.leads.iter().filter(|lead| !self.state.knows(lead));
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
            return Ok(());
        }
        match self.api.group_of(&lead)? {
            // The list of the group shifted past it.
            Some(group) if self.read.contains(&group) => self.state.read(&group, false, []),
            // A group that was settled has got a task since, if it is not a new one.
            Some(group) => self.unread.push_back(group),
            None => self.lead_is_gone(lead)?,
        }
        Ok(())
    }

    fn end_of(&mut self, group: Listed, batches: &mut Batches) -> Result<(), Failure> {
        self.warn_of_what_is_kept_too_short(&group);
        let leads = self.leads.iter().filter(|lead| group.tasks.contains(*lead)).cloned();
        self.state.read(&group.id, group.is_settled, leads);
        self.listed.extend(group.tasks);
        self.step = Step::Choosing;
        self.checkpoint(batches)
    }

    /// What is not there has expired, or never was: its rows, if there are any, stay.
    fn group_is_gone(&mut self, batches: &mut Batches) -> Result<(), Failure> {
        let Step::Reading(listing) = std::mem::replace(&mut self.step, Step::Choosing) else {
            return Ok(());
        };
        self.refuse_to_remove_what_expired(&format!("the group {}", listing.id()))?;
        log::warn(format!(
            "the group {} is not there: it has expired, or there never was one; rows that it has stay",
            listing.id()
        ));
        self.state.read(listing.id(), true, []);
        self.checkpoint(batches)
    }

    fn lead_is_gone(&mut self, lead: String) -> Result<(), Failure> {
        self.refuse_to_remove_what_expired(&format!("the task {lead}"))?;
        log::info(format!("the task {lead} has expired, and does not lead to its group any more"));
        self.state.lead_is_gone(lead);
        Ok(())
    }

    /// A full run would remove the rows of what is not delivered. Here it is known that
    /// something was only forgotten.
    fn refuse_to_remove_what_expired(&self, what: &str) -> Result<(), Failure> {
        if !self.full || !self.trail.has_a_day() {
            return Ok(());
        }
        Err(Failure::config(format!(
            "{what}, to which {} leads, has expired although it is of the last {} days: a full run would remove its rows; set days to fewer than Taskcluster keeps the tasks of this project",
            self.id, self.days
        )))
    }

    fn warn_of_what_is_kept_too_short(&self, group: &Listed) {
        if let (Some(expiry), Some(kept_until)) = (group.first_expiry, self.kept_until)
            && expiry < kept_until
        {
            log::warn(format!(
                "a task of the group {} expires {expiry:.0}, within the {} days that a full run goes back, which will then remove its rows: set days to less",
                group.id, self.days
            ));
        }
    }

    fn finish(&mut self, batches: &mut Batches) -> Result<(), Failure> {
        match self.trail {
            Trail::Route(_) => self.state.keep_only(&self.leads),
            _ if self.trail.is_over(self.state.has_settled(), self.now) => self.state.close(),
            _ => {}
        }
        self.step = Step::Done;
        self.checkpoint(batches)
    }

    /// A full run's own names of partitions have no use for one.
    fn checkpoint(&self, batches: &mut Batches) -> Result<(), Failure> {
        if self.full && !self.trail.has_a_day() {
            return Ok(());
        }
        batches.checkpoint(&self.state)
    }
}

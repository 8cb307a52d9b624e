// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reads a week of runs.

use std::collections::{BTreeSet, VecDeque};

use test_dashboard_sdk::{
    Batches, Buffered, Checkpoint, Failure, FailureKind, Missing, Progress, Reader, Request,
    Source, Timestamp, log,
};

use super::Week;
use super::answers::{Job, Run, RunFields, is_final};
use super::ledger::{Ledger, State};
use super::rows::{push_job, run_row};
use super::tables::WorkflowRunRow;
use super::window::Window;
use crate::api::{Api, Repository};
use crate::lists::{List, Whole};

/// How many runs of one filter can be reached. A count of so many means "at least".
const REACHABLE: usize = 1_000;
/// How many runs' jobs are on their way at once.
const IN_FLIGHT: usize = 4;
/// After how many runs a first reading has a commit point: some minutes of work.
const RUNS_PER_COMMIT: usize = 100;

/// Reads what of a week is due.
pub fn reader(request: &Request, week: Week, checkpoint: Option<Checkpoint>) -> Box<dyn Reader> {
    let before: Option<State> = checkpoint.and_then(|checkpoint| checkpoint.state());
    let ledger = Ledger::begin(before, request.context.now);
    let whole = Window::week(week.monday);
    let window = ledger.list_from().map_or(Some(whole), |begin| whole.from(begin));
    let unlisted = ledger.list_from().and_then(|begin| whole.before(begin));
    let source = Runs {
        api: Api::of(&request.context),
        repository: week.repository,
        has_read: window.is_some(),
        windows: window.into_iter().collect(),
        ledger,
        due: VecDeque::new(),
        unseen: None,
        unlisted,
        not_found: BTreeSet::new(),
        missing: Missing::of("workflow runs and attempts"),
        since_commit: 0,
    };
    Box::new(Buffered::of::<WorkflowRunRow>(source))
}

struct Runs {
    api: Api,
    repository: Repository,
    ledger: Ledger,
    /// Windows that are still to be listed, in order.
    windows: VecDeque<Window>,
    /// Runs that were listed and have to be read, the oldest first.
    due: VecDeque<Run>,
    /// Open runs that no window listed, once that is known.
    unseen: Option<BTreeSet<i64>>,
    /// What of the week is too old to be listed again, unless it has to bear witness.
    unlisted: Option<Window>,
    /// Open runs that neither a list nor their own addresses had.
    not_found: BTreeSet<i64>,
    /// What a list had, and its own address then did not.
    missing: Missing,
    /// Whether anything was asked for: otherwise there is nothing new to remember.
    has_read: bool,
    since_commit: usize,
}

impl Source for Runs {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        if !self.due.is_empty() {
            self.read_due(batches)?;
        } else if let Some(window) = self.windows.pop_front() {
            self.list(window)?;
        } else if let Some(id) = self.next_unseen() {
            self.look_up(id)?;
        } else if let Some(window) = self.unlisted.take_if(|_| !self.not_found.is_empty()) {
            self.windows.push_back(window);
        } else {
            return self.finish(batches);
        }
        Ok(Progress::More)
    }
}

impl Runs {
    /// Lists a window, or puts its parts in its place.
    fn list(&mut self, window: Window) -> Result<(), Failure> {
        let created = window.filter()?;
        let list: List<Run> =
            self.api.list(&self.repository, "actions/runs", |list| list.query("created", created));
        match list.whole_if_reachable(REACHABLE)? {
            Whole::TooMany(total) => {
                for part in window.split(total)?.into_iter().rev() {
                    self.windows.push_front(part);
                }
            }
            Whole::Items(mut runs) => {
                runs.sort_by_key(|run| (run.created_at, run.id));
                let ledger = &mut self.ledger;
                runs.iter().for_each(|run| _ = self.not_found.remove(&run.id));
                self.due.extend(runs.into_iter().filter(|run| ledger.list(run)));
            }
        }
        Ok(())
    }

    fn next_unseen(&mut self) -> Option<i64> {
        self.unseen.get_or_insert_with(|| self.ledger.take_unseen()).pop_first()
    }

    /// Asks for a run that was not finished and is not listed (any more).
    fn look_up(&mut self, id: i64) -> Result<(), Failure> {
        self.has_read = true;
        match self.api.entity::<Run>(&self.repository, &format!("actions/runs/{id}")) {
            Ok(run) => self.due.push_back(run),
            Err(failure) if failure.kind == FailureKind::NotFound => _ = self.not_found.insert(id),
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// The end. What all of the week's lists do not have, and its own address neither, was
    /// deleted: the lists show that GitHub answers, and this token.
    fn finish(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        for id in std::mem::take(&mut self.not_found) {
            self.ledger.forget(id);
            log::info(format!(
                "the workflow run {id} of {} is gone: what was last known of it stays until the next full refresh",
                self.repository.full_name
            ));
        }
        if self.has_read {
            batches.checkpoint(self.ledger.finish())?;
        }
        self.missing.failure().map_or(Ok(Progress::Finished), Err)
    }

    /// Reads the next few runs that are due.
    fn read_due(&mut self, batches: &mut Batches) -> Result<(), Failure> {
        let few = self.due.len().min(IN_FLIGHT);
        let started: Vec<_> = self
            .due
            .drain(..few)
            .map(|run| {
                let path = format!("actions/runs/{}/jobs", run.id);
                let jobs: List<Job> =
                    self.api.list(&self.repository, &path, |list| list.query("filter", "all"));
                let pages = jobs.pages();
                (run, jobs, pages)
            })
            .collect();
        for (run, jobs, pages) in started {
            let jobs = jobs.whole(pages, Vec::new());
            match self.missing.there(format!("the jobs of run {}", run.id), jobs)? {
                Some(jobs) => self.push(run, jobs, batches)?,
                None => self.ledger.keep_open(run.id),
            }
        }
        self.since_commit += few;
        if self.since_commit >= RUNS_PER_COMMIT
            && let Some(next) = self.due.front().map(|run| run.created_at)
        {
            self.commit(next, batches)?;
        }
        Ok(())
    }

    /// Says how far a first reading has come.
    fn commit(&mut self, unread_from: Timestamp, batches: &mut Batches) -> Result<(), Failure> {
        if self.unseen.is_none()
            && let Some(state) = self.ledger.broken_off_at(unread_from)
        {
            batches.checkpoint(&state)?;
            self.since_commit = 0;
        }
        Ok(())
    }

    /// Pushes a run with its jobs and its earlier attempts.
    fn push(&mut self, run: Run, jobs: Vec<Job>, batches: &mut Batches) -> Result<(), Failure> {
        self.ledger.note(&run, jobs.iter().all(is_final));
        for attempt in 1..run.run_attempt {
            let path = format!("actions/runs/{}/attempts/{attempt}", run.id);
            let got = self.api.entity::<Run>(&self.repository, &path);
            let name = format!("attempt {attempt} of run {}", run.id);
            match self.missing.there(name, got)? {
                Some(earlier) => {
                    if earlier.is_odd() {
                        self.ledger.keep_open(run.id);
                    }
                    let earlier = earlier.map(|earlier| RunFields {
                        id: run.id,
                        run_attempt: attempt,
                        ..earlier
                    });
                    batches.push(run_row(&self.repository, earlier));
                }
                None => self.ledger.keep_open(run.id),
            }
        }
        for job in jobs {
            push_job(&self.repository, &run, job, batches)?;
        }
        batches.push(run_row(&self.repository, run));
        Ok(())
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-run-counts`: the runs in plans and outside of them.
//!
//! Days that are asked for (`since`, `until`) are read to the second, as often as they are asked
//! for, with one request for each plan in them; see [`Window`]. What was open before is asked
//! for in every load.

use std::collections::{HashSet, VecDeque};

use serde::de::DeserializeOwned;
use test_dashboard_sdk::{
    Batches, Buffered, Checkpoint, Failure, Partition, Progress, Reader, Request, Source, Timestamp,
};

use crate::Settings;
use crate::absent::{Absent, UnitId};
use crate::api::{About, Api, Entity};
use crate::pages::Pages;
use crate::runs::{self, Plan, PlanSummary, Run, TestRun};
use crate::state::{State, Window};

/// The partition of the runs outside of plans.
const RUNS: &str = "runs";
/// The partition of the plans.
const PLANS: &str = "plans";

/// How many requests for single runs or plans are on their way at once.
const IN_FLIGHT: usize = 4;
/// After how many plans there is a commit point: a first load of many plans that breaks off
/// goes on from here.
const PLANS_PER_COMMIT: usize = 10;

/// The two partitions.
pub fn plan() -> Vec<Partition> {
    [RUNS, PLANS].map(|id| Partition { id: id.into(), data: String::new() }).into()
}

/// Begins to read a partition.
///
/// # Errors
///
/// When the settings make no sense, or the partition is not one of [`plan`]'s.
pub fn open(
    request: &Request,
    partition: &Partition,
    checkpoint: Option<&Checkpoint>,
) -> Result<Box<dyn Reader>, Failure> {
    let Settings { project_id, .. } = request.context.settings()?;
    let api = Api::new(&request.context);
    let known: Option<State> = checkpoint.and_then(Checkpoint::state);
    let window = Window::of(request, known.as_ref());
    let state = known.unwrap_or_else(|| State::before(&window));
    let about = About::Project(project_id);
    let list = |method| window.on(api.method(method, project_id));
    match partition.id.as_str() {
        RUNS => {
            let pages = api.list(about, list("get_runs"));
            let runs = LooseRuns {
                project_id,
                step: Step::List(pages),
                seen: HashSet::new(),
                absent: Absent::new(),
                api,
                window,
                state,
            };
            Ok(Box::new(Buffered::of::<TestRun>(runs)))
        }
        PLANS => {
            let pages = api.list(about, list("get_plans"));
            let plans = Plans {
                project_id,
                step: Step::List(pages),
                listed: Vec::new(),
                read: 0,
                absent: Absent::new(),
                api,
                window,
                state,
            };
            Ok(Box::new(Buffered::of::<TestRun>(plans)))
        }
        other => Err(Failure::internal(format!("there is no partition {other:?}"))),
    }
}

/// First the list is read, then single things by their numbers.
enum Step<L, T> {
    List(Pages<L>),
    Single(Queue<T>),
}

/// A run or plan to ask for by its number.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    id: i64,
    /// Where the list told.
    created_on: Option<Timestamp>,
}

/// What was asked for, and the answer.
type Answered<T> = (Wanted, Result<T, Failure>);

/// Runs or plans to ask for, a few at a time.
struct Queue<T> {
    api: Api,
    method: &'static str,
    waiting: VecDeque<Wanted>,
    in_flight: VecDeque<(Wanted, Entity<T>)>,
}

impl<T: DeserializeOwned> Queue<T> {
    fn new(api: &Api, method: &'static str, waiting: VecDeque<Wanted>) -> Self {
        Queue { api: api.clone(), method, waiting, in_flight: VecDeque::new() }
    }

    /// The next one, in order, with what was answered; none after the last.
    fn next(&mut self) -> Result<Option<Answered<T>>, Failure> {
        while self.in_flight.len() < IN_FLIGHT
            && let Some(wanted) = self.waiting.pop_front()
        {
            self.in_flight.push_back((wanted, self.api.entity(self.method, wanted.id)?));
        }
        let Some((wanted, entity)) = self.in_flight.pop_front() else { return Ok(None) };
        Ok(Some((wanted, entity.wait())))
    }
}

/// Ends a partition: with a last commit point, and with a failure when something is missing.
fn finish(
    api: &Api,
    project_id: i64,
    absent: &mut Absent,
    window: &Window,
    state: &mut State,
    batches: &mut Batches,
) -> Result<Progress, Failure> {
    for UnitId::Run(id) | UnitId::Plan(id) in absent.gone(api, project_id, |list| list)? {
        state.forget(id);
    }
    let failure = absent.failure();
    if failure.is_some() {
        state.miss();
    }
    state.finish(window);
    batches.checkpoint(state)?;
    failure.map_or(Ok(Progress::Finished), Err)
}

/// What was open before and is older than the list.
fn open_before(state: &State, listed: &HashSet<i64>) -> impl Iterator<Item = Wanted> {
    let unlisted = state.open().iter().filter(|id| !listed.contains(id));
    unlisted.map(|&id| Wanted { id, created_on: None })
}

/// The runs outside of plans: the list has everything, so only those that were open before
/// and are older than the list are asked for one by one.
///
/// The list begins with the newest run, so the watermark holds only once all of it was read:
/// there is one commit point, at the end.
struct LooseRuns {
    project_id: i64,
    api: Api,
    window: Window,
    state: State,
    step: Step<Run, Run>,
    seen: HashSet<i64>,
    absent: Absent,
}

impl Source for LooseRuns {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        match &mut self.step {
            Step::List(pages) => match pages.next_page()? {
                Some(page) => self.take(page, batches),
                None => self.ask_for_the_open_ones(),
            },
            Step::Single(queue) => {
                let Some((Wanted { id, .. }, answer)) = queue.next()? else {
                    let LooseRuns { api, absent, window, state, .. } = self;
                    return finish(api, self.project_id, absent, window, state, batches);
                };
                if let Some(run) = self.absent.there(UnitId::Run(id), answer)? {
                    self.state.read(run.id, runs::is_final(&run));
                    batches.push(run.map(|run| run.into_row(self.project_id)));
                }
            }
        }
        Ok(Progress::More)
    }
}

impl LooseRuns {
    fn take(&mut self, page: Vec<Run>, batches: &mut Batches) {
        let is_wanted =
            |run: &Run| run.is_odd_in("created_on") || self.window.holds(run.created_on);
        for run in page.into_iter().filter(is_wanted) {
            self.seen.insert(run.id);
            self.state.read(run.id, runs::is_final(&run));
            self.state.advance(run.created_on.min(self.window.now));
            batches.push(run.map(|run| run.into_row(self.project_id)));
        }
    }

    fn ask_for_the_open_ones(&mut self) {
        let open = open_before(&self.state, &self.seen).collect();
        self.step = Step::Single(Queue::new(&self.api, "get_run", open));
    }
}

/// The runs in plans: the list has no entries, so each plan is asked for.
///
/// Plans are read from the oldest to the newest, whatever the order of the list, so that the
/// watermark holds at every commit point.
struct Plans {
    project_id: i64,
    api: Api,
    window: Window,
    state: State,
    step: Step<PlanSummary, Plan>,
    listed: Vec<PlanSummary>,
    read: usize,
    absent: Absent,
}

impl Source for Plans {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        match &mut self.step {
            Step::List(pages) => match pages.next_page()? {
                Some(page) => {
                    let wanted = page.into_iter().filter(|plan| self.window.holds(plan.created_on));
                    self.listed.extend(wanted);
                }
                None => self.ask_for_each(),
            },
            Step::Single(queue) => {
                let Some((wanted, answer)) = queue.next()? else {
                    let Plans { api, absent, window, state, .. } = self;
                    return finish(api, self.project_id, absent, window, state, batches);
                };
                let plan = self.absent.there(UnitId::Plan(wanted.id), answer)?;
                self.take(wanted, plan, batches)?;
            }
        }
        Ok(Progress::More)
    }
}

impl Plans {
    /// Those that were open before and are older than the list, then the list.
    fn ask_for_each(&mut self) {
        let mut listed = std::mem::take(&mut self.listed);
        listed.sort_by_key(|plan| (plan.created_on, plan.id));
        let ids: HashSet<i64> = listed.iter().map(|plan| plan.id).collect();
        let open = open_before(&self.state, &ids);
        let listed = listed
            .into_iter()
            .map(|plan| Wanted { id: plan.id, created_on: Some(plan.created_on) });
        let queue = Queue::new(&self.api, "get_plan", open.chain(listed).collect());
        self.step = Step::Single(queue);
    }

    fn take(
        &mut self,
        Wanted { id, created_on }: Wanted,
        plan: Option<Plan>,
        batches: &mut Batches,
    ) -> Result<(), Failure> {
        match plan {
            Some(plan) => {
                self.state.read(plan.id, runs::is_final_plan(&plan));
                runs::rows_of_runs(plan, self.project_id).for_each(|row| batches.push(row));
            }
            // Until it is known whether it is gone, the next load has to ask for it, too.
            None => self.state.read(id, false),
        }
        if let Some(created_on) = created_on {
            self.state.advance(created_on.min(self.window.now));
        }
        self.read += 1;
        if self.read.is_multiple_of(PLANS_PER_COMMIT) {
            batches.checkpoint(&self.state)?;
        }
        Ok(())
    }
}

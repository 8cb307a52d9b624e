// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The runs and plans of a month: which of them are new, which have to be read again, and
//! what is remembered of them.
//!
//! A unit is what TestRail closes as one: a plan with all its runs, or a run outside of plans.
//! A completed unit is final. So a unit is read when it is new, again in every run for as long
//! as it is open, and once more after it was completed. One that TestRail lists and does not
//! find, or does not find a run of, counts as open, see [`absent`](crate::absent).

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::{
    Batches, Checkpoint, CheckpointState, Failure, Partition, Progress, Request, Source, Timestamp,
};

use crate::Settings;
use crate::absent::{Absent, UnitId};
use crate::api::{About, Api, Entity};
use crate::months::Month;
use crate::pages::Pages;
use crate::runs::{self, Plan, PlanSummary, Run};

/// How much is asked for again: a run or plan may become visible a little after it was created.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// How long after its end a month is over: TestRail's clock may not be this one's.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// How many single plans or runs are on their way at once.
const IN_FLIGHT: usize = 4;

/// After how many runs there is a commit point, from which a run that broke off goes on.
const RUNS_PER_COMMIT: usize = 20;

/// For each run of an open unit, the latest creation of a result that was read.
pub type Marks = BTreeMap<i64, Timestamp>;

/// A unit that was asked for.
#[derive(Debug)]
pub enum Unit {
    /// A run outside of plans.
    Run(Run),
    /// A plan with its runs.
    Plan(Plan),
}

impl Unit {
    fn run_count(&self) -> usize {
        match self {
            Unit::Run(_) => 1,
            Unit::Plan(plan) => plan.runs().count(),
        }
    }
}

/// What a report makes of a unit.
pub trait Content {
    /// Takes a unit that is open or was just completed. `marks` is what it gave for the unit
    /// the last time.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    fn begin(&mut self, unit: Unit, marks: Marks, batches: &mut Batches) -> Result<(), Failure>;

    /// Does some more of the unit, until it is done: then all rows of the unit have been
    /// pushed.
    ///
    /// # Errors
    ///
    /// Why the unit cannot be read.
    fn go_on(
        &mut self,
        absent: &mut Absent,
        batches: &mut Batches,
    ) -> Result<Option<Done>, Failure>;
}

/// How a unit was read to its end.
#[derive(Debug, Default)]
pub struct Done {
    /// What [`Content::begin`] is given the next time.
    pub marks: Marks,
    /// Whether a run of the unit was not found.
    pub is_partial: bool,
}

/// What is remembered of the runs, or of the plans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// The open ones, and those of which something was not found.
    open: BTreeMap<i64, Marks>,
    /// The completed ones that a list may show once more, with when they were created.
    settled: BTreeMap<i64, Timestamp>,
}

impl Known {
    fn holds(&self, id: i64) -> bool {
        self.open.contains_key(&id) || self.settled.contains_key(&id)
    }
}

/// The checkpoint of a month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Every unit that was created until here was read, or is among the open ones.
    watermark: Option<Timestamp>,
    /// The month was over when it was last listed: nothing is created in it any more.
    is_over: bool,
    runs: Known,
    plans: Known,
    /// How many loads ended with something missing. It makes the last checkpoint of such a
    /// load differ from all before it, so that every row is covered by one.
    #[serde(default)]
    missed: u32,
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

impl State {
    fn of(&mut self, id: UnitId) -> (&mut Known, i64) {
        match id {
            UnitId::Run(id) => (&mut self.runs, id),
            UnitId::Plan(id) => (&mut self.plans, id),
        }
    }

    /// What is remembered of an open unit.
    fn marks(&mut self, id: UnitId) -> Marks {
        let (known, id) = self.of(id);
        known.open.get(&id).cloned().unwrap_or_default()
    }

    /// From when on new units are looked for.
    fn begin(&self, month: Month) -> Timestamp {
        let begin = self.watermark.and_then(|watermark| watermark.checked_sub(OVERLAP).ok());
        begin.unwrap_or(month.begin())
    }

    /// A unit was read to its end.
    fn read(&mut self, read: Read, marks: Marks) {
        if read.is_new {
            self.watermark = self.watermark.max(read.created_on);
        }
        let (known, id) = self.of(read.id);
        if read.is_completed {
            known.open.remove(&id);
            known.settled.extend(read.created_on.map(|created_on| (id, created_on)));
        } else {
            known.open.insert(id, marks);
        }
        let begin = self.watermark.and_then(|watermark| watermark.checked_sub(OVERLAP).ok());
        for known in [&mut self.runs, &mut self.plans] {
            known.settled.retain(|_, created_on| begin.is_none_or(|begin| *created_on >= begin));
        }
    }
}

/// A unit being read.
#[derive(Debug, Clone, Copy)]
struct Read {
    id: UnitId,
    created_on: Option<Timestamp>,
    is_completed: bool,
    is_new: bool,
}

/// A unit to read: where a list has told everything about it, with that.
enum Wanted {
    ListedRun {
        run: Box<Run>,
        is_new: bool,
    },
    Run(i64),
    /// With when it was created, where a list has shown it as new.
    Plan(i64, Option<Timestamp>),
}

/// A unit whose answer is on its way.
enum Coming {
    Here { run: Box<Run>, is_new: bool },
    Run(Entity<Run>),
    Plan(Entity<Plan>, Option<Timestamp>),
}

/// The lists of a month, in the order in which they are read.
struct Lists {
    /// What was created since the watermark; none when the month is over.
    new_runs: Option<Pages<Run>>,
    new_plans: Option<Pages<PlanSummary>>,
    /// The open ones of the month; none when none was open.
    open_runs: Option<Pages<Run>>,
    found_new_runs: Vec<Run>,
    found_new_plans: Vec<PlanSummary>,
    found_open_runs: HashMap<i64, Run>,
}

enum Step {
    List(Box<Lists>),
    Read { waiting: VecDeque<Wanted>, coming: VecDeque<(UnitId, Coming)> },
}

/// Reads the units of a month: those that were open, then the new ones from the oldest to the
/// newest, so that the watermark holds at every commit point.
pub struct Units<C> {
    api: Api,
    project_id: i64,
    month: Month,
    now: Timestamp,
    /// Whether days were asked for: then everything of the month is read again.
    is_asked_for: bool,
    /// What the last run left.
    before: State,
    state: State,
    step: Step,
    reading: Option<Read>,
    runs_since_commit: usize,
    absent: Absent,
    content: C,
}

impl<C: Content> Units<C> {
    /// Begins to read a partition of [`months::plan`](crate::months::plan).
    ///
    /// # Errors
    ///
    /// When the settings make no sense, or the partition is no month.
    pub fn open(
        request: &Request,
        partition: &Partition,
        checkpoint: Option<&Checkpoint>,
        content: C,
    ) -> Result<Self, Failure> {
        let Settings { project_id, .. } = request.context.settings()?;
        let api = Api::new(&request.context);
        let month = Month::named(&partition.id)?;
        let about = About::Project(project_id);
        let state: State = checkpoint.and_then(Checkpoint::state).unwrap_or_default();
        let is_asked_for = request.has_window();
        let begin = if is_asked_for { month.begin() } else { state.begin(month) };
        let is_over = state.is_over && !is_asked_for;
        let list = |method| month.on(api.method(method, project_id), begin);
        let open = || month.on(api.method("get_runs", project_id), month.begin());
        let lists = Lists {
            new_runs: (!is_over).then(|| api.steady_list(about, list("get_runs"))),
            new_plans: (!is_over).then(|| api.steady_list(about, list("get_plans"))),
            open_runs: (!state.runs.open.is_empty())
                .then(|| api.steady_list(about, open().query("is_completed", 0))),
            found_new_runs: Vec::new(),
            found_new_plans: Vec::new(),
            found_open_runs: HashMap::new(),
        };
        Ok(Units {
            api,
            project_id,
            month,
            now: request.context.now,
            is_asked_for,
            before: state.clone(),
            state,
            step: Step::List(Box::new(lists)),
            reading: None,
            runs_since_commit: 0,
            absent: Absent::new(),
            content,
        })
    }

    /// The next unit that is there, with what is remembered of it; none after the last.
    fn next_unit(&mut self) -> Result<Option<(Read, Unit)>, Failure> {
        let Step::Read { waiting, coming } = &mut self.step else { return Ok(None) };
        loop {
            while coming.len() < IN_FLIGHT
                && let Some(wanted) = waiting.pop_front()
            {
                coming.push_back(wanted.ask(&self.api)?);
            }
            let Some((id, unit)) = coming.pop_front() else { return Ok(None) };
            let created_on = unit.listed_as_new();
            match self.absent.there(id, unit.wait(id))? {
                Some(found) => return Ok(Some(found)),
                // Until it is known whether it is gone, the next load has to ask for it, too.
                None => {
                    let is_new = created_on.is_some();
                    let marks = self.state.marks(id);
                    self.state.read(Read { id, created_on, is_completed: false, is_new }, marks);
                }
            }
        }
    }

    fn finish(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let month = self.month;
        let of_month = |list| month.on(list, month.begin());
        for id in self.absent.gone(&self.api, self.project_id, of_month)? {
            let (known, number) = self.state.of(id);
            known.open.remove(&number);
        }
        let failure = self.absent.failure();
        self.state.missed = self.state.missed.wrapping_add(failure.is_some().into());
        let over = self.month.end().checked_add(LATE).unwrap_or(Timestamp::MAX);
        self.state.is_over |= self.now >= over;
        if self.state != self.before {
            batches.checkpoint(&self.state)?;
        }
        failure.map_or(Ok(Progress::Finished), Err)
    }
}

impl<C: Content> Source for Units<C> {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        if let Some(read) = self.reading {
            if let Some(Done { marks, is_partial }) =
                self.content.go_on(&mut self.absent, batches)?
            {
                let is_completed = read.is_completed && !is_partial;
                self.state.read(Read { is_completed, ..read }, marks);
                self.reading = None;
                if self.runs_since_commit >= RUNS_PER_COMMIT {
                    self.runs_since_commit = 0;
                    batches.checkpoint(&self.state)?;
                }
            }
            return Ok(Progress::More);
        }
        if let Step::List(lists) = &mut self.step {
            if !lists.read_on(self.month)? {
                self.step = lists.wanted(&self.state, self.is_asked_for);
            }
            return Ok(Progress::More);
        }
        let Some((read, unit)) = self.next_unit()? else { return self.finish(batches) };
        let known = self.state.marks(read.id);
        let marks = if self.is_asked_for { Marks::new() } else { known };
        self.runs_since_commit += unit.run_count();
        self.reading = Some(read);
        self.content.begin(unit, marks, batches)?;
        Ok(Progress::More)
    }
}

impl Lists {
    /// Reads one more page; false when all lists were read.
    fn read_on(&mut self, month: Month) -> Result<bool, Failure> {
        if let Some(pages) = &mut self.new_runs {
            match pages.next_page()? {
                Some(page) => {
                    let created =
                        |run: &Run| (!run.is_odd_in("created_on")).then_some(run.created_on);
                    let name = |run: &Run| format!("the run {}", run.id);
                    self.found_new_runs.extend(month.only(page, created, name));
                }
                None => self.new_runs = None,
            }
        } else if let Some(pages) = &mut self.new_plans {
            match pages.next_page()? {
                Some(page) => {
                    let name = |plan: &PlanSummary| format!("the plan {}", plan.id);
                    let plans = month.only(page, |plan| Some(plan.created_on), name);
                    self.found_new_plans.extend(plans);
                }
                None => self.new_plans = None,
            }
        } else if let Some(pages) = &mut self.open_runs {
            match pages.next_page()? {
                Some(page) => {
                    self.found_open_runs.extend(page.into_iter().map(|run| (run.id, run)));
                }
                None => self.open_runs = None,
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// What follows from the lists. A run that was open and is in none of them was completed
    /// or deleted, and is asked for by itself. What is settled is read once more where days were
    /// asked for.
    fn wanted(&mut self, state: &State, is_asked_for: bool) -> Step {
        let is_new = |known: &Known, id| match is_asked_for {
            true => !known.open.contains_key(&id),
            false => !known.holds(id),
        };
        let listed = std::mem::take(&mut self.found_new_runs);
        let (again, new): (Vec<Run>, Vec<Run>) =
            listed.into_iter().partition(|run| state.runs.open.contains_key(&run.id));
        let mut found = std::mem::take(&mut self.found_open_runs);
        // The open ones were listed last.
        let again: Vec<Run> =
            again.into_iter().filter(|run| !found.contains_key(&run.id)).collect();
        found.extend(again.into_iter().map(|run| (run.id, run)));
        let mut waiting = VecDeque::new();
        for &id in state.runs.open.keys() {
            waiting.push_back(match found.remove(&id) {
                Some(run) => Wanted::ListedRun { run: Box::new(run), is_new: false },
                None => Wanted::Run(id),
            });
        }
        waiting.extend(state.plans.open.keys().map(|&id| Wanted::Plan(id, None)));
        let runs = new.into_iter().filter(|run| is_new(&state.runs, run.id)).map(|run| {
            ((run.created_on, run.id), Wanted::ListedRun { run: Box::new(run), is_new: true })
        });
        let plans = std::mem::take(&mut self.found_new_plans).into_iter();
        let plans = plans
            .filter(|plan| is_new(&state.plans, plan.id))
            .map(|plan| ((plan.created_on, plan.id), Wanted::Plan(plan.id, Some(plan.created_on))));
        let mut new: Vec<_> = runs.chain(plans).collect();
        new.sort_by_key(|(place, _)| *place);
        waiting.extend(new.into_iter().map(|(_, wanted)| wanted));
        Step::Read { waiting, coming: VecDeque::new() }
    }
}

impl Wanted {
    fn ask(self, api: &Api) -> Result<(UnitId, Coming), Failure> {
        Ok(match self {
            Wanted::ListedRun { run, is_new } => {
                (UnitId::Run(run.id), Coming::Here { run, is_new })
            }
            Wanted::Run(id) => (UnitId::Run(id), Coming::Run(api.entity("get_run", id)?)),
            Wanted::Plan(id, created_on) => {
                (UnitId::Plan(id), Coming::Plan(api.entity("get_plan", id)?, created_on))
            }
        })
    }
}

impl Coming {
    /// When the unit was created, where a list has shown it as new.
    fn listed_as_new(&self) -> Option<Timestamp> {
        match self {
            Coming::Plan(_, listed) => *listed,
            Coming::Here { .. } | Coming::Run(_) => None,
        }
    }

    /// The unit.
    fn wait(self, id: UnitId) -> Result<(Read, Unit), Failure> {
        let of_run = |run: Run, is_new| {
            let (created_on, is_completed) = (Some(run.created_on), runs::is_final(&run));
            (Read { id, created_on, is_completed, is_new }, Unit::Run(run))
        };
        Ok(match self {
            Coming::Here { run, is_new } => of_run(*run, is_new),
            Coming::Run(entity) => of_run(entity.wait()?, false),
            Coming::Plan(entity, listed) => {
                let plan = entity.wait()?;
                let created_on = listed.or(plan.created_on);
                let is_completed = runs::is_final_plan(&plan);
                (Read { id, created_on, is_completed, is_new: listed.is_some() }, Unit::Plan(plan))
            }
        })
    }
}

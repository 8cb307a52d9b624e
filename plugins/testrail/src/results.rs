// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-results`: the tests of each run, and their results.
//!
//! Partitioned by the month in which a run, or its plan, was created, see
//! [`months`](crate::months), and read unit by unit, see [`units`](crate::units): two lists
//! for each run. A run that is open is read in every run of this report: its tests whole,
//! because they have no times, and the results that were created since an hour before the
//! latest that was read. A run that was completed is read whole once more, and never again.
//!
//! # What may differ from TestRail
//!
//! - Runs, tests and results that were deleted stay until the next full refresh.
//! - A run whose tests or results are not found although TestRail lists it keeps the rows that
//!   it had. The partition says so by failing, and the next run reads it again.
//! - A result that was edited while its run is open shows the edit when the run is completed,
//!   or in a full refresh: TestRail cannot be asked for edits.
//!
//! # Requests
//!
//! Those of [`plans_and_runs`](crate::plans_and_runs), and two for each run that is new, open
//! or was completed since the last time; in a first load two for each run there is. A run with
//! more than 250 tests or results takes more.

use std::collections::VecDeque;
use std::mem;

use serde::Deserialize;
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::time::epoch_seconds;
use test_dashboard_sdk::{
    Answer, Batches, Buffered, Checkpoint, Failure, Lenient, Partition, Reader, Request, Row,
    Timestamp,
};

use crate::absent::{Absent, UnitId};
use crate::api::{About, Api};
use crate::duration;
use crate::lenient::{self, Custom};
use crate::pages::{Listed, Pages};
use crate::units::{Content, Done, Marks, Unit, Units};

/// How much is asked for again. Whether `created_after` includes the second it names is not
/// documented, and a result may become visible a little after it was created.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// How many runs are being read at once, each with two lists.
const IN_FLIGHT: usize = 3;

/// A case in a run, with the status of its latest result, as it was when it was last read.
#[derive(Debug, Row, Deserialize)]
#[row(table = "testrail_tests", mode = "merge", key("id"))]
pub struct Test {
    /// The test's number.
    id: i64,
    /// The run that it belongs to.
    #[serde(default)]
    run_id: i64,
    /// The case that is tested; null when it was deleted.
    case_id: Option<i64>,
    /// The test's status (testrail_statuses).
    status_id: Option<i64>,
    /// What is tested.
    title: Option<String>,
    /// Who it is assigned to, as the user's number; null for nobody.
    assignedto_id: Option<i64>,
    /// The template of the case.
    template_id: Option<i64>,
    /// The case's type (testrail_case_types).
    type_id: Option<i64>,
    /// The case's priority (testrail_priorities).
    priority_id: Option<i64>,
    /// The milestone of the case; null without one.
    milestone_id: Option<i64>,
    /// The references of the case, separated by commas.
    refs: Option<String>,
    /// How long it should take, as it was entered, such as `1m 45s`; null without an estimate.
    #[serde(default, deserialize_with = "lenient::text")]
    estimate: Option<String>,
    /// The estimate in seconds (a day has 24 hours); null without one, or in a form that is
    /// not understood.
    #[serde(skip)]
    estimate_seconds: Option<i64>,
    /// How long TestRail expects it to take, from past results; null without any.
    #[serde(default, deserialize_with = "lenient::text")]
    estimate_forecast: Option<String>,
    /// The forecast in seconds; null without one, or in a form that is not understood.
    #[serde(skip)]
    estimate_forecast_seconds: Option<i64>,
}

impl Answer for Test {}

impl Listed for Test {
    const KEY: &'static str = "tests";

    fn id(&self) -> i64 {
        self.id
    }
}

/// A result of a test, or a comment on it, as it was when it was last read.
#[derive(Debug, Row, Deserialize)]
#[row(table = "testrail_test_results", mode = "merge", key("id"))]
pub struct TestResult {
    /// The result's number.
    id: i64,
    /// The test that it belongs to.
    test_id: Option<i64>,
    /// The run of the test.
    #[serde(skip)]
    run_id: i64,
    /// The status that it gave the test (testrail_statuses); null for a mere comment.
    status_id: Option<i64>,
    /// Who entered it, as the user's number.
    created_by: Option<i64>,
    /// When it was entered.
    #[serde(default, with = "epoch_seconds::option")]
    created_on: Option<Timestamp>,
    /// Who the test was assigned to with it, as the user's number; null for nobody.
    assignedto_id: Option<i64>,
    /// The comment, in TestRail's markup; null without one.
    comment: Option<String>,
    /// What was tested, as a version or build; null when it was not said.
    version: Option<String>,
    /// How long the test took, as it was entered, such as `1m 45s`; null when it was not said.
    #[serde(default, deserialize_with = "lenient::text")]
    elapsed: Option<String>,
    /// How long the test took, in seconds (a day has 24 hours); null when it was not said, or
    /// in a form that is not understood.
    #[serde(skip)]
    elapsed_seconds: Option<i64>,
    /// The defects, such as tickets, separated by commas.
    defects: Option<String>,
    /// All custom fields, by their system names.
    #[serde(flatten)]
    custom_fields: Custom,
}

impl Answer for TestResult {}

impl Listed for TestResult {
    const KEY: &'static str = "results";

    fn id(&self) -> i64 {
        self.id
    }
}

/// Begins to read a partition of [`months::plan`](crate::months::plan).
///
/// # Errors
///
/// When the settings make no sense, or the partition is no month.
pub fn open(
    request: &Request,
    partition: &Partition,
    checkpoint: Option<&Checkpoint>,
) -> Result<Box<dyn Reader>, Failure> {
    let content = Results {
        api: Api::new(&request.context),
        now: request.context.now,
        plan: None,
        waiting: VecDeque::new(),
        reading: VecDeque::new(),
        done: Done::default(),
    };
    let units = Units::open(request, partition, checkpoint, content)?;
    Ok(Box::new(Buffered::of::<TestResult>(units)))
}

/// Reads the tests and results of the runs of a unit.
struct Results {
    api: Api,
    /// When the reading began.
    now: Timestamp,
    /// Of the unit.
    plan: Option<i64>,
    waiting: VecDeque<Wanted>,
    reading: VecDeque<RunLists>,
    /// What is done of the unit.
    done: Done,
}

/// A run to read.
struct Wanted {
    run_id: i64,
    /// The latest result that is known; none when all are wanted.
    mark: Option<Timestamp>,
}

impl Content for Results {
    fn begin(&mut self, unit: Unit, marks: Marks, _: &mut Batches) -> Result<(), Failure> {
        let now = self.now;
        let wanted = |run_id, is_completed: bool| Wanted {
            run_id,
            mark: marks.get(&run_id).map(|mark| *mark.min(&now)).filter(|_| !is_completed),
        };
        (self.plan, self.waiting) = match &unit {
            Unit::Run(run) => (None, [wanted(run.id, run.is_completed)].into()),
            Unit::Plan(plan) => {
                let runs = plan.runs().map(|run| wanted(run.id, plan.is_completed));
                (Some(plan.id), runs.collect())
            }
        };
        Ok(())
    }

    fn go_on(
        &mut self,
        absent: &mut Absent,
        batches: &mut Batches,
    ) -> Result<Option<Done>, Failure> {
        while self.reading.len() < IN_FLIGHT
            && let Some(wanted) = self.waiting.pop_front()
        {
            self.reading.push_back(RunLists::start(&self.api, wanted));
        }
        let Some(run) = self.reading.pop_front() else {
            return Ok(Some(mem::take(&mut self.done)));
        };
        let (run_id, known) = (run.run_id, run.mark);
        let read = run.read(batches, self.now);
        let mark = match self.plan {
            Some(plan) => absent.there_in_plan(run_id, plan, read)?,
            None => absent.there(UnitId::Run(run_id), read)?,
        };
        // What is missing or cannot be understood is read again.
        let new_mark = mark.and_then(|(mark, is_sound)| is_sound.then_some(mark));
        self.done.is_partial |= new_mark.is_none();
        self.done.marks.extend(new_mark.unwrap_or(known).map(|mark| (run_id, mark)));
        Ok(None)
    }
}

/// The two lists of a run, on their way.
struct RunLists {
    run_id: i64,
    mark: Option<Timestamp>,
    tests: Pages<Lenient<Test>>,
    results: Pages<Lenient<TestResult>>,
}

impl RunLists {
    fn start(api: &Api, Wanted { run_id, mark }: Wanted) -> Self {
        let begin = mark.map(|mark| mark.saturating_sub(OVERLAP).unwrap_or(mark).as_second());
        let results = api.method("get_results_for_run", run_id).query_opt("created_after", begin);
        RunLists {
            run_id,
            mark,
            tests: api.steady_list(About::Run, api.method("get_tests", run_id)),
            results: api.steady_list(About::Run, results),
        }
    }

    /// Pushes the rows of both, or of neither; gives the latest creation of a result, and whether
    /// all of them can be understood.
    fn read(
        self,
        batches: &mut Batches,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, bool), Failure> {
        let RunLists { run_id, mut mark, tests, results } = self;
        let (tests, results) = (tests.all()?, results.all()?);
        let is_sound = !tests.iter().any(Lenient::is_odd) && !results.iter().any(Lenient::is_odd);
        for mut test in tests {
            test.run_id = run_id;
            test.estimate_seconds = test.estimate.as_deref().and_then(duration::seconds);
            test.estimate_forecast_seconds =
                test.estimate_forecast.as_deref().and_then(duration::seconds);
            batches.push(test);
        }
        for mut result in results {
            result.run_id = run_id;
            result.elapsed_seconds = result.elapsed.as_deref().and_then(duration::seconds);
            // One in the future is a wrong clock's: what comes before it is still to be read.
            mark = mark.max(result.created_on.map(|created| created.min(now)));
            batches.push(result);
        }
        Ok((mark, is_sound))
    }
}

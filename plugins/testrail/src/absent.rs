// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs and plans that TestRail did not find by their numbers: deleted, or not there for now.
//!
//! Every one of them was listed once, by this run or by an earlier one, and its own address now
//! answers "not found". That alone is no deletion: a service in trouble says so of everything.
//! So the list is asked anew when all the rest was read. What it still shows is missing: it
//! stays open in the checkpoint, and the partition fails. What it does not show any more is
//! gone: the list answered, so the service works and the credential may read the project, and
//! it is the same list that showed it before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;

use test_dashboard_sdk::http::RequestBuilder;
use test_dashboard_sdk::{Failure, FailureKind, Missing, log};

use crate::api::{About, Api};
use crate::pages::Listed;
use crate::runs::{PlanSummary, RunSummary};

/// What TestRail closes as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitId {
    /// A run outside of plans.
    Run(i64),
    /// A plan with its runs.
    Plan(i64),
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnitId::Run(id) => write!(f, "run {id}"),
            UnitId::Plan(id) => write!(f, "plan {id}"),
        }
    }
}

/// Gathers what was not found.
pub struct Absent {
    missing: Missing,
    unsure: BTreeMap<UnitId, Failure>,
}

impl Absent {
    /// Nothing yet.
    pub fn new() -> Self {
        Absent { missing: Missing::of("runs and plans"), unsure: BTreeMap::new() }
    }

    /// Takes note of what was got for a run or plan. None when it was not found.
    ///
    /// # Errors
    ///
    /// Every failure but `not-found`.
    pub fn there<T>(&mut self, id: UnitId, got: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match got {
            Err(failure) if failure.kind == FailureKind::NotFound => {
                self.unsure.entry(id).or_insert(failure);
                Ok(None)
            }
            got => self.missing.there(id.to_string(), got),
        }
    }

    /// The same for a run of a plan. It needs no list: the next run asks for the plan again,
    /// which says whether the run is still in it.
    ///
    /// # Errors
    ///
    /// Every failure but `not-found`.
    pub fn there_in_plan<T>(
        &mut self,
        run: i64,
        plan: i64,
        got: Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        self.missing.there(format!("run {run} of plan {plan}"), got)
    }

    /// Asks the lists for what was not found, and gives what they do not show any more. `on`
    /// narrows a list to the time in which everything that was asked for was created.
    ///
    /// # Errors
    ///
    /// When a list does not come: then nothing is known of what was not found.
    pub fn gone(
        &mut self,
        api: &Api,
        project_id: i64,
        on: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Vec<UnitId>, Failure> {
        let unsure = mem::take(&mut self.unsure);
        let list = |method| on(api.method(method, project_id));
        let about = About::Project(project_id);
        let mut listed = BTreeSet::new();
        if unsure.keys().any(|id| matches!(id, UnitId::Run(_))) {
            let runs = api.steady_list::<RunSummary>(about, list("get_runs")).all()?;
            listed.extend(runs.iter().map(|run| UnitId::Run(run.id())));
        }
        if unsure.keys().any(|id| matches!(id, UnitId::Plan(_))) {
            let plans = api.steady_list::<PlanSummary>(about, list("get_plans")).all()?;
            listed.extend(plans.iter().map(|plan| UnitId::Plan(plan.id)));
        }
        let mut gone = Vec::new();
        for (id, failure) in unsure {
            if listed.contains(&id) {
                self.missing.there(id.to_string(), Err::<(), _>(failure))?;
            } else {
                log::info(format!(
                    "{id} is gone from TestRail; its rows stay until a full refresh"
                ));
                gone.push(id);
            }
        }
        Ok(gone)
    }

    /// What ends the partition, once all the rest is covered by a checkpoint.
    pub fn failure(&self) -> Option<Failure> {
        self.missing.failure()
    }
}

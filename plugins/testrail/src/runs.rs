// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A test run: as TestRail sends it, and as a row.

use serde::Deserialize;
use test_dashboard_sdk::time::epoch_seconds;
use test_dashboard_sdk::{Row, Timestamp};

use crate::pages::Listed;

/// A test run and how many of its tests have which status, as it was when it was last read.
/// A run is final once it is completed; one that is open is read again until then.
#[derive(Debug, Row)]
#[row(table = "testrail_test_runs", mode = "merge", key("id"))]
pub struct TestRun {
    /// The run's number.
    id: i64,
    /// TestRail's number of the project.
    project_id: i64,
    /// Its name.
    name: String,
    /// The suite whose cases it runs.
    suite_id: Option<i64>,
    /// The test plan that it is part of; null outside of plans.
    plan_id: Option<i64>,
    /// The test plan's name; null outside of plans.
    plan_name: Option<String>,
    /// The entry of the plan: one suite, run once per configuration. Null outside of plans.
    entry_id: Option<String>,
    /// The entry's name; null outside of plans.
    entry_name: Option<String>,
    /// The milestone that the run belongs to, or in a plan the plan's.
    milestone_id: Option<i64>,
    /// The configuration, such as `Android 14, Pixel 8`; null without one.
    config: Option<String>,
    /// The references, such as tickets, separated by commas.
    refs: Option<String>,
    /// Whether it is closed, and its counts final.
    is_completed: bool,
    /// When it was created.
    created_on: Timestamp,
    /// When it was closed; null while it is open.
    completed_on: Option<Timestamp>,
    /// Its address for a person.
    url: Option<String>,
    /// Tests that passed.
    passed_count: i64,
    /// Tests that are blocked.
    blocked_count: i64,
    /// Tests without a result.
    untested_count: i64,
    /// Tests to be done again.
    retest_count: i64,
    /// Tests that failed.
    failed_count: i64,
    /// Tests with the instance's first status of its own; null on servers without it.
    custom_status1_count: Option<i64>,
    /// Tests with the instance's second status of its own; null on servers without it.
    custom_status2_count: Option<i64>,
    /// Tests with the instance's third status of its own; null on servers without it.
    custom_status3_count: Option<i64>,
    /// Tests with the instance's fourth status of its own; null on servers without it.
    custom_status4_count: Option<i64>,
    /// Tests with the instance's fifth status of its own; null on servers without it.
    custom_status5_count: Option<i64>,
    /// Tests with the instance's sixth status of its own; null on servers without it.
    custom_status6_count: Option<i64>,
    /// Tests with the instance's seventh status of its own; null on servers without it.
    custom_status7_count: Option<i64>,
    /// All tests of the run, whatever their status.
    total_count: i64,
}

/// A run as `get_run`, `get_runs` and the entries of `get_plan` have it.
#[derive(Debug, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// Whether it is closed.
    pub is_completed: bool,
    /// When it was created.
    #[serde(with = "epoch_seconds")]
    pub created_on: Timestamp,
    #[serde(default, with = "epoch_seconds::option")]
    completed_on: Option<Timestamp>,
    name: String,
    suite_id: Option<i64>,
    milestone_id: Option<i64>,
    plan_id: Option<i64>,
    entry_id: Option<String>,
    config: Option<String>,
    refs: Option<String>,
    url: Option<String>,
    passed_count: i64,
    blocked_count: i64,
    untested_count: i64,
    retest_count: i64,
    failed_count: i64,
    custom_status1_count: Option<i64>,
    custom_status2_count: Option<i64>,
    custom_status3_count: Option<i64>,
    custom_status4_count: Option<i64>,
    custom_status5_count: Option<i64>,
    custom_status6_count: Option<i64>,
    custom_status7_count: Option<i64>,
}

impl Listed for Run {
    const KEY: &'static str = "runs";

    fn id(&self) -> i64 {
        self.id
    }
}

impl Run {
    /// Every count but the system's five.
    fn custom_counts(&self) -> [Option<i64>; 7] {
        [
            self.custom_status1_count,
            self.custom_status2_count,
            self.custom_status3_count,
            self.custom_status4_count,
            self.custom_status5_count,
            self.custom_status6_count,
            self.custom_status7_count,
        ]
    }

    fn total(&self) -> i64 {
        let system = self.passed_count
            + self.blocked_count
            + self.untested_count
            + self.retest_count
            + self.failed_count;
        self.custom_counts().into_iter().flatten().fold(system, i64::saturating_add)
    }

    /// The row of a run of this project, outside of plans.
    pub fn into_row(self, project_id: i64) -> TestRun {
        TestRun {
            total_count: self.total(),
            id: self.id,
            project_id,
            name: self.name,
            suite_id: self.suite_id,
            plan_id: self.plan_id,
            plan_name: None,
            entry_id: self.entry_id,
            entry_name: None,
            milestone_id: self.milestone_id,
            config: self.config,
            refs: self.refs,
            is_completed: self.is_completed,
            created_on: self.created_on,
            completed_on: self.completed_on,
            url: self.url,
            passed_count: self.passed_count,
            blocked_count: self.blocked_count,
            untested_count: self.untested_count,
            retest_count: self.retest_count,
            failed_count: self.failed_count,
            custom_status1_count: self.custom_status1_count,
            custom_status2_count: self.custom_status2_count,
            custom_status3_count: self.custom_status3_count,
            custom_status4_count: self.custom_status4_count,
            custom_status5_count: self.custom_status5_count,
            custom_status6_count: self.custom_status6_count,
            custom_status7_count: self.custom_status7_count,
        }
    }
}

/// A plan as `get_plans` lists it: without its entries.
#[derive(Debug, Deserialize)]
pub struct PlanSummary {
    /// Its number.
    pub id: i64,
    /// When it was created.
    #[serde(with = "epoch_seconds")]
    pub created_on: Timestamp,
}

impl Listed for PlanSummary {
    const KEY: &'static str = "plans";

    fn id(&self) -> i64 {
        self.id
    }
}

/// A run as `get_runs` lists it, as far as its time goes.
#[derive(Debug, Deserialize)]
pub struct RunSummary {
    id: i64,
    /// When it was created.
    #[serde(with = "epoch_seconds")]
    pub created_on: Timestamp,
}

impl Listed for RunSummary {
    const KEY: &'static str = "runs";

    fn id(&self) -> i64 {
        self.id
    }
}

/// A test plan and its counts, as it was when it was last read. A plan is final once it is
/// completed; one that is open is read again until then.
#[derive(Debug, Row)]
#[row(table = "testrail_test_plans", mode = "merge", key("id"))]
pub struct TestPlan {
    /// The plan's number.
    id: i64,
    /// TestRail's number of the project.
    project_id: i64,
    /// Its name.
    name: String,
    /// Its description, in TestRail's markup; null without one.
    description: Option<String>,
    /// The milestone that it belongs to; null without one.
    milestone_id: Option<i64>,
    /// Who it is assigned to, as the user's number; null for nobody.
    assignedto_id: Option<i64>,
    /// The references, such as tickets, separated by commas.
    refs: Option<String>,
    /// Whether it is closed, and its runs with it.
    is_completed: bool,
    /// Who created it, as the user's number.
    created_by: Option<i64>,
    /// When it was created.
    created_on: Option<Timestamp>,
    /// When it was closed; null while it is open.
    completed_on: Option<Timestamp>,
    /// Its address for a person.
    url: Option<String>,
    /// How many suites it runs.
    entry_count: i64,
    /// How many runs these are: one for each configuration.
    run_count: i64,
    /// Tests of its runs that passed.
    passed_count: i64,
    /// Tests of its runs that are blocked.
    blocked_count: i64,
    /// Tests of its runs without a result.
    untested_count: i64,
    /// Tests of its runs to be done again.
    retest_count: i64,
    /// Tests of its runs that failed.
    failed_count: i64,
    /// All tests of its runs, whatever their status.
    total_count: i64,
}

/// A plan as `get_plan` has it.
#[derive(Debug, Deserialize)]
pub struct Plan {
    /// Its number.
    pub id: i64,
    /// Whether it is closed, and its runs with it: they cannot be closed by themselves.
    pub is_completed: bool,
    /// When it was created.
    #[serde(default, with = "epoch_seconds::option")]
    pub created_on: Option<Timestamp>,
    #[serde(default, with = "epoch_seconds::option")]
    completed_on: Option<Timestamp>,
    name: String,
    description: Option<String>,
    milestone_id: Option<i64>,
    assignedto_id: Option<i64>,
    created_by: Option<i64>,
    refs: Option<String>,
    url: Option<String>,
    entries: Vec<Entry>,
}

/// One suite of a plan: a run for each configuration.
#[derive(Debug, Deserialize)]
pub struct Entry {
    id: String,
    name: Option<String>,
    runs: Vec<Run>,
}

impl Plan {
    /// The plan's runs.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.entries.iter().flat_map(|entry| &entry.runs)
    }

    /// The row of a plan of this project.
    pub fn row(&self, project_id: i64) -> TestPlan {
        let sum = |count: fn(&Run) -> i64| self.runs().map(count).fold(0, i64::saturating_add);
        TestPlan {
            id: self.id,
            project_id,
            name: self.name.clone(),
            description: self.description.clone(),
            milestone_id: self.milestone_id,
            assignedto_id: self.assignedto_id,
            refs: self.refs.clone(),
            is_completed: self.is_completed,
            created_by: self.created_by,
            created_on: self.created_on,
            completed_on: self.completed_on,
            url: self.url.clone(),
            entry_count: i64::try_from(self.entries.len()).unwrap_or(i64::MAX),
            run_count: sum(|_| 1),
            passed_count: sum(|run| run.passed_count),
            blocked_count: sum(|run| run.blocked_count),
            untested_count: sum(|run| run.untested_count),
            retest_count: sum(|run| run.retest_count),
            failed_count: sum(|run| run.failed_count),
            total_count: sum(Run::total),
        }
    }

    /// The rows of the runs of a plan of this project.
    pub fn into_rows(self, project_id: i64) -> impl Iterator<Item = TestRun> {
        let Plan { id, name, milestone_id, entries, .. } = self;
        entries.into_iter().flat_map(move |Entry { id: entry_id, name: entry_name, runs }| {
            let plan_name = name.clone();
            runs.into_iter().map(move |run| {
                let row = run.into_row(project_id);
                TestRun {
                    plan_id: Some(id),
                    plan_name: Some(plan_name.clone()),
                    entry_id: Some(entry_id.clone()),
                    entry_name: entry_name.clone(),
                    milestone_id: row.milestone_id.or(milestone_id),
                    ..row
                }
            })
        })
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A test run: as TestRail sends it, and as a row.

use serde::Deserialize;
use test_dashboard_sdk::time::epoch_seconds;
use test_dashboard_sdk::{Answer, Lenient, Row, Timestamp};

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
pub type Run = Lenient<RunFields>;

/// What is read of one.
#[derive(Debug, Deserialize)]
pub struct RunFields {
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

impl Answer for RunFields {}

impl Listed for RunFields {
    const KEY: &'static str = "runs";

    fn id(&self) -> i64 {
        self.id
    }
}

impl RunFields {
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
pub type PlanSummary = Lenient<PlanSummaryFields>;

/// What is read of one.
#[derive(Debug, Deserialize)]
pub struct PlanSummaryFields {
    /// Its number.
    pub id: i64,
    /// When it was created.
    #[serde(with = "epoch_seconds")]
    pub created_on: Timestamp,
}

impl Answer for PlanSummaryFields {
    const NEEDED: &'static [&'static str] = &["id", "created_on"];
}

impl Listed for PlanSummaryFields {
    const KEY: &'static str = "plans";

    fn id(&self) -> i64 {
        self.id
    }
}

/// A run as `get_runs` lists it, as far as its time goes.
pub type RunSummary = Lenient<RunSummaryFields>;

/// What is read of one.
#[derive(Debug, Deserialize)]
pub struct RunSummaryFields {
    id: i64,
    /// When it was created.
    #[serde(with = "epoch_seconds")]
    pub created_on: Timestamp,
}

impl Answer for RunSummaryFields {
    const NEEDED: &'static [&'static str] = &["id", "created_on"];
}

impl Listed for RunSummaryFields {
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
pub type Plan = Lenient<PlanFields>;

/// What is read of one.
#[derive(Debug, Deserialize)]
pub struct PlanFields {
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

impl Answer for PlanFields {
    /// Without its entries nobody would miss its runs.
    const NEEDED: &'static [&'static str] = &["id", "entries"];
}

/// Whether a run is closed, and all of it could be understood: there is nothing to read again.
pub fn is_final(run: &Run) -> bool {
    run.is_completed && !run.is_odd()
}

/// The same of a plan and its runs.
pub fn is_final_plan(plan: &Plan) -> bool {
    plan.is_completed && !plan.is_odd() && !plan.runs().any(Lenient::is_odd)
}

/// The row of a plan of this project. A run that cannot be understood makes its sums odd.
pub fn plan_row(plan: &Plan, project_id: i64) -> Lenient<TestPlan> {
    let row = plan.row(project_id);
    match plan.runs().find(|run| run.is_odd()) {
        Some(run) if !plan.is_odd() => run.with(row),
        _ => plan.with(row),
    }
}

/// The rows of the runs of a plan of this project, which say some things of the plan.
pub fn rows_of_runs(plan: Plan, project_id: i64) -> impl Iterator<Item = Lenient<TestRun>> {
    let is_told = |field| plan.is_odd_in(field);
    let odd = ["name", "milestone_id"].into_iter().any(is_told).then(|| plan.with(()));
    plan.into_inner().into_rows(project_id).map(move |row| match &odd {
        Some(odd) => odd.with(row.into_inner()),
        None => row,
    })
}

impl PlanFields {
    /// The plan's runs.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.entries.iter().flat_map(|entry| &entry.runs)
    }

    /// The row of a plan of this project.
    fn row(&self, project_id: i64) -> TestPlan {
        let sum = |count: fn(&RunFields) -> i64| {
            self.runs().map(|run| count(run)).fold(0, i64::saturating_add)
        };
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
            total_count: sum(RunFields::total),
        }
    }

    /// The rows of the runs of a plan of this project.
    fn into_rows(self, project_id: i64) -> impl Iterator<Item = Lenient<TestRun>> {
        let PlanFields { id, name, milestone_id, entries, .. } = self;
        entries.into_iter().flat_map(move |Entry { id: entry_id, name: entry_name, runs }| {
            let plan_name = name.clone();
            let in_plan = move |run: RunFields| {
                let row = run.into_row(project_id);
                TestRun {
                    plan_id: Some(id),
                    plan_name: Some(plan_name.clone()),
                    entry_id: Some(entry_id.clone()),
                    entry_name: entry_name.clone(),
                    milestone_id: row.milestone_id.or(milestone_id),
                    ..row
                }
            };
            runs.into_iter().map(move |run| run.map(&in_plan))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as JsonValue, json};
    use test_dashboard_sdk::Value;

    use super::*;

    fn run(is_completed: JsonValue, passed_count: JsonValue) -> JsonValue {
        json!({
            "id": 7, "name": "R", "is_completed": is_completed, "created_on": 1_770_000_000,
            "passed_count": passed_count, "blocked_count": 0, "untested_count": 0,
            "retest_count": 0, "failed_count": 0,
        })
    }

    fn plan(name: JsonValue, run: &JsonValue) -> Plan {
        let plan = json!({
            "id": 8, "name": name, "is_completed": true,
            "entries": [{"id": "e", "name": null, "runs": [run, run]}],
        });
        serde_json::from_str(&plan.to_string()).unwrap()
    }

    fn read(run: &JsonValue) -> Run {
        serde_json::from_str(&run.to_string()).unwrap()
    }

    #[test]
    fn a_flag_may_be_a_number_or_text() {
        for yes in [json!(true), json!(1), json!("1"), json!("true")] {
            assert!(is_final(&read(&run(yes.clone(), json!(1)))), "{yes}");
        }
        for no in [json!(false), json!(0), json!("rather"), json!(2), JsonValue::Null] {
            assert!(!is_final(&read(&run(no.clone(), json!(1)))), "{no}");
        }
    }

    #[test]
    fn a_run_that_cannot_be_understood_is_not_final_and_nor_is_its_plan() {
        let (sound, odd) = (run(json!(true), json!(1)), run(json!(true), json!("one")));
        assert!(is_final(&read(&sound)) && !is_final(&read(&odd)));
        assert!(is_final_plan(&plan(json!("P"), &sound)));
        assert!(!is_final_plan(&plan(json!("P"), &odd)));
        assert!(!is_final_plan(&plan(json!(["P"]), &sound)));
    }

    #[test]
    fn what_follows_from_something_odd_is_odd() {
        let (sound, odd) = (run(json!(true), json!(1)), run(json!(true), json!("one")));
        assert!(!plan_row(&plan(json!("P"), &sound), 59).is_odd());
        // A sum of which a part is not known.
        let values = plan_row(&plan(json!("P"), &odd), 59).into_values();
        assert!(values.contains(&Value::Text("one".into())), "{values:?}");
        // The name of the plan is in the rows of its runs.
        let rows = |plan| rows_of_runs(plan, 59).map(|row| row.is_odd()).collect::<Vec<_>>();
        assert_eq!(rows(plan(json!("P"), &sound)), [false, false]);
        assert_eq!(rows(plan(json!(["P"]), &sound)), [true, true]);
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The datasource `testrail`: test cases, plans, runs, results and milestones of a TestRail
//! instance (API v2). It is partitioned so that a part is small enough to be read again, costs
//! nothing once it cannot change, and holds rows that never move to another part.
//!
//! - `test-case-coverage` counts the cases of each suite as they are today, by three case
//!   fields that settings may name: see `meaning`. There is a partition per suite and day
//!   (`suite:123/2026-03-01`), so that a day read twice is replaced, the days before it stay,
//!   and one suite's trouble is not another's. One more, `suites`, keeps what the suites are
//!   called; it merges, because the history of a suite that was deleted still needs its name.
//! - `test-run-counts` keeps the counts of test runs. There are two partitions, because
//!   TestRail lists the runs outside of plans and the plans apart: `runs` and `plans`, each
//!   with its own watermark and list of what is still open.
//! - `test-cases` keeps the cases with their sections and choices: a partition per suite, and
//!   one for all sections. See `cases`.
//! - `test-plans-and-runs` and `test-results` keep plans, runs, tests and results: a partition
//!   per month in which a run or plan was created, read again for as long as something of it
//!   is open. See `months`, `units`, `plans_and_runs` and `results`.
//! - `milestones` and `reference` are short lists, read whole into snapshots.
//!
//! The modules of these names say how many requests a later run makes, and for how long the
//! tables may differ from TestRail. What they have in common: TestRail does not tell what was
//! deleted, so that stays, except in snapshots, until the next full refresh, which reads
//! everything and removes what is gone.
//!
//! "Not found" is not taken for "deleted": a run or plan that TestRail lists and does not find
//! fails its partition by name, after the rest was written, and is asked for again in the next
//! run. See `absent`.
//!
//! A window (`since`, `until`) is compared with when a run or plan was created. What it holds is
//! read, also when it was read before: to the second in `test-run-counts`, and by whole months
//! in the reports by month. Beyond the window only what is still open is read. Without a window
//! everything is: what is new since the last load, and what an earlier window left out. Cases,
//! milestones and the reference are of the present: they are read as they are now, whatever the
//! window. The coverage of a day that is over cannot be counted any more, so a window that ends
//! before today is refused.

mod absent;
mod api;
mod cases;
mod coverage;
mod duration;
mod fields;
mod ledger;
mod lenient;
mod meaning;
mod milestones;
mod months;
mod pages;
mod plans_and_runs;
mod reference;
mod results;
mod run_counts;
mod runs;
#[cfg(test)]
#[path = "../tests/shared/mod.rs"]
mod shared;
mod state;
mod units;

use serde::Deserialize;
use test_dashboard_sdk::{
    Checkpoint, Context, CredentialKind, Datasource, Description, Failure, Partition, Reader,
    Request, Row, log,
};

use api::Api;
use cases::{CustomValue, Section, TestCase};
use coverage::{CaseCoverage, Suite};
use meaning::Fields;
use milestones::Milestone;
use reference::{CaseField, CaseType, Priority, Status};
use results::{Test, TestResult};
use runs::{TestPlan, TestRun};

const COVERAGE: &str = "test-case-coverage";
const RUN_COUNTS: &str = "test-run-counts";
const CASES: &str = "test-cases";
const PLANS_AND_RUNS: &str = "test-plans-and-runs";
const RESULTS: &str = "test-results";
const MILESTONES: &str = "milestones";
const REFERENCE: &str = "reference";

/// What a standard TestRail instance bears a minute, everything that uses it together.
const REQUESTS_PER_MINUTE: u32 = 180;

/// A project's settings.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Settings {
    project_id: i64,
    suite_ids: Option<Vec<i64>>,
    automation_status_field: Option<String>,
    automation_coverage_field: Option<String>,
    sub_suites_field: Option<String>,
}

/// The datasource.
pub struct TestRail;

impl Datasource for TestRail {
    fn describe() -> Description {
        let summary = "Test cases, plans, runs, results and milestones of TestRail";
        Description::new("testrail", env!("CARGO_PKG_VERSION"), summary)
            .credential(CredentialKind::Basic)
            .requests_per_minute(REQUESTS_PER_MINUTE)
            .required_setting("project-id", "The project's number in TestRail, such as 59")
            .optional_setting(
                "suite-ids",
                "Only these suites, such as [3192, 3307], in test-case-coverage and test-cases; without it all",
            )
            .optional_setting(
                "automation-status-field",
                "The case field of the automation status, such as custom_automation_type; without it custom_automation_status; \"none\" where cases have no such field",
            )
            .optional_setting(
                "automation-coverage-field",
                "The case field of the automation coverage, such as custom_coverage; without it custom_automation_coverage; \"none\" where cases have no such field",
            )
            .optional_setting(
                "sub-suites-field",
                "The case field of the sub-suites, such as custom_areas; without it custom_sub_test_suites; \"none\" where cases have no such field",
            )
            .table::<CaseCoverage>()
            .table::<Suite>()
            .table::<TestRun>()
            .table::<Section>()
            .table::<TestCase>()
            .table::<CustomValue>()
            .table::<TestPlan>()
            .table::<Test>()
            .table::<TestResult>()
            .table::<Milestone>()
            .table::<Status>()
            .table::<CaseType>()
            .table::<Priority>()
            .table::<CaseField>()
            .report(
                COVERAGE,
                "How many test cases each suite has today, by sub-suite, automation status and automation coverage",
                &[CaseCoverage::TABLE, Suite::TABLE],
            )
            .report(
                RUN_COUNTS,
                "How many tests of each test run, in plans and outside of them, have which status",
                &[TestRun::TABLE],
            )
            .exhaustive_report(
                CASES,
                "Every test case with its custom fields, and the sections; reads what was updated since the last run",
                &[TestCase::TABLE, CustomValue::TABLE, Section::TABLE],
            )
            .exhaustive_report(
                PLANS_AND_RUNS,
                "Every test plan and test run with its counts; reads what is new, open or was completed since the last run",
                &[TestPlan::TABLE, TestRun::TABLE],
            )
            .exhaustive_report(
                RESULTS,
                "Every test and result; reads the runs that are new, open or were completed since the last run",
                &[Test::TABLE, TestResult::TABLE],
            )
            .exhaustive_report(
                MILESTONES,
                "The milestones, as they are now",
                &[Milestone::TABLE],
            )
            .exhaustive_report(
                REFERENCE,
                "What the ids of statuses, case types, priorities and custom fields stand for",
                &[Status::TABLE, CaseType::TABLE, Priority::TABLE, CaseField::TABLE],
            )
    }

    fn check(context: &Context) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Project {
            name: String,
        }
        let Settings { project_id, .. } = context.settings()?;
        let Project { name } = Api::new(context).project(project_id)?.wait()?;
        Fields::fetch(context)?;
        Ok(format!("the project {project_id} is {name:?}"))
    }

    fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
        let report = request.report.as_str();
        if request.has_window() && matches!(report, COVERAGE | CASES | MILESTONES | REFERENCE) {
            log::info(format!("{report} is read as it is now, whatever days are asked for"));
        }
        match report {
            COVERAGE => coverage::plan(request),
            RUN_COUNTS => Ok(run_counts::plan()),
            CASES => cases::plan(&request.context),
            PLANS_AND_RUNS | RESULTS => months::plan(request),
            MILESTONES => Ok(milestones::plan()),
            REFERENCE => Ok(reference::plan()),
            _ => Err(request.unknown_report()),
        }
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure> {
        match request.report.as_str() {
            COVERAGE => coverage::open(&request.context, &partition),
            RUN_COUNTS => run_counts::open(&request, &partition, checkpoint.as_ref()),
            CASES => cases::open(&request, &partition, checkpoint.as_ref()),
            PLANS_AND_RUNS => plans_and_runs::open(&request, &partition, checkpoint.as_ref()),
            RESULTS => results::open(&request, &partition, checkpoint.as_ref()),
            MILESTONES => milestones::open(&request.context),
            REFERENCE => reference::open(&request.context, &partition),
            _ => Err(request.unknown_report()),
        }
    }
}

test_dashboard_sdk::export!(TestRail);

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-case-coverage`: the cases of each suite, counted as they are today, by the three fields
//! that the settings name; see [`meaning`](crate::meaning).
//!
//! # Requests
//!
//! Every run makes 3 + Σ ⌈cases of a suite ÷ 250⌉: the suites twice, to plan and for their own
//! partition; the field definitions, once for all suites; and the cases.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use test_dashboard_sdk::time::{self, epoch_seconds};
use test_dashboard_sdk::{
    Answer, Batches, Buffered, Context, Date, Failure, Lenient, Partition, Progress, Reader,
    Request, Row, Source, Timestamp, log,
};

use crate::api::{About, Api};
use crate::lenient::Custom;
use crate::meaning::{Field, Fields};
use crate::pages::{Listed, Pages};
use crate::{COVERAGE, Settings};

/// The most that the data of a partition may take, a little less than the contract's 64 KiB.
const LONGEST_DATA: usize = 60 * 1024;

/// The partition of the suites themselves.
const SUITES: &str = "suites";

/// How many test cases of a suite have the same sub-suite, automation status and automation
/// coverage on a day. A case in two sub-suites is counted in both.
#[derive(Debug, Row)]
#[row(
    table = "testrail_test_case_coverage",
    mode = "snapshot",
    key("day", "suite_id", "sub_suite_id", "automation_status_id", "automation_coverage_id")
)]
pub struct CaseCoverage {
    /// The day, in UTC, on which the cases were counted.
    day: Date,
    /// TestRail's number of the project.
    project_id: i64,
    /// The suite's number.
    suite_id: i64,
    /// The suite's name on that day.
    suite_name: String,
    /// The sub-suite's id (custom_sub_test_suites, unless a setting names another field); where
    /// a case names none, 7 as well, or 0 where the instance's 7 is not "other".
    sub_suite_id: i64,
    /// The sub-suite as the instance calls it; functional, smoke, accessibility, l10n,
    /// security, fxa or other where that is what the id means; null for an id that the
    /// instance does not name.
    sub_suite: Option<String>,
    /// The automation status' id (custom_automation_status, unless a setting names another
    /// field); 0 where a case has none, or -1 where the instance has an item 0.
    automation_status_id: i64,
    /// The automation status as the instance calls it, such as Untriaged, Suitable,
    /// Unsuitable, Completed or Disabled; Not set where a case has none; null for an id that
    /// the instance does not name.
    automation_status: Option<String>,
    /// The automation coverage's id (custom_automation_coverage, unless a setting names
    /// another field); 0 where a case has none, or -1 where the instance has an item 0.
    automation_coverage_id: i64,
    /// The automation coverage as the instance calls it, such as None, Partial or Full; Not
    /// set where a case has none; null for an id that the instance does not name.
    automation_coverage: Option<String>,
    /// How many cases these are.
    case_count: i64,
}

/// A test suite, as it was when it was last seen. One that was deleted stays, for the days
/// on which its cases were counted.
#[derive(Debug, Row, Deserialize)]
#[row(table = "testrail_test_suites", mode = "merge", key("id"))]
pub struct Suite {
    /// The suite's number.
    id: i64,
    /// TestRail's number of the project: the one that was asked for, as old servers do not say.
    #[serde(skip)]
    project_id: i64,
    /// Its name.
    name: String,
    /// Its description, in TestRail's markup; null without one.
    description: Option<String>,
    /// Whether it is the one suite of a project that has only one.
    #[serde(default)]
    is_master: bool,
    /// Whether it is a baseline of the one suite.
    #[serde(default)]
    is_baseline: bool,
    /// Whether it is closed.
    #[serde(default)]
    is_completed: bool,
    /// When it was closed; null while it is open.
    #[serde(default, with = "epoch_seconds::option")]
    completed_on: Option<Timestamp>,
    /// Its address for a person.
    url: Option<String>,
}

impl Answer for Suite {}

impl Listed for Suite {
    const KEY: &'static str = "suites";

    fn id(&self) -> i64 {
        self.id
    }
}

/// What a partition of cases is opened with.
#[derive(Debug, Serialize, Deserialize)]
struct SuiteOfDay {
    suite_id: i64,
    suite_name: String,
    day: Date,
    /// None where their labels are too long for a partition's data.
    fields: Option<Fields>,
}

/// The suites themselves, and the cases of each.
///
/// # Errors
///
/// When the suites or the field definitions cannot be read, the settings name a suite or a field
/// that is not there, or a window is asked for that is over.
pub fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
    let context = &request.context;
    let day = time::day_of(context.now);
    if request.until.is_some_and(|until| until <= time::start_of(day)) {
        return Err(Failure::config(format!(
            "project {}: the days that were asked for are over, and {COVERAGE} counts the cases as they are today, {day}; run it without --until",
            context.project
        )));
    }
    let mut partitions = vec![Partition { id: SUITES.into(), data: String::new() }];
    let suites = wanted_suites(context)?;
    let fields = Fields::fetch(context)?;
    for suite in suites {
        let suite_id = suite.id;
        // It is a part of every row.
        let suite_name = suite.sound_in(&["name"], format_args!("the suite {suite_id}"))?.name;
        let id = format!("suite:{suite_id}/{day}");
        let mut suite = SuiteOfDay { suite_id, suite_name, day, fields: Some(fields.clone()) };
        let mut partition = Partition::new(&*id, &suite)?;
        if partition.data.len() > LONGEST_DATA {
            suite.fields = None;
            partition = Partition::new(id, &suite)?;
        }
        partitions.push(partition);
    }
    Ok(partitions)
}

/// Begins to read a partition.
///
/// # Errors
///
/// When the settings or the partition's data make no sense.
pub fn open(context: &Context, partition: &Partition) -> Result<Box<dyn Reader>, Failure> {
    if partition.id == SUITES {
        return Ok(Box::new(Buffered::of::<Suite>(Suites(context.clone()))));
    }
    let mut suite: SuiteOfDay = partition.data()?;
    let fields = match suite.fields.take() {
        Some(fields) => fields,
        None => Fields::fetch(context)?,
    };
    let Settings { project_id, .. } = context.settings()?;
    let api = Api::new(context);
    let request = api.method("get_cases", project_id).query("suite_id", suite.suite_id);
    let pages = api.list(About::Project(project_id), request);
    let count = CaseCount { project_id, suite, fields, pages, groups: BTreeMap::new(), deleted: 0 };
    Ok(Box::new(Buffered::of::<CaseCoverage>(count)))
}

/// The suites that the settings ask for, ordered by their numbers.
///
/// # Errors
///
/// When they cannot be listed, or the settings name one that is not among them.
pub fn wanted_suites(context: &Context) -> Result<Vec<Lenient<Suite>>, Failure> {
    let Settings { project_id, suite_ids, .. } = context.settings()?;
    let api = Api::new(context);
    let list = api.method("get_suites", project_id);
    let mut suites = api.list::<Lenient<Suite>>(About::Project(project_id), list).all()?;
    suites.sort_by_key(|suite| suite.id);
    suites.iter_mut().for_each(|suite| suite.project_id = project_id);
    let Some(wanted) = suite_ids else { return Ok(suites) };
    if let Some(missing) = wanted.iter().find(|id| !suites.iter().any(|suite| suite.id == **id)) {
        let known: Vec<String> = suites.iter().map(|suite| suite.id.to_string()).collect();
        return Err(Failure::not_found(format!(
            "project {}: suite-ids names {missing}, which TestRail's project {project_id} does not have; it has {}",
            context.project,
            if known.is_empty() { "none".into() } else { known.join(", ") }
        )));
    }
    suites.retain(|suite| wanted.contains(&suite.id));
    Ok(suites)
}

/// Reads the suites.
struct Suites(Context);

impl Source for Suites {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        for suite in wanted_suites(&self.0)? {
            batches.push(suite);
        }
        Ok(Progress::Finished)
    }
}

/// A case, as far as it is counted.
#[derive(Debug, Deserialize)]
struct Case {
    id: i64,
    #[serde(default, deserialize_with = "choice")]
    is_deleted: Option<i64>,
    #[serde(flatten)]
    custom_fields: Custom,
}

impl Answer for Case {}

impl Listed for Case {
    const KEY: &'static str = "cases";

    fn id(&self) -> i64 {
        self.id
    }
}

impl Case {
    /// What is chosen in a field.
    fn choice(&self, field: &Field) -> Result<i64, Failure> {
        let id = self.value(field).map_or(Ok(None), id_in);
        Ok(id.map_err(|problem| self.odd(field, &problem))?.unwrap_or(field.not_set()))
    }

    /// What is chosen in a field of several choices: nothing, one by itself, or an array.
    fn choices(&self, field: &Field) -> Result<BTreeSet<i64>, Failure> {
        let items = match self.value(field) {
            None => &[],
            Some(JsonValue::Array(items)) => items.as_slice(),
            Some(single) => std::slice::from_ref(single),
        };
        let ids = items.iter().map(id_in).collect::<Result<Vec<_>, _>>();
        let ids = ids.map_err(|problem| self.odd(field, &problem))?;
        Ok(ids.into_iter().flatten().collect())
    }

    fn value(&self, field: &Field) -> Option<&JsonValue> {
        self.custom_fields.get(field.name.as_deref()?)
    }

    fn odd(&self, field: &Field, problem: &str) -> Failure {
        let name = field.name.as_deref().unwrap_or_default();
        Failure::unexpected_response(format!("get_cases: {name} of case {}: {problem}", self.id))
    }
}

/// Counts the cases of a suite. Only the counts are kept, however many cases there are.
struct CaseCount {
    project_id: i64,
    suite: SuiteOfDay,
    fields: Fields,
    pages: Pages<Lenient<Case>>,
    /// By sub-suite, automation status and automation coverage.
    groups: BTreeMap<(i64, i64, i64), i64>,
    deleted: u64,
}

impl Source for CaseCount {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(page) = self.pages.next_page()? else {
            self.report_deleted();
            for (&group, &count) in &self.groups {
                batches.push(self.row(group, count));
            }
            return Ok(Progress::Finished);
        };
        for case in page {
            // The counts follow from all cases.
            let name = format!("the case {} of the suite {}", case.id, self.suite.suite_id);
            self.count(&case.sound(name)?)?;
        }
        Ok(Progress::More)
    }
}

impl CaseCount {
    fn count(&mut self, case: &Case) -> Result<(), Failure> {
        if case.is_deleted.unwrap_or(0) != 0 {
            self.deleted += 1;
            return Ok(());
        }
        let Fields { automation_status, automation_coverage, sub_suites } = &self.fields;
        let status = case.choice(automation_status)?;
        let coverage = case.choice(automation_coverage)?;
        let mut chosen = case.choices(sub_suites)?;
        if chosen.is_empty() {
            chosen.insert(self.fields.no_sub_suite());
        }
        for sub_suite in chosen {
            *self.groups.entry((sub_suite, status, coverage)).or_default() += 1;
        }
        Ok(())
    }

    fn row(&self, (sub_suite, status, coverage): (i64, i64, i64), count: i64) -> CaseCoverage {
        CaseCoverage {
            day: self.suite.day,
            project_id: self.project_id,
            suite_id: self.suite.suite_id,
            suite_name: self.suite.suite_name.clone(),
            sub_suite_id: sub_suite,
            sub_suite: self.fields.sub_suites.label(sub_suite),
            automation_status_id: status,
            automation_status: self.fields.automation_status.label(status),
            automation_coverage_id: coverage,
            automation_coverage: self.fields.automation_coverage.label(coverage),
            case_count: count,
        }
    }

    fn report_deleted(&self) {
        if self.deleted > 0 {
            let SuiteOfDay { suite_id, .. } = self.suite;
            log::info(format!("suite {suite_id}: {} deleted cases are not counted", self.deleted));
        }
    }
}

/// The id of a dropdown's item, or none. Custom fields are made by administrators: a number
/// may come as text, or a tick box as true.
fn choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    id_in(&JsonValue::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn id_in(value: &JsonValue) -> Result<Option<i64>, String> {
    let id = match value {
        JsonValue::Null => return Ok(None),
        JsonValue::String(text) if text.trim().is_empty() => return Ok(None),
        JsonValue::String(text) => text.trim().parse().ok(),
        JsonValue::Bool(ticked) => Some((*ticked).into()),
        other => other.as_i64(),
    };
    id.map(Some).ok_or_else(|| format!("{value} where the id of an item was expected"))
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `reference`: what the ids in other tables stand for.
//!
//! The lists are the instance's, short and without filters. Each is a partition of its own,
//! read whole in every run, into a snapshot: the tables are what TestRail holds. A run makes
//! four requests.

use serde::Deserialize;
use test_dashboard_sdk::{
    Answer, Batches, Buffered, Context, Failure, Json, Lenient, Partition, Progress, Reader, Row,
    Source,
};

use crate::Settings;
use crate::api::{About, Api};
use crate::fields::{self, FieldAnswer};
use crate::lenient;
use crate::pages::{Listed, Pages};

const STATUSES: &str = "statuses";
const CASE_TYPES: &str = "case-types";
const PRIORITIES: &str = "priorities";
const CASE_FIELDS: &str = "case-fields";

/// A status that a test can have. 1 to 5 are the system's: passed, blocked, untested, retest,
/// failed; further ones are the instance's own.
#[derive(Debug, Row, Deserialize)]
#[row(table = "testrail_statuses", mode = "snapshot", key("id"))]
pub struct Status {
    /// The status' number, as in testrail_tests and testrail_test_results.
    id: i64,
    /// Its name for programs, such as `custom_status1`.
    name: Option<String>,
    /// Its name for people.
    label: Option<String>,
    /// Whether every instance has it.
    #[serde(default, deserialize_with = "lenient::flag")]
    is_system: bool,
    /// Whether it means that there is no result yet.
    #[serde(default, deserialize_with = "lenient::flag")]
    is_untested: bool,
    /// Whether it is an outcome, after which nothing has to be done.
    #[serde(default, deserialize_with = "lenient::flag")]
    is_final: bool,
}

/// A type of test cases, such as Functional.
#[derive(Debug, Row, Deserialize)]
#[row(table = "testrail_case_types", mode = "snapshot", key("id"))]
pub struct CaseType {
    /// The type's number, as in testrail_test_cases.
    id: i64,
    /// Its name.
    name: Option<String>,
    /// Whether a new case has it.
    #[serde(default, deserialize_with = "lenient::flag")]
    is_default: bool,
}

/// A priority of test cases.
#[derive(Debug, Row, Deserialize)]
#[row(table = "testrail_priorities", mode = "snapshot", key("id"))]
pub struct Priority {
    /// The priority's number, as in testrail_test_cases.
    id: i64,
    /// Its name.
    name: Option<String>,
    /// Its short name.
    short_name: Option<String>,
    /// Its rank: the higher, the more urgent.
    priority: Option<i64>,
    /// Whether a new case has it.
    #[serde(default, deserialize_with = "lenient::flag")]
    is_default: bool,
}

/// A field that the instance's administrators gave to test cases.
#[derive(Debug, Row)]
#[row(table = "testrail_case_fields", mode = "snapshot", key("id"))]
pub struct CaseField {
    /// The field's number.
    id: i64,
    /// Its name in the custom fields of a case, such as `custom_automation_status`.
    system_name: Option<String>,
    /// Its name without the prefix.
    name: Option<String>,
    /// Its name for people.
    label: Option<String>,
    /// What it is for; null when nobody wrote it down.
    description: Option<String>,
    /// The number of its type.
    type_id: Option<i64>,
    /// Its type: String, Integer, Text, URL, Checkbox, Dropdown, User, Date, Milestone, Steps,
    /// Step Results or Multi-select; null for one that has no name here.
    type_name: Option<String>,
    /// Whether it is in use.
    is_active: bool,
    /// Where it stands among the fields.
    display_order: Option<i64>,
    /// What can be chosen in this project, by id; null for a field without choices, or one
    /// that this project does not have.
    options: Option<Json>,
    /// Its settings for the instance or for single projects, as TestRail has them.
    configs: Option<Json>,
}

macro_rules! listed {
    ($($of:ty, $key:literal;)*) => {$(
        impl Listed for $of {
            const KEY: &'static str = $key;

            fn id(&self) -> i64 {
                self.id
            }
        }

        impl Answer for $of {}
    )*};
}

listed! {
    Status, "statuses";
    CaseType, "case_types";
    Priority, "priorities";
}

/// A partition for each list.
pub fn plan() -> Vec<Partition> {
    [STATUSES, CASE_TYPES, PRIORITIES, CASE_FIELDS]
        .map(|id| Partition { id: id.into(), data: String::new() })
        .into()
}

/// Begins to read a partition.
///
/// # Errors
///
/// When the settings make no sense, or the partition is not one of [`plan`]'s.
pub fn open(context: &Context, partition: &Partition) -> Result<Box<dyn Reader>, Failure> {
    match partition.id.as_str() {
        STATUSES => rows_of(context, "get_statuses", |status: Status, _| status),
        CASE_TYPES => rows_of(context, "get_case_types", |case_type: CaseType, _| case_type),
        PRIORITIES => rows_of(context, "get_priorities", |priority: Priority, _| priority),
        CASE_FIELDS => rows_of(context, "get_case_fields", case_field),
        other => Err(Failure::internal(format!("there is no partition {other:?}"))),
    }
}

fn case_field(field: FieldAnswer, project_id: i64) -> CaseField {
    let options = field.options(project_id);
    CaseField {
        id: field.id,
        type_name: field.type_id.and_then(fields::type_name).map(String::from),
        options: options.and_then(|options| Json::of(&options).ok()),
        configs: (!field.configs.is_null()).then(|| Json::from(field.configs)),
        system_name: field.system_name,
        name: field.name,
        label: field.label,
        description: field.description,
        type_id: field.type_id,
        is_active: field.is_active,
        display_order: field.display_order,
    }
}

fn rows_of<T: Listed + Answer + 'static, R: Row + 'static>(
    context: &Context,
    method: &str,
    row: fn(T, i64) -> R,
) -> Result<Box<dyn Reader>, Failure> {
    let Settings { project_id, .. } = context.settings()?;
    let api = Api::new(context);
    let pages = api.list(About::Instance, api.instance(method));
    Ok(Box::new(Buffered::of::<R>(List { pages, project_id, row })))
}

struct List<T, R> {
    pages: Pages<Lenient<T>>,
    project_id: i64,
    row: fn(T, i64) -> R,
}

impl<T: Listed + Answer, R: Row> Source for List<T, R> {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(page) = self.pages.next_page()? else { return Ok(Progress::Finished) };
        for item in page {
            batches.push(item.map(|item| (self.row)(item, self.project_id)));
        }
        Ok(Progress::More)
    }
}

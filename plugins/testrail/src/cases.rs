// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-cases`: the cases of each suite, their sections, and what their custom fields say.
//!
//! # Partitions
//!
//! TestRail lists cases and sections suite by suite, so the suite is the part that can be
//! read, and read again, by itself: `cases:123` for the cases of a suite. The sections, of
//! which there are few and which have no times, are one partition, `sections`, read whole
//! every time, into a snapshot.
//!
//! A later run asks for the cases that were updated since an hour before the last update that
//! was read (a day before the run, when that is later: so an import of thousands of cases at
//! once is not read every day). When the definition of a choice field has changed, which no
//! case tells, the suite is read from its start. A window is not looked at: a case is what it
//! is now.
//!
//! # What may differ from TestRail, until the next full refresh
//!
//! - Cases that were deleted, or whose suite was, stay: TestRail does not tell. A full refresh
//!   lists everything, and is exhaustive.
//! - A multi-select field of a case has rows with neither `value_id` nor `value` for as many
//!   choices as it had once and has no more. A case that came from another suite, or is new,
//!   has as many as the field's items allow for, because it is not known how many were chosen
//!   before. Rows of a field that is no longer defined stay, and those of
//!   choices that a case lost on its way to another suite which this report had not read yet.
//!
//! # Requests
//!
//! With S suites, in C of which cases were updated, a later run makes 2 + 2·S + C requests:
//! the suites and the field definitions to plan; for each suite its sections and its updated
//! cases; and the definitions again where there is a case to decode. A first load makes
//! 2 + S + Σ pages(cases of a suite) + S, with [`pages`](crate::pages) as that module counts
//! them. Longer lists take more in both. TestRail wants a request for each suite, and a page
//! holds 250 cases, so a later run is not a tenth of so small a first load.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::time::epoch_seconds;
use test_dashboard_sdk::{
    Answer, Batches, Buffered, Checkpoint, CheckpointState, Context, Failure, Json, Lenient,
    Partition, Progress, Reader, Request, Row, Source, Timestamp,
};

use crate::Settings;
use crate::api::{About, Api};
use crate::coverage::wanted_suites;
use crate::duration;
use crate::fields::{Choice, Choices, Chosen};
use crate::ledger::Ledger;
use crate::lenient::{self, Custom};
use crate::pages::{Listed, Pages};

/// The partition of all sections.
const SECTIONS: &str = "sections";

/// How much is asked for again. Whether `updated_after` includes the second it names is not
/// documented, and a case may become visible a little after its update.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// How far the clock of whoever runs this may be from TestRail's.
const CLOCK_TRUST: SignedDuration = SignedDuration::from_hours(24);

/// A section of a suite, as it is now.
#[derive(Debug, Row, Deserialize)]
#[row(table = "testrail_sections", mode = "snapshot", key("id"))]
pub struct Section {
    /// The section's number.
    id: i64,
    /// The suite that it belongs to; null where a project has only one.
    suite_id: Option<i64>,
    /// The section that it is in; null at the root.
    parent_id: Option<i64>,
    /// Its name.
    name: Option<String>,
    /// Its description, in TestRail's markup; null without one.
    description: Option<String>,
    /// How deep it is; 0 at the root.
    depth: Option<i64>,
    /// Where it stands among its neighbours.
    display_order: Option<i64>,
}

impl Answer for Section {}

impl Listed for Section {
    const KEY: &'static str = "sections";

    fn id(&self) -> i64 {
        self.id
    }
}

/// A test case, as it was when it was last updated.
#[derive(Debug, Row, Deserialize)]
#[row(table = "testrail_test_cases", mode = "merge", key("id"))]
pub struct TestCase {
    /// The case's number.
    id: i64,
    /// What is tested.
    title: Option<String>,
    /// The suite that it belongs to.
    suite_id: Option<i64>,
    /// The section that it is in.
    section_id: Option<i64>,
    /// The template that says which fields it has.
    template_id: Option<i64>,
    /// Its type (testrail_case_types).
    type_id: Option<i64>,
    /// Its priority (testrail_priorities).
    priority_id: Option<i64>,
    /// The milestone that it belongs to; null without one.
    milestone_id: Option<i64>,
    /// The references, such as tickets, separated by commas.
    refs: Option<String>,
    /// Who created it, as the user's number.
    created_by: Option<i64>,
    /// When it was created.
    #[serde(default, with = "epoch_seconds::option")]
    created_on: Option<Timestamp>,
    /// Who updated it last, as the user's number.
    updated_by: Option<i64>,
    /// When it was last updated.
    #[serde(default, with = "epoch_seconds::option")]
    updated_on: Option<Timestamp>,
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
    /// Where it stands in its section.
    display_order: Option<i64>,
    /// Whether it was marked as deleted, where the instance does that before deleting.
    #[serde(default, deserialize_with = "lenient::flag")]
    is_deleted: bool,
    /// Its labels, as TestRail has them; null on servers without labels.
    labels: Option<Json>,
    /// All custom fields, by their system names.
    #[serde(flatten)]
    custom_fields: Custom,
}

impl Answer for TestCase {}

impl Listed for TestCase {
    const KEY: &'static str = "cases";

    fn id(&self) -> i64 {
        self.id
    }
}

/// What is chosen in a dropdown or multi-select field of a case. Each case has at least the
/// row of position 0 for each such field of the project.
#[derive(Debug, Row)]
#[row(
    table = "testrail_test_case_custom_values",
    mode = "merge",
    key("case_id", "field", "position")
)]
pub struct CustomValue {
    /// The case's number.
    case_id: i64,
    /// The field's system name, such as `custom_automation_status`.
    #[row(max_length = 200)]
    field: String,
    /// 0 for the first or only choice, 1 for the second, and so on.
    position: i64,
    /// The chosen item's id; null when nothing is chosen, or when it is no id.
    value_id: Option<i64>,
    /// What the item is called; null when nothing is chosen, or when the field's definition
    /// does not name it.
    value: Option<String>,
}

/// What the partition of the sections is opened with.
#[derive(Debug, Serialize, Deserialize)]
struct AllSuites {
    suite_ids: Vec<i64>,
}

/// What a partition of cases is opened with.
#[derive(Debug, Serialize, Deserialize)]
struct OneSuite {
    suite_id: i64,
    /// Of the field definitions when the run was planned.
    fields: String,
}

/// The sections, and the cases of each suite.
///
/// # Errors
///
/// When the suites or the field definitions cannot be read, or the settings name a suite that
/// is not there.
pub fn plan(context: &Context) -> Result<Vec<Partition>, Failure> {
    let Settings { project_id, .. } = context.settings()?;
    let suite_ids: Vec<i64> = wanted_suites(context)?.iter().map(Listed::id).collect();
    let fields = Choices::fetch(&Api::new(context), project_id)?.fingerprint();
    let cases = suite_ids.iter().map(|&suite_id| {
        let id = format!("cases:{suite_id}");
        Partition::new(id, &OneSuite { suite_id, fields: fields.clone() })
    });
    let mut partitions = cases.collect::<Result<Vec<_>, _>>()?;
    partitions.push(Partition::new(SECTIONS, &AllSuites { suite_ids })?);
    Ok(partitions)
}

/// Begins to read a partition.
///
/// # Errors
///
/// When the settings or the partition's data make no sense.
pub fn open(
    request: &Request,
    partition: &Partition,
    checkpoint: Option<&Checkpoint>,
) -> Result<Box<dyn Reader>, Failure> {
    let Settings { project_id, .. } = request.context.settings()?;
    let api = Api::new(&request.context);
    if partition.id == SECTIONS {
        let AllSuites { suite_ids } = partition.data()?;
        let sections = Sections { api, project_id, suite_ids: suite_ids.into_iter(), pages: None };
        return Ok(Box::new(Buffered::of::<Section>(sections)));
    }
    let OneSuite { suite_id, fields } = partition.data()?;
    let before: Option<State> = checkpoint.and_then(Checkpoint::state);
    let begin = before.as_ref().filter(|state| state.fields == fields).and_then(State::begin);
    let list = api
        .method("get_cases", project_id)
        .query("suite_id", suite_id)
        .query_opt("updated_after", begin.map(Timestamp::as_second));
    let is_first = before.is_none();
    let cases = Cases {
        pages: api.steady_list(About::Project(project_id), list),
        api,
        project_id,
        now: request.context.now,
        is_whole: begin.is_none(),
        choices: None,
        is_first,
        state: State { fields, ..before.unwrap_or_default() },
    };
    Ok(Box::new(Buffered::of::<TestCase>(cases)))
}

/// Reads the sections, suite by suite.
struct Sections {
    api: Api,
    project_id: i64,
    suite_ids: std::vec::IntoIter<i64>,
    pages: Option<Pages<Lenient<Section>>>,
}

impl Source for Sections {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(pages) = &mut self.pages else {
            let Some(suite_id) = self.suite_ids.next() else { return Ok(Progress::Finished) };
            let list = self.api.method("get_sections", self.project_id);
            let list = list.query("suite_id", suite_id);
            let pages = self.api.steady_list(About::Project(self.project_id), list);
            self.pages = Some(pages);
            return Ok(Progress::More);
        };
        match pages.next_page()? {
            Some(page) => page.into_iter().for_each(|section| batches.push(section)),
            None => self.pages = None,
        }
        Ok(Progress::More)
    }
}

/// The checkpoint of the cases of a suite.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct State {
    /// Every update until here was read.
    watermark: Option<Timestamp>,
    /// The fingerprint of the definitions by which all choices were decoded.
    fields: String,
    /// The most choices that a case can have had of which nothing is known, for fields where
    /// that is more than one.
    most: BTreeMap<String, usize>,
    /// The rows of the cases that were read.
    #[serde(default)]
    rows: Ledger,
}

impl CheckpointState for State {
    const VERSION: u32 = 1;
}

impl State {
    /// From when on updates are asked for; none for everything.
    fn begin(&self) -> Option<Timestamp> {
        self.watermark.map(|watermark| watermark.saturating_sub(OVERLAP).unwrap_or(watermark))
    }

    /// How many rows a field of a case gets: what is chosen, and at least one; and no fewer
    /// than it has, which empties those of choices that are gone.
    fn rows_of(&mut self, case: i64, chosen: &Chosen, is_known: bool) -> usize {
        let now = chosen.choices.len().max(1);
        let most = self.most.get(chosen.field).copied().unwrap_or(1).max(chosen.most).max(now);
        if most > 1 {
            self.most.insert(chosen.field.to_owned(), most);
        }
        let before = if is_known { self.rows.of(case, chosen.field) } else { most };
        let rows = now.max(before);
        self.rows.set(case, chosen.field, rows);
        rows
    }
}

/// Reads the cases of a suite, or those that were updated.
struct Cases {
    api: Api,
    project_id: i64,
    now: Timestamp,
    pages: Pages<Lenient<TestCase>>,
    /// Whether all cases of the suite are read, and not only updates.
    is_whole: bool,
    /// The definitions; asked for when there is a case to decode.
    choices: Option<Choices>,
    /// Whether nothing was read before, so that no rows can be left of other choices.
    is_first: bool,
    state: State,
}

impl Source for Cases {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(page) = self.pages.next_page()? else {
            self.finish();
            batches.checkpoint(&self.state)?;
            return Ok(Progress::Finished);
        };
        let choices = match &mut self.choices {
            Some(choices) => choices,
            None if page.is_empty() => return Ok(Progress::More),
            none => none.insert(Choices::fetch(&self.api, self.project_id)?),
        };
        for mut case in page {
            // What nobody has read has no rows.
            let is_known = self.is_first || self.state.rows.knows(case.id);
            self.state.rows.know(case.id);
            for chosen in choices.of(&case.custom_fields) {
                let rows = self.state.rows_of(case.id, &chosen, is_known);
                push_choices(batches, case.id, chosen, rows);
            }
            self.state.watermark = self.state.watermark.max(case.updated_on);
            case.estimate_seconds = case.estimate.as_deref().and_then(duration::seconds);
            case.estimate_forecast_seconds =
                case.estimate_forecast.as_deref().and_then(duration::seconds);
            batches.push(case);
        }
        Ok(Progress::More)
    }
}

impl Cases {
    /// The list was read to its end.
    fn finish(&mut self) {
        let trusted = self.now.saturating_sub(CLOCK_TRUST).unwrap_or(self.now);
        let watermark = self.state.watermark.unwrap_or(trusted);
        self.state.watermark = Some(watermark.min(self.now).max(trusted));
        // After updates only, the other cases are still as the planned definitions have them.
        if let Some(choices) = self.choices.as_ref().filter(|_| self.is_whole) {
            self.state.fields = choices.fingerprint();
        }
    }
}

/// The rows of one field of a case: what is chosen, then rows of nothing.
fn push_choices(batches: &mut Batches, case_id: i64, chosen: Chosen, rows: usize) {
    let choices = chosen.choices.into_iter().map(Some).chain(std::iter::repeat(None));
    for (position, choice) in (0..).zip(choices.take(rows)) {
        let (value_id, value) = choice.map(|Choice { id, label }| (id, label)).unwrap_or_default();
        let field = chosen.field.to_owned();
        batches.push(CustomValue { case_id, field, position, value_id, value });
    }
}

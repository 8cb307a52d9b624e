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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_dashboard_sdk::FailureKind;
    use test_dashboard_sdk::Value;
    use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};

    use super::*;
    use crate::TestRail;
    use crate::meaning::tests::case_fields;

    fn suites(ids: &[i64]) -> JsonValue {
        let suite =
            |id: &i64| json!({"id": id, "name": format!("Suite {id}"), "description": null});
        json!({"_links": {"next": null}, "suites": ids.iter().map(suite).collect::<Vec<_>>()})
    }

    /// A TestRail with these suites; every one of them has these cases.
    fn testrail(suite_ids: &'static [i64], cases: JsonValue) -> FakeHttp {
        let cases = json!({"_links": {"next": null}, "cases": cases});
        FakeHttp::serve(move |request| {
            let body = match request.url.split(['/', '&']).nth(6) {
                Some("get_cases") => &cases,
                Some("get_case_fields") => &case_fields(),
                _ => &suites(suite_ids),
            };
            Reply::json(200, &body.to_string())
        })
    }

    fn request(http: &FakeHttp) -> Request {
        testing::request(COVERAGE, testing::context(http, json!({"project-id": 59})))
    }

    fn run(http: &FakeHttp) -> Result<MemoryHost, Failure> {
        let mut host = MemoryHost::new();
        host.run::<TestRail>(&request(http)).map(|()| host)
    }

    /// `sub-suite/status/coverage` and the count of each row.
    fn counts(host: &MemoryHost) -> Vec<(String, i64)> {
        let names =
            ["sub_suite_id", "automation_status_id", "automation_coverage_id", "case_count"];
        let number = |value: &Value| match value {
            Value::Int64(number) => *number,
            other => panic!("{other:?}"),
        };
        let rows = host.select(CaseCoverage::TABLE, &names);
        rows.iter()
            .map(|row| row.iter().map(number).collect::<Vec<_>>())
            .map(|row| (format!("{}/{}/{}", row[0], row[1], row[2]), row[3]))
            .collect()
    }

    fn counts_of(cases: JsonValue) -> Vec<(String, i64)> {
        counts(&run(&testrail(&[1], cases)).unwrap())
    }

    fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    #[test]
    fn a_missing_and_a_null_value_are_one_group_and_are_counted() {
        let counts = counts_of(json!([
            {"id": 1},
            {"id": 2, "custom_automation_status": null, "custom_sub_test_suites": null},
            {"id": 3, "custom_automation_coverage": null, "custom_sub_test_suites": []},
            {"id": 4, "custom_automation_status": 4, "custom_automation_coverage": 3,
             "custom_sub_test_suites": [7]},
            {"id": 5, "custom_automation_status": "", "custom_sub_test_suites": [null]},
        ]));
        assert_eq!(counts, [("7/0/0".into(), 4), ("7/4/3".into(), 1)]);
    }

    #[test]
    fn a_case_in_two_sub_suites_counts_in_both_and_once_in_each() {
        let counts = counts_of(json!([
            {"id": 1, "custom_automation_status": 1, "custom_sub_test_suites": [2, 1, 2]},
            {"id": 2, "custom_automation_status": 1, "custom_sub_test_suites": [1]},
        ]));
        assert_eq!(counts, [("1/1/0".into(), 2), ("2/1/0".into(), 1)]);
    }

    #[test]
    fn ids_may_come_as_text_or_alone() {
        let counts = counts_of(json!([
            {"id": 1, "custom_automation_status": "4", "custom_sub_test_suites": "2"},
            {"id": 2, "custom_automation_status": 4, "custom_sub_test_suites": 2},
        ]));
        assert_eq!(counts, [("2/4/0".into(), 2)]);
    }

    #[test]
    fn a_value_that_is_no_id_fails_the_suite_instead_of_dropping_the_case() {
        for value in [json!("Completed"), json!({"id": 1}), json!(1.5), json!([4])] {
            let cases = json!([{"id": 17, "custom_automation_status": value}]);
            let failure = run(&testrail(&[1], cases)).unwrap_err();
            assert_eq!(failure.kind, FailureKind::UnexpectedResponse, "{failure}");
            assert!(failure.message.contains("custom_automation_status of case 17"), "{failure}");
        }
    }

    #[test]
    fn deleted_cases_are_not_counted_and_told() {
        let counts = counts_of(json!([{"id": 1, "is_deleted": 1}, {"id": 2, "is_deleted": 0}]));
        assert_eq!(counts, [("7/0/0".into(), 1)]);
        let log = testing::take_log();
        assert!(log.iter().any(|(_, line)| line.contains("1 deleted cases")), "{log:?}");
    }

    #[test]
    fn names_stand_beside_ids_and_an_unknown_id_keeps_itself() {
        let host = run(&testrail(
            &[1],
            json!([
                {"id": 1, "custom_automation_status": 4, "custom_automation_coverage": 1,
                 "custom_sub_test_suites": [2]},
                {"id": 2, "custom_automation_status": 99, "custom_automation_coverage": 98,
                 "custom_sub_test_suites": [97]},
                {"id": 3},
            ]),
        ))
        .unwrap();
        let names = ["sub_suite", "automation_status", "automation_coverage"];
        assert_eq!(
            host.select(CaseCoverage::TABLE, &names),
            [
                [text("smoke"), text("Completed"), text("None")],
                [text("other"), text("Not set"), text("Not set")],
                [Value::Null, Value::Null, Value::Null],
            ]
        );
    }

    #[test]
    fn each_suite_is_a_partition_of_its_day() {
        let http = testrail(&[12, 3], json!([]));
        let partitions = plan(&request(&http)).unwrap();
        let ids: Vec<&str> = partitions.iter().map(|partition| partition.id.as_str()).collect();
        assert_eq!(ids, ["suites", "suite:3/2026-03-01", "suite:12/2026-03-01"]);
    }

    #[test]
    fn a_window_that_is_over_is_refused_and_one_of_today_is_counted() {
        let http = testrail(&[1], json!([]));
        let plan_until = |until: &str, since: Option<&str>| {
            let mut request = request(&http);
            request.until = Some(until.parse().unwrap());
            request.since = since.map(|since| since.parse().unwrap());
            plan(&request)
        };
        let failure = plan_until("2026-03-01T00:00:00Z", None).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Config);
        assert!(failure.message.contains("as they are today, 2026-03-01"), "{failure}");
        for since in [None, Some("2026-02-01T00:00:00Z"), Some("2026-03-01T00:00:00Z")] {
            assert_eq!(plan_until("2026-03-02T00:00:00Z", since).unwrap().len(), 2);
        }
    }

    #[test]
    fn a_run_done_twice_gives_the_same_tables_and_another_day_stays_beside_it() {
        let http = testrail(&[1, 2], json!([{"id": 1}, {"id": 2}]));
        let once = run(&http).unwrap();
        let mut host = once.clone();
        host.run::<TestRail>(&request(&http)).unwrap();
        assert_eq!(host, once);
        let mut tomorrow = request(&http);
        tomorrow.context.now = "2026-03-02T06:00:00Z".parse().unwrap();
        host.run::<TestRail>(&tomorrow).unwrap();
        assert_eq!(host.rows(CaseCoverage::TABLE).len(), 4);
        assert_eq!(host.rows(Suite::TABLE).len(), 2);
    }

    #[test]
    fn a_group_that_is_gone_by_the_evening_disappears() {
        let mut host = run(&testrail(&[1], json!([{"id": 1}]))).unwrap();
        let later = testrail(&[1], json!([{"id": 1, "custom_automation_status": 2}]));
        host.run::<TestRail>(&request(&later)).unwrap();
        assert_eq!(counts(&host), [("7/2/0".into(), 1)]);
    }

    #[test]
    fn suites_can_be_chosen_and_one_that_is_not_there_is_named() {
        let http = testrail(&[1, 2, 3], json!([{"id": 1}]));
        let with = |ids: JsonValue| {
            let settings = json!({"project-id": 59, "suite-ids": ids});
            let request = testing::request(COVERAGE, testing::context(&http, settings));
            let mut host = MemoryHost::new();
            host.run::<TestRail>(&request).map(|()| host)
        };
        let host = with(json!([3, 1])).unwrap();
        assert_eq!(host.rows(CaseCoverage::TABLE).len(), 2);
        assert_eq!(host.rows(Suite::TABLE).len(), 2);
        let failure = with(json!([3, 4])).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound);
        assert!(failure.message.contains("names 4"), "{failure}");
        assert!(failure.message.contains("it has 1, 2, 3"), "{failure}");
    }

    #[test]
    fn the_pages_of_a_suite_are_counted_together() {
        let page = |ids: std::ops::Range<i64>, next: Option<&str>| {
            let cases: Vec<JsonValue> = ids.map(|id| json!({"id": id})).collect();
            let body = json!({"_links": {"next": next}, "cases": cases});
            Reply::json(200, &body.to_string())
        };
        let base = "https://api.example.org/index.php?/api/v2";
        let http = FakeHttp::script([
            (format!("{base}/get_suites/59"), Reply::json(200, &suites(&[5]).to_string())),
            (format!("{base}/get_case_fields"), Reply::json(200, &case_fields().to_string())),
            (format!("{base}/get_suites/59"), Reply::json(200, &suites(&[5]).to_string())),
            (
                format!("{base}/get_cases/59&suite_id=5"),
                page(0..250, Some("/api/v2/get_cases/59&suite_id=5&limit=250&offset=250")),
            ),
            (format!("{base}/get_cases/59&suite_id=5&limit=250&offset=250"), page(249..260, None)),
        ]);
        assert_eq!(counts(&run(&http).unwrap()), [("7/0/0".into(), 260)]);
        http.assert_all_used();
    }
}

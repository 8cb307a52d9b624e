// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A TestRail project that has a past: how its lists looked at a moment.
//!
//! It follows the API's rules: envelopes of at most 250, filters by time and completion, runs
//! in plans only in their plan, results without their run. Everything is computed from the
//! number of the thing and from when the world was made, so two worlds of the same size and
//! time are the same.

use std::ops::Range;

use serde_json::{Value as JsonValue, json};

use super::call::{Call, Reply, error, found};
use super::world::{Check, DAY, HOUR, Size, scatter};

/// The project's number.
pub const PROJECT: i64 = 59;
const RUNS_PER_PLAN: usize = 60;
/// Sections of a suite.
const SECTIONS: i64 = 20;
/// The suites with the most cases: as many as the large ones of a real instance.
const LARGE_SUITE: usize = 1_700;
const LARGE_SUITES: usize = 5;
const SUITES: usize = 30;
/// How long the runs and plans go back, in days, at the full size.
const PAST_DAYS: i64 = 545;
/// How long a plan, and a run outside of plans, is worked on.
const PLAN_WORK: i64 = 8 * DAY;
const RUN_WORK: i64 = 3 * DAY;
/// The newest plan and run are so old; then they are new on the second day.
const NEWEST_PLAN: i64 = 11 * HOUR;
const NEWEST_RUN: i64 = 2 * HOUR;
/// In a day, cases that are updated and cases that are added.
const UPDATED: usize = 40;
const ADDED: usize = 15;

struct Case {
    id: i64,
    suite: usize,
    created_on: i64,
    updated_on: i64,
    /// It was updated a second time, on the last day.
    updated_again: Option<i64>,
}

struct Run {
    id: i64,
    plan: Option<usize>,
    created_on: i64,
    /// For how long it is worked on.
    work: i64,
    /// Nobody closes it.
    is_forgotten: bool,
    tests: i64,
}

struct Plan {
    id: i64,
    created_on: i64,
    runs: Range<usize>,
}

/// The project.
pub struct TestRail {
    cases: Vec<Case>,
    suites: usize,
    /// Those of plans first, in the order of the plans.
    runs: Vec<Run>,
    plans: Vec<Plan>,
}

impl TestRail {
    /// The project as it has become until `today`, of which a day began at `yesterday`.
    pub fn new(size: &Size) -> Self {
        let suites = size.scaled(SUITES).max(LARGE_SUITES + 1);
        let plans = plans(size);
        let runs = runs(size, &plans);
        TestRail { cases: cases(size, suites), suites, runs, plans }
    }

    /// Answers what follows `index.php?`.
    pub fn answer(&self, call: &str, at: i64) -> Reply {
        let Some(call) = Call::of(call) else { return error("Bad request.") };
        match call.method {
            "get_case_fields" => (200, fields()),
            "get_suites" => call.list("suites", 0..self.suites, |suite| suite_json(*suite)),
            "get_sections" => self.sections(&call),
            "get_cases" => self.cases(&call, at),
            "get_runs" => self.loose_runs(&call, at),
            "get_plans" => {
                let seen = self.plans.iter().rev().filter(|plan| {
                    plan.created_on <= at
                        && call.admits("created", plan.created_on)
                        && call.admits_completed(plan.is_completed(at))
                });
                call.list("plans", seen, |plan| plan.json(at))
            }
            "get_run" => found(self.run(&call, at), |run| run.json(at), "run_id"),
            "get_plan" => {
                let plan = self.plans.iter().find(|plan| Some(plan.id) == call.id);
                let plan = plan.filter(|plan| plan.created_on <= at);
                found(plan, |plan| self.plan_with_entries(plan, at), "plan_id")
            }
            "get_tests" => match self.run(&call, at) {
                Some(run) => call.list("tests", 0..run.tests, |test| run.test(*test, at)),
                None => error("Field :run_id is not a valid test run."),
            },
            "get_results_for_run" => match self.run(&call, at) {
                Some(run) => {
                    let seen = (0..run.tests).rev().filter(|test| {
                        let entered = run.result_on(*test);
                        entered <= at && call.admits("created", entered)
                    });
                    call.list("results", seen, |test| run.result(*test))
                }
                None => error("Field :run_id is not a valid test run."),
            },
            _ => error("Unknown method."),
        }
    }

    fn sections(&self, call: &Call) -> Reply {
        let Some(suite) = self.suite(call) else {
            return error("Field :suite_id is not a valid test suite.");
        };
        call.list("sections", 0..SECTIONS, |section| section_json(suite, *section))
    }

    fn cases(&self, call: &Call, at: i64) -> Reply {
        let Some(suite) = self.suite(call) else {
            return error("Field :suite_id is not a valid test suite.");
        };
        let seen = self.cases.iter().filter(|case| {
            case.suite == suite
                && case.created_on <= at
                && call.admits("updated", case.updated_on(at))
        });
        call.list("cases", seen, |case| case.json(at))
    }

    fn loose_runs(&self, call: &Call, at: i64) -> Reply {
        let seen = self.runs.iter().rev().filter(|run| {
            run.plan.is_none()
                && run.created_on <= at
                && call.admits("created", run.created_on)
                && call.admits_completed(run.is_completed(at))
        });
        call.list("runs", seen, |run| run.json(at))
    }

    fn suite(&self, call: &Call) -> Option<usize> {
        (0..self.suites).find(|suite| call.parameters.get("suite_id") == Some(&suite_id(*suite)))
    }

    fn run(&self, call: &Call, at: i64) -> Option<&Run> {
        let run = self.runs.iter().find(|run| Some(run.id) == call.id);
        run.filter(|run| run.created_on <= at)
    }

    fn plan_with_entries(&self, plan: &Plan, at: i64) -> JsonValue {
        let entry = |(index, runs): (usize, &[Run])| {
            let runs: Vec<JsonValue> = runs.iter().map(|run| run.json(at)).collect();
            json!({"id": format!("entry-{}-{index}", plan.id), "name": format!("Suite {index}"),
                   "description": null, "include_all": true, "refs": null, "runs": runs})
        };
        // A suite each, on six devices.
        let runs = self.runs.get(plan.runs.clone()).unwrap_or_default();
        let entries: Vec<JsonValue> = runs.chunks(6).enumerate().map(entry).collect();
        let mut json = plan.json(at);
        json["entries"] = entries.into();
        json
    }

    /// What the tables of each report have to hold after a load at a moment.
    pub fn checks(&self, at: i64) -> Vec<Check> {
        let cases: Vec<&Case> = self.cases.iter().filter(|case| case.created_on <= at).collect();
        let again = cases.iter().filter(|case| case.updated_again.is_some_and(|on| on <= at));
        let runs: Vec<&Run> = self.runs.iter().filter(|run| run.created_on <= at).collect();
        let completed = runs.iter().filter(|run| run.is_completed(at)).count();
        let in_work = runs.iter().filter(|run| run.count(3, at) > 0).count();
        let plans = self.plans.iter().filter(|plan| plan.created_on <= at).count();
        let tests: i64 = runs.iter().map(|run| run.tests).sum();
        let untested: i64 = runs.iter().map(|run| run.count(3, at)).sum();
        let entered = |run: &&Run| (0..run.tests).filter(|test| run.result_on(*test) <= at).count();
        let results: usize = runs.iter().map(entered).sum();
        let count = |table: &str| format!("SELECT COUNT(*) FROM testrail_{table}");
        let mut checks = vec![
            Check::new("test-cases", count("test_cases"), cases.len()),
            Check::new("test-cases", count("test_cases WHERE title LIKE '% again'"), again.count()),
            Check::new(
                "test-cases",
                count("sections"),
                self.suites * SECTIONS.unsigned_abs() as usize,
            ),
            Check::new(
                "test-cases",
                count("test_case_custom_values WHERE position = 0"),
                3 * cases.len(),
            ),
            Check::new("test-plans-and-runs", count("test_plans"), plans),
            Check::new("test-results", count("tests"), tests.unsigned_abs() as usize),
            Check::new(
                "test-results",
                count("tests WHERE status_id = 3"),
                untested.unsigned_abs() as usize,
            ),
            Check::new("test-results", count("test_results"), results),
        ];
        for report in ["test-plans-and-runs", "test-run-counts"] {
            checks.push(Check::new(report, count("test_runs"), runs.len()));
            checks.push(Check::new(report, count("test_runs WHERE is_completed"), completed));
            let untested = count("test_runs WHERE untested_count > 0");
            checks.push(Check::new(report, untested, in_work));
        }
        checks
    }
}

fn cases(size: &Size, suites: usize) -> Vec<Case> {
    let count = size.scaled(size.cases);
    let large = size.scaled(LARGE_SUITE);
    let suite_of = |index: usize| match index / large {
        suite @ 0..LARGE_SUITES => suite,
        _ => LARGE_SUITES + scatter(index as u64) as usize % (suites - LARGE_SUITES),
    };
    let moment = |index: usize| (scatter(index as u64 + 7) % (20 * HOUR as u64)) as i64;
    let mut cases: Vec<Case> = (0..count)
        .map(|index| {
            let age = DAY + (scatter(index as u64) % (1_000 * DAY as u64)) as i64;
            let created_on = size.today - age;
            let updated_on = created_on + (age - DAY) / 2;
            Case {
                id: 1_000_000 + index as i64,
                suite: suite_of(index),
                created_on,
                updated_on,
                updated_again: None,
            }
        })
        .collect();
    for changed in 0..UPDATED.min(count / 2) {
        let index = scatter(changed as u64) as usize % count;
        cases[index].updated_again = Some(size.yesterday + HOUR + moment(changed));
    }
    for added in 0..ADDED.min(count / 2) {
        let index = count - 1 - added;
        let created_on = size.yesterday + HOUR + moment(index);
        cases[index].created_on = created_on;
        cases[index].updated_on = created_on;
        cases[index].updated_again = None;
    }
    cases
}

/// How far apart things are that happen `count` times in the past.
fn apart(size: &Size, count: usize) -> i64 {
    (PAST_DAYS as f64 * DAY as f64 * size.scale / count.max(1) as f64) as i64
}

fn plans(size: &Size) -> Vec<Plan> {
    let count = size.scaled(size.plans);
    let apart = apart(size, count);
    let plan = |index: usize| Plan {
        id: 50_000 + index as i64,
        created_on: size.today - NEWEST_PLAN - apart * (count - 1 - index) as i64,
        runs: index * RUNS_PER_PLAN..(index + 1) * RUNS_PER_PLAN,
    };
    (0..count).map(plan).collect()
}

fn runs(size: &Size, plans: &[Plan]) -> Vec<Run> {
    let tests = |index: usize| 11 + i64::from(index.is_multiple_of(9));
    let in_plans = plans.iter().enumerate().flat_map(|(index, plan)| {
        plan.runs.clone().map(move |run| Run {
            id: 100_000 + run as i64,
            plan: Some(index),
            created_on: plan.created_on,
            work: PLAN_WORK,
            is_forgotten: false,
            tests: tests(run),
        })
    });
    let count = size.scaled(size.loose_runs);
    let apart = apart(size, count);
    let forgotten_each = count / size.forgotten_runs.max(1);
    let loose = (0..count).map(|index| Run {
        id: 300_000 + index as i64,
        plan: None,
        created_on: size.today - NEWEST_RUN - apart * (count - 1 - index) as i64,
        work: RUN_WORK,
        is_forgotten: size.forgotten_runs > 0 && index % forgotten_each.max(1) == 0,
        tests: tests(index),
    });
    in_plans.chain(loose).collect()
}

impl Case {
    fn again(&self, at: i64) -> Option<i64> {
        self.updated_again.filter(|on| *on <= at)
    }

    fn updated_on(&self, at: i64) -> i64 {
        self.again(at).unwrap_or(self.updated_on)
    }

    fn json(&self, at: i64) -> JsonValue {
        let roll = scatter(self.id.unsigned_abs());
        let again = if self.again(at).is_some() { " again" } else { "" };
        json!({
            "id": self.id,
            "title": format!("Open a private tab and check number {}{again}", self.id),
            "section_id": section_id(self.suite, (roll % SECTIONS as u64) as i64),
            "template_id": 1, "type_id": 1 + roll % 9, "priority_id": 1 + roll % 4,
            "milestone_id": null, "refs": format!("BUG-{}", roll % 100_000),
            "created_by": 1 + roll % 12, "created_on": self.created_on,
            "updated_by": 1 + roll % 7, "updated_on": self.updated_on(at),
            "estimate": "1m 45s", "estimate_forecast": null, "suite_id": suite_id(self.suite),
            "display_order": 1 + roll % 500, "is_deleted": 0, "labels": [],
            "custom_automation_status": 1 + roll % 5, "custom_automation_coverage": 1 + roll % 3,
            "custom_sub_test_suites": [1 + roll % 7],
            "custom_preconds": "A fresh profile, and nothing in the history.",
            "custom_steps_separated": [
                {"content": "Open the menu and tap *New private tab*.", "expected": "It opens."},
                {"content": "Load a page that sets a cookie.", "expected": "The page is shown."},
                {"content": "Close the tab, and look for the cookie.", "expected": "It is gone."},
            ],
        })
    }
}

impl Plan {
    fn is_completed(&self, at: i64) -> bool {
        self.created_on + PLAN_WORK <= at
    }

    fn json(&self, at: i64) -> JsonValue {
        let is_completed = self.is_completed(at);
        json!({
            "id": self.id, "name": format!("Release candidate {}", self.id),
            "description": null, "milestone_id": null, "assignedto_id": null, "refs": null,
            "is_completed": is_completed, "created_by": 1, "created_on": self.created_on,
            "completed_on": is_completed.then_some(self.created_on + PLAN_WORK),
            "project_id": PROJECT, "url": format!("https://testrail.invalid/plans/{}", self.id),
        })
    }
}

impl Run {
    fn is_completed(&self, at: i64) -> bool {
        !self.is_forgotten && self.created_on + self.work <= at
    }

    /// When the result of a test is entered: evenly while the run is worked on.
    fn result_on(&self, test: i64) -> i64 {
        self.created_on + (test + 1) * self.work / (self.tests + 1)
    }

    /// What the result says; nothing for a mere comment.
    fn result_status(&self, test: i64) -> Option<i64> {
        match scatter((self.id * 100 + test).unsigned_abs()) % 50 {
            0 => None,
            1..=4 => Some(5),
            5 => Some(2),
            6 => Some(4),
            _ => Some(1),
        }
    }

    fn status(&self, test: i64, at: i64) -> i64 {
        let entered = self.result_on(test) <= at;
        entered.then(|| self.result_status(test)).flatten().unwrap_or(3)
    }

    /// How many tests have a status.
    fn count(&self, status: i64, at: i64) -> i64 {
        (0..self.tests).filter(|test| self.status(*test, at) == status).count() as i64
    }

    fn json(&self, at: i64) -> JsonValue {
        let is_completed = self.is_completed(at);
        json!({
            "id": self.id, "suite_id": suite_id((self.id % 10).unsigned_abs() as usize),
            "name": format!("Smoke {}", self.id), "description": null, "milestone_id": null,
            "assignedto_id": null, "include_all": true, "is_completed": is_completed,
            "completed_on": is_completed.then_some(self.created_on + self.work),
            "config": "Android 14, Pixel 8", "config_ids": [3, 9], "refs": null,
            "passed_count": self.count(1, at), "blocked_count": self.count(2, at),
            "untested_count": self.count(3, at), "retest_count": self.count(4, at),
            "failed_count": self.count(5, at), "custom_status1_count": 0,
            "project_id": PROJECT, "plan_id": self.plan.map(|plan| 50_000 + plan as i64),
            "entry_id": null, "created_on": self.created_on, "created_by": 1,
            "url": format!("https://testrail.invalid/runs/{}", self.id),
        })
    }

    fn test(&self, test: i64, at: i64) -> JsonValue {
        let id = self.id * 100 + test;
        json!({
            "id": id, "case_id": 1_000_000 + id % 20_000, "status_id": self.status(test, at),
            "assignedto_id": null, "run_id": self.id,
            "title": format!("Open a private tab and check number {id}"), "template_id": 1,
            "type_id": 6, "priority_id": 2, "estimate": "1m 45s", "estimate_forecast": null,
            "refs": null, "milestone_id": null, "custom_automation_status": 4,
        })
    }

    fn result(&self, test: i64) -> JsonValue {
        let id = self.id * 100 + test;
        json!({
            "id": id, "test_id": id, "status_id": self.result_status(test), "created_by": 3,
            "created_on": self.result_on(test), "assignedto_id": null, "comment": null,
            "version": "129.0b4", "elapsed": "1m 45s", "defects": null, "custom_step_results": [],
            "attachment_ids": [],
        })
    }
}

fn suite_id(suite: usize) -> i64 {
    3_000 + suite as i64
}

fn section_id(suite: usize, section: i64) -> i64 {
    suite_id(suite) * 100 + section
}

fn suite_json(suite: usize) -> JsonValue {
    json!({"id": suite_id(suite), "name": format!("Suite {suite}"), "description": null,
           "project_id": PROJECT, "is_master": false, "is_baseline": false,
           "is_completed": false, "completed_on": null})
}

fn section_json(suite: usize, section: i64) -> JsonValue {
    json!({"id": section_id(suite, section), "suite_id": suite_id(suite), "parent_id": null,
           "name": format!("Section {section}"), "description": null, "depth": 0,
           "display_order": section})
}

fn fields() -> JsonValue {
    let field = |id: i64, kind: i64, name: &str, items: &str| {
        json!({"id": id, "type_id": kind, "system_name": format!("custom_{name}"), "name": name,
               "label": name, "description": null, "is_active": true, "display_order": id,
               "configs": [{"context": {"is_global": true, "project_ids": null},
                            "options": {"is_required": false, "items": items}}]})
    };
    json!([
        field(
            1,
            6,
            "automation_status",
            "1, Untriaged\n2, Suitable\n3, Unsuitable\n4, Completed\n5, Disabled"
        ),
        field(2, 6, "automation_coverage", "1, None\n2, Partial\n3, Full"),
        field(
            3,
            12,
            "sub_test_suites",
            "1, Functional\n2, Smoke\n3, A11y\n4, L10n\n5, Security\n6, FxA\n7, Other"
        ),
        field(4, 3, "preconds", ""),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::call::PAGE;
    use super::*;

    fn size(scale: f64) -> Size {
        Size { scale, ..Size::until(1_790_000_000, 3) }
    }

    /// The ids of a list, from all its pages, and how many pages these are.
    fn all(world: &TestRail, call: &str, key: &str, at: i64) -> (Vec<i64>, usize) {
        let (mut ids, mut pages, mut offset) = (Vec::new(), 0, 0);
        loop {
            let (status, body) = world.answer(&format!("{call}&offset={offset}"), at);
            assert_eq!(status, 200, "{call}: {body}");
            let items = body[key].as_array().unwrap();
            assert!(items.len() <= PAGE);
            ids.extend(items.iter().map(|item| item["id"].as_i64().unwrap()));
            pages += 1;
            let Some(next) = body["_links"]["next"].as_str() else { return (ids, pages) };
            offset = next.rsplit_once("offset=").unwrap().1.parse().unwrap();
        }
    }

    #[test]
    fn it_is_of_the_size_to_plan_for() {
        let world = TestRail::new(&size(1.0));
        assert_eq!((world.cases.len(), world.runs.len(), world.plans.len()), (20_000, 9_000, 135));
        let results: i64 = world.runs.iter().map(|run| run.tests).sum();
        assert_eq!(results, 100_000);
        let large = world.cases.iter().filter(|case| case.suite == 0).count();
        assert_eq!(large, LARGE_SUITE);
    }

    #[test]
    fn a_list_has_everything_once_on_pages_of_250() {
        let size = size(1.0);
        let world = TestRail::new(&size);
        let (mut runs, pages) = all(&world, "/api/v2/get_runs/59", "runs", size.today);
        assert_eq!((runs.len(), pages), (900, 4));
        runs.sort_unstable();
        runs.dedup();
        assert_eq!(runs.len(), 900);
        let (status, _) = world.answer("/api/v2/get_runs/59&limit=251", size.today);
        assert_eq!(status, 400);
    }

    #[test]
    fn yesterday_shows_nothing_of_today() {
        let size = size(1.0);
        let world = TestRail::new(&size);
        let count = |call: &str, key: &str, at: i64| all(&world, call, key, at).0.len();
        let plans = |at| count("/api/v2/get_plans/59", "plans", at);
        assert_eq!((plans(size.yesterday), plans(size.today)), (134, 135));
        let open = |at| count("/api/v2/get_runs/59&is_completed=0", "runs", at);
        let completed = |at| count("/api/v2/get_runs/59&is_completed=1", "runs", at);
        assert!(completed(size.yesterday) < completed(size.today));
        assert_eq!(open(size.today) + completed(size.today), 900);
        let newest = world.plans.last().unwrap();
        assert_eq!(world.answer(&format!("/api/v2/get_plan/{}", newest.id), size.yesterday).0, 400);
        let (_, plan) = world.answer(&format!("/api/v2/get_plan/{}", newest.id), size.today);
        let runs = plan["entries"].as_array().unwrap().iter();
        let runs: usize = runs.map(|entry| entry["runs"].as_array().unwrap().len()).sum();
        assert_eq!(runs, RUNS_PER_PLAN);
    }

    #[test]
    fn filters_find_what_changed_in_the_day() {
        let size = size(1.0);
        let world = TestRail::new(&size);
        let updated = |after: i64, at: i64| -> usize {
            let of = |suite| {
                let suite = suite_id(suite);
                let call = format!("/api/v2/get_cases/59&suite_id={suite}&updated_after={after}");
                all(&world, &call, "cases", at).0.len()
            };
            (0..world.suites).map(of).sum()
        };
        assert_eq!(updated(size.yesterday, size.yesterday), 0);
        assert_eq!(updated(size.yesterday, size.today), UPDATED + ADDED);
        assert_eq!(updated(0, size.today), 20_000);
    }
}

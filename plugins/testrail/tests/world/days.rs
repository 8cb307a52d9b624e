// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What happens in a TestRail from one day to the next.

use serde_json::{Value as JsonValue, json};

use super::{DAY, HOUR, Things, World, entries, object, runs};

/// Elapsed times as people enter them.
const ELAPSED: [&str; 8] = ["5m", "1m 45s", "1min 5sec", "1h 2min", "1d", "1w", "-3m", ""];

fn by_id(items: JsonValue) -> Things {
    let items = items.as_array().expect("a list").iter();
    items.map(|item| (item["id"].as_i64().expect("a number"), item.clone())).collect()
}

fn field(id: i64, type_id: i64, name: &str, items: &str) -> JsonValue {
    json!({
        "id": id, "type_id": type_id, "system_name": format!("custom_{name}"), "name": name,
        "label": name, "description": null, "is_active": true, "display_order": id,
        "configs": [{
            "context": {"is_global": true, "project_ids": null},
            "options": {"is_required": false, "items": items},
        }],
    })
}

pub fn fields() -> Things {
    by_id(json!([
        field(1, 6, "automation_status", "1, Untriaged\n2, Suitable\n4, Completed"),
        field(2, 12, "sub_test_suites", "1, Functional\n2, Smoke\n3, A11y, spoken"),
        field(3, 3, "preconds", ""),
    ]))
}

pub fn statuses() -> Things {
    by_id(json!([
        {"id": 1, "name": "passed", "label": "Passed", "is_system": true, "is_final": true},
        {"id": 3, "name": "untested", "label": "Untested", "is_untested": true},
        {"id": 5, "name": "failed", "label": "Failed 🔥", "is_system": true, "is_final": true},
        {"id": 6, "name": "custom_status1", "label": null},
    ]))
}

pub fn case_types() -> Things {
    by_id(json!([{"id": 6, "name": "Functional", "is_default": true}, {"id": 7, "name": "Other"}]))
}

pub fn priorities() -> Things {
    by_id(json!([{"id": 2, "name": "High", "short_name": "H", "priority": 3, "is_default": 0}]))
}

impl World {
    /// A number from 0 to `below`, exclusive.
    pub fn roll(&mut self, below: i64) -> i64 {
        // Xorshift: the same seed gives the same days.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        i64::try_from(self.random >> 33).expect("31 bits") % below
    }

    /// One of these, if there is any.
    fn pick(&mut self, ids: &[i64]) -> Option<i64> {
        let count = i64::try_from(ids.len()).expect("a few");
        let index = (count > 0).then(|| self.roll(count))?;
        ids.get(usize::try_from(index).ok()?).copied()
    }

    /// A second of the time that just passed.
    fn moment(&mut self) -> i64 {
        self.now - self.roll(self.spread)
    }

    /// A world with some of everything, after some days.
    pub fn grown(seed: u64) -> Self {
        let mut world = World::new(seed);
        for _ in 0..2 {
            world.add_suite();
        }
        for _ in 0..6 {
            world.pass_a_day();
        }
        world
    }

    /// A day of work.
    pub fn pass_a_day(&mut self) {
        self.now += DAY;
        self.work();
    }

    /// The same within some minutes.
    pub fn work_fast(&mut self) {
        self.spread = 600;
        self.work();
        self.spread = DAY - 1;
    }

    fn work(&mut self) {
        for _ in 0..6 {
            match self.roll(8) {
                0 => self.add_section(),
                1 | 2 => self.add_case(),
                3 | 4 => self.update_a_case(),
                5 => self.delete_a_case(),
                _ => self.change_around_cases(),
            }
        }
        for _ in 0..8 {
            match self.roll(12) {
                0 | 1 => self.add_run(),
                2 => self.add_plan(),
                3..=5 => self.add_results(),
                6 => self.add_entry(),
                7 => self.edit_a_result(),
                8 | 9 => self.complete_something(),
                10 => self.delete_a_unit(),
                _ => self.delete_in_a_run(),
            }
        }
        for _ in 0..2 {
            self.change_a_milestone();
        }
    }

    pub fn add_suite(&mut self) -> i64 {
        let id = self.new_id();
        self.suites
            .insert(id, json!({"id": id, "name": format!("Suite {id}"), "description": null}));
        id
    }

    pub fn add_section_to(&mut self, suite_id: i64) -> i64 {
        let id = self.new_id();
        let section = json!({
            "id": id, "suite_id": suite_id, "parent_id": null, "name": format!("Section {id} 🦊"),
            "description": null, "depth": 0, "display_order": id,
        });
        self.sections.insert(id, section);
        id
    }

    fn add_section(&mut self) {
        let suites: Vec<i64> = self.suites.keys().copied().collect();
        if let Some(suite_id) = self.pick(&suites) {
            self.add_section_to(suite_id);
        }
    }

    pub fn add_case_to(&mut self, suite_id: i64, updated_on: i64) -> i64 {
        let id = self.new_id();
        let estimate = ELAPSED[usize::try_from(id % 8).expect("small")];
        let case = json!({
            "id": id, "title": format!("Case {id}"), "suite_id": suite_id, "section_id": null,
            "type_id": 6, "priority_id": 2, "template_id": 1, "milestone_id": null, "refs": null,
            "created_by": 1, "created_on": updated_on, "updated_by": 1, "updated_on": updated_on,
            "estimate": if id % 3 == 0 { JsonValue::Null } else { json!(estimate) },
            "estimate_forecast": null, "display_order": id, "is_deleted": 0, "labels": [],
            "custom_automation_status": 1 + id % 4, "custom_sub_test_suites": [1, 2],
        });
        self.cases.insert(id, case);
        id
    }

    fn add_case(&mut self) {
        let suites: Vec<i64> = self.suites.keys().copied().collect();
        if let Some(suite_id) = self.pick(&suites) {
            let moment = self.moment();
            self.add_case_to(suite_id, moment);
        }
    }

    fn update_a_case(&mut self) {
        let ids: Vec<i64> = self.cases.keys().copied().collect();
        let Some(id) = self.pick(&ids) else { return };
        let updated_on = self.moment();
        let choices = [json!([3]), json!([]), JsonValue::Null, json!([1, 2, 3]), json!([2, 1])];
        let chosen = choices[usize::try_from(self.roll(5)).expect("small")].clone();
        let absent = self.roll(4) == 0;
        let Some(case) = self.cases.get_mut(&id) else { return };
        case["title"] = json!(format!("Case {id} at {updated_on}"));
        case["updated_on"] = json!(updated_on.max(case["updated_on"].as_i64().expect("a time")));
        case["custom_sub_test_suites"] = chosen;
        case["custom_automation_status"] = JsonValue::Null;
        if absent {
            object(case).remove("custom_automation_status");
        }
    }

    pub fn delete_case(&mut self, id: i64) {
        self.cases.remove(&id);
        self.deleted.insert(id);
    }

    fn delete_a_case(&mut self) {
        let ids: Vec<i64> = self.cases.keys().copied().collect();
        if let Some(id) = self.pick(&ids) {
            self.delete_case(id);
        }
    }

    fn delete_suite(&mut self, id: i64) {
        self.suites.remove(&id);
        self.deleted.insert(id);
        for things in [&mut self.sections, &mut self.cases] {
            let gone: Vec<i64> = things
                .iter()
                .filter(|(_, item)| item["suite_id"] == id)
                .map(|(id, _)| *id)
                .collect();
            things.retain(|id, _| !gone.contains(id));
            self.deleted.extend(gone);
        }
    }

    /// What no case tells.
    fn change_around_cases(&mut self) {
        let sections: Vec<i64> = self.sections.keys().copied().collect();
        let suites: Vec<i64> = self.suites.keys().copied().collect();
        match (self.roll(8), self.pick(&sections), self.pick(&suites)) {
            (0, _, _) => _ = self.add_suite(),
            (1, _, Some(id)) if suites.len() > 1 => self.delete_suite(id),
            (2, _, _) => {
                let label = format!("1, Untriaged\n2, Suitable at {}\n4, Completed", self.now);
                let field = self.fields.get_mut(&1).expect("a field");
                field["configs"][0]["options"]["items"] = json!(label);
            }
            (3, Some(id), _) => {
                self.sections.remove(&id);
            }
            (4, Some(id), Some(suite_id)) => {
                // Moved to another suite, with its cases told as updated.
                let section = self.sections.get_mut(&id).expect("a section");
                section["suite_id"] = json!(suite_id);
                let moment = self.moment();
                let cases: Vec<i64> = self.cases.keys().copied().collect();
                if let Some(case) = self.pick(&cases) {
                    self.moved.insert(case);
                    let case = self.cases.get_mut(&case).expect("a case");
                    case["suite_id"] = json!(suite_id);
                    case["updated_on"] = json!(moment.max(case["updated_on"].as_i64().unwrap()));
                }
            }
            (_, Some(id), _) => {
                let section = self.sections.get_mut(&id).expect("a section");
                section["name"] = json!(format!("Section {id} at {}", self.now));
            }
            _ => {}
        }
    }

    fn run_json(id: i64, created_on: i64) -> JsonValue {
        json!({
            "id": id, "name": format!("Run {id}"), "suite_id": 3, "plan_id": null,
            "entry_id": null, "milestone_id": null, "config": null, "refs": null, "url": null,
            "is_completed": false, "created_on": created_on, "completed_on": null,
            "passed_count": 0, "blocked_count": 0, "untested_count": 0, "retest_count": 0,
            "failed_count": 0, "custom_status1_count": null,
        })
    }

    pub fn add_run_at(&mut self, created_on: i64, tests: i64) -> i64 {
        let id = self.new_id();
        let run = Self::run_json(id, created_on);
        self.runs.insert(id, run);
        self.add_tests(id, tests);
        id
    }

    fn add_run(&mut self) {
        let (created_on, tests) = (self.moment(), 1 + self.roll(4));
        self.add_run_at(created_on, tests);
    }

    pub fn add_plan_at(&mut self, created_on: i64, runs: i64, tests: i64) -> i64 {
        let id = self.new_id();
        let plan = json!({
            "id": id, "name": format!("Plan {id}"), "description": null, "milestone_id": 31,
            "assignedto_id": null, "created_by": 1, "refs": null, "url": null,
            "is_completed": false, "completed_on": null, "created_on": created_on, "entries": [],
        });
        self.plans.insert(id, plan);
        self.add_entry_to(id, runs, tests);
        id
    }

    fn add_plan(&mut self) {
        let (created_on, runs, tests) = (self.moment(), 1 + self.roll(3), 1 + self.roll(3));
        self.add_plan_at(created_on, runs, tests);
    }

    /// Its runs are created now, which may be in a later month than the plan.
    pub fn add_entry_to(&mut self, plan_id: i64, runs: i64, tests: i64) {
        let entry_id = format!("entry-{}", self.new_id());
        let mut of_entry = Vec::new();
        for n in 0..runs {
            let id = self.new_id();
            let mut run = Self::run_json(id, self.now);
            run["plan_id"] = json!(plan_id);
            run["entry_id"] = json!(entry_id);
            run["config"] = json!(format!("Android {n}"));
            of_entry.push(run);
        }
        let ids: Vec<i64> = of_entry.iter().map(|run| run["id"].as_i64().unwrap()).collect();
        let entry = json!({"id": entry_id, "name": null, "runs": of_entry});
        let plan = self.plans.get_mut(&plan_id).expect("a plan");
        plan["entries"].as_array_mut().expect("entries").push(entry);
        ids.into_iter().for_each(|id| self.add_tests(id, tests));
    }

    fn add_entry(&mut self) {
        let open = self.open_plans();
        if let Some(id) = self.pick(&open) {
            self.add_entry_to(id, 1, 2);
        }
    }

    pub fn add_tests(&mut self, run_id: i64, count: i64) {
        for _ in 0..count {
            let id = self.new_id();
            let test = json!({
                "id": id, "run_id": run_id, "case_id": if id % 5 == 0 { JsonValue::Null } else { json!(id) },
                "status_id": 3, "title": format!("Test {id}"), "assignedto_id": null,
                "template_id": 1, "type_id": 6, "priority_id": 2, "milestone_id": null,
                "refs": null, "estimate": "1m 5s", "estimate_forecast": null,
                "custom_preconds": "left out",
            });
            self.tests.insert(id, test);
        }
        self.count_tests(run_id);
    }

    fn run_mut(&mut self, id: i64) -> &mut JsonValue {
        if self.runs.contains_key(&id) {
            return self.runs.get_mut(&id).expect("a run");
        }
        let entries =
            self.plans.values_mut().flat_map(|plan| plan["entries"].as_array_mut().unwrap());
        let mut runs = entries.flat_map(|entry| entry["runs"].as_array_mut().unwrap());
        runs.find(|run| run["id"] == id).expect("a run")
    }

    fn count_tests(&mut self, run_id: i64) {
        let of_run = |status: i64| {
            self.tests
                .values()
                .filter(|t| t["run_id"] == run_id && t["status_id"] == status)
                .count()
        };
        let (passed, untested, failed) = (of_run(1), of_run(3), of_run(5));
        let run = self.run_mut(run_id);
        run["passed_count"] = json!(passed);
        run["untested_count"] = json!(untested);
        run["failed_count"] = json!(failed);
    }

    fn open_plans(&self) -> Vec<i64> {
        let open = self.plans.iter().filter(|(_, plan)| plan["is_completed"] == false);
        open.map(|(id, _)| *id).collect()
    }

    pub fn open_runs(&self) -> Vec<i64> {
        let open = self.all_runs().filter(|run| run["is_completed"] == false);
        open.map(|run| run["id"].as_i64().expect("a number")).collect()
    }

    pub fn tests_of(&self, run_id: i64) -> Vec<i64> {
        let of_run = self.tests.iter().filter(|(_, test)| test["run_id"] == run_id);
        of_run.map(|(id, _)| *id).collect()
    }

    pub fn add_result(&mut self, test_id: i64, created_on: i64, status_id: Option<i64>) -> i64 {
        let id = self.new_id();
        let run_id = self.tests[&test_id]["run_id"].as_i64().expect("a run");
        let elapsed = ELAPSED[usize::try_from(id % 8).expect("small")];
        let result = json!({
            "id": id, "test_id": test_id, "run_id": run_id, "status_id": status_id,
            "created_by": 1, "created_on": created_on, "assignedto_id": null,
            "comment": if status_id.is_none() { json!("Look at it 🔍") } else { JsonValue::Null },
            "version": null, "elapsed": if id % 3 == 0 { JsonValue::Null } else { json!(elapsed) },
            "defects": null, "custom_step_results": null,
        });
        self.results.insert(id, result);
        if let Some(status_id) = status_id {
            self.tests.get_mut(&test_id).expect("a test")["status_id"] = json!(status_id);
            self.count_tests(run_id);
        }
        id
    }

    fn add_results(&mut self) {
        let open = self.open_runs();
        for _ in 0..3 {
            let Some(run_id) = self.pick(&open) else { return };
            let tests = self.tests_of(run_id);
            if let Some(test_id) = self.pick(&tests) {
                let created_on = self.moment();
                let status = [Some(1), Some(5), None][usize::try_from(self.roll(3)).unwrap()];
                self.add_result(test_id, created_on, status);
            }
        }
    }

    /// Only where the run is open.
    fn edit_a_result(&mut self) {
        let open = self.open_runs();
        let of_open = |result: &JsonValue| open.iter().any(|id| result["run_id"] == *id);
        let ids: Vec<i64> =
            self.results.iter().filter(|(_, result)| of_open(result)).map(|(id, _)| *id).collect();
        if let Some(id) = self.pick(&ids) {
            self.results.get_mut(&id).expect("a result")["comment"] = json!("Edited");
            self.edited.insert(id);
        }
    }

    pub fn complete_run(&mut self, id: i64) {
        let now = self.now;
        let run = self.runs.get_mut(&id).expect("a run");
        run["is_completed"] = json!(true);
        run["completed_on"] = json!(now);
    }

    pub fn complete_plan(&mut self, id: i64) {
        let now = self.now;
        let plan = self.plans.get_mut(&id).expect("a plan");
        let complete = |item: &mut JsonValue| {
            item["is_completed"] = json!(true);
            item["completed_on"] = json!(now);
        };
        complete(plan);
        for entry in plan["entries"].as_array_mut().expect("entries") {
            entry["runs"].as_array_mut().expect("runs").iter_mut().for_each(complete);
        }
    }

    fn complete_something(&mut self) {
        let open = self.runs.iter().filter(|(_, run)| run["is_completed"] == false);
        let runs: Vec<i64> = open.map(|(id, _)| *id).collect();
        let plans = self.open_plans();
        // The last results come before the end.
        self.add_results();
        match (self.roll(2), self.pick(&runs), self.pick(&plans)) {
            (0, Some(id), _) => self.complete_run(id),
            (_, _, Some(id)) => self.complete_plan(id),
            _ => {}
        }
    }

    fn delete_tests_of(&mut self, run_id: i64) {
        for things in [&mut self.tests, &mut self.results] {
            let of_run = things.iter().filter(|(_, item)| item["run_id"] == run_id);
            let gone: Vec<i64> = of_run.map(|(id, _)| *id).collect();
            things.retain(|id, _| !gone.contains(id));
            self.deleted.extend(gone);
        }
        self.deleted.insert(run_id);
    }

    pub fn delete_run(&mut self, id: i64) {
        self.runs.remove(&id);
        self.delete_tests_of(id);
    }

    pub fn delete_plan(&mut self, id: i64) {
        let Some(plan) = self.plans.remove(&id) else { return };
        self.deleted.insert(id);
        for run in entries(&plan).flat_map(runs) {
            self.delete_tests_of(run["id"].as_i64().expect("a number"));
        }
    }

    fn delete_a_unit(&mut self) {
        let (runs, plans): (Vec<i64>, Vec<i64>) =
            (self.runs.keys().copied().collect(), self.plans.keys().copied().collect());
        match (self.roll(2), self.pick(&runs), self.pick(&plans)) {
            (0, Some(id), _) => self.delete_run(id),
            (_, _, Some(id)) => self.delete_plan(id),
            _ => {}
        }
    }

    /// Of a run that is open: a test that was deselected, a result, or an entry of a plan.
    fn delete_in_a_run(&mut self) {
        let open = self.open_runs();
        let Some(run_id) = self.pick(&open) else { return };
        let tests = self.tests_of(run_id);
        let Some(test_id) = self.pick(&tests) else { return };
        if self.roll(2) == 0 {
            self.tests.remove(&test_id);
            self.deleted.insert(test_id);
        }
        let of_test = self.results.iter().filter(|(_, result)| result["test_id"] == test_id);
        let gone: Vec<i64> = of_test.map(|(id, _)| *id).collect();
        self.results.retain(|id, _| !gone.contains(id));
        self.deleted.extend(gone);
        self.count_tests(run_id);
        let open_plans = self.open_plans();
        if let Some(id) = self.pick(&open_plans)
            && self.roll(3) == 0
        {
            self.delete_entry_of(id);
        }
    }

    fn delete_entry_of(&mut self, plan_id: i64) {
        let plan = self.plans.get_mut(&plan_id).expect("a plan");
        let entry = plan["entries"].as_array_mut().expect("entries").pop();
        let gone: Vec<i64> =
            entry.iter().flat_map(runs).map(|run| run["id"].as_i64().expect("a number")).collect();
        gone.into_iter().for_each(|run_id| self.delete_tests_of(run_id));
    }

    fn change_a_milestone(&mut self) {
        let ids: Vec<i64> = self.milestones.keys().copied().collect();
        match (self.roll(4), self.pick(&ids)) {
            (0, Some(id)) => {
                self.milestones.remove(&id);
            }
            (1, Some(id)) => {
                let completed_on = self.now - HOUR;
                let milestone = self.milestones.get_mut(&id).expect("a milestone");
                milestone["is_completed"] = json!(true);
                milestone["completed_on"] = json!(completed_on);
            }
            _ => {
                let id = self.new_id();
                let milestone = json!({
                    "id": id, "name": format!("Release {id}"), "description": null,
                    "parent_id": null, "is_started": id % 2 == 0, "is_completed": false,
                    "start_on": null, "started_on": null, "due_on": null, "completed_on": null,
                    "refs": null, "url": null, "milestones": [],
                });
                self.milestones.insert(id, milestone);
            }
        }
        let label = format!("Failed 🔥 {}", self.now);
        self.statuses.get_mut(&5).expect("a status")["label"] = json!(label);
    }
}

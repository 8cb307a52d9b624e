// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Workflow runs that are created, finish, are rerun and are deleted.

use super::{Attempt, BEGIN, DAY, Dice, HOUR, Pump, Repository, Run};

pub const RUNS: &str = "github_workflow_runs";
pub const JOBS: &str = "github_workflow_jobs";
pub const STEPS: &str = "github_workflow_job_steps";
/// Each table with its column of the run's number.
pub const TABLES: [(&str, &str); 3] = [(RUNS, "id"), (JOBS, "run_id"), (STEPS, "run_id")];
pub const WEEK: i64 = 7 * DAY;

impl Repository {
    /// A run in the queue.
    pub fn create(&mut self, at: i64) -> i64 {
        let id = 100 + i64::try_from(self.runs.len() + self.gone.len()).unwrap();
        self.runs.insert(id, Run::new(id, at));
        self.attempt(id, at);
        id
    }

    /// A further attempt, in the queue.
    pub fn attempt(&mut self, id: i64, at: i64) {
        let run = self.runs.get_mut(&id).unwrap();
        let jobs = vec![run.job("build", "queued", None, at)];
        let status = Some("queued");
        run.attempts.push(Attempt { started: at, updated: at, status, conclusion: None, jobs });
    }

    /// The last attempt goes on: its jobs run, and the tests come after the build.
    pub fn go_on(&mut self, id: i64, at: i64) {
        let run = self.runs.get_mut(&id).unwrap();
        let mut last = run.attempts.pop().unwrap();
        last.jobs = vec![
            run.job("build", "completed", Some("success"), at - 120),
            run.job("tests", "in_progress", None, at),
        ];
        (last.status, last.updated) = (Some("in_progress"), at);
        run.attempts.push(last);
    }

    pub fn finish(&mut self, id: i64, at: i64, conclusion: &'static str) {
        let run = self.runs.get_mut(&id).unwrap();
        let mut last = run.attempts.pop().unwrap();
        last.jobs = vec![
            run.job("build", "completed", Some("success"), at - 300),
            run.job("tests", "completed", Some(conclusion), at - 100),
            run.job("lint 🧹", "completed", Some("skipped"), at - 100),
        ];
        (last.status, last.updated) = (Some("completed"), at);
        last.conclusion = Some(conclusion);
        run.attempts.push(last);
    }

    pub fn is_finished(&self, id: i64) -> bool {
        self.runs[&id].attempts.last().unwrap().conclusion.is_some()
    }

    pub fn remove_run(&mut self, id: i64) {
        self.runs.remove(&id);
        self.gone.insert(id);
    }

    /// Runs on one day. What happens to one happens at a time after all that happened to it.
    pub fn a_day_of_runs(&mut self, dice: &mut Dice, per_day: i64) {
        let ends = ["success", "failure", "timed_out", "cancelled"];
        let ids: Vec<i64> = self.runs.keys().copied().collect();
        for id in ids {
            let at = self.now + dice.below(DAY);
            let is_rerunnable = at - self.runs[&id].created < 30 * DAY;
            match (self.is_finished(id), dice.below(40)) {
                // Every seventeenth hangs for good, as some do.
                (false, 0..30) if id % 17 != 0 => self.finish(id, at, dice.pick(&ends).unwrap()),
                (false, 30..34) => self.go_on(id, at),
                (true, 0) if is_rerunnable => self.attempt(id, at),
                (true, 1) if is_rerunnable => {
                    self.attempt(id, at - 1);
                    self.finish(id, at, "success");
                }
                (_, 2) if dice.one_in(4) => self.remove_run(id),
                _ => {}
            }
        }
        for _ in 0..dice.below(2 * per_day + 1) {
            let at = self.now + dice.below(DAY);
            let id = self.create(at);
            if !dice.one_in(3) {
                self.finish(id, (at + 600).min(self.now + DAY), dice.pick(&ends).unwrap());
            }
        }
        self.now += DAY;
    }
}

/// One with so many finished runs in each hour that was not read yet.
pub fn pump_with(per_hour: i64, hours: i64) -> Pump {
    let pump = Pump::new("workflow-runs");
    pump.change(|repository| {
        for n in 0..per_hour * hours {
            let at = BEGIN + n * HOUR / per_hour;
            let id = repository.create(at);
            repository.finish(id, at + 500, "success");
        }
        repository.now = BEGIN + hours * HOUR + 2 * HOUR;
        repository.per_page = 100;
    });
    pump
}

pub fn assert_equal_but_for_what_is_gone(pump: &Pump, context: &str) {
    let fresh = pump.fresh();
    for (table, about) in TABLES {
        let expected: Vec<_> = fresh.rows(table).into_iter().cloned().collect();
        assert_eq!(pump.rows_but_gone(table, about), expected, "{context}: {table}");
    }
}

/// How many requests of the last run had this in their address.
pub fn asked_for(pump: &Pump, part: &str) -> usize {
    pump.asked().iter().filter(|url| url.contains(part)).count()
}

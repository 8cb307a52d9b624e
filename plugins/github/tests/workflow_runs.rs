// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `workflow-runs`, against a GitHub whose runs are created, finish, are rerun and
//! are deleted from day to day.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod moving;

use moving::runs::{
    JOBS, RUNS, STEPS, TABLES, WEEK, asked_for, assert_equal_but_for_what_is_gone, pump_with,
};
use moving::{Attempt, BEGIN, DAY, Dice, HOUR, Pump, int, moment, time};
use serde_json::{Value as Json, json};
use test_dashboard_github::GitHub;
use test_dashboard_sdk::testing::Reply;
use test_dashboard_sdk::{Datasource, Request, Value};

#[test]
fn every_day_ends_with_what_a_full_run_reads_but_for_what_was_deleted() {
    for seed in 1..=3 {
        let (mut pump, mut dice) = (Pump::new("workflow-runs"), Dice::new(seed));
        for day in 0..60 {
            pump.change(|repository| repository.a_day_of_runs(&mut dice, 1));
            // The pump misses days, and once two weeks.
            if dice.one_in(6) || (40..54).contains(&day) {
                continue;
            }
            if dice.one_in(6) {
                pump.a_window(&mut dice).unwrap();
            }
            pump.pump().unwrap();
            assert_equal_but_for_what_is_gone(&pump, &format!("seed {seed}, day {day}"));
            if day % 20 == 19 {
                pump.reconcile().unwrap();
                assert_eq!(pump.host, pump.fresh(), "seed {seed}, day {day}");
            }
        }
        pump.reconcile().unwrap();
        assert_eq!(pump.host, pump.fresh(), "seed {seed}");
        let attempts = pump.host.select(RUNS, &["run_attempt"]);
        assert!(attempts.iter().any(|row| int(row, 0) > 2), "seed {seed}");
        assert!(pump.change(|repository| !repository.gone.is_empty()), "seed {seed}");
    }
}

#[test]
fn a_run_done_twice_asks_for_no_job_again() {
    let mut pump = pump_with(2, 100);
    pump.pump().unwrap();
    let once = pump.host.clone();
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/jobs"), 0);
    assert_eq!(pump.host, once);
}

#[test]
fn a_refresh_makes_as_many_requests_as_its_formula_says_and_a_tenth_of_the_first_load() {
    let days = 100;
    let mut pump = pump_with(1, days * 24);
    // From the week of the day ninety days before; each of 168 runs, but for the last one.
    let plan = GitHub::plan(&pump.request()).unwrap().len();
    pump.pump().unwrap();
    let runs = pump.host.rows(RUNS).len();
    assert_eq!(plan, 14);
    assert_eq!(pump.asked().len(), 1 + plan - 1 + plan + runs);
    let first_load = pump.asked().len();

    pump.change(|repository| {
        let ids: Vec<i64> = repository.runs.keys().copied().collect();
        let now = repository.now;
        for n in 0..24 {
            let id = repository.create(now + n * HOUR);
            repository.finish(id, now + n * HOUR + 500, "failure");
        }
        // Two reruns, one of them of a run that was rerun already.
        for (id, at) in
            [(ids[ids.len() - 50], 1), (ids[ids.len() - 50], 2), (ids[ids.len() - 60], 3)]
        {
            repository.attempt(id, now + at * HOUR);
            repository.finish(id, now + at * HOUR + 60, "success");
        }
        let id = repository.create(now + DAY - HOUR);
        repository.go_on(id, now + DAY - HOUR);
        repository.now += DAY;
    });
    pump.pump().unwrap();
    let lists = asked_for(&pump, "actions/runs?");
    // Thirty days and an hour before the last reading was a Monday morning: four weeks of two
    // pages, and the present one of one.
    assert_eq!(lists, 4 * 2 + 1);
    let (changed, earlier) = (24 + 2 + 1, 2 + 1);
    assert_eq!(asked_for(&pump, "/jobs"), changed);
    assert_eq!(asked_for(&pump, "/attempts/"), earlier);
    assert_eq!(pump.asked().len(), 1 + lists + changed + earlier);
    assert!(pump.asked().len() * 10 < first_load, "{} of {first_load}", pump.asked().len());
    assert_equal_but_for_what_is_gone_since(&pump);
}

/// The weeks that are planned equal those of a fresh load; one that left the plan stays.
fn assert_equal_but_for_what_is_gone_since(pump: &Pump) {
    let fresh = pump.fresh();
    for (table, _) in TABLES {
        let held: Vec<_> = pump.host.rows(table);
        assert!(fresh.rows(table).into_iter().all(|row| held.contains(&row)), "{table}");
    }
}

#[test]
fn a_window_of_too_many_runs_is_split_and_not_cut() {
    // A week of 1,680 runs, most of them within two days.
    let mut pump = pump_with(1, 120);
    pump.change(|repository| {
        for n in 0..1_560 {
            let id = repository.create(BEGIN + DAY + n * 100);
            repository.finish(id, BEGIN + DAY + n * 100 + 50, "success");
        }
    });
    pump.pump().unwrap();
    assert_eq!(pump.host.rows(RUNS).len(), 1_680);
    assert_eq!(asked_for(&pump, "/jobs"), 1_680);
    let windows: Vec<String> =
        pump.asked().into_iter().filter(|url| url.contains("created=")).collect();
    assert!(windows.iter().filter(|url| url.starts_with("/repos/")).count() > 15, "{windows:#?}");
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_count_at_the_limit_is_taken_for_at_least_so_many() {
    for runs in [1_000, 1_300] {
        let mut pump = pump_with(10, 100);
        pump.change(|repository| {
            repository.counts_to = 1_000;
            for n in 1_000..runs {
                let id = repository.create(BEGIN + n * 60);
                repository.finish(id, BEGIN + n * 60 + 50, "success");
            }
        });
        pump.pump().unwrap();
        assert_eq!(i64::try_from(pump.host.rows(RUNS).len()), Ok(runs));
    }
}

#[test]
fn a_rerun_keeps_the_attempt_before_it_and_shows_what_is_flaky() {
    let mut pump = pump_with(1, 1);
    pump.change(|repository| {
        let id = repository.create(BEGIN);
        repository.finish(id, BEGIN + 400, "timed_out");
    });
    pump.pump().unwrap();
    pump.change(|repository| {
        repository.now += 20 * DAY;
        let now = repository.now;
        repository.attempt(101, now - 700);
        repository.finish(101, now - 100, "success");
    });
    pump.pump().unwrap();
    let text = |text: &str| Value::Text(text.into());
    let columns = ["id", "run_attempt", "conclusion"];
    assert_eq!(
        pump.host.select(RUNS, &columns)[1..],
        [
            [Value::Int64(101), Value::Int64(1), text("timed_out")],
            [Value::Int64(101), Value::Int64(2), text("success")]
        ]
    );
    let jobs = pump.host.select(JOBS, &["run_id", "name", "run_attempt", "conclusion"]);
    let tests: Vec<_> =
        jobs.into_iter().filter(|job| job[..2] == [Value::Int64(101), text("tests")]).collect();
    let job =
        |attempt, end| vec![Value::Int64(101), text("tests"), Value::Int64(attempt), text(end)];
    assert_eq!(tests, [job(1, "timed_out"), job(2, "success")]);
}

#[test]
fn an_attempt_that_was_not_seen_finished_is_read_again_after_the_rerun() {
    let mut pump = pump_with(1, 1);
    pump.change(|repository| {
        let id = repository.create(BEGIN);
        repository.go_on(id, BEGIN + 60);
    });
    pump.pump().unwrap();
    pump.change(|repository| {
        let now = repository.now;
        repository.finish(101, now + 60, "failure");
        repository.attempt(101, now + HOUR);
        repository.now += DAY;
    });
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
    let conclusions = pump.host.select(RUNS, &["id", "conclusion"]);
    assert_eq!(conclusions[1], [Value::Int64(101), Value::Text("failure".into())]);
    assert_eq!(conclusions[2], [Value::Int64(101), Value::Null]);
}

#[test]
fn a_run_is_followed_until_it_is_finished_or_too_old_to_be() {
    let mut pump = pump_with(1, 1);
    pump.change(|repository| [repository.create(BEGIN), repository.create(BEGIN)]);
    pump.pump().unwrap();
    for _ in 0..6 {
        pump.change(|repository| repository.now += WEEK);
        pump.pump().unwrap();
        assert_eq!(asked_for(&pump, "/101/jobs"), 1);
    }
    // Listed no more: it is asked for by its number, and so is the one that will never end.
    assert!(pump.asked().contains(&"/repos/mozilla-mobile/fenix/actions/runs/101".into()));
    pump.change(|repository| {
        let now = repository.now;
        repository.finish(101, now + 60, "failure");
        repository.now += DAY;
    });
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
    pump.change(|repository| repository.now += 5 * WEEK);
    for hanging in [1, 0] {
        pump.pump().unwrap();
        assert_eq!(asked_for(&pump, "/101"), 0);
        assert_eq!(asked_for(&pump, "/102/jobs"), hanging);
    }
}

#[test]
fn a_week_that_is_settled_asks_for_nothing_and_stays_when_it_is_forgotten() {
    let mut pump = pump_with(1, 24);
    pump.pump().unwrap();
    pump.change(|repository| repository.now += 40 * DAY);
    pump.pump().unwrap();
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "2025-11-03"), 0);
    // GitHub forgets; a full refresh does not plan the week any more, so its rows stay.
    pump.change(|repository| {
        repository.now += 90 * DAY;
        repository.runs.clear();
    });
    pump.reconcile().unwrap();
    assert_eq!(pump.host.rows(RUNS).len(), 24);
    assert_eq!(pump.host.rows(STEPS).len(), 24 * 3 * 2);
}

#[test]
fn a_full_run_removes_what_was_deleted_with_its_jobs_and_steps() {
    let mut pump = pump_with(1, 30);
    pump.pump().unwrap();
    pump.change(|repository| repository.remove_run(105));
    pump.pump().unwrap();
    assert_eq!(pump.host.rows(RUNS).len(), 30);
    pump.reconcile().unwrap();
    assert_eq!(pump.host, pump.fresh());
    assert_eq!([RUNS, JOBS, STEPS].map(|table| pump.host.rows(table).len()), [29, 87, 174]);
}

#[test]
fn an_attempt_that_is_missing_for_ever_costs_no_other_row() {
    let mut pump = pump_with(1, 1);
    pump.change(|repository| {
        repository.attempt(100, BEGIN + HOUR);
        repository.finish(100, BEGIN + 2 * HOUR, "success");
    });
    pump.pump().unwrap();
    assert_eq!(pump.host.rows(RUNS).len(), 2);
    pump.intercept(|_, url, _| url.contains("/attempts/1").then(|| Reply::json(404, "{}")));
    pump.change(|repository| {
        let now = repository.now;
        repository.attempt(100, now);
        repository.finish(100, now + 60, "success");
        repository.now += DAY;
    });
    for days in 1..4 {
        let failure = pump.pump().unwrap_err();
        assert!(failure.message.contains("found: attempt 1 of run 100."), "{failure}");
        pump.change(|repository| {
            let id = repository.create(repository.now);
            repository.finish(id, repository.now + 60, "success");
            repository.now += 20 * DAY;
        });
        // Those of the run before, and what was created in the meantime.
        assert_eq!(pump.host.rows(RUNS).len(), 3 + days - 1);
    }
    pump.undisturbed();
    pump.pump().unwrap();
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_job_that_lags_behind_its_run_is_read_again() {
    let mut pump = pump_with(1, 3);
    pump.change(|repository| {
        repository.now += DAY;
        let lagging = &mut repository.runs.get_mut(&101).unwrap().attempts[0].jobs[0];
        lagging["status"] = json!("in_progress");
        lagging["conclusion"] = Json::Null;
    });
    pump.pump().unwrap();
    pump.change(|repository| {
        let lagging = &mut repository.runs.get_mut(&101).unwrap().attempts[0].jobs[0];
        lagging["status"] = json!("completed");
        lagging["conclusion"] = json!("success");
    });
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/jobs"), 1);
    assert_eq!(pump.host, pump.fresh());
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/jobs"), 0);
}

#[test]
fn what_shows_late_is_found() {
    let mut pump = pump_with(1, 30);
    pump.pump().unwrap();
    pump.change(|repository| {
        let read_at = repository.now;
        let late = repository.create(read_at - 1_800);
        repository.finish(late, read_at - 1_200, "success");
        repository.attempt(105, read_at - 900);
        repository.finish(105, read_at - 300, "success");
        repository.now += DAY;
    });
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/jobs"), 2);
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn what_changed_shortly_before_a_reading_is_not_read_twice() {
    let mut pump = pump_with(1, 30);
    pump.change(|repository| repository.now -= 2 * HOUR);
    pump.pump().unwrap();
    pump.change(|repository| repository.now += HOUR);
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/jobs"), 0);
    // Until it does change.
    pump.change(|repository| repository.finish(129, repository.now - 60, "failure"));
    pump.pump().unwrap();
    assert_eq!(asked_for(&pump, "/jobs"), 1);
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_run_of_many_jobs_has_them_all() {
    let mut pump = pump_with(1, 1);
    pump.change(|repository| {
        let run = repository.runs.get_mut(&100).unwrap();
        let attempt = run.attempts.pop().unwrap();
        let job = |n: i64| {
            let mut job = run.job("tests", "completed", Some("success"), BEGIN);
            job["id"] = json!(50_000 + n);
            job["name"] =
                json!(format!("tests (shard {n}, of a very long matrix: {})", "x".repeat(500)));
            job
        };
        let jobs = (0..230).map(job).collect();
        run.attempts.push(Attempt { jobs, ..attempt });
    });
    pump.pump().unwrap();
    assert_eq!(pump.host.rows(JOBS).len(), 230);
    assert_eq!(pump.host.rows(STEPS).len(), 460);
    assert_eq!(asked_for(&pump, "/jobs"), 3);
}

#[test]
fn times_are_in_seconds_and_null_where_they_make_no_sense() {
    let mut pump = pump_with(1, 1);
    pump.change(|repository| {
        let run = repository.runs.get_mut(&100).unwrap();
        let [build, tests, lint] = &mut run.attempts[0].jobs[..] else { panic!("three jobs") };
        // A job that was skipped: it ended before it began.
        tests["completed_at"] = json!("2025-11-03T05:00:00Z");
        lint["created_at"] = Json::Null;
        lint.as_object_mut().unwrap().remove("steps");
        build["labels"] = json!([]);
        let queued = repository.create(BEGIN);
        assert_eq!(queued, 101);
    });
    pump.pump().unwrap();
    let columns = ["run_id", "name", "queue_seconds", "duration_seconds"];
    let of = |id, name: &str, queue, duration| {
        let seconds = |seconds: Option<f64>| seconds.map_or(Value::Null, Value::Float64);
        vec![Value::Int64(id), Value::Text(name.into()), seconds(queue), seconds(duration)]
    };
    assert_eq!(
        pump.host.select(JOBS, &columns),
        [
            of(100, "build", Some(30.0), Some(90.0)),
            of(100, "lint 🧹", None, Some(90.0)),
            of(100, "tests", Some(30.0), None),
            of(101, "build", None, None),
        ]
    );
    let steps = pump.host.select(STEPS, &["job_id", "number", "duration_seconds"]);
    assert_eq!(steps.len(), 4, "of two completed jobs: {steps:?}");
    assert_eq!(steps[0][2], Value::Float64(2.0));
    assert_eq!(steps[1][1..], [Value::Int64(4), Value::Null]);
}

#[test]
fn nulls_and_what_is_absent_are_kept_as_null() {
    let mut pump = pump_with(1, 1);
    pump.change(|repository| {
        // What old servers leave out, and what GitHub says may be null.
        while repository.runs.len() < 60 {
            let id = repository.create(BEGIN);
            repository.finish(id, BEGIN + 60, "success");
        }
        let run = repository.runs.get_mut(&100).unwrap();
        run.attempts[0].status = None;
        run.attempts[0].jobs[0].as_object_mut().unwrap().remove("run_attempt");
    });
    pump.pump().unwrap();
    let nullable = [
        "name",
        "display_title",
        "status",
        "head_branch",
        "head_repository",
        "actor_login",
        "triggering_actor_login",
        "run_started_at",
    ];
    for column in nullable {
        let values = pump.host.select(RUNS, &[column]);
        assert!(values.contains(&vec![Value::Null]), "{column}");
    }
    assert!(pump.host.select(RUNS, &["run_attempt"]).iter().all(|row| int(row, 0) == 1));
    assert!(pump.host.select(JOBS, &["run_attempt"]).iter().all(|row| int(row, 0) == 1));
}

#[test]
fn a_window_plans_the_whole_weeks_that_it_touches() {
    let pump = pump_with(1, 24 * 21);
    let weeks = |since: Option<i64>, until: Option<i64>| -> Vec<String> {
        let request =
            Request { since: since.map(moment), until: until.map(moment), ..pump.request() };
        let plan = GitHub::plan(&request).unwrap();
        plan.into_iter().map(|week| week.id.replace("repository/187853571/", "")).collect()
    };
    assert_eq!(weeks(Some(BEGIN), None), ["2025-11-24", "2025-11-17", "2025-11-10", "2025-11-03"]);
    // The end is exclusive: the Monday's first moment is not within the window.
    let monday = BEGIN + WEEK - 6 * HOUR;
    assert_eq!(time(monday), "2025-11-10T00:00:00Z");
    assert_eq!(weeks(Some(BEGIN), Some(monday)), ["2025-11-03"]);
    assert_eq!(weeks(Some(monday - 1), Some(monday + 1)), ["2025-11-10", "2025-11-03"]);
    assert!(weeks(Some(BEGIN + 90 * DAY), None).is_empty());
    assert_eq!(weeks(None, None).len(), 14);
}

#[test]
fn a_window_reads_its_weeks_again_also_when_they_are_settled() {
    let mut pump = pump_with(2, 24 * 7 * 9);
    pump.pump().unwrap();
    pump.pump().unwrap();
    let settled = |url: &&String| url.contains("created=2025-11-03");
    assert_eq!(pump.asked().iter().filter(settled).count(), 0, "the first week is settled");
    let once = pump.host.clone();

    let (since, until) = (Some(moment(BEGIN)), Some(moment(BEGIN + DAY)));
    let renamed = pump.change(|repository| *repository.runs.keys().next().unwrap());
    pump.change(|repository| repository.runs.get_mut(&renamed).unwrap().created += 1);
    pump.run(&Request { since, until, ..pump.request() }).unwrap();
    assert!(pump.asked().iter().filter(settled).count() > 0, "{:#?}", pump.asked());
    assert!(pump.host != once, "what was read of it before is what it is now");
    assert_eq!(pump.host.checkpoints().len(), once.checkpoints().len());
    assert_eq!(pump.host, pump.fresh());
}

#[test]
fn a_window_without_a_begin_is_of_the_days_before_its_end() {
    let mut pump = pump_with(2, 24 * 21);
    pump.change(|repository| repository.now += 200 * DAY);
    let until = Some(moment(BEGIN + 14 * DAY));
    pump.run(&Request { until, ..pump.request() }).unwrap();
    assert!(!pump.host.rows(RUNS).is_empty());
}

#[test]
fn weeks_before_the_repository_was_made_are_not_asked_for() {
    let pump = pump_with(1, 24);
    pump.intercept(|_, url, _| {
        url.ends_with("/fenix").then(|| {
            let repository =
                json!({"id": 7, "full_name": "mozilla-mobile/fenix", "created_at": time(BEGIN)});
            Reply::json(200, &repository.to_string())
        })
    });
    let plan = GitHub::plan(&pump.request()).unwrap();
    assert_eq!(plan.len(), 1);
    assert_eq!(plan[0].id, "repository/7/2025-11-03");
}

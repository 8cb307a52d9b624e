// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-run-counts`, of a TestRail whose runs and plans change between loads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value as JsonValue, json};
use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Failure, FailureKind, Request, Timestamp, Value};
use test_dashboard_testrail::TestRail;

const REPORT: &str = "test-run-counts";
const TABLE: &str = "testrail_test_runs";
const HOUR: i64 = 3_600;
/// 2026-02-01T00:00:00Z.
const FEBRUARY: i64 = 1_769_904_000;

fn run(id: i64, created_on: i64, is_completed: bool) -> JsonValue {
    json!({
        "id": id, "name": format!("Run {id}"), "suite_id": 3, "plan_id": null,
        "milestone_id": null, "config": null, "is_completed": is_completed,
        "created_on": created_on, "completed_on": is_completed.then_some(created_on + HOUR),
        "passed_count": 10, "blocked_count": 1, "untested_count": 2, "retest_count": 3,
        "failed_count": 4, "custom_status1_count": 5, "custom_status2_count": null,
        "url": format!("https://api.example.org/index.php?/runs/view/{id}"),
    })
}

/// A plan with one entry of two runs.
fn plan_of(id: i64, created_on: i64, is_completed: bool) -> JsonValue {
    let configured = |n: i64, config: &str| {
        let mut run = run(id * 10 + n, created_on, is_completed);
        run["config"] = json!(config);
        run["plan_id"] = json!(id);
        run
    };
    json!({
        "id": id, "name": format!("Plan {id}"), "milestone_id": 31, "is_completed": is_completed,
        "created_on": created_on,
        "entries": [{
            "id": format!("entry-{id}"), "name": "Smoke",
            "runs": [configured(0, "Android 14"), configured(1, "Android 11")],
        }],
    })
}

/// What the fake TestRail holds; a test changes it between loads.
#[derive(Default)]
struct World {
    runs: BTreeMap<i64, JsonValue>,
    plans: BTreeMap<i64, JsonValue>,
    /// Answers every request for this plan with a failure.
    broken_plan: Option<i64>,
    /// Answers every request for this run as a proxy does that does not let it through.
    proxied_run: Option<i64>,
}

impl World {
    fn put_run(&mut self, id: i64, created_on: i64, is_completed: bool) {
        self.runs.insert(id, run(id, created_on, is_completed));
    }

    fn put_plan(&mut self, id: i64, created_on: i64, is_completed: bool) {
        self.plans.insert(id, plan_of(id, created_on, is_completed));
    }

    /// Answers as TestRail does, without including the seconds that a filter names.
    fn answer(&self, url: &str) -> Reply {
        let (_, call) = url.split_once("/api/v2/").expect("a method");
        let (method, parameters) = call.split_once('&').unwrap_or((call, ""));
        let (method, id) = method.split_once('/').expect("an id");
        let id: i64 = id.parse().expect("a number");
        let parameter = |name: &str| {
            let mut pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<i64>().ok())
        };
        let wanted = |item: &&JsonValue| {
            let created_on = item["created_on"].as_i64().expect("a time");
            parameter("created_after").is_none_or(|after| created_on > after)
                && parameter("created_before").is_none_or(|before| created_on < before)
        };
        let list = |key: &str, items: &BTreeMap<i64, JsonValue>| {
            let mut items: Vec<JsonValue> = items.values().filter(wanted).cloned().collect();
            items.sort_by_key(|item| std::cmp::Reverse(item["created_on"].as_i64()));
            for item in &mut items {
                item.as_object_mut().expect("an object").remove("entries");
            }
            let body = json!({"_links": {"next": null}, key: items});
            Reply::json(200, &body.to_string())
        };
        let single = |item: Option<&JsonValue>| match item {
            Some(item) => Reply::json(200, &item.to_string()),
            None => Reply::json(400, r#"{"error": "Field :id is not a valid one."}"#),
        };
        match method {
            "get_runs" => list("runs", &self.runs),
            "get_plans" => list("plans", &self.plans),
            "get_run" if self.proxied_run == Some(id) => {
                Reply::text(400, "text/html", "<h1>Bad Request</h1>")
            }
            "get_run" => single(self.runs.get(&id)),
            "get_plan" if self.broken_plan == Some(id) => Reply::json(500, "{}"),
            "get_plan" => single(self.plans.get(&id)),
            other => panic!("{other}"),
        }
    }
}

/// A TestRail, and a host that loads from it.
struct Pump {
    world: Rc<RefCell<World>>,
    http: FakeHttp,
    host: MemoryHost,
    request: Request,
    requests_before: usize,
}

impl Pump {
    fn new(fill: impl FnOnce(&mut World)) -> Self {
        let world = Rc::new(RefCell::new(World::default()));
        fill(&mut world.borrow_mut());
        let http = FakeHttp::serve({
            let world = world.clone();
            move |request| world.borrow().answer(&request.url)
        });
        let request = testing::request(REPORT, testing::context(&http, json!({"project-id": 59})));
        Pump { world, http, host: MemoryHost::new(), request, requests_before: 0 }
    }

    fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.borrow_mut());
    }

    fn load(&mut self) -> Result<(), Failure> {
        self.requests_before = self.http.requests().len();
        self.host.run::<TestRail>(&self.request)
    }

    /// What the last load asked for, in order.
    fn asked(&self) -> Vec<String> {
        let requests = self.http.requests();
        let last = requests[self.requests_before..].iter();
        last.filter_map(|url| url.split("/api/v2/").nth(1)).map(String::from).collect()
    }

    /// The ids of the rows, with a `+` for those that are closed.
    fn rows(&self) -> Vec<String> {
        let rows = self.host.select(TABLE, &["id", "is_completed"]);
        rows.iter()
            .map(|row| match row[..] {
                [Value::Int64(id), Value::Boolean(true)] => format!("{id}+"),
                [Value::Int64(id), Value::Boolean(false)] => id.to_string(),
                _ => panic!("{row:?}"),
            })
            .collect()
    }
}

fn moment(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}

#[test]
fn what_was_created_in_the_future_hides_nothing_that_comes_before_it() {
    let mut pump = Pump::new(|world| {
        world.put_run(1, FEBRUARY, true);
        world.put_run(2, FEBRUARY + 10_000 * 24 * HOUR, true);
        world.put_plan(7, FEBRUARY + 10_000 * 24 * HOUR, true);
    });
    pump.load().unwrap();
    let now = pump.request.context.now.as_second();
    pump.change(|world| {
        world.put_run(3, now, true);
        world.put_plan(8, now, true);
    });
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["1+", "2+", "3+", "70+", "71+", "80+", "81+"]);
}

#[test]
fn runs_in_plans_and_outside_have_all_their_counts() {
    let mut pump = Pump::new(|world| {
        world.put_run(1, FEBRUARY, true);
        world.put_plan(7, FEBRUARY, false);
    });
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["1+", "70", "71"]);
    let text = |value: &str| Value::Text(value.into());
    let columns = ["plan_id", "plan_name", "entry_id", "config", "milestone_id", "total_count"];
    assert_eq!(
        pump.host.select(TABLE, &columns)[..2],
        [
            vec![Value::Null, Value::Null, Value::Null, Value::Null, Value::Null, Value::Int64(25)],
            vec![
                Value::Int64(7),
                text("Plan 7"),
                text("entry-7"),
                text("Android 14"),
                Value::Int64(31),
                Value::Int64(25)
            ],
        ]
    );
    let columns =
        ["untested_count", "custom_status1_count", "custom_status2_count", "custom_status7_count"];
    assert_eq!(
        pump.host.select(TABLE, &columns)[0],
        [Value::Int64(2), Value::Int64(5), Value::Null, Value::Null]
    );
}

#[test]
fn a_load_done_twice_gives_the_same_table() {
    let mut pump = Pump::new(|world| {
        world.put_run(1, FEBRUARY, true);
        world.put_run(2, FEBRUARY + 5, false);
        world.put_plan(7, FEBRUARY, false);
    });
    pump.load().unwrap();
    let once = pump.host.clone();
    pump.load().unwrap();
    assert_eq!(pump.host, once);
}

#[test]
fn an_open_run_is_read_again_until_it_is_closed() {
    let mut pump = Pump::new(|world| {
        world.put_run(1, FEBRUARY, false);
        world.put_run(2, FEBRUARY + 100 * HOUR, true);
    });
    pump.load().unwrap();
    assert_eq!(pump.asked(), ["get_runs/59", "get_plans/59"]);
    assert_eq!(pump.rows(), ["1", "2+"]);

    let after = format!("get_runs/59&created_after={}", FEBRUARY + 99 * HOUR);
    pump.load().unwrap();
    assert_eq!(pump.asked(), [&after, "get_run/1", "get_plans/59"]);

    pump.change(|world| world.put_run(1, FEBRUARY, true));
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["1+", "2+"]);

    pump.load().unwrap();
    assert_eq!(pump.asked(), [&after, "get_plans/59"]);
}

#[test]
fn an_open_plan_is_read_again_until_it_is_closed() {
    let mut pump = Pump::new(|world| {
        world.put_plan(7, FEBRUARY, false);
        world.put_plan(8, FEBRUARY + 100 * HOUR, true);
    });
    pump.load().unwrap();
    assert_eq!(pump.asked(), ["get_runs/59", "get_plans/59", "get_plan/7", "get_plan/8"]);

    pump.change(|world| world.put_plan(7, FEBRUARY, true));
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["70+", "71+", "80+", "81+"]);
    let after = format!("get_plans/59&created_after={}", FEBRUARY + 99 * HOUR);
    assert_eq!(pump.asked(), ["get_runs/59", &after, "get_plan/7", "get_plan/8"]);

    pump.load().unwrap();
    assert_eq!(pump.asked(), ["get_runs/59", &after, "get_plan/8"]);
}

#[test]
fn what_is_created_late_or_in_the_watermarks_own_second_is_found() {
    let mut pump = Pump::new(|world| world.put_run(1, FEBRUARY + 2 * HOUR, true));
    pump.load().unwrap();
    pump.change(|world| {
        world.put_run(2, FEBRUARY + 2 * HOUR, true);
        world.put_run(3, FEBRUARY + HOUR + 1, true);
        world.put_run(4, FEBRUARY + 9 * HOUR, true);
    });
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["1+", "2+", "3+", "4+"]);
}

#[test]
fn what_was_open_and_is_deleted_is_let_go_of() {
    let mut pump = Pump::new(|world| {
        world.put_run(1, FEBRUARY, false);
        world.put_run(2, FEBRUARY + 9 * HOUR, true);
        world.put_plan(7, FEBRUARY, false);
        world.put_plan(8, FEBRUARY + 9 * HOUR, true);
    });
    pump.load().unwrap();
    testing::take_log();
    pump.change(|world| {
        world.runs.remove(&1);
        world.plans.remove(&7);
    });
    pump.load().unwrap();
    let log: Vec<String> = testing::take_log().into_iter().map(|(_, line)| line).collect();
    assert!(log.iter().any(|line| line.contains("run 1 is gone")), "{log:?}");
    assert!(log.iter().any(|line| line.contains("plan 7 is gone")), "{log:?}");
    // The last that was known of them stays.
    assert_eq!(pump.rows(), ["1", "2+", "70", "71", "80+", "81+"]);
    pump.load().unwrap();
    assert!(!pump.asked().iter().any(|call| call == "get_run/1" || call == "get_plan/7"));
}

#[test]
fn a_failure_that_is_not_testrails_own_word_deletes_nothing() {
    let mut pump = Pump::new(|world| {
        world.put_run(1, FEBRUARY, false);
        world.put_run(2, FEBRUARY + 9 * HOUR, true);
    });
    pump.load().unwrap();
    pump.change(|world| world.proxied_run = Some(1));
    assert_eq!(pump.load().unwrap_err().kind, FailureKind::UnexpectedResponse);
    assert_eq!(pump.rows(), ["1", "2+"]);
    pump.change(|world| world.proxied_run = None);
    pump.load().unwrap();
    assert!(pump.asked().iter().any(|call| call == "get_run/1"));
}

#[test]
fn a_first_load_of_many_plans_that_breaks_off_goes_on_from_its_last_commit_point() {
    let mut pump = Pump::new(|world| {
        (0..25).for_each(|n| world.put_plan(100 + n, FEBRUARY + n * 2 * HOUR, true));
        world.broken_plan = Some(122);
    });
    assert_eq!(pump.load().unwrap_err().kind, FailureKind::Transient);
    assert_eq!(pump.rows().len(), 20 * 2);

    pump.change(|world| world.broken_plan = None);
    pump.load().unwrap();
    assert_eq!(pump.rows().len(), 25 * 2);
    // The last plan that was committed is in the overlap.
    let plans: Vec<String> =
        pump.asked().into_iter().filter(|call| call.starts_with("get_plan/")).collect();
    assert_eq!(plans.first().map(String::as_str), Some("get_plan/119"));
    assert_eq!(plans.len(), 6);
}

#[test]
fn a_window_bounds_the_first_load_to_the_second() {
    let mut pump = Pump::new(|world| {
        for n in 0..10 {
            world.put_run(n, FEBRUARY + n, true);
            world.put_plan(100 + n, FEBRUARY + n, true);
        }
    });
    pump.request.since = moment(FEBRUARY + 4);
    pump.request.until = moment(FEBRUARY + 6);
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["4+", "5+", "1040+", "1041+", "1050+", "1051+"]);
    let bounds =
        format!("&created_after={}&created_before={}", FEBRUARY + 4 - HOUR, FEBRUARY + 6 + HOUR);
    assert_eq!(pump.asked()[0], format!("get_runs/59{bounds}"));
}

#[test]
fn a_later_window_goes_on_at_the_watermark_and_leaves_no_gap() {
    let mut pump = Pump::new(|world| world.put_run(1, FEBRUARY, true));
    pump.request.since = moment(FEBRUARY - 10);
    pump.load().unwrap();
    pump.change(|world| {
        world.put_run(2, FEBRUARY + 50 * HOUR, true);
        world.put_run(3, FEBRUARY + 99 * HOUR, true);
    });
    pump.request.since = moment(FEBRUARY + 90 * HOUR);
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["1+", "2+", "3+"]);
}

#[test]
fn an_earlier_window_than_was_ever_read_is_read_once() {
    let mut pump = Pump::new(|world| {
        world.put_run(1, FEBRUARY, true);
        world.put_run(2, FEBRUARY + 50 * HOUR, true);
    });
    pump.request.since = moment(FEBRUARY + 10 * HOUR);
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["2+"]);
    pump.request.since = moment(FEBRUARY);
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["1+", "2+"]);
    pump.request.since = moment(FEBRUARY + 51 * HOUR);
    pump.load().unwrap();
    assert_eq!(pump.asked()[0], format!("get_runs/59&created_after={}", FEBRUARY + 49 * HOUR));
}

/// Runs and plans every 50 hours, all of them completed; with the numbers 1 to 9 and 11 to 19.
fn every_fifty_hours() -> Pump {
    Pump::new(|world| {
        for n in 1..=9 {
            world.put_run(n, FEBRUARY + n * 50 * HOUR, true);
            world.put_plan(10 + n, FEBRUARY + n * 50 * HOUR + 60, true);
        }
    })
}

impl Pump {
    /// Asks for the days around some of them.
    fn ask_for(&mut self, first: Option<i64>, last: Option<i64>) {
        self.request.since = first.and_then(|n| moment(FEBRUARY + n * 50 * HOUR - HOUR));
        self.request.until = last.and_then(|n| moment(FEBRUARY + n * 50 * HOUR + HOUR));
    }

    /// Which of them the last load asked for.
    fn plans_asked(&self) -> Vec<i64> {
        let asked = self.asked();
        let plans = asked.iter().filter_map(|call| call.strip_prefix("get_plan/"));
        plans.map(|id| id.parse::<i64>().unwrap() - 10).collect()
    }

    /// Which of them are in the table.
    fn held(&self) -> Vec<i64> {
        let ids: Vec<i64> = (1..=9).filter(|n| self.rows().contains(&format!("{n}+"))).collect();
        let plans = (1..=9).filter(|n| self.rows().contains(&format!("{}+", 100 + 10 * n)));
        assert_eq!(ids, plans.collect::<Vec<_>>(), "the runs in plans and outside of them");
        ids
    }
}

#[test]
fn days_that_are_asked_for_are_read_whatever_was_read_before() {
    let all: Vec<i64> = (1..=9).collect();
    for (first, last) in [(Some(3), Some(5)), (None, Some(4)), (Some(2), None), (Some(1), Some(9))]
    {
        let mut pump = every_fifty_hours();
        pump.load().unwrap();
        // What nobody sees who goes on at the watermark: completed runs whose counts changed.
        pump.change(|world| {
            for run in world.runs.values_mut() {
                run["passed_count"] = json!(77);
            }
        });
        pump.ask_for(first, last);
        pump.load().unwrap();
        let wanted: Vec<i64> = (first.unwrap_or(1)..=last.unwrap_or(9)).collect();
        assert_eq!(pump.plans_asked(), wanted, "{first:?} to {last:?}");
        let rows = pump.host.select(TABLE, &["id", "passed_count", "plan_id"]);
        let read = rows.iter().filter(|row| row[1] == Value::Int64(77)).count();
        assert_eq!(read, wanted.len(), "{first:?} to {last:?}");
        // The next load without days goes on where the first one was.
        pump.ask_for(None, None);
        pump.load().unwrap();
        assert_eq!(pump.plans_asked(), [9]);
        assert_eq!(pump.held(), all);
    }
}

#[test]
fn what_the_first_days_left_out_is_read_by_the_next_load_without_any() {
    for (first, last) in [(Some(4), Some(6)), (None, Some(3)), (Some(8), None)] {
        let mut pump = every_fifty_hours();
        pump.ask_for(first, last);
        pump.load().unwrap();
        let wanted: Vec<i64> = (first.unwrap_or(1)..=last.unwrap_or(9)).collect();
        assert_eq!(pump.held(), wanted);
        pump.ask_for(None, None);
        pump.load().unwrap();
        assert_eq!(pump.held(), (1..=9).collect::<Vec<_>>(), "after {first:?} to {last:?}");
        pump.load().unwrap();
        assert_eq!(pump.plans_asked(), [9]);
    }
}

/// Any days in any order, and then none: nothing is left out.
#[test]
fn no_order_of_days_leaves_a_gap() {
    let days = [
        (Some(5), Some(5)),
        (Some(1), Some(2)),
        (Some(8), Some(8)),
        (None, Some(3)),
        (Some(7), None),
        (Some(20), Some(30)),
        (None, None),
    ];
    for first in days {
        for second in days {
            for third in days {
                let mut pump = every_fifty_hours();
                for (from, to) in [first, second, third] {
                    pump.ask_for(from, to);
                    pump.load().unwrap();
                    for n in from.unwrap_or(1)..=to.unwrap_or(9).min(9) {
                        assert!(pump.held().contains(&n), "{n} of {first:?} {second:?} {third:?}");
                    }
                }
                let grown = FEBRUARY + 10 * 50 * HOUR;
                pump.change(|world| {
                    world.put_run(10, grown, true);
                    world.put_plan(20, grown, true);
                });
                pump.ask_for(None, None);
                pump.load().unwrap();
                let all = (1..=9).collect::<Vec<_>>();
                assert_eq!(pump.held(), all, "{first:?} {second:?} {third:?}");
                let rows = pump.rows();
                assert!(["10+", "200+"].iter().all(|new| rows.iter().any(|row| row == new)));
                pump.load().unwrap();
                assert_eq!(pump.plans_asked(), [10], "{first:?} {second:?} {third:?}");
            }
        }
    }
}

#[test]
fn an_earlier_window_that_ends_before_what_was_read_does_not_count_as_all_between() {
    let mut pump = Pump::new(|world| {
        (1..=4).for_each(|n| world.put_run(n, FEBRUARY + n * 50 * HOUR, true));
    });
    pump.request.since = moment(FEBRUARY + 190 * HOUR);
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["4+"]);
    pump.request.since = moment(FEBRUARY);
    pump.request.until = moment(FEBRUARY + 60 * HOUR);
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["1+", "4+"]);
    pump.request.until = None;
    pump.load().unwrap();
    assert_eq!(pump.rows(), ["1+", "2+", "3+", "4+"]);
}

#[test]
fn a_run_without_a_count_is_rejected_and_read_until_it_has_one() {
    let mut pump = Pump::new(|world| {
        world.put_run(1, FEBRUARY, true);
        world.put_run(2, FEBRUARY, true);
        let run = world.runs.get_mut(&1).and_then(JsonValue::as_object_mut).expect("a run");
        run.remove("untested_count");
    });
    pump.host = MemoryHost::new().rejecting();
    pump.load().unwrap();
    assert_eq!(pump.host.select(TABLE, &["id"]), [[Value::Int64(2)]]);
    assert_eq!(pump.host.rejected().len(), 1);
    pump.world.borrow_mut().runs.get_mut(&1).expect("a run")["untested_count"] = 3.into();
    pump.load().unwrap();
    let counts = pump.host.select(TABLE, &["id", "untested_count"]);
    assert_eq!(counts[0], [Value::Int64(1), Value::Int64(3)]);
}

#[test]
fn a_full_load_begins_anew() {
    let mut pump = Pump::new(|world| world.put_run(1, FEBRUARY, true));
    pump.load().unwrap();
    pump.request.full = true;
    pump.load().unwrap();
    assert_eq!(pump.asked(), ["get_runs/59", "get_plans/59"]);
}

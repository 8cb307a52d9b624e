// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Shards that are killed or interrupted, and started again.

use super::*;

/// So often all shards are killed, in each database.
const ROUNDS: usize = 3;

/// Changes the moments at which they are.
const SEED: u64 = 20_260_302;

#[test]
fn a_shard_that_is_killed_and_started_again_goes_on_and_nothing_is_lost_or_doubled() {
    let pump = Pump::new();
    for kind in Kind::all() {
        let (expected, single) = pump.single_run(CASES, kind);
        let database = Database::new(kind);
        // The last of its suites, so that the others are read.
        let victim = shard_of(1);
        let mine = suites_of(victim);
        let (held, read) = mine.split_last().unwrap();
        assert!(read.len() >= 2, "{mine:?}");
        let before = pump.testrail.server.count();
        let (asked, release) = pump.hold(*held);
        let mut shards: Vec<Child> = (1..=COUNT)
            .map(|number| {
                let shard = format!("{number}/{COUNT}");
                let more = ["--jobs", "1", "--shard", &shard, "--run-key", "night"];
                pump.start(CASES, &database, &more)
            })
            .collect();
        asked.recv().unwrap();
        let mut killed = shards.remove(usize::from(victim) - 1);
        killed.kill().unwrap();
        assert_eq!(end(killed).code, None);
        drop(release);
        for shard in shards {
            end(shard).expect_code(0);
        }
        let status = pump.status(&database).expect_code(1).json();
        assert_eq!(status["open_runs"][0]["shards_missing"], json!([victim]), "{status:#}");
        let report = &status["reports"][0];
        assert_eq!((&report["state"], &report["last_success"]), (&json!("late"), &Value::Null));

        let again = pump.testrail.server.count();
        let ended = pump.shard(CASES, &database, victim, &[]).expect_code(0);
        let done = format!("resumes: {} of its partitions were read before", read.len());
        // Two shards that begin at once use up a number on MariaDB, so it need not be 1.
        let number = &pump.the_run(&database)["run"];
        let all_ended = format!("all 4 shards of run {number} have ended: succeeded");
        ended.expect_said(&done).expect_said(&all_ended);
        for suite in 1..=SUITES.len() as i64 {
            let of_suite = format!("suite_id={suite}");
            let cases = |target: &str| target.contains("get_cases") && target.ends_with(&of_suite);
            let count = |requests: &Requests| -> usize {
                requests.iter().filter(|(target, _)| cases(target)).map(|(_, n)| n).sum()
            };
            let all = count(&pump.requests_since(before));
            let last = count(&pump.requests_since(again));
            assert_eq!(last, usize::from(suite == *held), "{kind:?} suite {suite}");
            assert_eq!(all - last, count(&single), "{kind:?} suite {suite}");
        }
        assert_same(&content(&database), &content(&expected), &format!("{kind:?}"));
        let run = pump.the_run(&database);
        assert_eq!(run["outcome"], "succeeded", "{run:#}");
        assert_eq!(run["rows_read"], pump.the_run(&expected)["rows_read"]);
        pump.status(&database).expect_code(0);
    }
}

/// Fresh databases whose shards are all killed at some moment, and started again until they
/// succeed. Some are killed while they begin the run, and some while they end it.
#[test]
fn shards_killed_anywhere_leave_the_tables_of_a_single_run() {
    let pump = Pump::new();
    for kind in Kind::all() {
        let clock = Instant::now();
        let (expected, _) = pump.single_run(CASES, kind);
        let expected = (content(&expected), pump.the_run(&expected));
        let longest = 2 * clock.elapsed();
        let mut random = StdRng::seed_from_u64(SEED);
        for round in 0..ROUNDS {
            let what = format!("{kind:?}, seed {SEED}, round {round}");
            let database = Database::new(kind);
            let start = |number: u16| {
                let shard = format!("{number}/{COUNT}");
                pump.start(CASES, &database, &["--shard", &shard, "--run-key", "night"])
            };
            let mut shards: Vec<(u16, Child)> =
                (1..=COUNT).map(|number| (number, start(number))).collect();
            for (_, shard) in &mut shards {
                std::thread::sleep(longest.mul_f64(random.random_range(0.0..0.3)));
                shard.kill().unwrap();
            }
            for (number, shard) in shards {
                let mut ended = end(shard);
                let mut tries = 0;
                while ended.code != Some(0) {
                    tries += 1;
                    // The server goes on with a commit whose client was killed.
                    let lost_the_race = ended.said().contains("another run has moved");
                    let is_fine = ended.code.is_none() || lost_the_race;
                    assert!(is_fine && tries < 5, "{what}: {}", ended.said());
                    ended = end(start(number));
                }
            }
            assert_same(&content(&database), &expected.0, &what);
            let run = pump.the_run(&database);
            assert_eq!(run["outcome"], "succeeded", "{what}: {run:#}");
            assert_eq!(names(&run, true), names(&expected.1, true), "{what}");
            pump.status(&database).expect_code(0);
        }
    }
}

#[test]
fn an_interrupted_shard_is_waited_for_and_goes_on() {
    let pump = Pump::new();
    for kind in Kind::all() {
        let (expected, _) = pump.single_run(CASES, kind);
        let database = Database::new(kind);
        let stopped = shard_of(1);
        let (asked, release) = pump.hold(1);
        let shard = format!("{stopped}/{COUNT}");
        let more = ["--jobs", "1", "--shard", &shard, "--run-key", "night"];
        let child = pump.start(CASES, &database, &more);
        asked.recv().unwrap();
        let killed = std::process::Command::new("kill")
            .args(["-s", "TERM", &child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        let ended = end(child).expect_code(130);
        ended.expect_said(&format!("run 1 waits for shard {shard} to be started again"));
        drop(release);
        for number in (1..=COUNT).filter(|number| *number != stopped) {
            pump.shard(CASES, &database, number, &[]).expect_code(0);
        }
        pump.command(&database, &["status"])
            .expect_code(1)
            .expect_said(&format!("waits for {shard} "));
        pump.shard(CASES, &database, stopped, &[]).expect_code(0).expect_said("all 4 shards");
        assert_same(&content(&database), &content(&expected), &format!("{kind:?}"));
        assert_eq!(pump.the_run(&database)["outcome"], "succeeded");
    }
}

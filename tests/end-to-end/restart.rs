// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A run that is done twice, killed anywhere, raced by another or cut off from its database
//! leaves the tables of one that nothing disturbed.

use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::support::github::{GitHub, Issue, Paging, issues};
use crate::support::tables::{Tables, assert_same, tables};
use crate::support::testrail::{self, Project, TestRail};
use crate::support::{Asked, Database, Ended, Kind, Workplace, stay_clear_of_midnight};

/// At least this many runs are killed, in each database.
const KILLS: usize = 12;
/// Changes the moments at which runs are killed.
const SEED: u64 = 20_260_301;

/// The upstreams, and a folder that is configured for them.
struct Pump {
    place: Workplace,
    github: GitHub,
    testrail: TestRail,
}

type Report = &'static str;

const ISSUES: Report = "issues";
const COVERAGE: Report = "test-case-coverage";
const RUN_COUNTS: Report = "test-run-counts";

impl Pump {
    fn new() -> Self {
        Self::with(GitHub::start(many_issues()), TestRail::start(project()))
    }

    fn with(github: GitHub, testrail: TestRail) -> Self {
        let place = Workplace::new(&(github.section() + &testrail.section()));
        Pump { place, github, testrail }
    }

    fn start(&self, report: Report, database: &Database) -> Child {
        let arguments =
            ["--project", "fenix", "--report-type", report, "--database", &database.url];
        let mut command = self.place.command(&arguments);
        command.envs(testrail::VARIABLES).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn run(&self, report: Report, database: &Database) -> Ended {
        Ended::new(self.start(report, database).wait_with_output().unwrap())
    }

    /// Starts the report and kills it at a moment, unless it is done before.
    fn run_and_kill(&self, report: Report, database: &Database, moment: Moment) -> Fate {
        let server = if report == ISSUES { &self.github.server } else { &self.testrail.server };
        let asked_before = server.count();
        let mut child = self.start(report, database);
        match moment {
            Moment::After(while_) => std::thread::sleep(while_),
            Moment::Asked(requests) => {
                while server.count() < asked_before + requests
                    && child.try_wait().unwrap().is_none()
                {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        child.kill().unwrap();
        let ended = Ended::new(child.wait_with_output().unwrap());
        match ended.code {
            None => Fate::Killed,
            Some(0) => Fate::Done,
            // The server goes on with a commit whose client was killed.
            _ if lost_the_race(&ended) => Fate::LostTheRace,
            _ => panic!("{}", ended.said()),
        }
    }

    /// A run that nothing disturbs.
    fn undisturbed(&self, report: Report, kind: Kind) -> Undisturbed {
        let database = Database::new(kind);
        let (asked_before, clock) = (self.asked(), Instant::now());
        self.run(report, &database).expect_code(0);
        let (duration, requests) = (clock.elapsed(), self.asked() - asked_before);
        Undisturbed { tables: tables(&database), duration, requests }
    }

    fn asked(&self) -> usize {
        self.github.server.count() + self.testrail.server.count()
    }
}

struct Undisturbed {
    tables: Tables,
    duration: Duration,
    requests: usize,
}

/// When a run is killed.
#[derive(Clone, Copy)]
enum Moment {
    After(Duration),
    /// When it has asked for so much.
    Asked(usize),
}

impl Moment {
    /// Some moment of a run: by the clock, or, as that goes differently on a busy machine,
    /// by how far it has come.
    fn some(random: &mut StdRng, run: &Undisturbed) -> Self {
        if random.random() {
            Moment::After(run.duration.mul_f64(random.random_range(0.0..1.0)))
        } else {
            Moment::Asked(random.random_range(1..=run.requests))
        }
    }
}

/// What became of a run that was to be killed.
#[derive(Debug, PartialEq)]
enum Fate {
    Killed,
    Done,
    LostTheRace,
}

fn lost_the_race(ended: &Ended) -> bool {
    matches!(ended.code, Some(1 | 3))
        && ended.said().contains("another run has moved its checkpoint")
}

/// Several commit points: one for each thousand. One label is longer than its column.
fn many_issues() -> Vec<Issue> {
    let mut issues = issues(2_300);
    issues[1_700].labels = vec!["far too long ".repeat(20)];
    issues
}

fn project() -> Project {
    Project::of(&[700, 30, 251, 0, 500], 520, 45)
}

#[test]
fn a_run_done_twice_gives_the_same_tables() {
    stay_clear_of_midnight();
    let pump = Pump::new();
    for kind in Kind::all() {
        for report in [ISSUES, COVERAGE, RUN_COUNTS] {
            let database = Database::new(kind);
            pump.run(report, &database).expect_code(0);
            let once = tables(&database);
            pump.run(report, &database).expect_code(0);
            assert_same(&tables(&database), &once, &format!("{kind:?} {report}"));
        }
    }
}

#[test]
fn what_was_written_is_what_there_is() {
    stay_clear_of_midnight();
    let pump = Pump::new();
    for kind in Kind::all() {
        let database = Database::new(kind);
        for report in [ISSUES, COVERAGE, RUN_COUNTS] {
            pump.run(report, &database).expect_code(0);
        }
        let number = |sql: &str| database.number(sql);
        assert_eq!(number("SELECT COUNT(*) FROM github_issues"), 2_300);
        // 0, 1, 2, 3 or 4 labels each, but for the one of which the only one is rejected.
        assert_eq!(number("SELECT COUNT(*) FROM github_issue_labels"), 2_300 * 2 - 1);
        assert_eq!(number("SELECT COUNT(*) FROM rejected_rows"), 1);
        assert_eq!(number("SELECT COUNT(*) FROM testrail_test_suites"), 5);
        assert_eq!(number("SELECT COUNT(*) FROM testrail_test_runs"), 520 + 2 * 45);
    }
}

#[test]
fn a_killed_run_that_is_started_again_gives_the_tables_of_an_undisturbed_one() {
    stay_clear_of_midnight();
    let pump = Pump::new();
    for kind in Kind::all() {
        for (report, kills) in [(ISSUES, KILLS / 2), (COVERAGE, KILLS / 4), (RUN_COUNTS, KILLS / 4)]
        {
            kill_and_start_again(&pump, kind, report, kills);
        }
    }
}

/// Fresh databases until enough runs were killed, each of them pumped until it succeeds.
fn kill_and_start_again(pump: &Pump, kind: Kind, report: Report, kills: usize) {
    let mut random = StdRng::seed_from_u64(SEED);
    let undisturbed = pump.undisturbed(report, kind);
    let mut killed = 0;
    while killed < kills {
        let database = Database::new(kind);
        loop {
            let moment = Moment::some(&mut random, &undisturbed);
            match pump.run_and_kill(report, &database, moment) {
                Fate::Killed => killed += 1,
                Fate::LostTheRace => {}
                Fate::Done => break,
            }
        }
        let what = format!("{kind:?} {report}, seed {SEED}, after {killed} kills");
        assert_same(&tables(&database), &undisturbed.tables, &what);
    }
}

#[test]
fn a_run_killed_between_two_commit_points_goes_on_from_the_first() {
    let pump = Pump::new();
    for kind in Kind::all() {
        let undisturbed = pump.undisturbed(ISSUES, kind);
        let database = Database::new(kind);
        // The repository, then the pages; those up to the tenth are committed together.
        let killed = pump.run_and_kill(ISSUES, &database, Moment::Asked(19));
        assert_eq!(killed, Fate::Killed);
        let stored = database.number("SELECT COUNT(*) FROM github_issues");
        assert!([0, 1_000].contains(&stored), "{kind:?}: {stored}");
        pump.run(ISSUES, &database).expect_code(0);
        assert_same(&tables(&database), &undisturbed.tables, &format!("{kind:?}"));
    }
}

#[test]
fn what_changes_upstream_between_kills_is_there_in_the_end() {
    let pump = Pump::new();
    for kind in Kind::all() {
        let mut random = StdRng::seed_from_u64(SEED + 1);
        pump.github.change(|issues| *issues = many_issues());
        let undisturbed = pump.undisturbed(ISSUES, kind);
        let database = Database::new(kind);
        let now = jiff::Timestamp::now().as_second();
        for round in 0..6 {
            let moment = Moment::Asked(random.random_range(1..undisturbed.requests));
            pump.run_and_kill(ISSUES, &database, moment);
            pump.github.change(|issues| {
                for issue in issues.iter_mut().skip(round).step_by(400) {
                    issue.updated = now + round as i64;
                    issue.labels = vec![format!("round-{round}")];
                }
            });
        }
        pump.run(ISSUES, &database).expect_code(0);
        let mut found = tables(&database);
        let mut expected = pump.undisturbed(ISSUES, kind).tables;
        for tables in [&mut found, &mut expected] {
            // How many labels an issue once had is history, which only one of them has seen:
            // it shows in positions without a label, and in the checkpoint.
            tables.remove("checkpoints");
            tables.get_mut("github_issue_labels").unwrap().retain(|row| !row.contains("null"));
        }
        assert_same(&found, &expected, &format!("{kind:?}, seed {SEED}"));
    }
}

#[test]
fn of_two_runs_at_once_none_spoils_what_the_other_writes() {
    stay_clear_of_midnight();
    let pump = Pump::new();
    for kind in Kind::all() {
        for report in [ISSUES, COVERAGE, RUN_COUNTS] {
            let Undisturbed { tables: expected, .. } = pump.undisturbed(report, kind);
            let database = Database::new(kind);
            let both = [pump.start(report, &database), pump.start(report, &database)];
            for child in both {
                let ended = Ended::new(child.wait_with_output().unwrap());
                let is_fine = ended.code == Some(0) || lost_the_race(&ended);
                assert!(is_fine, "{kind:?} {report}: {}", ended.said());
            }
            assert_same(&tables(&database), &expected, &format!("{kind:?} {report}"));
        }
    }
}

#[test]
fn a_connection_that_breaks_in_the_middle_costs_one_more_try() {
    for kind in Kind::all() {
        if kind == Kind::Sqlite {
            continue; // There is no connection to a file.
        }
        let database = Arc::new(Database::new(kind));
        let github = GitHub::behind(many_issues(), Paging::Cursor, {
            let (database, is_broken) = (Arc::clone(&database), AtomicBool::new(false));
            // Between the commit points of the tenth and the twentieth page.
            move |asked: &Asked, before: usize, _: &mut Vec<Issue>| {
                if before > 14
                    && asked.query("after").is_some()
                    && !is_broken.swap(true, Ordering::SeqCst)
                {
                    let database = Arc::clone(&database);
                    std::thread::spawn(move || database.break_connections()).join().unwrap();
                }
                None
            }
        });
        let pump = Pump::with(github, TestRail::start(project()));
        pump.run(ISSUES, &database).expect_code(0).expect_said("trying again");
        let Undisturbed { tables: expected, .. } = pump.undisturbed(ISSUES, kind);
        assert_same(&tables(&database), &expected, &format!("{kind:?}"));
    }
}

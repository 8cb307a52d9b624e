// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs that are stopped in the middle or overlap, and answers that nobody reads to the end.

use std::io::pipe;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::support::github::{self, GitHub, Paging};
use crate::support::tables::{Tables, assert_same, tables};
use crate::support::{Database, Ended, Kind, Server, Workplace, built};

/// Nineteen pages, with a commit point after the tenth.
const ISSUES: i64 = 1_850;
/// Which page is held back. The plugin gathers rows before it hands them over, so several
/// pages pass before the tenth is committed.
const HELD: usize = 18;
const COMMITTED: i64 = 1_000;

/// A GitHub that holds a page back, once.
struct Holding {
    server: Server,
    /// Hears when the page is asked for.
    asked: Receiver<()>,
    /// Lets it go.
    release: Sender<()>,
}

impl Holding {
    fn start() -> Self {
        let (tell, asked) = channel();
        let (release, released) = channel();
        let once = Mutex::new(Some((tell, released)));
        let issues = github::issues(ISSUES);
        let asked_before = AtomicUsize::new(0);
        let server = Server::start(move |request| {
            // The first request finds the repository.
            if asked_before.fetch_add(1, Ordering::SeqCst) == HELD
                && let Some((tell, released)) = once.lock().unwrap().take()
            {
                tell.send(()).unwrap();
                // Others are answered in the meantime.
                let _ = tokio::task::block_in_place(|| released.recv());
            }
            github::answer(request, &issues, Paging::Cursor)
        });
        Holding { server, asked, release }
    }

    fn workplace(&self) -> Workplace {
        let project = "[projects.fenix.github]\nrepository = \"mozilla-mobile/fenix\"\n";
        Workplace::new(&(github::section("github", &self.server, "") + project))
    }

    /// Starts a run and waits until it has committed ten pages and wants the held one.
    fn run_to_the_held_page(&self, place: &Workplace, database: &Database) -> Child {
        let mut command = place.command(&arguments(database));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.asked.recv().unwrap();
        // It is asked for while the first ten are being written.
        while committed(database) < COMMITTED {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child
    }
}

fn arguments(database: &Database) -> [&str; 6] {
    ["--project", "fenix", "--report-type", "issues", "--database", &database.url]
}

fn committed(database: &Database) -> i64 {
    database.number("SELECT COUNT(*) FROM github_issues")
}

fn end(child: Child) -> Ended {
    Ended::new(child.wait_with_output().unwrap())
}

/// What is in the tables. A second run overwrites the labels that an issue read again might
/// have lost, and leaves rows without a label: they are history, not content.
fn left_in(database: &Database) -> Tables {
    let mut tables = tables(database);
    tables.get_mut("github_issue_labels").unwrap().retain(|row| !row.contains("null"));
    tables
}

/// What one run leaves that nobody disturbs.
fn undisturbed(kind: Kind) -> Tables {
    let github = GitHub::start(github::issues(ISSUES));
    let database = Database::new(kind);
    Workplace::new(&github.section()).run(&arguments(&database)).expect_code(0);
    left_in(&database)
}

#[test]
fn a_run_that_is_interrupted_keeps_what_was_committed_and_the_next_goes_on() {
    for kind in Kind::all() {
        let expected = undisturbed(kind);
        for signal in ["INT", "TERM"] {
            let holding = Holding::start();
            let database = Database::new(kind);
            let place = holding.workplace();
            let child = holding.run_to_the_held_page(&place, &database);
            let killed = std::process::Command::new("kill")
                .args(["-s", signal, &child.id().to_string()])
                .status();
            assert!(killed.unwrap().success());
            end(child)
                .expect_code(130)
                .expect_said("interrupted: what was committed stays")
                .expect_said("the next run resumes from there");
            assert_eq!(committed(&database), COMMITTED, "{kind:?} {signal}");
            let runs = place.run(&["runs", "--format", "json", "--database", &database.url]).json();
            assert_eq!(runs[0]["outcome"], "interrupted");

            holding.release.send(()).unwrap();
            let before = holding.server.asked().len();
            place.run(&arguments(&database)).expect_code(0);
            assert!(holding.server.asked().len() - before < 15, "it began anew");
            assert_same(&left_in(&database), &expected, &format!("{kind:?} {signal}"));
        }
    }
}

#[test]
fn of_two_runs_at_the_same_time_the_one_that_comes_late_writes_nothing_over_the_other() {
    for kind in Kind::all() {
        let expected = undisturbed(kind);
        let holding = Holding::start();
        let database = Database::new(kind);
        let place = holding.workplace();
        let late = holding.run_to_the_held_page(&place, &database);
        place.run(&arguments(&database)).expect_code(0);
        assert_same(&left_in(&database), &expected, &format!("{kind:?}, the one in time"));

        holding.release.send(()).unwrap();
        end(late)
            .expect_code(1)
            .expect_said("another run has moved its checkpoint since this one opened it");
        assert_same(&left_in(&database), &expected, &format!("{kind:?}, after the late one"));
        let run = place.run(&["runs", "1", "--format", "json", "--database", &database.url]).json();
        assert_eq!(run["partitions"][1]["error"]["kind"], "conflict", "{run}");
        place.run(&arguments(&database)).expect_code(0);
        assert_same(&left_in(&database), &expected, &format!("{kind:?}, the next run"));
    }
}

/// Runs the program with both outputs into pipes that nobody reads.
fn unread(place: &Workplace, arguments: &[&str], with_errors: bool) -> Ended {
    let mut command = place.command(arguments);
    let nobody = || {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        writer
    };
    command.stdout(nobody());
    command.stderr(if with_errors { Stdio::from(nobody()) } else { Stdio::piped() });
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None);
    Ended::new(output)
}

#[test]
fn an_answer_that_nobody_reads_is_no_failure() {
    let place = Workplace::new(&format!(
        "[datasources.guest]\nplugin = {:?}\nbase-url = \"https://api.example.com\"\n[projects.fenix.guest]\n",
        built("guests/well_behaved.wasm")
    ));
    let plugin = built("guests/well_behaved.wasm");
    let run = ["-vv", "--project", "fenix", "--report-type", "rows"];
    for with_errors in [false, true] {
        for (code, arguments) in [
            (0, &run as &[&str]),
            (0, &["--project", "fenix", "--report-type", "rows", "--format", "json"]),
            (0, &["--project", "fenix", "--report-type", "rows", "--dry-run"]),
            (0, &["runs"]),
            (0, &["runs", "1"]),
            (0, &["runs", "--format", "json"]),
            (0, &["reports"]),
            (0, &["check"]),
            (0, &["db", "migrate"]),
            (0, &["db", "status"]),
            (0, &["plugin", "inspect", plugin.to_str().unwrap()]),
            (0, &["--help"]),
            (2, &[]),
            (2, &["--project", "nobody", "--report-type", "rows"]),
            (2, &["plugin", "inspect", "nowhere.wasm"]),
        ] {
            let ended = unread(&place, arguments, with_errors);
            assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
            assert!(!ended.err.contains("panicked"), "{arguments:?}: {}", ended.err);
        }
    }
    let runs = place.run(&["runs", "--format", "json"]).expect_code(0).json();
    assert_eq!(runs.as_array().unwrap().len(), 4);
    assert!(runs.as_array().unwrap().iter().all(|run| run["outcome"] == "succeeded"), "{runs}");
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        eprintln!("NOT RUN: there is no /dev/full here");
        return;
    };
    let place = Workplace::new("");
    let file = built("guests/well_behaved.wasm");
    let mut command = place.command(&["plugin", "inspect", file.to_str().unwrap()]);
    let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    end(child)
        .expect_code(1)
        .expect_said("cannot write the answer to standard output: No space left on device");
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A database that is reached as Cloud SQL is: in parts, over a Unix socket, with a token that
//! a program makes and that does not live as long as the run.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::github::{self, GitHub, Issue, Paging};
use crate::support::tables::{assert_same, tables};
use crate::support::user::{User, Way, database_name};
use crate::support::{Asked, Database, Kind, Workplace};

/// Nineteen pages, with a commit point after the tenth.
const ISSUES: i64 = 1_850;
const RUN: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];

/// The section of the configuration, with a program beside it that prints the token.
fn section(database: &Database, socket: &str, user: &str) -> String {
    let engine = if database.kind() == Kind::Postgres { "postgres" } else { "mysql" };
    let port = url::Url::parse(&database.url).unwrap().port().unwrap();
    format!(
        "[database]\nengine = \"{engine}\"\nhost = \"{socket}\"\nport = \"{port}\"\n\
         user = \"{user}\"\nname = \"{}\"\npassword-command = [\"./login\", \"token\"]\n",
        database_name(database)
    )
}

/// Prints what is in the file that it is given, and counts how often it did.
fn write_program(place: &Workplace) {
    let program = place.path("login");
    let script = "#!/bin/sh\ncd \"$(dirname \"$0\")\" && echo asked >>asked && cat \"$1\"\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn asked(place: &Workplace) -> usize {
    std::fs::read_to_string(place.path("asked")).unwrap().lines().count()
}

#[test]
fn a_run_outlives_its_token_and_a_connection_that_breaks() {
    for kind in Kind::all().into_iter().filter(|kind| *kind != Kind::Sqlite) {
        let database = Arc::new(Database::new(kind));
        let Some(socket) = database.socket() else { continue };
        let user = User::new(&database, "first", Way::Socket);
        let place = Workplace::new("");
        write_program(&place);
        std::fs::write(place.path("token"), "first\n").unwrap();

        let expire = expire(&database, user.name.clone(), place.path("token"));
        let github = GitHub::behind(github::issues(ISSUES), Paging::Cursor, {
            let is_expired = AtomicBool::new(false);
            // Between the commit points of the tenth and the last page.
            move |asked: &Asked, before: usize, _: &mut Vec<Issue>| {
                let is_late = before > 14 && asked.query("after").is_some();
                if is_late && !is_expired.swap(true, Ordering::SeqCst) {
                    std::thread::scope(|scope| scope.spawn(&expire).join().unwrap());
                }
                None
            }
        });
        place.configure(&(github.section() + &section(&database, &socket, &user.name)));
        place.run(&["check"]).expect_said(&format!("at {socket}"));
        let before = asked(&place);
        place.run(&RUN).expect_code(0).expect_said("trying again");
        assert!(asked(&place) > before + 1, "a token for each connection, not for each run");

        let undisturbed = Database::new(kind);
        let run = place.run(&[&RUN[..], &["--database", &undisturbed.url]].concat());
        run.expect_code(0);
        assert_same(&tables(&database), &tables(&undisturbed), &format!("{kind:?}"));

        // The next night the program fails, and says why.
        std::fs::remove_file(place.path("token")).unwrap();
        let failed = place.run(&RUN).expect_code(1);
        assert!(!failed.said().contains("second"), "{}", failed.said());
        failed.expect_said(&format!("as {}", user.name)).expect_said("No such file");
    }
}

/// Lets the first token expire, and breaks what was opened with it.
fn expire(database: &Arc<Database>, user: String, token: PathBuf) -> impl Fn() + Sync + 'static {
    let database = Arc::clone(database);
    move || {
        database.as_owner(&match database.kind() {
            Kind::Postgres => format!("ALTER USER {user} PASSWORD 'second'"),
            _ => format!("ALTER USER {user} IDENTIFIED BY 'second'"),
        });
        std::fs::write(&token, "second\n").unwrap();
        database.break_connections();
    }
}

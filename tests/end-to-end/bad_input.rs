// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Mistakes, refusals and answers that are none: each is told with its name and the way out,
//! ends with the right code, and writes nothing.

use base64::Engine as _;
use serde_json::json;

use crate::support::github::{self, GitHub, Paging};
use crate::support::testrail::{self, Project, TestRail};
use crate::support::{Answer, Database, Ended, Kind, Server, Workplace, built};

const FILE: &str = "test-dashboard.sqlite";

/// Arguments that read the issues of the project fenix.
const ISSUES: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];
const RUNS: [&str; 4] = ["--project", "fenix", "--report-type", "test-run-counts"];

/// That nothing was written, not even a database.
#[track_caller]
fn expect_untouched(place: &Workplace) {
    assert!(!place.path(FILE).exists(), "a database was made");
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let github = GitHub::start(github::issues(1));
    let place = Workplace::new(&github.section());
    for (project, report, says) in [
        ("fenixx", "issues", "there is no project \"fenixx\": did you mean fenix?"),
        ("klar", "issues", "there is no project \"klar\"; available: fenix"),
        ("fenix", "isues", "there is no report \"isues\": did you mean issues?"),
        ("fenix", "weather", "available: issue-regression, issues"),
    ] {
        place
            .run(&["--project", project, "--report-type", report])
            .expect_code(2)
            .expect_said(says);
    }
    place.run(&["--project", "fenix"]).expect_code(2).expect_said("--report-type is missing");
    place
        .run(&["--report-type", "issues"])
        .expect_code(2)
        .expect_said("--project is missing: name one, or ALL");
    let misspelt = "[projects.focus-ios.github]\nrepositry = \"a/b\"\n";
    place.configure(&(github.section() + misspelt));
    place
        .run(&["--project", "focus-ios", "--report-type", "issues"])
        .expect_code(2)
        .expect_said("projects.focus-ios.github.repositry")
        .expect_said("did you mean repository?");
    expect_untouched(&place);
    assert!(github.server.asked().is_empty());
}

#[test]
fn a_variable_that_is_not_set_is_named_with_its_setting() {
    let testrail = TestRail::start(Project::of(&[1], 1, 1));
    let place = Workplace::new(&testrail.section());
    let says = "datasources.testrail.credential.secret: the environment variable TESTRAIL_PASSWORD is not set (or empty)";
    place.run(&RUNS).expect_code(2).expect_said(says);
    // As a workflow passes a secret that does not exist.
    place.run_with(&RUNS, &[("TESTRAIL_PASSWORD", "")]).expect_code(2).expect_said(says);
    expect_untouched(&place);

    let database = "[database]\nengine = \"mysql\"\nhost = \"127.0.0.1\"\nuser = \"${DB_USER}\"\nname = \"x\"\n";
    place.configure(&format!("{database}{}", testrail.section()));
    place
        .run_with(&RUNS, &testrail::VARIABLES)
        .expect_code(2)
        .expect_said("database.user: the environment variable DB_USER is not set")
        .expect_said("--database sqlite:FILE");
    assert!(testrail.server.asked().is_empty());
}

#[test]
fn a_configuration_that_is_missing_or_broken() {
    let place = Workplace::new("jobs = 2\n[datasources.github\nplugin = \"x.wasm\"\n");
    place.run(&ISSUES).expect_code(2).expect_said("test-dashboard.toml:2: ");
    place.configure("jobs = 2\n\nprojetcs = 1\n");
    place
        .run(&ISSUES)
        .expect_code(2)
        .expect_said("test-dashboard.toml:3: unknown field `projetcs`")
        .expect_said("`projects`");
    let missing = [&ISSUES[..], &["--config", "elsewhere.toml"]].concat();
    place.run(&missing).expect_code(2).expect_said("cannot read the configuration elsewhere.toml");
    std::fs::remove_file(place.path("test-dashboard.toml")).unwrap();
    place.run(&ISSUES).expect_code(2).expect_said("test-dashboard.toml").expect_said("--config");
    expect_untouched(&place);
}

#[test]
fn no_arguments_show_the_help() {
    let ended = Workplace::new("").run(&[]).expect_code(2);
    ended
        .expect_said("Usage: test-dashboard")
        .expect_said("--report-type")
        .expect_said("Exit codes: 0 done");
}

/// That a run failed as a whole for this reason, with the kind in its history, and that the
/// tables of the report are empty.
#[track_caller]
fn expect_failed(ended: Ended, database: &Database, kind: &str, says: &[&str], table: &str) {
    let mut ended = ended.expect_code(1);
    for text in says {
        ended = ended.expect_said(text);
    }
    let runs = ["runs", "1", "--format", "json", "--database", &database.url];
    let run = Workplace::new("").run(&runs).expect_code(0).json();
    assert_eq!(run["outcome"], "failed");
    let partitions = run["partitions"].as_array().unwrap();
    assert!(partitions.iter().any(|partition| partition["error"]["kind"] == kind), "{run}");
    assert_eq!(database.number(&format!("SELECT COUNT(*) FROM {table}")), 0);
}

/// That the secret is nowhere: not in what was said, not in the database, not in any file of
/// the folder.
#[track_caller]
fn expect_unseen(place: &Workplace, database: &Database, ended: &Ended, secrets: &[&str]) {
    let file = std::path::Path::new(database.url.trim_start_matches("sqlite:"));
    let mut folders = vec![place.path(""), file.parent().unwrap().to_path_buf()];
    let mut texts = vec![("the output".to_string(), ended.said())];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                texts.push((
                    path.display().to_string(),
                    String::from_utf8_lossy(&bytes).into_owned(),
                ));
            }
        }
    }
    assert!(texts.len() >= 4, "output, configuration, database and recording: {}", texts.len());
    for (place, text) in &texts {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}

#[test]
fn a_refused_credential_is_told_and_never_shown() {
    const TOKEN: &str = "ghp_hush4711hush";
    let credential = "credential = { kind = \"bearer\", secret = \"${GITHUB_TOKEN}\" }";
    let run = |place: &Workplace, run: &[&str], database: &Database, variables: &[(&str, &str)]| {
        let loud = ["-vv", "--record", "tapes", "--database", &database.url];
        place.run_with(&[run, &loud].concat(), variables)
    };
    for (status, message) in
        [(401, "Bad credentials"), (403, "Resource not accessible by personal access token")]
    {
        // A careless server says back what it was sent.
        let server = Server::start(move |asked| {
            let sent = asked.header("authorization").unwrap_or("nothing").to_string();
            Server::json(status, json!({"message": format!("{message}: {sent}")}))
        });
        let place = Workplace::new(
            &(github::section("github", &server, credential)
                + "[projects.fenix.github]\nrepository = \"a/b\"\n"),
        );
        let database = Database::new(Kind::Sqlite);
        let ended = run(&place, &ISSUES, &database, &[("GITHUB_TOKEN", TOKEN)]);
        assert_eq!(server.asked()[0].header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        expect_unseen(&place, &database, &ended, &[TOKEN]);
        expect_failed(ended, &database, "auth", &[message], "github_issues");
    }
    let testrail = TestRail::start(Project::of(&[1], 1, 1));
    let place = Workplace::new(&testrail.section());
    let wrong = "expired-key-4711";
    let database = Database::new(Kind::Sqlite);
    let variables = [("TESTRAIL_USERNAME", testrail::USER), ("TESTRAIL_PASSWORD", wrong)];
    let ended = run(&place, &RUNS, &database, &variables);
    let pair =
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{wrong}", testrail::USER));
    expect_unseen(&place, &database, &ended, &[wrong, &pair]);
    expect_failed(ended, &database, "auth", &["Authentication failed"], "testrail_test_runs");
}

#[test]
fn answers_that_are_no_answers_are_no_empty_lists() {
    let html = || {
        Server::answer(
            200,
            &[("content-type", "text/html")],
            "<!DOCTYPE html><title>Maintenance</title>",
        )
    };
    let half = || Server::json(200, "[{\"id\": 1, \"numb");
    let null = || Server::json(200, "null");
    let inside = || {
        Server::json(
            200,
            json!({"error": "Field :project_id is not valid.", "message": "no such thing"}),
        )
    };
    type Make = fn() -> Answer;
    // HTML and half a document are tried again, which costs seconds each time.
    let twice = "[limits]\nmax-attempts = 2\n";
    for (what, answer) in
        [("HTML", html as Make), ("half", half), ("null", null), ("error", inside)]
    {
        // The second request is the first page; the first one finds the repository.
        for spoilt in [0, 1, 2] {
            let github =
                GitHub::behind(github::issues(250), Paging::Cursor, move |_, before, _| {
                    (before >= spoilt).then(answer)
                });
            let database = Database::new(Kind::Sqlite);
            let run = [&ISSUES[..], &["--database", &database.url]].concat();
            let ended = Workplace::new(&(github.section() + twice)).run(&run);
            assert!(!ended.out.contains("succeeded"), "{what} {spoilt}: {}", ended.said());
            expect_failed(
                ended,
                &database,
                "unexpected-response",
                &["FAILED fenix issues"],
                "github_issues",
            );
        }
        let testrail = TestRail::behind(Project::of(&[1], 3, 3), move |_, _| Some(answer()));
        let database = Database::new(Kind::Sqlite);
        let run = [&RUNS[..], &["--database", &database.url]].concat();
        let place = Workplace::new(&(testrail.section() + twice));
        let ended = place.run_with(&run, &testrail::VARIABLES);
        let says = if what == "error" {
            "Field :project_id is not valid."
        } else {
            "FAILED fenix test-run-counts"
        };
        expect_failed(ended, &database, "unexpected-response", &[says], "testrail_test_runs");
    }
}

#[test]
fn a_database_that_does_not_answer() {
    let github = GitHub::start(github::issues(1));
    let place = Workplace::new(&github.section());
    for url in ["postgres://me:hush4711@127.0.0.1:1/x", "mysql://me:hush4711@127.0.0.1:1/x"] {
        for command in [&["status"][..], &["db", "migrate"]] {
            let ended = place.run(&[command, &["--database", url]].concat()).expect_code(1);
            assert!(!ended.said().contains("hush4711"), "{}", ended.said());
            ended
                .expect_said("waiting up to 5 seconds for it")
                .expect_said("127.0.0.1:1")
                .expect_said("is it running, and are host and port right?");
        }
    }
    for (url, says) in [("oracle://x/y", "--database: "), ("postgres://", "--database: ")] {
        place.run(&["--database", url, "runs"]).expect_code(2).expect_said(says);
    }
    let nowhere =
        place.run(&["--database", "sqlite:no/such/folder/x.sqlite", "runs"]).expect_code(1);
    nowhere.expect_said("no/such/folder/x.sqlite");
    assert!(github.server.asked().is_empty());
}

#[test]
fn what_only_reads_makes_no_database() {
    let place = Workplace::new("");
    for command in [&["runs"][..], &["runs", "3"], &["db", "status"]] {
        let ended = place.run(command).expect_code(1);
        ended.expect_said("there is no database ./test-dashboard.sqlite: the first run makes it");
        assert!(!place.path("test-dashboard.sqlite").exists());
    }
    place.run(&["db", "migrate"]).expect_code(0);
    place.run(&["runs"]).expect_code(0).expect_said("no runs yet");
}

#[test]
fn a_database_that_does_not_let_us() {
    let github = GitHub::start(github::issues(1));
    let place = Workplace::new(&github.section());
    for kind in Kind::all().into_iter().filter(|kind| *kind != Kind::Sqlite) {
        let database = Database::new(kind);
        let url = url::Url::parse(&database.url).unwrap();
        let as_user = |user: &str, password: &str| {
            let mut url = url.clone();
            url.set_username(user).unwrap();
            url.set_password(Some(password)).unwrap();
            url.to_string()
        };
        let run =
            |url: &str| place.run(&[&ISSUES[..], &["--database", url]].concat()).expect_code(1);

        let wrong = run(&as_user("test", "hush4711"));
        assert!(!wrong.said().contains("hush4711"), "{}", wrong.said());
        wrong.expect_said("refused the login").expect_said("check user and password");

        // May come in, but may make nothing.
        let name = url.path().trim_start_matches('/').to_string();
        let user = format!("guest_{name}");
        let (make, unmake) = match kind {
            Kind::Postgres => (
                vec![
                    format!("CREATE ROLE {user} LOGIN PASSWORD 'guest'"),
                    format!("GRANT CONNECT ON DATABASE {name} TO {user}"),
                ],
                vec![format!("DROP OWNED BY {user}"), format!("DROP ROLE {user}")],
            ),
            _ => (
                vec![
                    format!("CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'guest'"),
                    format!("GRANT SELECT ON {name}.* TO {user}@'127.0.0.1'"),
                ],
                vec![format!("DROP USER {user}@'127.0.0.1'")],
            ),
        };
        for statement in make {
            database.as_owner(&statement);
        }
        let refused = run(&as_user(&user, "guest"));
        let check = place.run(&["check", "--database", &as_user(&user, "guest")]).expect_code(1);
        for statement in unmake {
            database.as_owner(&statement);
        }
        refused
            .expect_said("a privilege is missing")
            .expect_said("what helps: ")
            .expect_said("GRANT");
        check.expect_said("FAILED  database: ").expect_said("GRANT");

        let gone = as_user("test", "test").replace(&name, "e2e_nowhere");
        run(&gone).expect_said("e2e_nowhere").expect_said("create it, or correct the name");
    }
}

#[test]
fn a_full_disk_loses_nothing_that_was_there() {
    let configuration = |rows: u32| {
        format!(
            "[datasources.guest]\nplugin = {:?}\nbase-url = \"https://api.example.com\"\n[projects.fenix.guest]\nrows = {rows}\n",
            built("guests/well_behaved.wasm")
        )
    };
    let database = Database::new(Kind::Sqlite);
    let run = ["--project", "fenix", "--report-type", "rows", "--database", &database.url];
    let place = Workplace::new(&configuration(3));
    place.run(&run).expect_code(0);
    place.configure(&configuration(50_000));
    // No file may grow past a megabyte, and the program is told so instead of killed.
    let program = place.command(&run);
    let mut limited = std::process::Command::new("bash");
    limited
        .current_dir(place.path(""))
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 1000; exec \"$@\"")
        .arg("bash");
    limited.arg(program.get_program()).args(program.get_args());
    let full = Ended::new(limited.output().unwrap()).expect_code(1);
    full.expect_said("FAILED fenix rows all: ")
        .expect_said("the disk is full or takes no more")
        .expect_said("make room and run again");

    let rows = database.number("SELECT COUNT(*) FROM guest_rows");
    let checkpoint = database.rows("SELECT checkpoint FROM checkpoints")[0][0].clone();
    assert_eq!(checkpoint, json!(rows.to_string()), "rows and checkpoint belong together");
    assert!((3..50_000).contains(&rows), "{rows}");
    place.run(&run).expect_code(0);
    assert_eq!(database.number("SELECT COUNT(*) FROM guest_rows"), 50_000);
    assert_eq!(database.rows("PRAGMA integrity_check"), [json!(["ok"])]);
}

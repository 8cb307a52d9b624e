// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `init`: from an unpacked release to a configuration that can be run.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Database, Ended, Kind, Workplace, built, repository};

const SHIPPED: [&str; 4] = ["bitrise", "github", "taskcluster", "testrail"];

/// A release as its archive is unpacked, and an empty folder beside it.
struct Release {
    folder: tempfile::TempDir,
    /// Where the program is.
    bin: &'static str,
}

impl Release {
    fn new() -> Self {
        Release::laid_out("release", "release")
    }

    /// The program in one folder, and the shipped plugins with their lock file in another.
    fn laid_out(bin: &'static str, share: &str) -> Self {
        let release = Release { folder: tempfile::tempdir().unwrap(), bin };
        for folder in [bin, share, "mine"] {
            std::fs::create_dir_all(release.path(folder)).unwrap();
        }
        let program = Path::new(env!("CARGO_BIN_EXE_test-dashboard"));
        // As large as it is, it is only copied where the file system cannot link.
        if std::fs::hard_link(program, release.program()).is_err() {
            std::fs::copy(program, release.program()).unwrap();
        }
        for plugin in SHIPPED {
            let file = built(&format!("plugins/{plugin}.wasm"));
            let add = ["plugin", "add", file.to_str().unwrap(), "--yes"];
            let mut add = release.command(&add);
            add.current_dir(release.path(share));
            Ended::new(add.output().unwrap()).expect_code(0);
        }
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self) -> PathBuf {
        self.path(self.bin).join("test-dashboard")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.current_dir(self.path("mine")).args(arguments).env_clear();
        for kept in ["PATH", "HOME", "XDG_CACHE_HOME", "TMPDIR"] {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::new(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// A command as a person types it who called the program by where it is.
    fn would_type(&self, command: &str) -> String {
        format!("  {} {command}", self.program().display())
    }

    fn written(&self) -> String {
        std::fs::read_to_string(self.path("mine/test-dashboard.toml")).unwrap()
    }

    /// What lies in the folder of the configuration.
    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = std::fs::read_dir(self.path("mine"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        files
    }

    /// Replays a report with what was written, and gives its totals.
    fn replay(&self, plugin: &str, report: &str, database: &Database) -> serde_json::Value {
        let recordings = repository().join("plugins").join(plugin).join("fixtures");
        let run = ["run", "--project", "fenix", "--report-type", report, "--format", "json"];
        let from = ["--replay", recordings.to_str().unwrap(), "--database", &database.url];
        let mut command = self.command(&[&run[..], &from].concat());
        command.env("TESTRAIL_HOST", "https://testrail.example.com");
        Ended::new(command.output().unwrap()).expect_code(0).json()["total"].clone()
    }
}

const FENIX: [&str; 7] = [
    "init",
    "--project",
    "fenix",
    "--set",
    "testrail.project-id=59",
    "--set",
    "github=mozilla-mobile/fenix",
];

#[test]
fn flags_write_a_configuration_that_is_commented_checked_and_runs() {
    let release = Release::new();
    release
        .run(&FENIX)
        .expect_code(0)
        .expect_said("wrote test-dashboard.toml: fenix from github, testrail")
        .expect_said("as ./plugins/github.wasm, pinned in test-dashboard.lock")
        .expect_said(
            "required, and not set yet: TESTRAIL_HOST, TESTRAIL_PASSWORD, TESTRAIL_USERNAME\n",
        )
        .expect_said("optional, and not set: GITHUB_TOKEN\n")
        .expect_said(&release.would_type("check "))
        .expect_said(&release.would_type("run --project fenix --report-type issues --dry-run"))
        .expect_said(&release.would_type("status "))
        .expect_said("test-dashboard.lock, and the plugins' files unless a release brings them.");
    assert_eq!(release.files(), ["plugins", "test-dashboard.lock", "test-dashboard.toml"]);
    let text = release.written();
    for line in [
        "url = \"sqlite:test-dashboard.sqlite\"\n",
        "# engine = \"${CLOUD_SQL_DATABASE_ENGINE:-mysql}\"",
        "plugin = \"plugins/testrail.wasm\"\nbase-url = \"${TESTRAIL_HOST}\"\n",
        "secret = \"${TESTRAIL_PASSWORD}\"",
        "# requests-per-minute = 180 ",
        "# max-requests = 20000\n",
        "[projects.fenix.testrail]\nproject-id = 59\n# suite-ids: Only these suites",
        "[projects.fenix.github]\nrepository = \"mozilla-mobile/fenix\"\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    for other in ["bitrise.wasm", "taskcluster.wasm", "focus", "target/"] {
        assert!(!text.contains(other), "{other} is in\n{text}");
    }
    release.run(&["plugin", "verify"]).expect_code(0);

    for kind in Kind::all() {
        let database = Database::new(kind);
        for (plugin, report) in [("github", "issues"), ("testrail", "test-case-coverage")] {
            let total = release.replay(plugin, report, &database);
            assert!(total["rows_new"].as_u64().unwrap() > 0, "{kind:?} {report}: {total}");
        }
    }
}

#[test]
fn a_program_in_a_bin_has_its_plugins_in_the_share_beside_it() {
    let release = Release::laid_out("usr/local/bin", "usr/local/share/test-dashboard");
    release.run(&FENIX).expect_code(0).expect_said("as ./plugins/github.wasm, pinned");
    assert_eq!(release.files(), ["plugins", "test-dashboard.lock", "test-dashboard.toml"]);
    release.run(&["plugin", "verify"]).expect_code(0);
}

#[test]
fn every_shipped_plugin_can_be_named_and_a_server_is_the_database() {
    let release = Release::new();
    let more = [
        "--set",
        "bitrise.app-slugs=6c06d3a40422d10f",
        "--set",
        "taskcluster.index-namespace=gecko.v2.mozilla-central",
        "--set",
        "taskcluster.days=4",
        "--database-engine",
        "postgres",
        "--config",
        "my conf/pump.toml",
    ];
    release
        .run(&[&FENIX[..], &more].concat())
        .expect_code(0)
        .expect_said("CLOUD_SQL_DATABASE_NAME, CLOUD_SQL_DATABASE_PASSWORD")
        .expect_said(&release.would_type("check --config 'my conf/pump.toml'"));
    let text = std::fs::read_to_string(release.path("mine/my conf/pump.toml")).unwrap();
    for line in [
        "engine = \"${CLOUD_SQL_DATABASE_ENGINE:-postgres}\"",
        "[projects.fenix.bitrise]\napp-slugs = [\"6c06d3a40422d10f\"]\n",
        "index-namespace = \"gecko.v2.mozilla-central\"\ndays = 4\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let reports = release.run(&["reports", "--config", "my conf/pump.toml", "--format", "json"]);
    assert_eq!(reports.expect_code(0).json().as_array().unwrap().len(), 4);
}

/// The end of what is typed.
const CTRL_D: &str = "\u{4}";

/// Answers on a terminal what `init` asks there, in this order; gives all that was shown.
fn answered(release: &Release, flags: &str, answers: &[(&str, &str)]) -> String {
    let (code, shown) = ended(release, flags, answers);
    assert_eq!(code, Some(0), "{shown}");
    shown
}

/// The same, with the exit code.
fn ended(release: &Release, flags: &str, answers: &[(&str, &str)]) -> (Option<i32>, String) {
    let program = release.program();
    let mut terminal = Command::new("script");
    let line = format!("exec timeout --foreground 120 {} init {flags}", program.display());
    terminal.args(["-qefc", &line, "/dev/null"]);
    terminal.current_dir(release.path("mine")).env("TERM", "dumb").env("SHELL", "/bin/sh");
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = terminal.spawn().unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut seen, mut bytes) = (String::new(), 0, [0; 4096]);
    for (question, answer) in answers {
        while !shown[seen..].contains(question) {
            let read = screen.read(&mut bytes).unwrap();
            assert!(read > 0, "{question:?} was not asked:\n{shown}");
            shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        seen = shown.len();
        match *answer {
            CTRL_D => write!(keyboard, "{CTRL_D}").unwrap(),
            answer => writeln!(keyboard, "{answer}").unwrap(),
        }
    }
    screen.read_to_string(&mut shown).unwrap();
    (child.wait().unwrap().code(), shown)
}

#[test]
fn a_person_is_asked_again_until_the_answers_can_be_used() {
    let release = Release::new();
    let shown = answered(
        &release,
        "",
        &[
            ("Name of the first project", ""),
            ("must be lower-case letters, digits and '-'", "Fenix Android"),
            ("must be lower-case letters, digits and '-'", "all"),
            ("\"all\" means every project", "fenix"),
            ("Read bitrise", "maybe"),
            ("answer y or n", "y"),
            // Both, then none: the plugin refuses either.
            ("app-slugs", "6c06d3a40422d10f"),
            ("app-slug", "9f87e6d5"),
            ("name all apps with app-slugs", ""),
            ("app-slug", ""),
            ("name its Bitrise apps with app-slugs", "6c06d3a40422d10f, 9f87e6d5"),
            ("app-slug", ""),
            ("Read github", "n"),
            ("Read taskcluster", ""),
            ("Read testrail", "yes"),
            ("project-id", "fenix"),
            ("project-id is a number", "59"),
            ("The database", "oracle"),
            ("expected sqlite, postgres or mysql", ""),
        ],
    );
    assert!(shown.contains("wrote test-dashboard.toml: fenix from bitrise, testrail"), "{shown}");
    let text = release.written();
    for line in [
        "[projects.fenix.bitrise]\napp-slugs = [\"6c06d3a40422d10f\", \"9f87e6d5\"]\n",
        "[projects.fenix.testrail]\nproject-id = 59\n",
        "url = \"sqlite:test-dashboard.sqlite\"\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("github.wasm") && !text.contains("taskcluster.wasm"), "{text}");
    let total = release.replay("testrail", "test-case-coverage", &Database::new(Kind::Sqlite));
    assert!(total["rows_new"].as_u64().unwrap() > 0, "{total}");
}

#[test]
fn what_a_flag_says_is_not_asked() {
    let release = Release::new();
    let shown = answered(
        &release,
        "--database-engine postgres",
        &[
            ("Name of the first project", "fenix"),
            ("Read bitrise", ""),
            ("Read github", "y"),
            ("repository", "mozilla-mobile"),
            ("expected owner/name", "mozilla-mobile/fenix"),
            ("Read taskcluster", "no"),
            ("Read testrail", "N"),
        ],
    );
    assert!(!shown.contains("The database"), "{shown}");
    assert!(release.written().contains("engine = \"${CLOUD_SQL_DATABASE_ENGINE:-postgres}\""));
}

#[test]
fn who_leaves_at_a_question_has_changed_nothing() {
    for answers in [
        &[("Name of the first project", CTRL_D)][..],
        &[("Name of the first project", "fenix"), ("Read bitrise", CTRL_D)],
        &[("Name of the first project", "fenix"), ("Read bitrise", "y"), ("app-slugs", CTRL_D)],
    ] {
        let release = Release::new();
        let (code, shown) = ended(&release, "", answers);
        assert_eq!(code, Some(2), "{shown}");
        assert!(shown.contains("no answer was given, so nothing was changed"), "{shown}");
        assert_eq!(release.files(), [""; 0]);
    }
}

#[test]
fn without_a_terminal_and_without_flags_nothing_is_written() {
    let release = Release::new();
    release.run(&["init"]).expect_code(2).expect_said("pass --project NAME");
    assert_eq!(release.files(), [""; 0]);
}

#[test]
fn what_the_plugins_do_not_take_is_a_usage_error_and_nothing_is_written() {
    let release = Release::new();
    for (given, says) in [
        (&["--set", "githup=a/b"][..], "there is no plugin \"githup\": did you mean github?"),
        (&["--set", "github.repo=a/b"], "github takes no setting \"repo\""),
        (&["--set", "testrail.project-id=fenix"], "project-id is a number"),
        (&["--set", "github"], "expected PLUGIN.SETTING=VALUE"),
        (&["--set", "taskcluster=x"], "which setting of taskcluster is meant? It takes task-"),
        (&["--set", "github=a/b", "--set", "github.repository=a/c"], "repository is given twice"),
        (&["--set", "testrail.suite-ids=1,2"], "project-id is missing"),
        (&["--set", "github=${NOT_SET}/b"], "NOT_SET is not set"),
        (&["--set", "github="], "--set github=: expected a value: Owner and name"),
        (&["--set", "github=mozilla-mobile"], "github: project fenix: its setting repository is"),
        (&["--set", "taskcluster.days=4"], "taskcluster: project fenix"),
        (
            &["--set", "bitrise.app-slug=a2b473cfa869c525", "--set", "bitrise.app-slugs=9f87e6d5"],
            "name all apps with app-slugs",
        ),
        (&[], "there is nothing to read"),
    ] {
        let given = [&["init", "--project", "fenix"], given].concat();
        release.run(&given).expect_code(2).expect_said(says);
    }
    let long = "a".repeat(61);
    for (name, reason) in [
        ("Fenix!", "must be lower-case letters, digits and '-', and begin with a letter"),
        ("Fenix Android", "must be lower-case"),
        ("Fenix", "must be lower-case"),
        ("ALL", "must be lower-case"),
        ("all", "means every project"),
        ("", "must be lower-case"),
        (&long, "is too long: it has 61 characters, and may have 60"),
    ] {
        let said = format!("--project {name:?} {reason}");
        let line = ["init", "--project", name, "--set", "github=a/b"];
        release.run(&line).expect_code(2).expect_said(&said);
    }
    release.run(&["init", "--set", "github=a/b"]).expect_code(2).expect_said("--project");
    assert_eq!(release.files(), [""; 0]);
}

#[test]
fn a_configuration_that_is_there_is_overwritten_only_by_force() {
    let release = Release::new();
    std::fs::write(release.path("mine/test-dashboard.toml"), "# mine\n").unwrap();
    release.run(&FENIX).expect_code(2).expect_said("already exists").expect_said("--force");
    assert_eq!(release.written(), "# mine\n");
    assert_eq!(release.files(), ["test-dashboard.toml"]);
    release.run(&[&FENIX[..], &["--force"]].concat()).expect_code(0);
    assert!(release.written().contains("[projects.fenix.github]"));
    // What is installed already is left as it is.
    let again = release.run(&[&FENIX[..], &["--force"]].concat()).expect_code(0);
    assert!(!again.out.contains("installed"), "{}", again.out);
}

#[test]
fn where_nothing_can_be_written_nothing_is_and_it_is_told() {
    let release = Release::new();
    std::fs::write(release.path("mine/file"), "").unwrap();
    let nowhere = ["--config", "file/test-dashboard.toml"];
    release.run(&[&FENIX[..], &nowhere].concat()).expect_code(1).expect_said("cannot create the");
    // A folder where the lock file would be: what is written before it must not stay.
    std::fs::create_dir(release.path("mine/plugins")).unwrap();
    std::fs::create_dir(release.path("mine/plugins/github.wasm")).unwrap();
    release.run(&FENIX).expect_code(1).expect_said("nothing was changed");
    assert_eq!(release.files(), ["file", "plugins"]);
}

#[test]
fn a_file_that_is_not_the_one_of_its_lock_file_is_not_installed() {
    let release = Release::new();
    let changed = release.path("release/plugins/github.wasm");
    let mut bytes = std::fs::read(&changed).unwrap();
    bytes.push(0);
    std::fs::write(changed, bytes).unwrap();
    release.run(&FENIX).expect_code(1).expect_said("none of it was run");
    assert_eq!(release.files(), [""; 0]);
}

#[test]
fn without_any_plugin_it_says_how_to_get_one() {
    let place = Workplace::new("");
    let given = ["init", "--force", "--project", "fenix", "--set", "github=a/b"];
    place
        .run(&given)
        .expect_code(2)
        .expect_said("there is no plugin to read with")
        .expect_said("test-dashboard plugin add FILE");
}

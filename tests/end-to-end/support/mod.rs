// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the tests share: a working folder with a configuration, the binary, databases of
//! their own, and an API on loopback.

pub mod actions;
pub mod archive;
pub mod bombs;
mod database;
mod demo;
pub mod github;
pub mod har;
mod own_server;
mod server;
pub mod tables;
pub mod testrail;
pub mod user;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

pub use database::{Database, Kind};
pub use demo::Demo;
pub use own_server::OwnServer;
pub use server::{Answer, Asked, Server};

/// A file that `make` builds; says what to do when it is not there.
pub fn built(path: &str) -> PathBuf {
    let file = repository().join("target").join(path);
    assert!(file.is_file(), "{} is missing: run `make plugins guests` first", file.display());
    file
}

/// The folder of the checkout.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Some rows are counted per day: no test of those may begin on one and end on the next.
pub fn stay_clear_of_midnight() {
    let into_the_day = jiff::Timestamp::now().as_second().rem_euclid(86_400);
    let left = Duration::from_secs(86_400 - into_the_day.unsigned_abs());
    if left < Duration::from_secs(300) {
        std::thread::sleep(left);
    }
}

/// A folder in which the program is run, with its own configuration.
pub struct Workplace {
    folder: tempfile::TempDir,
}

impl Workplace {
    /// A folder whose configuration is this text.
    pub fn new(configuration: &str) -> Self {
        let workplace = Workplace { folder: tempfile::tempdir().unwrap() };
        workplace.configure(configuration);
        workplace
    }

    /// Replaces the configuration.
    pub fn configure(&self, configuration: &str) {
        std::fs::write(self.path("test-dashboard.toml"), configuration).unwrap();
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, to be run here, with none of this process's credentials or settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.prepared(Command::new(PROGRAM), arguments)
    }

    /// The same, which ends with code 124 when it hangs.
    fn bounded(&self, arguments: &[&str]) -> Command {
        let mut timeout = Command::new("/usr/bin/timeout");
        timeout.args(["--foreground", "--kill-after=10s", HANGS_AFTER, PROGRAM]);
        self.prepared(timeout, arguments)
    }

    fn prepared(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.current_dir(self.folder.path()).args(arguments).env_clear();
        for kept in ["PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME", "XDG_CACHE_HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::new(self.bounded(arguments).output().unwrap())
    }

    /// Runs the program under limits as the shell sets them (`ulimit -d 1000000`). A file that
    /// would become too large is refused like one on a full disk, and ends nothing.
    pub fn run_under(&self, limits: &str, arguments: &[&str]) -> Ended {
        let program = self.command(&[]);
        let mut shell = Command::new("sh");
        let script = format!("trap '' XFSZ; {limits}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(program.get_program()).args(arguments);
        shell.current_dir(self.folder.path()).stdin(std::process::Stdio::null()).env_clear();
        shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ended::new(shell.output().unwrap())
    }

    /// Runs the program with these variables.
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = self.bounded(arguments);
        command.envs(variables.iter().copied());
        Ended::new(command.output().unwrap())
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_test-dashboard");
/// No run of a test takes as long.
const HANGS_AFTER: &str = "10m";

/// How a run of the program ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    pub fn new(output: Output) -> Self {
        Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Both outputs.
    pub fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// That it ended with this code; shows what it said otherwise.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.said());
        self
    }

    /// That it ended as a run does of which something failed.
    #[track_caller]
    pub fn expect_failure(self) -> Self {
        assert!(matches!(self.code, Some(1 | 3)), "{:?}: {}", self.code, self.said());
        self
    }

    /// That it said this.
    #[track_caller]
    pub fn expect_said(self, text: &str) -> Self {
        assert!(self.said().contains(text), "{text:?} was not said:\n{}", self.said());
        self
    }

    /// Its answer as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.said()))
    }
}

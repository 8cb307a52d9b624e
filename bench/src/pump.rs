// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The pump under measurement: its configuration, its runs, and what they have to report.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use crate::process::{self, Usage};
use crate::rows::State;

/// The part of the pump's answer that is checked.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// The run's number; none for a dry run.
    pub run: Option<i64>,
    /// Rows of all partitions.
    pub total: Total,
    /// The partitions, and what was done to find them.
    pub partitions: Vec<Partition>,
}

/// Counts of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Total {
    /// Delivered by the plugin.
    pub rows_read: u64,
    /// Not there before.
    pub rows_new: u64,
    /// There, and different.
    pub rows_changed: u64,
    /// There, exactly like this.
    pub rows_unchanged: u64,
}

/// One partition.
#[derive(Debug, Deserialize)]
pub struct Partition {
    /// Seconds in which the plugin's own code ran.
    #[serde(rename = "cpu_seconds")]
    pub cpu: f64,
}

impl Answer {
    /// Seconds in which the plugin's own code ran, in all partitions.
    pub fn plugin_cpu(&self) -> f64 {
        self.partitions.iter().map(|partition| partition.cpu).sum()
    }
}

/// The pump, with a configuration for the mock API.
pub struct Pump {
    program: PathBuf,
    folder: PathBuf,
}

impl Pump {
    /// Writes the configurations into `folder`, where compiled plugins are cached too. The
    /// shipped plugins that are built stand in it beside the mock's, because start-up is
    /// measured with all of them.
    ///
    /// # Errors
    ///
    /// When the program or the mock's plugin is not there, or the folder cannot be written.
    pub fn new(
        program: &Path,
        plugins: &Path,
        folder: &Path,
        address: &str,
    ) -> anyhow::Result<Self> {
        let absolute = |path: &Path| {
            path.canonicalize().with_context(|| format!("{} is not there", path.display()))
        };
        let program = absolute(program)?;
        let mock = absolute(&plugins.join("mock.wasm"))?;
        for state in [State::Original, State::Changed] {
            let name = state.name();
            let mut text = format!(
                "[datasources.mock]\nplugin = {mock:?}\nbase-url = {address:?}\n\
                 allow-addresses = [\"127.0.0.1\"]\n\n[projects.bench]\nmock = {{ state = {name:?} }}\n"
            );
            for shipped in ["testrail", "github"] {
                if let Ok(plugin) = absolute(&plugins.join(format!("{shipped}.wasm"))) {
                    text.push_str(&format!(
                        "\n[datasources.{shipped}]\nplugin = {plugin:?}\nbase-url = \"https://{shipped}.invalid\"\n"
                    ));
                }
            }
            std::fs::write(folder.join(format!("{name}.toml")), text)?;
        }
        Ok(Pump { program, folder: folder.to_owned() })
    }

    fn command(&self, state: State) -> Command {
        let mut command = Command::new(&self.program);
        let config = self.folder.join(format!("{}.toml", state.name()));
        command.arg("--config").arg(config).args(["--format", "json"]);
        command.env("XDG_CACHE_HOME", self.folder.join("cache"));
        command.env_remove("RUST_LOG").env_remove("TEST_DASHBOARD_DATABASE");
        command
    }

    /// Runs a report into a database.
    ///
    /// # Errors
    ///
    /// When the run fails.
    pub fn run(
        &self,
        state: State,
        report: &str,
        database: &str,
    ) -> anyhow::Result<(Usage, Answer)> {
        let mut command = self.command(state);
        command.args(["run", "--project", "bench", "--report-type", report]);
        command.args(["--database", database]);
        let (usage, out) = process::run(&mut command)?;
        Ok((usage, answer(out)?))
    }

    /// Runs a report without a database.
    ///
    /// # Errors
    ///
    /// When the run fails.
    pub fn dry_run(&self, report: &str) -> anyhow::Result<Answer> {
        let mut command = self.command(State::Original);
        command.args(["run", "--project", "bench", "--report-type", report, "--dry-run"]);
        answer(process::run(&mut command)?.1)
    }

    /// Asks for the list of reports, which needs all plugins and no network.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn reports(&self) -> anyhow::Result<Usage> {
        Ok(process::run(self.command(State::Original).arg("reports"))?.0)
    }

    /// Forgets the compiled plugins.
    ///
    /// # Errors
    ///
    /// When the cache is there and cannot be removed.
    pub fn forget_compiled(&self) -> anyhow::Result<()> {
        match std::fs::remove_dir_all(self.folder.join("cache")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn answer(out: File) -> anyhow::Result<Answer> {
    serde_json::from_reader(BufReader::new(out)).context("the pump's answer is not as expected")
}

/// Which load of the same rows it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Into an empty database.
    First,
    /// Once more, with nothing changed.
    Unchanged,
    /// Once more, with a tenth of the rows changed.
    TenthChanged,
}

impl Load {
    /// All, in the order in which they have to be done.
    pub const ALL: [Load; 3] = [Load::First, Load::Unchanged, Load::TenthChanged];

    /// Which state the API is in.
    pub fn state(self) -> State {
        match self {
            Load::First | Load::Unchanged => State::Original,
            Load::TenthChanged => State::Changed,
        }
    }

    /// As a table shows it.
    pub fn name(self) -> &'static str {
        match self {
            Load::First => "first",
            Load::Unchanged => "unchanged",
            Load::TenthChanged => "a tenth changed",
        }
    }

    /// How many rows are then new, and how many changed.
    pub fn writes(self, rows: u64) -> (u64, u64) {
        match self {
            Load::First => (rows, 0),
            Load::Unchanged => (0, 0),
            Load::TenthChanged => (0, rows / crate::rows::CHANGED_ONE_IN),
        }
    }
}

/// Compares what a run reports with what it has to.
///
/// # Errors
///
/// When they differ.
pub fn check(answer: &Answer, load: Load, rows: u64) -> anyhow::Result<()> {
    let (new, changed) = load.writes(rows);
    let expected = Total {
        rows_read: rows,
        rows_new: new,
        rows_changed: changed,
        rows_unchanged: rows - new - changed,
    };
    ensure!(
        answer.total == expected,
        "the {} load reports {:?}, expected {expected:?}",
        load.name(),
        answer.total
    );
    if answer.run.is_none() {
        bail!("the {} load has no run number", load.name());
    }
    Ok(())
}

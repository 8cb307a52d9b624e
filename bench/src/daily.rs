// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a daily refresh costs: the shipped plugins load a TestRail project and a Bitrise app
//! of the size to plan for, the world moves on by a day, and they load again.
//!
//! The pump reads the real clock, so the first load is shown what there was yesterday, and
//! the second what there is today. Each report has a database of its own, because two of them
//! share a table. After each load the tables are counted and compared with the mock's world.

mod bitrise;
mod call;
mod mock;
mod report;
mod server;
mod testrail;
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::database::{Database, Engine};
use crate::process;
use crate::pump::Answer;
use mock::Mock;
use report::{Daily, Load, Measured};
use world::{Check, Size};

/// What is measured: the plugin and the report.
const REPORTS: [(&str, &str); 5] = [
    ("testrail", "test-cases"),
    ("testrail", "test-plans-and-runs"),
    ("testrail", "test-results"),
    ("testrail", "test-run-counts"),
    ("bitrise", "builds"),
];

/// How large the world is.
#[derive(Debug, Clone, Args)]
pub struct WorldArgs {
    /// The part of the size to plan for (20,000 cases, 9,000 runs, 100,000 results, 20,000
    /// builds) and of the time that it goes back; 0.05 for a quick look.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// How many of the runs outside of plans nobody ever closed.
    #[arg(long, default_value_t = 3)]
    forgotten_runs: usize,
    /// When the second load is, in seconds since the epoch; without it now.
    #[arg(long)]
    today: Option<i64>,
}

/// What is measured, and with what.
#[derive(Debug, Args)]
pub struct DailyArgs {
    #[command(flatten)]
    world: WorldArgs,
    /// Into which database.
    #[arg(long, value_enum, default_value_t = Engine::Sqlite)]
    database: Engine,
    /// The pump.
    #[arg(long, default_value = "target/release/test-dashboard")]
    pump: PathBuf,
    /// Where testrail.wasm and bitrise.wasm are.
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// Where the results go as JSON.
    #[arg(long, default_value = "target/bench-daily.json")]
    json: PathBuf,
}

impl WorldArgs {
    fn today(&self) -> i64 {
        self.today.unwrap_or_else(|| jiff::Timestamp::now().as_second())
    }

    fn size(&self) -> Size {
        Size { scale: self.scale, ..Size::until(self.today(), self.forgotten_runs) }
    }

    fn as_arguments(&self) -> Vec<String> {
        let WorldArgs { scale, forgotten_runs, .. } = self;
        vec![
            "serve-daily".into(),
            format!("--scale={scale}"),
            format!("--forgotten-runs={forgotten_runs}"),
            format!("--today={}", self.today()),
        ]
    }
}

/// Serves the mock until standard input ends.
///
/// # Errors
///
/// As [`server::serve`].
pub async fn serve(args: &WorldArgs) -> anyhow::Result<()> {
    server::serve(args.size()).await
}

/// Measures all reports, and prints it.
///
/// # Errors
///
/// When a load fails, or leaves other rows in a table than the mock has. A goal that is not
/// reached is no error: it is told.
pub async fn run(args: &DailyArgs) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut mock = Mock::start(&args.world.as_arguments())?;
    let pump = Pump::new(args, folder.path(), &mock.address)?;
    // Compiles the plugins, which is not to be counted in.
    process::run(pump.command().arg("reports"))?;
    let version = Database::fresh(args.database, folder.path()).await?.version().await?;
    let mut daily = Daily::new(&args.world.size(), version);
    for (datasource, report) in REPORTS {
        let database = Database::fresh(args.database, folder.path()).await?;
        for load in [Load::First, Load::DayAfter] {
            eprintln!("bench: {datasource} {report}, {}", load.name());
            let checks = mock.move_to(load.day())?;
            let (usage, answer) = pump.load(report, &database)?;
            let requests = mock.asked()?;
            check(&database, report, &checks).await?;
            daily.loads.push(Measured::of(datasource, report, load, requests, usage, answer.total));
        }
    }
    println!("{daily}");
    std::fs::write(&args.json, serde_json::to_vec_pretty(&daily)?)
        .with_context(|| format!("cannot write {}", args.json.display()))?;
    println!("All of it as JSON: {}", args.json.display());
    Ok(())
}

/// Compares what the tables hold with what the mock has.
async fn check(database: &Database, report: &str, checks: &[Check]) -> anyhow::Result<()> {
    let mut asked = 0;
    for Check { sql, expected, .. } in checks.iter().filter(|check| check.report == report) {
        let found = database.number(sql).await.with_context(|| format!("after {report}: {sql}"))?;
        ensure!(found == *expected, "after {report}: {sql}: {found} instead of {expected}");
        asked += 1;
    }
    ensure!(asked > 0, "nothing is known of what {report} has to leave");
    Ok(())
}

/// The pump, with a configuration for the mock.
struct Pump {
    program: PathBuf,
    folder: PathBuf,
}

impl Pump {
    fn new(args: &DailyArgs, folder: &Path, address: &str) -> anyhow::Result<Self> {
        let absolute = |path: &Path| {
            path.canonicalize().with_context(|| format!("{} is not there", path.display()))
        };
        let testrail = absolute(&args.plugins.join("testrail.wasm"))?;
        let bitrise = absolute(&args.plugins.join("bitrise.wasm"))?;
        let (project, app) = (testrail::PROJECT, bitrise::APP);
        // So many requests a minute that none waits. Bitrise is read serially, as always.
        let text = format!(
            r#"
            [datasources.testrail]
            plugin = {testrail:?}
            base-url = "{address}"
            allow-addresses = ["127.0.0.1"]
            credential = {{ kind = "basic", user = "bench", secret = "${{BENCH_SECRET}}" }}
            requests-per-minute = 6000000

            [datasources.bitrise]
            plugin = {bitrise:?}
            base-url = "{address}/v0.1"
            allow-addresses = ["127.0.0.1"]
            credential = {{ kind = "raw-token", secret = "${{BENCH_SECRET}}" }}
            requests-per-minute = 6000000
            max-concurrent = 1

            [projects.bench]
            testrail = {{ project-id = {project} }}
            bitrise = {{ app-slug = "{app}" }}
            "#
        );
        std::fs::write(folder.join("daily.toml"), text)?;
        Ok(Pump { program: absolute(&args.pump)?, folder: folder.to_owned() })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.folder.join("daily.toml")).args(["--format", "json"]);
        command.env("XDG_CACHE_HOME", self.folder.join("cache")).env("BENCH_SECRET", "not secret");
        command.env_remove("RUST_LOG").env_remove("TEST_DASHBOARD_DATABASE");
        command
    }

    fn load(&self, report: &str, database: &Database) -> anyhow::Result<(process::Usage, Answer)> {
        let mut command = self.command();
        command.args(["run", "--project", "bench", "--report-type", report]);
        command.args(["--database", &database.url]);
        let (usage, out) = process::run(&mut command)?;
        let answer = serde_json::from_reader(std::io::BufReader::new(out));
        Ok((usage, answer.context("the pump's answer is not as expected")?))
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The whole benchmark, in the order in which its report tells it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use tempfile::TempDir;

use crate::alone;
use crate::database::{Database, Engine};
use crate::native::NativeCost;
use crate::process::{self, Mock, Usage};
use crate::pump::{self, Load, Pump};
use crate::python::{Contender, Python};
use crate::report::{Machine, Measured, Results, Sandbox, StartUp};
use crate::rows::{Facts, State};

const BY_LINK: &str = "rows-by-link";
const BY_OFFSET: &str = "rows-by-offset";
/// How often a command is started to see how long that takes.
const STARTS: usize = 20;

/// What is measured, and with what.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// How many rows a load has.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// How many rows the load has by which memory is compared; 0 leaves it out.
    #[arg(long, default_value_t = 1_000_000)]
    large_rows: u64,
    /// How often each load is done; the median counts. dlt does each load once.
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// Which databases; those whose server is not there are left out.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Engine::Sqlite, Engine::Postgres, Engine::Mysql])]
    databases: Vec<Engine>,
    /// The pump.
    #[arg(long, default_value = "target/release/test-dashboard")]
    pump: PathBuf,
    /// Where mock.wasm is, and beside it the shipped plugins.
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// An interpreter with dlt, requests and psycopg; without it they are left out.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Where the Python scripts are.
    #[arg(long, default_value = "bench/python")]
    scripts: PathBuf,
    /// Where the results go as JSON.
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
}

/// Measures everything, and prints it.
///
/// # Errors
///
/// When something fails, or leaves other rows in a table than it has to. A goal that is not
/// reached is no error: it is told.
pub async fn run(args: &RunArgs) -> anyhow::Result<()> {
    let bench = Bench::new(args)?;
    let mut results = Results::new(args.rows, args.large_rows, Machine::this());
    results.start_up = Some(bench.start_up()?);
    for &engine in &bench.engines {
        results.versions.push(bench.fresh(engine).await?.version().await?);
        for report in [BY_LINK, BY_OFFSET] {
            results.loads.extend(bench.pump_loads(engine, report).await?);
        }
    }
    if let Some(python) = bench.python.as_ref().filter(|_| bench.has(Engine::Postgres)) {
        results
            .loads
            .extend(bench.python_loads(python, Contender::PlainScript, args.repeat).await?);
        results.loads.extend(bench.python_loads(python, Contender::Dlt, 1).await?);
    }
    results.sandbox = Some(bench.sandbox()?);
    if args.large_rows > 0 {
        results.large = large_loads(args, &bench.engines).await?;
    }
    // Last, because it fills this process with rows: see `process::Usage::peak_bytes`.
    if bench.has(Engine::Postgres) {
        results.database_alone = Some(bench.database_alone().await?);
    }
    results.mock_cpu = bench.mock.stop()?.as_secs_f64();
    println!("{results}");
    std::fs::write(&args.json, serde_json::to_vec_pretty(&results)?)
        .with_context(|| format!("cannot write {}", args.json.display()))?;
    println!("All of it as JSON: {}", args.json.display());
    Ok(())
}

/// Says what is being measured, because it takes minutes.
fn say(what: impl std::fmt::Display) {
    eprintln!("bench: {what}");
}

struct Bench<'a> {
    args: &'a RunArgs,
    engines: Vec<Engine>,
    python: Option<Python>,
    folder: TempDir,
    mock: Mock,
    pump: Pump,
}

impl<'a> Bench<'a> {
    fn new(args: &'a RunArgs) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        say(format!("rendering {} rows, twice", args.rows));
        let mock = Mock::start(args.rows, false)?;
        let pump = Pump::new(&args.pump, &args.plugins, folder.path(), &mock.ready.address)?;
        let (engines, missing): (Vec<_>, Vec<_>) =
            args.databases.iter().partition(|engine| Database::is_there(**engine));
        for engine in missing {
            say(format!(
                "{engine} is left out: its server is not there; scripts/test-databases starts it"
            ));
        }
        let scripts = args.scripts.clone();
        let python = args.python.clone().map(|program| Python { program, scripts });
        if python.is_none() {
            say("dlt and the plain script are left out: there is no --python");
        }
        Ok(Bench { args, engines, python, folder, mock, pump })
    }

    fn has(&self, engine: Engine) -> bool {
        self.engines.contains(&engine)
    }

    async fn fresh(&self, engine: Engine) -> anyhow::Result<Database> {
        Database::fresh(engine, self.folder.path()).await
    }

    fn facts(&self, state: State) -> Facts {
        match state {
            State::Original => self.mock.ready.original,
            State::Changed => self.mock.ready.changed,
        }
    }

    /// A command that needs no API: once while plugins are compiled, then often with the
    /// compiled ones at hand.
    fn start_up(&self) -> anyhow::Result<StartUp> {
        say("starting up");
        self.pump.forget_compiled()?;
        let compiling = self.pump.reports()?;
        let mut cached = Vec::new();
        for _ in 0..STARTS {
            cached.push(self.pump.reports()?.wall.as_secs_f64());
        }
        cached.sort_by(f64::total_cmp);
        let slowest = cached.last().copied().unwrap_or_default();
        Ok(StartUp {
            compiling: compiling.wall.as_secs_f64(),
            compiling_peak_bytes: compiling.peak_bytes,
            cached: cached[cached.len() / 2],
            slowest,
        })
    }

    /// The three loads, each as often as asked for.
    async fn pump_loads(&self, engine: Engine, report: &str) -> anyhow::Result<Vec<Measured>> {
        let mut usages = [const { Vec::new() }; 3];
        for _ in 0..self.args.repeat {
            let database = self.fresh(engine).await?;
            for (load, usages) in Load::ALL.into_iter().zip(&mut usages) {
                say(format!("{report} into {engine}, {} load", load.name()));
                let state = load.state();
                let (usage, answer) = self.pump.run(state, report, &database.url)?;
                pump::check(&answer, load, self.args.rows)?;
                let (new, changed) = load.writes(self.args.rows);
                let written = database.written_by(answer.run.unwrap_or_default()).await?;
                ensure!(
                    written == new + changed,
                    "the {} load wrote {written} rows, it had to write {}",
                    load.name(),
                    new + changed
                );
                self.check_table(&database, Contender::TestDashboard, state).await?;
                usages.push(usage);
            }
        }
        let measured = Load::ALL.into_iter().zip(usages).map(|(load, usages)| {
            Measured::of(Contender::TestDashboard, engine, report, load, self.args.rows, &usages)
        });
        Ok(measured.collect())
    }

    async fn python_loads(
        &self,
        python: &Python,
        contender: Contender,
        repeat: usize,
    ) -> anyhow::Result<Vec<Measured>> {
        let engine = Engine::Postgres;
        let mut usages = [const { Vec::new() }; 3];
        for _ in 0..repeat {
            let database = self.fresh(engine).await?;
            let state_folder = tempfile::tempdir_in(self.folder.path())?;
            for (load, usages) in Load::ALL.into_iter().zip(&mut usages) {
                say(format!("{contender} into {engine}, {} load", load.name()));
                let (state, address) = (load.state(), &self.mock.ready.address);
                let usage =
                    python.run(contender, address, state, &database.url, state_folder.path())?;
                self.check_table(&database, contender, state).await?;
                usages.push(usage);
            }
        }
        let measured = Load::ALL.into_iter().zip(usages).map(|(load, usages)| {
            Measured::of(contender, engine, BY_LINK, load, self.args.rows, &usages)
        });
        Ok(measured.collect())
    }

    /// Whoever did the job: the table holds every row, whole, in the right state.
    async fn check_table(
        &self,
        database: &Database,
        contender: Contender,
        state: State,
    ) -> anyhow::Result<()> {
        let (facts, expected) =
            (database.facts(Python::table(contender)).await?, self.facts(state));
        ensure!(facts == expected, "{contender} left {facts:?}, it had to leave {expected:?}");
        Ok(())
    }

    /// The plugin's CPU time inside of the sandbox and outside of it. The quickest of several
    /// readings counts on both sides: what else runs can only add.
    fn sandbox(&self) -> anyhow::Result<Sandbox> {
        say("the plugin's own CPU time, in the sandbox and compiled natively");
        let mut inside = f64::INFINITY;
        for _ in 0..self.args.repeat {
            let answer = self.pump.dry_run(BY_LINK)?;
            ensure!(answer.total.rows_read == self.args.rows, "the dry run read other rows");
            inside = inside.min(answer.plugin_cpu());
        }
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("native").arg("--rows").arg(self.args.rows.to_string());
        let (_, out) = process::run(&mut command)?;
        let native: NativeCost = serde_json::from_reader(out)?;
        let per_row = |seconds: f64| seconds * 1e6 / self.args.rows as f64;
        Ok(Sandbox { inside: per_row(inside), native: per_row(native.cpu) })
    }

    /// Seconds that PostgreSQL takes for the rows of a load by itself.
    async fn database_alone(&self) -> anyhow::Result<f64> {
        say("PostgreSQL alone");
        let database = self.fresh(Engine::Postgres).await?;
        self.pump.run(State::Original, BY_LINK, &database.url)?;
        Ok(alone::copy_and_insert(&database, self.args.rows).await?.as_secs_f64())
    }
}

/// The first load again, with many more rows: does memory grow?
async fn large_loads(args: &RunArgs, engines: &[Engine]) -> anyhow::Result<Vec<Measured>> {
    say(format!("rendering {} rows", args.large_rows));
    let folder = tempfile::tempdir()?;
    let mock = Mock::start(args.large_rows, true)?;
    let pump = Pump::new(&args.pump, &args.plugins, folder.path(), &mock.ready.address)?;
    pump.reports()?; // Compiles the plugins, which takes memory of its own.
    let mut loads = Vec::new();
    for &engine in engines {
        let database = Database::fresh(engine, folder.path()).await?;
        say(format!("{} rows into {engine}", args.large_rows));
        let (usage, answer) = pump.run(State::Original, BY_LINK, &database.url)?;
        pump::check(&answer, Load::First, args.large_rows)?;
        let facts = database.facts(Python::table(Contender::TestDashboard)).await?;
        ensure!(facts == mock.ready.original, "{engine} holds {facts:?}");
        loads.push(Measured::of(
            Contender::TestDashboard,
            engine,
            BY_LINK,
            Load::First,
            args.large_rows,
            &[usage],
        ));
    }
    mock.stop()?;
    Ok(loads)
}

/// The one in the middle, by wall time.
pub fn median(usages: &[Usage]) -> Duration {
    let mut walls: Vec<Duration> = usages.iter().map(|usage| usage.wall).collect();
    walls.sort_unstable();
    walls.get(walls.len() / 2).copied().unwrap_or_default()
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What was measured, for a person and as JSON.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::database::Engine;
use crate::process::Usage;
use crate::pump::Load;
use crate::python::Contender;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Results {
    /// On what.
    pub machine: Machine,
    /// The databases' own words.
    pub versions: Vec<String>,
    /// Rows of a load.
    pub rows: u64,
    /// Rows of a large load.
    pub large_rows: u64,
    /// How long it takes to start.
    pub start_up: Option<StartUp>,
    /// All loads.
    pub loads: Vec<Measured>,
    /// The large loads.
    pub large: Vec<Measured>,
    /// The plugin's CPU time.
    pub sandbox: Option<Sandbox>,
    /// Seconds that PostgreSQL takes by itself for the rows of a load.
    pub database_alone: Option<f64>,
    /// CPU seconds that the mock took for all loads together, rendering included.
    pub mock_cpu: f64,
}

/// The machine.
#[derive(Debug, Serialize)]
pub struct Machine {
    processor: String,
    cores: usize,
    system: String,
}

impl Machine {
    /// The one that this runs on.
    pub fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
        Machine {
            processor: model.unwrap_or("unknown").trim_start_matches([' ', '\t', ':']).into(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            system: read("/proc/sys/kernel/osrelease").trim().into(),
        }
    }
}

/// Seconds that `reports` takes.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StartUp {
    /// While the plugins are compiled.
    pub compiling: f64,
    /// The most memory that compiling takes.
    pub compiling_peak_bytes: u64,
    /// Once they are: the median.
    pub cached: f64,
    /// Once they are: the slowest.
    pub slowest: f64,
}

/// Microseconds of the plugin's own CPU time per row.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sandbox {
    /// In the sandbox, lowering of the rows included.
    pub inside: f64,
    /// Compiled natively.
    pub native: f64,
}

/// One load, by one contender, into one database.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    contender: Contender,
    engine: Engine,
    report: String,
    load: Load,
    rows: u64,
    /// The median, from the start of the process to its end.
    seconds: f64,
    /// All of them, in the order in which they were done.
    all_seconds: Vec<f64>,
    /// CPU seconds of the process, of the quickest load.
    cpu_seconds: f64,
    /// The most of all of them.
    peak_bytes: u64,
}

impl Measured {
    /// Sums up several times the same.
    pub fn of(
        contender: Contender,
        engine: Engine,
        report: &str,
        load: Load,
        rows: u64,
        usages: &[Usage],
    ) -> Self {
        let cpu = usages.iter().map(|usage| usage.cpu).min().unwrap_or_default();
        Measured {
            contender,
            engine,
            report: report.to_owned(),
            load,
            rows,
            seconds: crate::run::median(usages).as_secs_f64(),
            all_seconds: usages.iter().map(|usage| usage.wall.as_secs_f64()).collect(),
            cpu_seconds: cpu.as_secs_f64(),
            peak_bytes: usages.iter().map(|usage| usage.peak_bytes).max().unwrap_or_default(),
        }
    }

    fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.seconds
    }

    fn is(&self, contender: Contender, load: Load) -> bool {
        self.contender == contender
            && self.load == load
            && self.engine == Engine::Postgres
            && self.report == "rows-by-link"
    }
}

impl Results {
    /// Nothing yet.
    pub fn new(rows: u64, large_rows: u64, machine: Machine) -> Self {
        Results {
            machine,
            versions: Vec::new(),
            rows,
            large_rows,
            start_up: None,
            loads: Vec::new(),
            large: Vec::new(),
            sandbox: None,
            database_alone: None,
            mock_cpu: 0.0,
        }
    }

    /// How many times as many rows a second this project writes into PostgreSQL.
    fn times(&self, contender: Contender, load: Load) -> Option<f64> {
        let rate = |contender| {
            let found = self.loads.iter().find(|measured| measured.is(contender, load));
            found.map(Measured::rows_per_second)
        };
        Some(rate(Contender::TestDashboard)? / rate(contender)?)
    }

    fn goals(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for (contender, wanted) in [(Contender::Dlt, 10.0), (Contender::PlainScript, 3.0)] {
            for load in Load::ALL {
                if let Some(times) = self.times(contender, load) {
                    goals.push(Goal {
                        what: format!("times {contender}, PostgreSQL, {} load", load.name()),
                        wanted: format!("at least {wanted}"),
                        found: format!("{times:.1}"),
                        reached: times >= wanted,
                    });
                }
            }
        }
        goals.push(Goal {
            what: "rows that an unchanged load writes".into(),
            wanted: "0".into(),
            found: "0".into(), // Anything else has stopped the benchmark.
            reached: true,
        });
        goals.extend(self.memory_goals());
        if let Some(Sandbox { inside, native }) = self.sandbox {
            let times = inside / native;
            goals.push(Goal {
                what: "the sandbox's CPU time to the native code's".into(),
                wanted: "at most 1.5".into(),
                found: format!("{times:.2}"),
                reached: times <= 1.5,
            });
        }
        if let Some(StartUp { cached, .. }) = self.start_up {
            goals.push(Goal {
                what: "start-up without an API, plugins cached".into(),
                wanted: "under 100 ms".into(),
                found: format!("{:.0} ms", cached * 1e3),
                reached: cached < 0.1,
            });
        }
        goals
    }

    fn memory_goals(&self) -> Vec<Goal> {
        let own = |measured: &&Measured| measured.contender == Contender::TestDashboard;
        let all = self.loads.iter().filter(own).chain(&self.large);
        let peak = all.map(|measured| measured.peak_bytes).max().unwrap_or_default();
        let mut goals = vec![Goal {
            what: "peak memory of all loads".into(),
            wanted: "under 150 MB".into(),
            found: format!("{} MB", peak / 1_000_000),
            reached: peak < 150_000_000,
        }];
        for large in &self.large {
            let same = |small: &&Measured| {
                own(small)
                    && (small.engine, small.load) == (large.engine, large.load)
                    && small.report == large.report
            };
            if let Some(small) = self.loads.iter().find(same) {
                let times = large.peak_bytes as f64 / small.peak_bytes as f64;
                goals.push(Goal {
                    what: format!(
                        "memory at {} rows to {}, {}",
                        large.rows, small.rows, large.engine
                    ),
                    wanted: "flat (at most 1.2)".into(),
                    found: format!("{times:.2}"),
                    reached: times <= 1.2,
                });
            }
        }
        goals
    }
}

struct Goal {
    what: String,
    wanted: String,
    found: String,
    reached: bool,
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    table
}

fn right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn loads(measured: &[Measured]) -> Table {
    let mut table = table([
        "who",
        "into",
        "report",
        "load",
        "rows",
        "seconds",
        "rows a second",
        "CPU s",
        "peak MB",
    ]);
    for load in measured {
        table.add_row([
            load.contender.to_string(),
            load.engine.to_string(),
            load.report.clone(),
            load.load.name().into(),
            load.rows.to_string(),
            format!("{:.2}", load.seconds),
            format!("{:.0}", load.rows_per_second()),
            format!("{:.2}", load.cpu_seconds),
            (load.peak_bytes / 1_000_000).to_string(),
        ]);
    }
    right(&mut table, 4..9);
    table
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, cores, system } = &self.machine;
        writeln!(f, "{processor}, {cores} cores, Linux {system}; {}\n", self.versions.join(", "))?;
        writeln!(f, "{}\n", loads(&self.loads))?;
        if !self.large.is_empty() {
            writeln!(f, "{}\n", loads(&self.large))?;
        }
        if let Some(StartUp { compiling, compiling_peak_bytes, cached, slowest }) = self.start_up {
            writeln!(
                f,
                "Start-up (reports): {:.0} ms, the slowest {:.0} ms; {:.0} ms and {} MB when plugins are compiled first.",
                cached * 1e3,
                slowest * 1e3,
                compiling * 1e3,
                compiling_peak_bytes / 1_000_000
            )?;
        }
        if let Some(Sandbox { inside, native }) = self.sandbox {
            writeln!(
                f,
                "The plugin's own CPU time per row: {inside:.2} µs in the sandbox, {native:.2} µs natively."
            )?;
        }
        if let Some(seconds) = self.database_alone {
            let rate = self.rows as f64 / seconds;
            writeln!(
                f,
                "PostgreSQL alone (COPY to a staging table, insert from it): {rate:.0} rows a second."
            )?;
        }
        let served: u64 =
            self.loads.iter().map(|load| load.rows * load.all_seconds.len() as u64).sum();
        if served > 0 {
            let per_load = self.mock_cpu * self.rows as f64 / served as f64;
            writeln!(f, "The mock's CPU time per load: {per_load:.2} s.\n")?;
        }
        let mut goals = table(["goal", "wanted", "measured", ""]);
        for Goal { what, wanted, found, reached } in self.goals() {
            let verdict = if reached { "reached" } else { "NOT REACHED" };
            goals.add_row([what.as_str(), wanted.as_str(), found.as_str(), verdict]);
        }
        writeln!(f, "{goals}")
    }
}

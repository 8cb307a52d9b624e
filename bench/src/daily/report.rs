// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the daily refresh took, for a person and as JSON.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::world::Size;
use crate::process::Usage;
use crate::pump::Total;
use crate::report::Machine;

/// The most that the day after may cost: this part of the first load's requests.
const GOAL: f64 = 0.1;

/// Which of the two loads it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Into an empty database.
    First,
    /// Once more, a day later.
    DayAfter,
}

impl Load {
    /// As a table shows it.
    pub fn name(self) -> &'static str {
        match self {
            Load::First => "first",
            Load::DayAfter => "day after",
        }
    }

    /// What the mock calls the day of it.
    pub fn day(self) -> &'static str {
        match self {
            Load::First => "yesterday",
            Load::DayAfter => "today",
        }
    }
}

/// One load of one report.
#[derive(Debug, Serialize)]
pub struct Measured {
    datasource: String,
    report: String,
    load: Load,
    requests: u64,
    /// CPU seconds of the process, of user and system together.
    cpu_seconds: f64,
    peak_bytes: u64,
    /// From the start of the process to its end.
    seconds: f64,
    rows_new: u64,
    rows_changed: u64,
    rows_unchanged: u64,
}

impl Measured {
    /// What a run took and did.
    pub fn of(
        datasource: &str,
        report: &str,
        load: Load,
        requests: u64,
        usage: Usage,
        total: Total,
    ) -> Self {
        Measured {
            datasource: datasource.into(),
            report: report.into(),
            load,
            requests,
            cpu_seconds: usage.cpu.as_secs_f64(),
            peak_bytes: usage.peak_bytes,
            seconds: usage.wall.as_secs_f64(),
            rows_new: total.rows_new,
            rows_changed: total.rows_changed,
            rows_unchanged: total.rows_unchanged,
        }
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Daily {
    machine: Machine,
    database: String,
    /// The part of the size to plan for.
    scale: f64,
    /// Runs outside of plans that nobody closed.
    forgotten_runs: usize,
    /// For each report the first load, then that of the day after.
    pub loads: Vec<Measured>,
}

/// The requests of both loads.
#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    first: u64,
    day_after: u64,
}

impl Requests {
    fn add(&mut self, measured: &Measured) {
        match measured.load {
            Load::First => self.first += measured.requests,
            Load::DayAfter => self.day_after += measured.requests,
        }
    }

    fn share(self) -> f64 {
        self.day_after as f64 / self.first as f64
    }
}

impl Daily {
    /// Nothing yet.
    pub fn new(size: &Size, database: String) -> Self {
        let Size { scale, forgotten_runs, .. } = *size;
        let (machine, loads) = (Machine::this(), Vec::new());
        Daily { machine, database, scale, forgotten_runs, loads }
    }

    fn requests(&self, report: Option<&str>) -> Requests {
        let mut requests = Requests::default();
        let of_report = |load: &&Measured| report.is_none_or(|report| load.report == report);
        self.loads.iter().filter(of_report).for_each(|load| requests.add(load));
        requests
    }

    fn costs(&self) -> Table {
        let header = [
            "report",
            "load",
            "requests",
            "CPU s",
            "peak MB",
            "seconds",
            "new",
            "changed",
            "unchanged",
        ];
        let mut table = table(header, 2);
        for load in &self.loads {
            table.add_row([
                format!("{} {}", load.datasource, load.report),
                load.load.name().into(),
                load.requests.to_string(),
                format!("{:.2}", load.cpu_seconds),
                (load.peak_bytes / 1_000_000).to_string(),
                format!("{:.2}", load.seconds),
                load.rows_new.to_string(),
                load.rows_changed.to_string(),
                load.rows_unchanged.to_string(),
            ]);
        }
        table
    }

    fn goals(&self) -> Table {
        let mut table =
            table(["requests of", "first load", "day after", "share", "at most a tenth"], 1);
        let mut add = |name: &str, requests: Requests| {
            let verdict = if requests.share() <= GOAL { "reached" } else { "NOT REACHED" };
            table.add_row([
                name.to_owned(),
                requests.first.to_string(),
                requests.day_after.to_string(),
                format!("{:.3}", requests.share()),
                verdict.into(),
            ]);
        };
        for load in self.loads.iter().filter(|load| load.load == Load::First) {
            add(&load.report, self.requests(Some(&load.report)));
        }
        add("all together", self.requests(None));
        table
    }
}

/// An empty table whose numbers, from a column on, stand to the right.
fn table<const N: usize>(header: [&str; N], first_number: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in first_number..N {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

impl fmt::Display for Daily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Daily { database, scale, forgotten_runs, .. } = self;
        writeln!(f, "{database}; scale {scale}; {forgotten_runs} runs that nobody closed\n")?;
        writeln!(f, "{}\n", self.costs())?;
        writeln!(f, "{}", self.goals())
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin's store carries: its memory and time accounts, its log, and the interfaces
//! that are linked to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use test_dashboard_egress::{Gate, Session};
use test_dashboard_model::text::is_visible;
use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, ResourceLimiter};
use wasmtime_wasi::clocks::HostWallClock;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::Budget;
use super::complaints::Complaints;
use super::http::GateHooks;
use crate::config::Limits;

/// How often the engine's epoch advances while plugins run.
pub const TICK: Duration = Duration::from_millis(10);

/// The most host objects that a plugin holds at the same time.
pub const MAX_RESOURCES: usize = 20_000;
/// The most elements of one table of functions or references.
const MAX_TABLE_ELEMENTS: usize = 1_000_000;
/// Where a log line is cut, in bytes.
const MAX_LOG_LINE: usize = 4 * 1024;

/// The data of a plugin's store.
pub struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: GateHooks,
    table: ResourceTable,
    label: String,
    limits: Arc<Limits>,
    memory_used: usize,
    cpu_used: Duration,
    running_since: Instant,
    log_lines: u64,
    last_line: Option<String>,
    complaints: Complaints,
    /// The first budget that was used up, if any.
    pub exceeded: Option<Budget>,
}

impl State {
    /// Fresh accounts. `gate` is none where no request is allowed (`describe`); `now` is what
    /// the plugin's wall clock shows, for good.
    pub fn new(
        label: String,
        limits: Arc<Limits>,
        gate: Option<(Gate, Session)>,
        now: jiff::Timestamp,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let complaints = Complaints::default();
        State {
            // Nothing is granted: no files, environment, arguments, sockets or input; what goes
            // to the standard error is heard when the plugin crashes.
            wasi: WasiCtxBuilder::new()
                .stderr(complaints.clone())
                .wall_clock(StoppedClock::at(now))
                .allow_tcp(false)
                .allow_udp(false)
                .build(),
            http: WasiHttpCtx::new(),
            hooks: GateHooks::new(gate),
            table,
            label,
            limits,
            memory_used: 0,
            cpu_used: Duration::ZERO,
            running_since: Instant::now(),
            log_lines: 0,
            last_line: None,
            complaints,
            exceeded: None,
        }
    }

    /// The requests made so far, and what became of them.
    pub fn hooks(&self) -> &GateHooks {
        &self.hooks
    }

    /// What the plugin said last, to its standard error or else to the log: after a panic or
    /// an exception, the message of that.
    pub fn last_words(&self) -> Option<String> {
        self.complaints.last_words().or_else(|| self.last_line.clone())
    }

    /// Takes note of a crossing between the plugin's code and the host's.
    ///
    /// # Errors
    ///
    /// When a request has broken the operator's policy: the plugin does not get back to its
    /// code, where it could ask again and again.
    pub fn cross(&mut self, hook: CallHook) -> wasmtime::Result<()> {
        if !hook.exiting_host() {
            self.charge_cpu();
            return Ok(());
        }
        self.running_since = Instant::now();
        match self.hooks.violation() {
            Some(error) => Err(wasmtime::Error::msg(error.to_string())),
            None => Ok(()),
        }
    }

    /// Charges the time since the plugin's code was entered or last charged.
    ///
    /// The epoch interrupts running code every [`TICK`], so an interval that is much longer
    /// was not spent running: the task had given way to others. It is charged as two ticks.
    fn charge_cpu(&mut self) {
        let now = Instant::now();
        self.cpu_used += now.duration_since(self.running_since).min(2 * TICK);
        self.running_since = now;
    }

    /// Called at every tick while the plugin's code runs.
    ///
    /// # Errors
    ///
    /// When the time is used up; the plugin is stopped with it.
    pub fn tick(&mut self) -> wasmtime::Result<()> {
        self.charge_cpu();
        if self.cpu_used > self.limits.cpu_time {
            return self.exceed(Budget::Cpu(self.limits.cpu_time));
        }
        Ok(())
    }

    /// How long the plugin's own code ran.
    pub fn cpu_used(&self) -> Duration {
        self.cpu_used
    }

    fn exceed<T>(&mut self, budget: Budget) -> wasmtime::Result<T> {
        self.exceeded.get_or_insert(budget);
        Err(wasmtime::Error::msg(budget.to_string()))
    }

    /// Writes a line that the plugin logs.
    ///
    /// # Errors
    ///
    /// When the plugin logged more lines than its budget has; it is stopped with it.
    pub fn log(&mut self, level: tracing::Level, message: &str) -> wasmtime::Result<()> {
        self.log_lines += 1;
        if self.log_lines > self.limits.max_log_lines {
            return self.exceed(Budget::LogLines(self.limits.max_log_lines));
        }
        let line = printable(message);
        let label = &self.label;
        if level == tracing::Level::WARN {
            tracing::warn!("{label}: {line}");
        } else if level == tracing::Level::INFO {
            tracing::info!("{label}: {line}");
        } else {
            tracing::debug!("{label}: {line}");
        }
        self.last_line = Some(line);
        Ok(())
    }
}

/// A plugin's text as one line that a terminal can show: cut, and with what a person does not see
/// escaped, so that it can neither forge another line, nor steer the terminal, nor hide anything.
pub fn printable(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        let shown = match c {
            '\n' => "⏎".to_string(),
            '\t' => " ".to_string(),
            c if is_visible(c) => c.to_string(),
            c => c.escape_unicode().to_string(),
        };
        if line.len() + shown.len() > MAX_LOG_LINE {
            line.push('…');
            break;
        }
        line.push_str(&shown);
    }
    line
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.memory_used + desired.saturating_sub(current);
        if used as u64 > self.limits.memory {
            // A trap, and not a failed `memory.grow`: the operator is told which budget it was.
            return self.exceed(Budget::Memory(self.limits.memory));
        }
        self.memory_used = used;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            return self.exceed(Budget::Memory(self.limits.memory));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        100
    }

    fn tables(&self) -> usize {
        100
    }

    fn memories(&self) -> usize {
        100
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// A wall clock that stands still: at the run's time, or at a recording's, so that a replay
/// sees what the recording saw.
struct StoppedClock(Duration);

impl StoppedClock {
    fn at(now: jiff::Timestamp) -> Self {
        StoppedClock(Duration::try_from(now.as_duration()).unwrap_or_default())
    }
}

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// An address as it is asked: with a host beyond ASCII in punycode, so that it does not look like
/// another one.
pub fn address(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(url) => url.as_str().trim_end_matches('/').to_string(),
        Err(_) => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_can_neither_forge_a_line_nor_steer_the_terminal() {
        assert_eq!(printable("a\nb\u{1b}[2Jc\td"), r"a⏎b\u{1b}[2Jc d");
        assert_eq!(
            printable("a\u{9b}b\u{202e}c\u{200b}d❤\u{fe0f}"),
            "a\\u{9b}b\\u{202e}c\\u{200b}d❤\u{fe0f}"
        );
        assert_eq!(address("https://аpi.github.com"), "https://xn--pi-6kc.github.com");
        let long = printable(&"é".repeat(5000));
        assert!(long.len() <= MAX_LOG_LINE + '…'.len_utf8() && long.ends_with('…'));
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin's store carries: its memory and time accounts, its log, and the interfaces
//! that are linked to it.

use std::sync::Arc;
use std::time::Duration;

use test_dashboard_egress::{Account, Gate, Held, OverMemory, Session};
use test_dashboard_model::text::is_visible;
use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, ResourceLimiterAsync, StoreContextMut};
use wasmtime_wasi::clocks::HostWallClock;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::Budget;
use super::complaints::Complaints;
use super::http::GateHooks;
use super::meter::Meter;
use super::objects;
use crate::config::Limits;

/// How often the engine's epoch advances while plugins run.
pub const TICK: Duration = Duration::from_millis(10);

/// The most host objects that a plugin holds at the same time.
pub const MAX_RESOURCES: usize = 20_000;
/// What one element of a table of functions or references takes, in bytes.
const TABLE_ELEMENT: usize = 16;
/// The most bytes that a plugin hands over in one call of the host.
pub const HOST_CALL_BYTES: usize = 1 << 20;
/// The most random bytes at once.
const MAX_RANDOM: u64 = 1 << 20;
/// Its objects are counted once in so many calls of the host.
const CALLS_BETWEEN_COUNTS: u32 = 32;
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
    account: Account,
    memory: Held,
    objects: Held,
    meter: Meter,
    host_calls: u32,
    /// The most bytes that a call's answer may have.
    pub answer_bytes: u64,
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
        let account = match &gate {
            Some((_, session)) => session.account().clone(),
            None => Account::new(limits.memory),
        };
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(objects::MAX_HEADERS);
        State {
            // Nothing is granted: no files, environment, arguments, sockets or input; what goes
            // to the standard error is heard when the plugin crashes.
            wasi: WasiCtxBuilder::new()
                .stderr(complaints.clone())
                .wall_clock(StoppedClock::at(now))
                .allow_tcp(false)
                .allow_udp(false)
                .max_random_size(MAX_RANDOM)
                .build(),
            http,
            hooks: GateHooks::new(gate),
            table,
            label,
            limits,
            memory: account.nothing(),
            objects: account.nothing(),
            account,
            meter: Meter::default(),
            host_calls: 0,
            answer_bytes: 0,
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
    /// code, where it could ask again and again. When its objects take more memory than there is.
    pub fn cross(mut store: StoreContextMut<'_, Self>, hook: CallHook) -> wasmtime::Result<()> {
        match hook {
            CallHook::CallingHost => store.set_hostcall_fuel(HOST_CALL_BYTES),
            CallHook::ReturningFromWasm => {
                let bytes = store.data().answer_bytes;
                store.set_hostcall_fuel(usize::try_from(bytes).unwrap_or(usize::MAX));
            }
            CallHook::CallingWasm => {}
            CallHook::ReturningFromHost => return store.data_mut().back_from_host(),
        }
        Ok(())
    }

    fn back_from_host(&mut self) -> wasmtime::Result<()> {
        if let Some(error) = self.hooks.violation() {
            return Err(wasmtime::Error::msg(error.to_string()));
        }
        self.host_calls = self.host_calls.wrapping_add(1);
        if self.host_calls.is_multiple_of(CALLS_BETWEEN_COUNTS) {
            let size = objects::size(&mut self.table);
            self.objects.set(size).or_else(|over| self.exceed_memory(over))?;
        }
        Ok(())
    }

    async fn grow(&mut self, bytes: usize) -> wasmtime::Result<bool> {
        let grown = self.memory.grow(bytes as u64).await;
        grown.or_else(|over| self.exceed_memory(over))?;
        Ok(true)
    }

    fn exceed_memory(&mut self, over: OverMemory) -> wasmtime::Result<()> {
        self.exceed(Budget::Memory(over.limit))
    }

    /// Called at every tick while the plugin's code runs: a tick comes even if it does little more
    /// than call the host.
    ///
    /// # Errors
    ///
    /// When the time is used up; the plugin is stopped with it.
    pub fn tick(&mut self) -> wasmtime::Result<()> {
        if self.meter.charge() > self.limits.cpu_time {
            return self.exceed(Budget::Cpu(self.limits.cpu_time));
        }
        Ok(())
    }

    /// The processor's time for its calls.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The memory that the host holds for it.
    pub fn account(&self) -> &Account {
        &self.account
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

#[async_trait::async_trait]
impl ResourceLimiterAsync for State {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A trap, and not a failed `memory.grow`: the operator is told which budget it was.
        self.grow(desired.saturating_sub(current)).await
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT)).await
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

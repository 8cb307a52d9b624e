// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Log lines: what happens while a command runs. They go to standard error; a command's result goes
//! to standard output.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::terminal::{self, LogWriter};

/// How log lines are written, and errors with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for a person.
    Text,
    /// A JSON object a line, with timestamp, level and message.
    Json,
}

/// Begins to log. `RUST_LOG` wins over `-v`.
pub fn start(format: LogFormat, verbose: u8) {
    let default = match verbose {
        // A merge of many rows may take a second; sqlx would warn of it with the whole SQL.
        0 => {
            "warn,sqlx=error,test_dashboard=info,test_dashboard_store=info,test_dashboard_egress=info"
        }
        1 => {
            "info,sqlx=error,test_dashboard=debug,test_dashboard_store=debug,test_dashboard_egress=debug"
        }
        _ => "debug",
    };
    let filter =
        filter(std::env::var(EnvFilter::DEFAULT_ENV)).unwrap_or_else(|| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(LogWriter)
        .with_target(false)
        // A line that cannot be written is dropped: reporting it would panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(has_colours()).without_time().init(),
        LogFormat::Json => {
            terminal::log_json();
            log.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
        }
    }
}

/// What `RUST_LOG` asks for; none where it is not set, empty, or no filter.
fn filter(variable: Result<String, std::env::VarError>) -> Option<EnvFilter> {
    let text = variable.ok().filter(|text| !text.is_empty())?;
    EnvFilter::try_new(text).ok()
}

/// Whether standard error shows colours, and its reader wants them (no-color.org).
fn has_colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    terminal::takes_more_than_lines() && !set("NO_COLOR")
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Lines for the operator's log. Never needed for correctness.
//!
//! ```
//! use test_dashboard_sdk::log;
//!
//! log::info(format!("{} pages read", 12));
//! ```
//!
//! The host prefixes datasource, project and partition, and counts the lines: write one per
//! thing worth knowing, never one per row. Natively the lines are kept for
//! [`testing::take_log`](crate::testing::take_log).

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What a person may want to know.
    Info,
    /// What a person should look at.
    Warn,
}

/// Writes a line for whoever looks for a fault.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Writes a line that a person may want to know.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Writes a line that a person should look at.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

#[cfg(target_arch = "wasm32")]
use crate::guest::write_log as write;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::write_log as write;

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Everything that can go wrong with a plugin, as messages for the operator.

use std::path::PathBuf;
use std::time::Duration;

use test_dashboard_egress::GateError;
use test_dashboard_model::declaration::DeclarationError;
use test_dashboard_model::{Failure, FailureKind};

use super::Budget;
use crate::lock::Digest;

/// Why a plugin was not loaded, or was stopped, or failed.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The file cannot be read.
    #[error(
        "cannot read the plugin {path}: {error}. Is the path right, and is it built? `test-dashboard plugin build` builds one from its source, `make plugins` those that are shipped"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The file is larger than the budget.
    #[error("the plugin {path} is larger than {allowed} bytes (limits.max-plugin-bytes)")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The budget in bytes.
        allowed: u64,
    },
    /// The file is no component.
    #[error("{path} is not a plugin: {reason}")]
    NotAComponent {
        /// The file.
        path: PathBuf,
        /// What it is instead, or where it breaks.
        reason: String,
    },
    /// The file is not the one that was added.
    #[error(
        "{path} is not the file that was added, and none of it was run: its sha-256 is {found}, and {lock} has {expected}. `test-dashboard plugin verify` compares all files. Put the file back, or find out where this one came from and then `test-dashboard plugin add` it"
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: Digest,
        /// The digest in the lock file.
        expected: Digest,
        /// The lock file.
        lock: PathBuf,
    },
    /// The file is in the plugin folder, and the lock file does not know it.
    #[error(
        "{path} is in the plugin folder and was not added, so it is not run: {lock} has no [plugins.{name}]. Find out where it came from and `test-dashboard plugin add` it, or, when it is built from source, name it outside of the plugin folder"
    )]
    NotAdded {
        /// The file.
        path: PathBuf,
        /// The datasource.
        name: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// The lock file names another file for the datasource than the configuration.
    #[error(
        "the configuration names {path} as the plugin of {name}, and {lock} has {pinned} for it, so neither is run. Let datasources.{name}.plugin name the file that was added, or take the other away with `test-dashboard plugin remove {name}`"
    )]
    PinnedElsewhere {
        /// The file that the configuration names.
        path: PathBuf,
        /// The file that the lock file names.
        pinned: PathBuf,
        /// The datasource.
        name: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// Compiling took too long.
    #[error("compiling the plugin {path} took longer than {allowed:?} (limits.compile-time)")]
    CompileTime {
        /// The file.
        path: PathBuf,
        /// The budget.
        allowed: Duration,
    },
    /// Compiling wanted too much memory.
    #[error(
        "compiling the plugin {path} took more memory than {} (limits.compile-memory), or than this machine has. A plugin in Python, which carries its interpreter, takes 400 MiB: raise the budget only for a file whose origin you know",
        bytesize::ByteSize(*allowed).display().iec()
    )]
    CompileMemory {
        /// The file.
        path: PathBuf,
        /// The budget in bytes.
        allowed: u64,
    },
    /// The compiler failed, by itself or at this file.
    #[error("the compiler failed on the plugin {path}: {reason}")]
    Compiler {
        /// The file.
        path: PathBuf,
        /// How it ended.
        reason: String,
    },
    /// It exports another version of the contract, or none.
    #[error(
        "{path} does not export the contract: {found}; this host runs testops:datasource/datasource@{supported}"
    )]
    WrongVersion {
        /// The file.
        path: PathBuf,
        /// What it exports.
        found: String,
        /// The versions that this host runs.
        supported: String,
    },
    /// It imports something that the host does not have.
    #[error("{path} cannot be linked: {reason}")]
    CannotLink {
        /// The file.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// What it says of itself breaks the contract.
    #[error("{path} has an invalid declaration: {error}")]
    Declaration {
        /// The file.
        path: PathBuf,
        /// The rule it breaks.
        error: DeclarationError,
    },
    /// It used up a budget and was stopped.
    #[error("the plugin was stopped in {during}: {budget}")]
    Budget {
        /// The call.
        during: &'static str,
        /// The budget.
        budget: Budget,
    },
    /// Its request broke the operator's policy, and it was stopped.
    #[error("the plugin was stopped in {during}: {error}")]
    Egress {
        /// The call.
        during: &'static str,
        /// The rule it broke.
        error: Box<GateError>,
    },
    /// Its code trapped.
    #[error("the plugin crashed in {during}: {reason}")]
    Trap {
        /// The call.
        during: &'static str,
        /// The trap, and what the plugin said last.
        reason: String,
    },
    /// It broke the contract.
    #[error("the plugin broke the contract in {during}: {rule}")]
    Contract {
        /// The call.
        during: &'static str,
        /// What it did, and what the contract says.
        rule: String,
    },
    /// It said that it failed.
    #[error("{0}")]
    Failure(Failure),
}

impl PluginError {
    /// The kind under which the failure is filed in the history.
    pub fn kind(&self) -> &'static str {
        match self {
            PluginError::Unreadable { .. }
            | PluginError::TooLarge { .. }
            | PluginError::NotAComponent { .. }
            | PluginError::Changed { .. }
            | PluginError::NotAdded { .. }
            | PluginError::PinnedElsewhere { .. }
            | PluginError::CompileTime { .. }
            | PluginError::CompileMemory { .. }
            | PluginError::Compiler { .. }
            | PluginError::WrongVersion { .. }
            | PluginError::CannotLink { .. }
            | PluginError::Declaration { .. } => "plugin",
            PluginError::Budget { .. } => "budget",
            PluginError::Egress { error, .. }
                if matches!(error.as_ref(), GateError::Budget { .. }) =>
            {
                "budget"
            }
            PluginError::Egress { .. } => "policy",
            PluginError::Trap { .. } => "trap",
            PluginError::Contract { .. } => "contract",
            PluginError::Failure(failure) => match failure.kind {
                FailureKind::Config => "config",
                FailureKind::Auth => "auth",
                FailureKind::NotFound => "not-found",
                FailureKind::RateLimited => "rate-limited",
                FailureKind::Transient => "transient",
                FailureKind::UnexpectedResponse => "unexpected-response",
                FailureKind::Internal => "internal",
            },
        }
    }

    /// Whether the same call may do better when it is tried again at once.
    pub fn is_worth_another_try(&self) -> bool {
        matches!(self, PluginError::Failure(failure) if failure.kind.is_worth_another_try())
    }
}

/// An engine's error on one line, its causes included.
pub fn one_line(error: &wasmtime::Error) -> String {
    shorten(&format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A text of the engine's or the compiler's, cut, as a terminal can show it.
pub fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(400).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    super::state::printable(&short)
}

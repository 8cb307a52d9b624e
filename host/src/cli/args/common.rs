// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Options that several commands share. A command has those that apply to it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};

use crate::cli::log::LogFormat;

/// How log lines are written, where the command line does not say it.
pub const LOG_VARIABLE: &str = "TEST_DASHBOARD_LOG";

/// Their heading in `--help`.
const HEADING: &str = "Common options";

/// For commands that read the configuration and the database, and answer.
#[derive(Debug, Args)]
pub struct Common {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigOption,
    /// Where the database is.
    #[command(flatten)]
    pub database: DatabaseOption,
    /// How they answer.
    #[command(flatten)]
    pub output: OutputOption,
}

/// For commands that read the configuration and no database, and answer.
#[derive(Debug, Args)]
pub struct Configured {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigOption,
    /// How they answer.
    #[command(flatten)]
    pub output: OutputOption,
}

/// For commands that read the configuration, or change it.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub struct ConfigOption {
    /// Use this configuration file [default: test-dashboard.toml].
    #[arg(
        long,
        value_name = "FILE",
        env = "TEST_DASHBOARD_CONFIG",
        value_hint = ValueHint::FilePath
    )]
    config: Option<PathBuf>,
}

impl ConfigOption {
    /// The file, where one is named.
    pub fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

/// For commands that read or write the database.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub struct DatabaseOption {
    /// Use this database instead of the configured one: sqlite:FILE, postgres://…, mysql://…
    #[arg(long, value_name = "URL", env = "TEST_DASHBOARD_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

impl DatabaseOption {
    /// The URL, where one is given. It may hold a password.
    pub fn url(&self) -> Option<&str> {
        self.database.as_deref()
    }
}

/// For commands whose answer a program may want to read.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub struct OutputOption {
    /// Format of the output: human (tables) or json.
    #[arg(long, value_enum, default_value_t = Format::Human, hide_possible_values = true)]
    pub format: Format,
}

/// For every command: each has a log and errors.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub struct LogOptions {
    /// Format of log lines and errors, on standard error: text or json (one object per line).
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = LogFormat::Text,
        value_name = "FORMAT",
        hide_possible_values = true,
        env = LOG_VARIABLE
    )]
    pub log: LogFormat,
    /// Log more; give it twice to include what libraries log.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for a person.
    Human,
    /// JSON for a program.
    Json,
}

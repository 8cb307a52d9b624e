// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The arguments of `plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{ConfigOption, Configured, Days};
use crate::project::Language;

/// What to do with plugin files.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Create a plugin project that builds, with a recorded fixture and its golden rows.
    New(NewArgs),
    /// Build a component from a plugin's source.
    Build(BuildArgs),
    /// Show what a plugin file contains and requests: reports, tables, hosts, credentials.
    Inspect(InspectArgs),
    /// Check everything that a run relies on, against recorded fixtures, without a network.
    Check(PluginCheckArgs),
    /// Record a live run as a fixture, without credentials and with personal fields masked.
    Record(RecordArgs),
    /// Replay all fixtures and compare the rows with the golden files beside them.
    Test(TestArgs),
    /// Install or upgrade a plugin and pin its digest.
    Add(AddArgs),
    /// List the installed plugins.
    List(ListArgs),
    /// Remove an installed plugin. Its tables stay.
    Remove(RemoveArgs),
    /// Verify all installed plugins against the lock file.
    Verify(VerifyArgs),
}

/// What to begin.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Name of the datasource and of the new folder: lower-case letters and digits.
    pub name: String,
    /// Language of the plugin.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub language: Language,
}

/// What to build.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Build the plugin in this folder:
    test-dashboard plugin build
  Build another one into a file:
    test-dashboard plugin build plugins/github --output github.wasm")]
pub struct BuildArgs {
    /// Folder of the plugin.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Write the component to this file [default: NAME.wasm in the plugin's folder, where NAME
    /// is the datasource's name].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Build the package's examples instead, each as a component, into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "output", value_hint = ValueHint::DirPath)]
    pub examples: Option<PathBuf>,
    /// Use this folder as the build's target folder.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub target_dir: Option<PathBuf>,
}

/// Which file to show.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Plugin file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// Which file to try, and with what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Check against the recordings beside the configuration:
    test-dashboard plugin check acme.wasm
  Check one report, as far as it is recorded:
    test-dashboard plugin check acme.wasm --report builds --partial")]
pub struct PluginCheckArgs {
    /// Plugin file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Read recordings, PROJECT/REPORT.har, from this folder [default: `fixtures` beside the
    /// configuration that has the projects' settings].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub fixtures: Option<PathBuf>,
    /// Use only this project's fixtures.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Use only this report's fixtures.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// Do not fail if a rule cannot be checked because a recording is missing.
    #[arg(long)]
    pub partial: bool,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// What to record.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Record a week, with e-mail addresses masked:
    test-dashboard plugin record acme.wasm --project fenix --report builds --num-days 7 \\
        --mask '$..email'
  Record everything that `plugin check` needs:
    test-dashboard plugin record acme.wasm --project fenix --report builds --for-check")]
pub struct RecordArgs {
    /// Plugin file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Record this configured project.
    #[arg(long, value_name = "NAME")]
    pub project: String,
    /// Record this report of the plugin.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: String,
    /// Write recordings, PROJECT/REPORT.har, to this folder [default: `fixtures` beside the
    /// configuration].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub fixtures: Option<PathBuf>,
    /// Mask the values that this JSON path (RFC 9535) matches in responses, such as '$..email';
    /// may be repeated.
    #[arg(long, value_name = "PATH")]
    pub mask: Vec<String>,
    /// Also record the requests that `plugin check` makes: resuming from every checkpoint, and a
    /// full refresh.
    #[arg(long)]
    pub for_check: bool,
    /// The days to look at.
    #[command(flatten)]
    pub days: Days,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// Which plugin to test.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Folder of the plugin, with its configuration and fixtures.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Write the golden files instead of comparing against them.
    #[arg(long)]
    pub update: bool,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// What to install.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Review what a file requests, then install it:
    test-dashboard plugin add acme.wasm
  Install it in CI, without a prompt:
    test-dashboard plugin add acme.wasm --yes")]
pub struct AddArgs {
    /// Plugin file, or the https:// URL of one.
    #[arg(value_name = "FILE|URL", value_hint = ValueHint::FilePath)]
    pub source: String,
    /// Require the file to have this SHA-256, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// Where they are installed.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// What may be there besides.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Accept plugins that were built from source: files outside the plugin folder, which run
    /// without an entry in the lock file.
    #[arg(long)]
    pub allow_built: bool,
    /// Options shared with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// What to take away.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Name of the plugin.
    pub name: String,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigOption,
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What `plugin` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{ConfigOption, Configured, Days};
use crate::project::Language;

/// What to do with plugin files.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Begin a plugin: a small project that builds, with a recorded fixture and its rows.
    New(NewArgs),
    /// Build a component from a plugin's source.
    Build(BuildArgs),
    /// Show what a file is and asks for: version, reports, tables, hosts, credentials.
    Inspect(InspectArgs),
    /// Try everything that a run relies on, with recorded fixtures and without a network.
    Check(PluginCheckArgs),
    /// Record one live run as fixtures: no credentials in them, personal fields masked.
    Record(RecordArgs),
    /// Replay all fixtures and compare the rows with the golden files beside them.
    Test(TestArgs),
    /// Install a plugin, or another version of one, pinned by its digest.
    Add(AddArgs),
    /// Show the installed plugins.
    List(ListArgs),
    /// Take an installed plugin away.
    Remove(RemoveArgs),
    /// Compare all installed plugins with the lock file.
    Verify(VerifyArgs),
}

/// What to begin.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The datasource's name: lower-case letters and digits. The folder is named like it.
    pub name: String,
    /// What the plugin is written in.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub language: Language,
}

/// What to build.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  The plugin in this folder:
    test-dashboard plugin build
  Another one, into a file:
    test-dashboard plugin build plugins/github --output github.wasm")]
pub struct BuildArgs {
    /// The plugin's folder.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Where the component goes; by default NAME.wasm in the plugin's folder, as the datasource
    /// calls itself.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Build the examples of the package instead, each as a component, into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "output", value_hint = ValueHint::DirPath)]
    pub examples: Option<PathBuf>,
    /// The target folder of the build.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub target_dir: Option<PathBuf>,
}

/// Which file to show.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The plugin's file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// Which file to try, and with what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  With the recordings beside the configuration:
    test-dashboard plugin check acme.wasm
  One report, as far as it is recorded:
    test-dashboard plugin check acme.wasm --report builds --partial")]
pub struct PluginCheckArgs {
    /// The plugin's file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The folder with the recordings, PROJECT/REPORT.har; by default `fixtures` beside the
    /// configuration, which names the projects' settings.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub fixtures: Option<PathBuf>,
    /// Only this project's fixtures.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only this report's fixtures.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: Option<String>,
    /// Do not fail for rules that could not be tried for want of a recording.
    #[arg(long)]
    pub partial: bool,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// What to record.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  A week, with addresses masked:
    test-dashboard plugin record acme.wasm --project fenix --report builds --num-days 7 \\
        --mask '$..email'
  What `plugin check` needs:
    test-dashboard plugin record acme.wasm --project fenix --report builds --for-check")]
pub struct RecordArgs {
    /// The plugin's file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// A configured project.
    #[arg(long, value_name = "NAME")]
    pub project: String,
    /// A report of the plugin.
    #[arg(long, value_name = "REPORT", alias = "report-type")]
    pub report: String,
    /// The folder for the recordings, PROJECT/REPORT.har; by default `fixtures` beside the
    /// configuration.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub fixtures: Option<PathBuf>,
    /// Replace what this JSON path (RFC 9535) finds in answers, such as '$..email'; may be
    /// given several times.
    #[arg(long, value_name = "PATH")]
    pub mask: Vec<String>,
    /// Record besides what `plugin check` asks for: goes on from every checkpoint, and reads
    /// everything again.
    #[arg(long)]
    pub for_check: bool,
    /// The days to look at.
    #[command(flatten)]
    pub days: Days,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// Which plugin to test.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The plugin's folder, with its configuration and its fixtures.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Write the golden files instead of comparing with them.
    #[arg(long)]
    pub update: bool,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// What to install.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  A file, after a look at what it asks for:
    test-dashboard plugin add acme.wasm
  In CI, where nobody is asked:
    test-dashboard plugin add acme.wasm --yes")]
pub struct AddArgs {
    /// The plugin's file, or the https:// address of one.
    #[arg(value_name = "FILE|URL", value_hint = ValueHint::FilePath)]
    pub source: String,
    /// The SHA-256 that the file has to have, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// Where they are installed.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// What may be there besides.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Accept plugins that are built from source: files outside of the plugin
    /// folder, which run without having been added.
    #[arg(long)]
    pub allow_built: bool,
    /// What it shares with other commands.
    #[command(flatten)]
    pub common: Configured,
}

/// What to take away.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The plugin's name.
    pub name: String,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigOption,
}

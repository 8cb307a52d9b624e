// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Plugins in Python, built with componentize-py.
//!
//! The tool takes the folder of the sources, whose module `app` has the class `Datasource`, and
//! puts an interpreter around them. It could leave WASI out, but HTTP only together with the
//! rest; so the component imports all of WASI that an interpreter knows of, and the host links
//! it to nothing.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::Language;
use super::toolchain::{self, Missing};
use super::wit::Interfaces;
use crate::usage_error::UsageError;

/// The tool, and the version that this was tried with.
const TOOL: &str = "componentize-py";
const TRIED: &str = "0.25";

/// Builds the plugin in a folder: the component's bytes.
///
/// # Errors
///
/// [`UsageError`] when `src/app.py` is missing; what of the toolchain is missing and how to get it;
/// else what it says.
pub fn build(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let sources = folder.join("src");
    if !sources.join("app.py").is_file() {
        return Err(UsageError::new(format!(
            "{} is missing: it has the class Datasource, which the host calls",
            sources.join("app.py").display()
        ))
        .into());
    }
    let tool = find(folder)?;
    let interfaces = Interfaces::of(folder)?;
    let place = tempfile::tempdir().context("cannot create a folder for the component")?;
    let component = place.path().join("component.wasm");
    let mut command = Command::new(&tool);
    command.args(["--quiet", "--world", "plugin", "--wit-path"]).arg(interfaces.folder());
    command.arg("componentize").arg("--python-path").arg(&sources);
    command.arg("--output").arg(&component).arg("app");
    // Where the tool looks for what the plugin is made of beside its sources.
    let environment = folder.join(".venv");
    if environment.is_dir() {
        command.env("VIRTUAL_ENV", environment);
    }
    // Its own backtraces say nothing to an author; Python's are shown either way.
    command.env("RUST_BACKTRACE", "0");
    toolchain::run(&mut command, folder)?;
    std::fs::read(&component)
        .with_context(|| format!("{} produced no component", tool.to_string_lossy()))
}

/// The tool of the project's own environment, or else the one on the path.
fn find(folder: &Path) -> anyhow::Result<OsString> {
    let own = folder.join(".venv/bin").join(TOOL);
    let tool = if own.is_file() { own.into_os_string() } else { OsString::from(TOOL) };
    let Some(version) = toolchain::version(&tool)? else { return Err(missing(folder)?) };
    toolchain::compare_version(TOOL, version.rsplit(' ').next().unwrap_or_default(), TRIED);
    Ok(tool)
}

/// The tool is not there. It comes with pip into an environment, so that takes Python.
fn missing(folder: &Path) -> anyhow::Result<anyhow::Error> {
    let mut missing = Missing::of(Language::Python);
    if toolchain::version(OsStr::new("python3"))?.is_none() {
        missing.note(
            "python3",
            "from python.org; on Debian and Ubuntu, apt-get install python3 python3-venv",
        );
    }
    missing.note(
        format!("{TOOL} {TRIED}"),
        format!(
            "cd {} && python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
            folder.display()
        ),
    );
    Ok(missing.into_error())
}

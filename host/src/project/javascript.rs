// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Plugins in JavaScript, built with componentize-js.
//!
//! The tool is a package with a programming interface, which a small script calls
//! (`componentize.mjs`). It puts an engine around the module `src/app.js` and what that imports
//! by relative paths.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use super::Language;
use super::toolchain::{self, Missing};
use super::wit::Interfaces;
use crate::usage_error::UsageError;

/// The package, and the version that this was tried with.
const PACKAGE: &str = "@bytecodealliance/componentize-js";
const TRIED: &str = "0.23";

const SCRIPT: &str = include_str!("componentize.mjs");

/// Builds the plugin in a folder: the component's bytes.
///
/// # Errors
///
/// [`UsageError`] when `src/app.js` is missing; what of the toolchain is missing and how to get it;
/// else what it says.
pub fn build(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let source = Path::new("src/app.js");
    if !folder.join(source).is_file() {
        return Err(UsageError::new(format!(
            "{} is missing: it exports the object datasource, which the host calls",
            folder.join(source).display()
        ))
        .into());
    }
    let module = find(folder)?;
    let interfaces = Interfaces::of(folder)?;
    let place = tempfile::tempdir().context("cannot create a folder for the component")?;
    let component = place.path().join("component.wasm");
    let mut command = Command::new("node");
    command.args(["--input-type=module", "--eval", SCRIPT, "--"]).arg(module).arg(source);
    command.arg(interfaces.folder()).arg(&component);
    // The sources are named from here: the tool splits its command line at spaces, which the
    // way to the project may have.
    command.current_dir(folder);
    toolchain::run(&mut command, folder)?;
    std::fs::read(&component).with_context(|| format!("{PACKAGE} produced no component"))
}

/// What a package says of itself, as far as it matters here.
#[derive(Deserialize)]
struct Manifest {
    version: String,
    exports: Exports,
}

#[derive(Deserialize)]
struct Exports {
    import: PathBuf,
}

/// The module with the tool's programming interface. Node would look in `node_modules` of the
/// project and of the folders around it; those that NODE_PATH names come after them.
fn find(folder: &Path) -> anyhow::Result<PathBuf> {
    let node = toolchain::version(OsStr::new("node"))?;
    let project =
        folder.canonicalize().with_context(|| format!("cannot open {}", folder.display()))?;
    let around = project.ancestors().map(|folder| folder.join("node_modules"));
    let named = std::env::var_os("NODE_PATH").unwrap_or_default();
    let packages = around
        .chain(std::env::split_paths(&named))
        .map(|modules| modules.join(PACKAGE))
        .find(|package| package.join("package.json").is_file());
    let (Some(_), Some(package)) = (&node, &packages) else {
        return Err(missing(folder, node.is_none(), packages.is_none())?);
    };
    let manifest = package.join("package.json");
    let text =
        std::fs::read(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let Manifest { version, exports } = serde_json::from_slice(&text).with_context(|| {
        format!("{} is not as expected of {PACKAGE} {TRIED}", manifest.display())
    })?;
    toolchain::compare_version(PACKAGE, &version, TRIED);
    Ok(package.join(exports.import))
}

fn missing(folder: &Path, node: bool, package: bool) -> anyhow::Result<anyhow::Error> {
    let mut missing = Missing::of(Language::JavaScript);
    if node {
        missing.note("node", "from nodejs.org; on Debian and Ubuntu, apt-get install nodejs npm");
    } else if package && toolchain::version(OsStr::new("npm"))?.is_none() {
        missing.note("npm", "with Node from nodejs.org; on Debian and Ubuntu, apt-get install npm");
    }
    if package {
        missing
            .note(format!("{PACKAGE} {TRIED}"), format!("cd {} && npm install", folder.display()));
    }
    Ok(missing.into_error())
}

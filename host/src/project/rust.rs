// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Plugins in Rust.
//!
//! Compiling is the script's work (`scripts/build-wasm`, the same that `make` uses): it finds
//! a target that this machine can build for, and says what is missing where there is none.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::{Language, component};

/// The script that finds a usable target and compiles to it.
const SCRIPT: &str = include_str!("../../../scripts/build-wasm");

/// What of a package is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Its library, which is a plugin.
    Library,
    /// Its examples, each of which is one.
    Examples,
}

/// Builds the plugin in a folder.
///
/// # Errors
///
/// What the compiler says; that it made several modules; that one cannot be a component.
pub fn build(folder: &Path, target: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let modules = compile(folder, target, What::Library)?;
    match modules.as_slice() {
        [module] => component_of(module),
        [] => bail!("{} was built, but it has no WebAssembly module", folder.display()),
        several => bail!(
            "{} modules were built, and a plugin is one: name the folder of one package",
            several.len()
        ),
    }
}

/// Compiles, and names the files that came of it.
///
/// # Errors
///
/// That the script failed, which has said why.
pub fn compile(folder: &Path, target: Option<&Path>, what: What) -> anyhow::Result<Vec<PathBuf>> {
    let manifest = folder.join(Language::Rust.manifest());
    let mut script = tempfile::NamedTempFile::new().context("cannot write the build script")?;
    script.write_all(SCRIPT.as_bytes()).context("cannot write the build script")?;
    let mut command = Command::new("bash");
    command.arg(script.path()).arg("--manifest-path").arg(&manifest);
    if let Some(folder) = target {
        command.arg("--target-dir").arg(folder);
    }
    if what == What::Examples {
        command.arg("--examples");
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start bash, which runs the build script")?;
    if !output.status.success() {
        bail!("building {} failed, see above", manifest.display());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

/// Reads what was compiled, as a component.
///
/// # Errors
///
/// When the file cannot be read, or cannot be made a component.
pub fn component_of(module: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes =
        std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    component::of(bytes).with_context(|| format!("{} was built", module.display()))
}

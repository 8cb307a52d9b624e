// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The inputs that others are made of: small ones that were written for it, what was once found,
//! and what the tree has anyway.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::targets::Target;

/// Beyond this a recording of the tree is left out: inputs that are made of it would be slow.
const LARGEST_RECORDING: u64 = 16 << 10;

/// An input, and where it is from.
pub struct Seed {
    /// Its file.
    pub file: PathBuf,
    /// What is in it.
    pub input: Vec<u8>,
}

/// The checkout.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All inputs for a target, always in the same order.
///
/// # Errors
///
/// When one cannot be read, or none is there.
pub fn of(target: Target, corpus: &Path) -> anyhow::Result<Vec<Seed>> {
    let folder = corpus.join(target.to_string());
    let mut files = files_of(&folder)?;
    anyhow::ensure!(!files.is_empty(), "{} has no input", folder.display());
    files.extend(of_the_tree(target)?);
    files.into_iter().map(|file| Ok(Seed { input: read(&file)?, file })).collect()
}

/// The input in a file. One that ends in `.wat` is text, and the input what it says.
///
/// # Errors
///
/// When it cannot be read.
pub fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    if file.extension().is_some_and(|extension| extension == "wat") {
        return Ok(wat::parse_bytes(&bytes).map_err(|error| anyhow::anyhow!("{error}"))?.into());
    }
    Ok(bytes)
}

/// Real recordings, real configurations, and the plugins of the tests where they are built.
fn of_the_tree(target: Target) -> anyhow::Result<Vec<PathBuf>> {
    let root = repository();
    let named = |names: &[&str]| names.iter().map(|name| root.join(name)).collect::<Vec<_>>();
    Ok(match target {
        Target::Har => recordings(&root.join("plugins"))?,
        Target::Configuration => named(&["test-dashboard.toml", "demo/test-dashboard.toml"]),
        Target::Component => {
            let mut guests = named(&[
                "target/guests/no_exports.wasm",
                "target/guests/well_behaved.wasm",
                "target/guests/wrong_values.wasm",
            ]);
            guests.retain(|guest| guest.is_file());
            guests
        }
        Target::Answers | Target::Planted => Vec::new(),
    })
}

fn recordings(plugins: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for plugin in files_of(plugins)? {
        let fixtures = plugin.join("fixtures");
        if !fixtures.is_dir() {
            continue;
        }
        for project in files_of(&fixtures)?.into_iter().filter(|path| path.is_dir()) {
            for file in files_of(&project)? {
                let is_recording = file.extension().is_some_and(|extension| extension == "har");
                if is_recording && file.metadata()?.len() <= LARGEST_RECORDING {
                    found.push(file);
                }
            }
        }
    }
    Ok(found)
}

fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(cannot)?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(cannot)?;
    files.sort();
    Ok(files)
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Lists the files that `plugin new` writes, so that the binary holds them: the templates, the
//! SDK's sources, the contract, and WASI's interface files.
//!
//! All of them lie in this repository. WASI's are those of the example that is built without the
//! SDK; a test compares them with the ones that the locked wasmtime-wasi-http implements. A build
//! script cannot ask cargo where that crate is: `cargo metadata` wants crates that this build does
//! not download, and fails on a machine whose cargo has never done so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Where WASI's interface files are.
const WASI: &str = "examples/rust-without-sdk/wit/deps";
/// What their names begin with; beside them lies the contract.
const WASI_PREFIX: &str = "wasi-";

fn main() -> anyhow::Result<()> {
    let repository = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("..");
    let mut source = String::new();
    for (list, folder) in [
        ("COMMON", "templates/common"),
        ("RUST", "templates/rust"),
        ("PYTHON", "templates/python"),
        ("JAVASCRIPT", "templates/javascript"),
        ("CONTRACT", "wit/0.1.0"),
        ("SDK", "plugins/sdk/src"),
        ("SDK_DERIVE", "plugins/sdk/derive/src"),
    ] {
        let folder = repository.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        declare(&mut source, list, &files_below(&folder)?)?;
    }
    let wasi = repository.join(WASI);
    println!("cargo::rerun-if-changed={}", wasi.display());
    let mut files = files_below(&wasi)?;
    files.retain(|(name, _)| name.starts_with(WASI_PREFIX));
    declare(&mut source, "WASI", &files)?;
    // For the test that asks cargo what this build was made from.
    println!("cargo::rustc-env=HOST_TARGET={}", variable("TARGET")?);
    let target = Path::new(&variable("OUT_DIR")?).join("embedded.rs");
    std::fs::write(&target, source).with_context(|| format!("cannot write {}", target.display()))
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("cargo sets {name}"))
}

/// The files below a folder, each with its path from there, sorted. None where there is no
/// such folder.
fn files_below(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop().filter(|next| next.exists()) {
        let cannot = || format!("cannot read the folder {}", next.display());
        for entry in std::fs::read_dir(&next).with_context(cannot)? {
            let path = entry.with_context(cannot)?.path();
            if path.ends_with("__pycache__") {
                // Left by whoever ran the template's tests where they are.
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_str().context("a path is UTF-8")?;
                files.push((name.to_owned(), path));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Writes `static LIST: &[(&str, &str)]`, paths and contents.
fn declare(source: &mut String, list: &str, files: &[(String, PathBuf)]) -> anyhow::Result<()> {
    writeln!(source, "pub static {list}: &[(&str, &str)] = &[")?;
    for (name, path) in files {
        writeln!(source, "    ({name:?}, include_str!({:?})),", path.canonicalize()?)?;
    }
    writeln!(source, "];")?;
    Ok(())
}

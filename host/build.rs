//! Lists the files that `plugin new` writes, so that the binary holds them: the templates, the
//! SDK's sources, the contract, and WASI's interface files.
//!
//! WASI's files are not kept in this repository: the locked crate wasmtime-wasi-http ships
//! those that the host implements, so they are taken from there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use cargo_metadata::MetadataCommand;

/// What `wasi:http/outgoing-handler` needs, and what languages' toolchains import by
/// themselves.
const WASI: &[&str] = &["cli", "clocks", "filesystem", "http", "io", "random", "sockets"];

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
    declare(&mut source, "WASI", &wasi_files(&repository)?)?;
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

fn wasi_files(repository: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    println!("cargo::rerun-if-changed={}", repository.join("Cargo.lock").display());
    // Nothing is downloaded here: what this build needs is there already, and only what other
    // platforms need may be missing.
    let options = ["--locked", "--offline", "--filter-platform", &variable("TARGET")?];
    let metadata = MetadataCommand::new()
        .manifest_path(repository.join("host/Cargo.toml"))
        .other_options(options.map(String::from))
        .exec()
        .context("cannot ask cargo where wasmtime-wasi-http is")?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "wasmtime-wasi-http")
        .context("wasmtime-wasi-http is not among the dependencies")?;
    let folder = package.manifest_path.with_file_name("wit").join("deps");
    WASI.iter()
        .map(|name| {
            let path = folder.join(format!("{name}.wit")).into_std_path_buf();
            ensure!(path.is_file(), "{} is missing: has the crate moved it?", path.display());
            Ok((format!("{name}.wit"), path))
        })
        .collect()
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

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin build`: a component from a plugin's source, with the toolchain that is there.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytesize::ByteSize;
use tempfile::NamedTempFile;

use crate::cli::args::BuildArgs;
use crate::cli::exit::Exit;
use crate::cli::output::{remark, say};
use crate::config::{Limits, folder_of};
use crate::misuse::Misuse;
use crate::plugin::{Plugin, Runtime};
use crate::project::{Language, javascript, python, rust};

/// Builds the plugin in a folder, loads it once to see that it can be described, and prints
/// where the component is: `NAME.wasm` in the folder, as the datasource calls itself.
///
/// # Errors
///
/// [`Misuse`] when there is no plugin in the folder; else what the toolchain says, or why what
/// it made is no plugin. Then nothing is written.
pub async fn build(args: &BuildArgs) -> anyhow::Result<Exit> {
    let language = Language::of(&args.dir)?;
    if let Some(folder) = &args.examples {
        return build_examples(args, language, folder);
    }
    let component = match language {
        Language::Rust => rust::build(&args.dir, args.target_dir.as_deref())?,
        Language::Python => python::build(&args.dir)?,
        Language::JavaScript => javascript::build(&args.dir)?,
    };
    let folder = args.output.as_deref().map_or_else(|| args.dir.clone(), folder_of);
    let file = stage(&component, &folder)?;
    let plugin = load(file.path()).await?;
    let place = match &args.output {
        Some(place) => place.clone(),
        None => in_folder(&args.dir, &format!("{}.wasm", plugin.description.name)),
    };
    persist(file, &place)?;
    say!("{}", place.display())?;
    let size = ByteSize(component.len() as u64).display().iec();
    remark(format_args!(
        "{} {}, {size}; next: test-dashboard plugin test {}",
        plugin.description.name,
        plugin.description.version,
        args.dir.display()
    ));
    Ok(Exit::Done)
}

/// The examples of a package, which need not be plugins that anybody could use.
fn build_examples(args: &BuildArgs, language: Language, folder: &Path) -> anyhow::Result<Exit> {
    if language != Language::Rust {
        return Err(Misuse::new(format!("--examples is for Rust, not for {language}")).into());
    }
    for module in rust::compile(&args.dir, args.target_dir.as_deref(), rust::What::Examples)? {
        let place = folder.join(module.file_name().unwrap_or_default());
        persist(stage(&rust::component_of(&module)?, folder)?, &place)?;
        say!("{}", place.display())?;
    }
    Ok(Exit::Done)
}

async fn load(file: &Path) -> anyhow::Result<Plugin> {
    let runtime = Runtime::new()?;
    let loaded = runtime.load(file, Arc::new(Limits::default())).await;
    loaded.context("it was built, but this host cannot use it")
}

/// `acme.wasm` rather than `./acme.wasm`.
fn in_folder(folder: &Path, name: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}

/// Writes a component beside its place, so that it comes there whole or not at all: a run may
/// be loading the file this very moment.
fn stage(component: &[u8], folder: &Path) -> anyhow::Result<NamedTempFile> {
    let cannot = || format!("cannot write to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let mut file = tempfile::Builder::new()
        // A component is no secret, unlike most of what is temporary.
        .permissions(std::fs::Permissions::from_mode(0o666))
        .prefix("built-")
        .suffix(".wasm")
        .tempfile_in(folder)
        .with_context(cannot)?;
    file.write_all(component).and_then(|()| file.as_file().sync_all()).with_context(cannot)?;
    Ok(file)
}

fn persist(file: NamedTempFile, place: &PathBuf) -> anyhow::Result<()> {
    file.persist(place).with_context(|| format!("cannot write {}", place.display()))?;
    Ok(())
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin build`: builds a component from a plugin's source, with the installed toolchain.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytesize::ByteSize;
use test_dashboard_files::Prepared;

use crate::cli::args::BuildArgs;
use crate::cli::exit::Exit;
use crate::cli::output::{remark, say};
use crate::plugin::Runtime;
use crate::project::{Language, javascript, python, rust};
use crate::usage_error::UsageError;

/// Builds the plugin in a folder, loads it once to see that it can be described, and prints
/// where the component is: `NAME.wasm` in the folder, as the datasource calls itself.
///
/// # Errors
///
/// [`UsageError`] when there is no plugin in the folder; else what the toolchain says, or why what
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
    let named = args.output.as_deref().unwrap_or(&args.dir);
    let loaded = Runtime::new()?.load_bytes(named, component.clone(), Arc::default()).await;
    let plugin = loaded.context("it was built, but this host cannot use it")?;
    let place = match &args.output {
        Some(place) => place.clone(),
        None => in_folder(&args.dir, &format!("{}.wasm", plugin.description.name)),
    };
    // Whole or not at all: a run may be loading the file this very moment.
    Prepared::new(&place, &component)?.commit()?;
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
        return Err(UsageError::new(format!("--examples is for Rust, not for {language}")).into());
    }
    for module in rust::compile(&args.dir, args.target_dir.as_deref(), rust::What::Examples)? {
        let place = folder.join(module.file_name().unwrap_or_default());
        Prepared::new(&place, &rust::component_of(&module)?)?.commit()?;
        say!("{}", place.display())?;
    }
    Ok(Exit::Done)
}

/// `acme.wasm` rather than `./acme.wasm`.
fn in_folder(folder: &Path, name: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}

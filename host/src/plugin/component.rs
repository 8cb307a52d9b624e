// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A plugin's file, and what must be true of it before any of it runs.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use test_dashboard_model::declaration;
use test_dashboard_model::{Description, Report, Table};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::{one_line, shorten};
use super::instance::{Instance, InstanceOptions};
use super::runtime::{EpochClock, Runtime};
use super::state::State;
use super::wit::v0_1_0;
use super::{Budget, PluginError, wit};
use crate::config::Limits;
use crate::lock::{Digest, Pinned};

/// The interface that every plugin exports, without its version.
const DATASOURCE: &str = "testops:datasource/datasource@";

/// A version of the contract that this host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractVersion {
    /// `wit/0.1.0`
    V0_1_0,
}

impl ContractVersion {
    const ALL: &[ContractVersion] = &[ContractVersion::V0_1_0];
}

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ContractVersion::V0_1_0 => "0.1.0",
        })
    }
}

/// A loaded plugin: compiled, linked, and described by itself.
pub struct Plugin {
    /// Its file.
    pub path: PathBuf,
    /// The file's size in bytes.
    pub size: u64,
    /// The file's SHA-256, in hexadecimal.
    pub digest: String,
    /// The contract's version that it exports.
    pub version: ContractVersion,
    /// The names of everything it imports.
    pub imports: Vec<String>,
    /// What it says of itself, checked for being possible.
    pub description: Description,
    limits: Arc<Limits>,
    linked: v0_1_0::PluginPre<State>,
    clock: Arc<EpochClock>,
}

impl Plugin {
    /// The report of this name.
    pub fn report(&self, name: &str) -> Option<&Report> {
        self.description.reports.iter().find(|report| report.name == name)
    }

    /// The tables that a report fills.
    pub fn tables_of(&self, report: &Report) -> Vec<Arc<Table>> {
        self.description
            .tables
            .iter()
            .filter(|table| report.tables.contains(&table.name))
            .map(|table| Arc::new(table.clone()))
            .collect()
    }

    /// The budgets that its instances get.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The same plugin with other budgets for its instances.
    #[must_use]
    pub fn with_limits(self, limits: Arc<Limits>) -> Self {
        Plugin { limits, ..self }
    }

    /// A fresh instance, with its own memory and accounts.
    ///
    /// # Errors
    ///
    /// [`PluginError`] when the component cannot be set up within its budgets.
    pub async fn instantiate(&self, options: InstanceOptions) -> Result<Instance, PluginError> {
        self.instantiate_within(Arc::clone(&self.limits), options).await
    }

    /// The same, with budgets for this instance alone.
    ///
    /// # Errors
    ///
    /// As [`Plugin::instantiate`].
    pub async fn instantiate_within(
        &self,
        limits: Arc<Limits>,
        options: InstanceOptions,
    ) -> Result<Instance, PluginError> {
        let mut instance = Instance::new(&self.linked, &self.clock, limits, options).await?;
        instance.takes_credential = !self.description.credentials.is_empty();
        Ok(instance)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("path", &self.path).finish_non_exhaustive()
    }
}

/// See [`Runtime::load`](super::Runtime::load) and
/// [`Runtime::load_pinned`](super::Runtime::load_pinned).
///
/// What is compared with the digest are the very bytes that are compiled: whoever swaps the
/// file in between changes nothing.
pub async fn load(
    runtime: &Runtime,
    path: &Path,
    limits: Arc<Limits>,
    pinned: Option<&Pinned>,
) -> Result<Plugin, PluginError> {
    let bytes = read(path, limits.max_plugin_bytes)?;
    if let Some(pinned) = pinned {
        let found = Digest::of(&bytes);
        if found != pinned.digest {
            return Err(PluginError::Changed {
                path: path.into(),
                found,
                expected: pinned.digest,
                lock: pinned.lock.clone(),
            });
        }
    }
    load_bytes(runtime, path, bytes, limits).await
}

/// See [`Runtime::load_bytes`](super::Runtime::load_bytes).
pub async fn load_bytes(
    runtime: &Runtime,
    path: &Path,
    bytes: Vec<u8>,
    limits: Arc<Limits>,
) -> Result<Plugin, PluginError> {
    let Runtime { engine, linker, clock, .. } = runtime;
    let size = bytes.len() as u64;
    let digest = Digest::of(&bytes).to_string();
    let component = compile(runtime, path, bytes.into(), &limits).await?;
    let version = find_version(engine, &component, path)?;
    let imports =
        component.component_type().imports(engine).map(|(name, _)| name.to_string()).collect();
    let linked = linker
        .instantiate_pre(&component)
        .and_then(wit::v0_1_0::PluginPre::new)
        .map_err(|error| PluginError::CannotLink { path: path.into(), reason: one_line(&error) })?;
    let description = describe(&linked, clock, &limits, path).await?;
    declaration::check(&description)
        .map_err(|error| PluginError::Declaration { path: path.into(), error })?;
    Ok(Plugin {
        path: path.to_path_buf(),
        size,
        digest,
        version,
        imports,
        description,
        limits,
        linked,
        clock: Arc::clone(clock),
    })
}

/// Asks the plugin what it is. It has nothing to wait for and nothing to work on, so it gets
/// far less time than a partition: nothing else of the program goes on before it has answered.
async fn describe(
    linked: &v0_1_0::PluginPre<State>,
    clock: &Arc<EpochClock>,
    limits: &Arc<Limits>,
    path: &Path,
) -> Result<Description, PluginError> {
    let allowed = limits.describe_time;
    let describing = async {
        let options = InstanceOptions::offline(path);
        let mut instance = Instance::new(linked, clock, Arc::clone(limits), options).await?;
        instance.describe().await
    };
    let budget = Budget::Describe(allowed);
    let late = PluginError::Budget { during: "describe", budget };
    tokio::time::timeout(allowed, describing).await.unwrap_or(Err(late))
}

/// Reads the file, never more of it than `allowed` bytes.
///
/// # Errors
///
/// [`PluginError::Unreadable`], also for what is no regular file: a pipe may never end, or
/// never begin. [`PluginError::TooLarge`].
pub fn read(path: &Path, allowed: u64) -> Result<Vec<u8>, PluginError> {
    test_dashboard_files::read(path, allowed).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => PluginError::TooLarge { path: path.into(), allowed },
        _ => PluginError::Unreadable { path: path.into(), error },
    })
}

/// Takes the plugin out of the cache, after it was compiled into it where it was not there.
async fn compile(
    runtime: &Runtime,
    path: &Path,
    bytes: Bytes,
    limits: &Limits,
) -> Result<Component, PluginError> {
    let not_a_component = |reason| PluginError::NotAComponent { path: path.into(), reason };
    match wasmparser_kind(&bytes) {
        FileKind::Component => {}
        FileKind::Module => {
            return Err(not_a_component(
                "it is a core WebAssembly module, not a component; `test-dashboard plugin build` makes one".into(),
            ));
        }
        FileKind::Other => {
            return Err(not_a_component("it is not WebAssembly".into()));
        }
    }
    let failed = |reason| PluginError::Compiler { path: path.into(), reason };
    if let Ok(known) = from_cache(&runtime.engine, bytes.clone()).await {
        return Ok(known);
    }
    let cannot_keep = |error| {
        let folder = runtime.compiled.folder().display();
        failed(format!("its output cannot be stored in {folder}: {error}"))
    };
    let work = runtime.compiled.work().map_err(cannot_keep)?;
    runtime.compiler.compile(path, &bytes, limits, work.path()).await?;
    runtime.compiled.take_over(work.path(), &runtime.engine, &bytes).map_err(cannot_keep)?;
    from_cache(&runtime.engine, bytes).await.map_err(failed)
}

/// The component as it was compiled once. It takes a while, so on a thread of its own.
async fn from_cache(engine: &Engine, bytes: Bytes) -> Result<Component, String> {
    let engine = engine.clone();
    let loading = tokio::task::spawn_blocking(move || Component::from_binary(&engine, &bytes));
    match loading.await {
        Ok(loaded) => loaded.map_err(|error| one_line(&error)),
        Err(panic) => Err(panic.to_string()),
    }
}

enum FileKind {
    Component,
    Module,
    Other,
}

/// What the first eight bytes say: the magic number, then version and layer.
fn wasmparser_kind(bytes: &[u8]) -> FileKind {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => FileKind::Component,
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => FileKind::Module,
        _ => FileKind::Other,
    }
}

fn find_version(
    engine: &Engine,
    component: &Component,
    path: &Path,
) -> Result<ContractVersion, PluginError> {
    let exports: Vec<String> =
        component.component_type().exports(engine).map(|(name, _)| name.to_string()).collect();
    let exported = |version: &&ContractVersion| exports.contains(&format!("{DATASOURCE}{version}"));
    // The newest one that both know.
    if let Some(version) = ContractVersion::ALL.iter().rev().find(exported) {
        return Ok(*version);
    }
    let found = match exports.iter().find(|name| name.starts_with(DATASOURCE)) {
        Some(name) => format!("it exports {name}"),
        None if exports.is_empty() => "it exports nothing".into(),
        None => format!("it exports {}", shorten(&exports.join(", "))),
    };
    let supported: Vec<String> = ContractVersion::ALL.iter().map(ToString::to_string).collect();
    Err(PluginError::WrongVersion { path: path.into(), found, supported: supported.join(", ") })
}

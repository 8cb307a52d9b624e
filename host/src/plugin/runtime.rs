// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The one engine, and what is linked to every plugin.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::Engine;
use wasmtime::component::Linker;

use super::cache::Compiled;
use super::compiler::Compiler;
use super::component::{self, Plugin};
use super::engine::{self, Task};
use super::state::{State, TICK};
use super::{PluginError, wit};
use crate::config::Limits;
use crate::lock::Pinned;

/// The engine, the linker, the clock that interrupts running plugins, and the compiler with the
/// folder of what it made.
pub struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    pub(super) clock: Arc<EpochClock>,
    pub(super) compiled: Compiled,
    pub(super) compiler: Compiler,
}

impl Runtime {
    /// Sets up the engine. Compiled plugins are kept in the user's cache folder. What is not there
    /// is compiled by this program, started once more: its `main` begins with
    /// [`compile_if_asked`](super::compile_if_asked).
    ///
    /// # Errors
    ///
    /// When this machine cannot run the engine at all.
    pub fn new() -> anyhow::Result<Self> {
        let told = |error: wasmtime::Error| anyhow::anyhow!("{error:#}");
        let compiled = Compiled::open(None)?;
        let engine = engine::new(Task::Run, compiled.cache().map_err(told)?).map_err(told)?;
        let linker = link(&engine).map_err(told)?;
        let clock = Arc::new(EpochClock::start(engine.clone())?);
        Ok(Runtime { engine, linker, clock, compiled, compiler: Compiler::default() })
    }

    /// Loads a plugin: reads and compiles the file, finds the contract's version, asks the
    /// plugin what it is and checks the answer.
    ///
    /// # Errors
    ///
    /// [`PluginError`] says what the file is instead of a plugin, or what it declares that
    /// cannot be.
    pub async fn load(&self, path: &Path, limits: Arc<Limits>) -> Result<Plugin, PluginError> {
        component::load(self, path, limits, None).await
    }

    /// Loads a plugin whose digest is known, or any file where there is none: a file with
    /// another digest is refused before anything of it is compiled or run.
    ///
    /// # Errors
    ///
    /// [`PluginError::Changed`]; as [`Runtime::load`].
    pub async fn load_pinned(
        &self,
        path: &Path,
        limits: Arc<Limits>,
        pinned: Option<&Pinned>,
    ) -> Result<Plugin, PluginError> {
        component::load(self, path, limits, pinned).await
    }

    /// Loads a plugin from what was read of it; `path` is what it is called.
    ///
    /// # Errors
    ///
    /// As [`Runtime::load`], but for those of reading.
    pub async fn load_bytes(
        &self,
        path: &Path,
        bytes: Vec<u8>,
        limits: Arc<Limits>,
    ) -> Result<Plugin, PluginError> {
        component::load_bytes(self, path, bytes, limits).await
    }
}

fn link(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wit::v0_1_0::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Advances the engine's epoch every [`TICK`], on a thread of its own: a plugin that never
/// gives way cannot hold it up. Whatever runs a plugin's code keeps it: without it nothing stops
/// a plugin.
pub(super) struct EpochClock {
    stop: Arc<AtomicBool>,
}

impl EpochClock {
    fn start(engine: Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::Builder::new().name("epoch".into()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        })?;
        Ok(EpochClock { stop })
    }
}

impl Drop for EpochClock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

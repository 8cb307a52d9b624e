// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The two engines: one that compiles and never runs anything, one that runs and cannot compile.
//!
//! The first is in a process of its own, which has bounded memory and time, and nothing of value
//! (`compiler.rs`). The second is where the credentials are. All that the two share is the cache
//! of compiled plugins: what is not in it, the second one refuses.

use wasmtime::{Cache, Config, Engine, OptLevel};

/// What an engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To compile.
    Compile,
    /// To run what was compiled.
    Run,
}

/// An engine for this task, with the cache that compiled plugins are put into or taken from.
///
/// # Errors
///
/// When this machine cannot run the engine at all.
pub fn new(task: Task, cache: Cache) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    // What is compiled depends on these: they are the same for both.
    config
        .epoch_interruption(true)
        .max_wasm_stack(1 << 20)
        .async_stack_size(2 << 20)
        .wasm_backtrace_max_frames(None)
        .cache(Some(cache));
    match task {
        Task::Compile => config.cranelift_opt_level(OptLevel::Speed),
        Task::Run => config.enable_compiler(false),
    };
    Engine::new(&config)
}

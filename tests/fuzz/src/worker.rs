// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The process that tries inputs, one after the other, and may die of each.
//!
//! It writes `ready`. Its standard input then has the inputs, each behind its length in four bytes,
//! least first. For each it writes a line: `fine` or `find`, the most memory that the process had so far in KiB, and what
//! came of it.

use std::backtrace::Backtrace;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::outcome::shape_of;
use crate::targets::{Subject, Target};

/// Tries inputs until there are no more.
///
/// # Errors
///
/// When the target cannot be set up.
pub fn work(
    threads: &tokio::runtime::Runtime,
    target: Target,
    scratch: &Path,
    memory: u64,
) -> anyhow::Result<()> {
    abort_on_panic();
    // Not the address space: the engine reserves gigabytes of it that nobody can write to.
    let limit = Rlimit { current: Some(memory), maximum: Some(memory) };
    setrlimit(Resource::Data, limit).context("cannot limit this process's memory")?;
    threads.block_on(async {
        let mut subject = Subject::new(target, scratch).await?;
        println!("ready");
        let mut inputs = std::io::stdin().lock();
        let mut length = [0; 4];
        loop {
            match inputs.read_exact(&mut length) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                read => read?,
            }
            let mut input = vec![0; u32::from_le_bytes(length) as usize];
            inputs.read_exact(&mut input)?;
            match subject.attempt(&input).await {
                Ok(how) => answer("fine", &shape_of(&how))?,
                Err(broken) => {
                    answer("find", &format!("{broken:#}").replace(['\n', '\r', '\t'], " "))?;
                }
            }
        }
    })
}

fn answer(word: &str, text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word}\t{}\t{text}", most_memory().unwrap_or(0))?;
    out.flush()
}

/// Panics in tasks and on other threads are caught by who waits for them; here they are finds, too.
fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        // The backtrace may take a while.
        eprintln!("{panic}");
        eprintln!("{}", Backtrace::force_capture());
        std::process::abort();
    }));
}

/// The most memory that this process had, in KiB; unknown where there is no `/proc`.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

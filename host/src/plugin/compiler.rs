// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Compiling, in a process of its own.
//!
//! What the compiler spends on a file is up to the file, and a thread of ours could neither be
//! stopped nor be kept from taking all memory. So the program starts itself once more
//! ([`process`]), with no environment, and hands over the plugin's bytes: the ones that were read
//! and compared with the lock file, never a path. The process lowers its own limits before it
//! reads them, compiles, and leaves the result in a folder of its own, from where it is taken
//! over into the cache (`cache.rs`). It is killed when its time is over, and ends by itself when
//! the pipe is closed from which it got the bytes: it does not outlive whoever waits for it.

mod process;

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

pub use process::compile_if_asked;

use super::PluginError;
use super::error::shorten;
use crate::config::Limits;

/// The first argument of the program when it is to compile.
const ARGUMENT: &str = "__compile";
/// What the process ends with when the file is no plugin.
const REFUSED: u8 = 1;
/// How much of its output is read.
const MAX_SAID: u64 = 16 * 1024;
/// What is said by a program, and by the libraries in it, that gets no more memory: the last by
/// one that gets none for the stack of another thread.
const OUT_OF_MEMORY: &[&str] = &[
    "memory allocation of",
    "out of memory",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
];

/// Starts compilers, one at a time: each uses all processors, and they would add up their
/// memory.
#[derive(Default)]
pub struct Compiler {
    turn: Mutex<()>,
}

impl Compiler {
    /// Compiles the bytes of the file `path` into the folder `work`, within its limits.
    ///
    /// # Errors
    ///
    /// [`PluginError`] when a limit was reached, the file is no component, or the compiler fails.
    pub async fn compile(
        &self,
        path: &Path,
        bytes: &[u8],
        limits: &Limits,
        work: &Path,
    ) -> Result<(), PluginError> {
        let failed = |error: io::Error| PluginError::Compiler {
            path: path.into(),
            reason: format!("its process cannot be started: {error}"),
        };
        let _turn = self.turn.lock().await;
        tracing::debug!("compiling {}", path.display());
        let mut child = start(bytes.len(), limits, work).map_err(failed)?;
        match tokio::time::timeout(limits.compile_time, hand_over(&mut child, bytes)).await {
            Ok(ended) => judge(&ended.map_err(failed)?, path, limits),
            Err(_) => {
                // Waited for: nothing of it is left when this returns.
                let _ = child.kill().await;
                Err(PluginError::CompileTime { path: path.into(), allowed: limits.compile_time })
            }
        }
    }
}

fn start(size: usize, limits: &Limits, work: &Path) -> io::Result<Child> {
    // Threads on all processors at work until the time is over: past that nobody waits any more.
    let processors = std::thread::available_parallelism().map_or(1, |number| number.get() as u64);
    let seconds = limits.compile_time.as_secs().saturating_add(1).saturating_mul(processors);
    Command::new(program()?)
        .arg0("test-dashboard")
        .arg(ARGUMENT)
        .arg(work)
        .args([size.to_string(), limits.compile_memory.to_string(), seconds.to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// This program, also when an update has replaced its file since it was started.
fn program() -> io::Result<PathBuf> {
    let link = Path::new("/proc/self/exe");
    if link.exists() {
        return Ok(link.into());
    }
    // Nor does the system know it in a chroot without /proc, where the name it was called by is
    // left.
    std::env::current_exe().or_else(|error| {
        let name = std::env::args_os().next().map(PathBuf::from);
        name.filter(|name| name.is_absolute()).ok_or(error)
    })
}

/// How the process ended, and what it said.
struct Ended {
    status: ExitStatus,
    refusal: String,
    complaint: String,
}

async fn hand_over(child: &mut Child, bytes: &[u8]) -> io::Result<Ended> {
    let no_pipe = || io::Error::other("it has no pipes");
    // Kept open to the end: the process takes its end for ours.
    let mut input = child.stdin.take().ok_or_else(no_pipe)?;
    let output = child.stdout.take().ok_or_else(no_pipe)?;
    let errors = child.stderr.take().ok_or_else(no_pipe)?;
    // One that has ended before it has read everything tells why with its status.
    let (_, refusal, complaint) =
        tokio::join!(input.write_all(bytes), all_of(output), all_of(errors));
    Ok(Ended { status: child.wait().await?, refusal: refusal?, complaint: complaint? })
}

async fn all_of(pipe: impl AsyncRead + Unpin) -> io::Result<String> {
    let mut said = Vec::new();
    pipe.take(MAX_SAID).read_to_end(&mut said).await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn judge(ended: &Ended, path: &Path, limits: &Limits) -> Result<(), PluginError> {
    use rustix::process::Signal;
    let path = path.to_path_buf();
    let (code, signal) = (ended.status.code(), ended.status.signal());
    if code == Some(0) {
        return Ok(());
    }
    let said_any =
        |phrase: &&str| ended.refusal.contains(*phrase) || ended.complaint.contains(*phrase);
    if OUT_OF_MEMORY.iter().any(said_any) {
        return Err(PluginError::CompileMemory { path, allowed: limits.compile_memory });
    }
    if code == Some(REFUSED.into()) {
        return Err(PluginError::NotAComponent { path, reason: shorten(&ended.refusal) });
    }
    if signal == Some(Signal::XCPU.as_raw()) {
        return Err(PluginError::CompileTime { path, allowed: limits.compile_time });
    }
    let how = match (code, signal) {
        (_, Some(signal)) if signal == Signal::KILL.as_raw() => {
            format!(
                "it was killed (signal {signal}), as the system does when it has no memory left"
            )
        }
        (_, Some(signal)) => format!("it crashed (signal {signal})"),
        (code, None) => format!("it ended with {}", code.unwrap_or_default()),
    };
    let words = ended.complaint.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = if words.is_empty() { how } else { format!("{how}: {}", shorten(&words)) };
    Err(PluginError::Compiler { path, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn judged(status: i32, refusal: &str, complaint: &str, says: &str) {
        let ended = Ended {
            status: ExitStatus::from_raw(status),
            refusal: refusal.into(),
            complaint: complaint.into(),
        };
        let error = judge(&ended, Path::new("a.wasm"), &Limits::default()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("a.wasm") && error.contains(says), "{error}");
    }

    #[test]
    fn how_the_compiler_ended_is_told() {
        let code = |code: i32| code << 8;
        judged(
            code(1),
            "a magic number is wrong",
            "",
            "a.wasm is not a plugin: a magic number is wrong",
        );
        judged(6, "", "memory allocation of 16 bytes failed", "(limits.compile-memory)");
        judged(
            code(1),
            "mmap: Cannot allocate memory (os error 12)",
            "",
            "(limits.compile-memory)",
        );
        judged(24, "", "", "(limits.compile-time)");
        judged(11, "", "", "it crashed (signal 11)");
        judged(6, "", "\nthread 'main' has overflowed its stack\n", "signal 6): thread 'main' has");
        judged(9, "", "", "no memory left");
        judged(code(101), "", "thread 'main' panicked at x:\nwhy", "panicked at x: why");
        let well = Ended {
            status: ExitStatus::from_raw(0),
            refusal: String::new(),
            complaint: "memory allocation of".into(),
        };
        assert!(judge(&well, Path::new("a.wasm"), &Limits::default()).is_ok());
    }
}

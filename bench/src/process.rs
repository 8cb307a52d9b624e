// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Running a process, and what it took.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use wait4::Wait4 as _;

use crate::serve::Ready;

/// How much of what a failed process said is shown, in bytes from its end.
const SHOWN: usize = 3_000;

/// What a process took, its descendants included.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// From its start to its end.
    pub wall: Duration,
    /// CPU time, of user and system together.
    pub cpu: Duration,
    /// The most memory that was resident at a time. The kernel counts in what this process
    /// held when it started the other, so this one stays small.
    pub peak_bytes: u64,
}

/// Runs a command to its end. Its standard output is in the file.
///
/// # Errors
///
/// When it cannot be started, or fails; then with the end of what it said.
pub fn run(command: &mut Command) -> anyhow::Result<(Usage, File)> {
    let shown = format!("{command:?}");
    let (out, errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let started = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(errors.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot start {shown}"))?;
    let end = child.wait4().with_context(|| format!("lost {shown}"))?;
    let wall = started.elapsed();
    if !end.status.success() {
        bail!("{shown} failed, {}:\n{}{}", end.status, tail(errors)?, tail(out)?);
    }
    let cpu = end.rusage.utime + end.rusage.stime;
    Ok((Usage { wall, cpu, peak_bytes: end.rusage.maxrss }, rewound(out)?))
}

fn tail(file: File) -> anyhow::Result<String> {
    let mut text = Vec::new();
    rewound(file)?.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text[text.len().saturating_sub(SHOWN)..]).into_owned())
}

fn rewound(mut file: File) -> anyhow::Result<File> {
    use std::io::Seek as _;
    file.rewind()?;
    Ok(file)
}

/// The mock API, in a process of its own.
pub struct Mock {
    child: Child,
    /// Where it is, and what it serves.
    pub ready: Ready,
}

impl Mock {
    /// Starts it, and waits until its rows are rendered.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start(rows: u64, only_original: bool) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg("--rows").arg(rows.to_string());
        if only_original {
            command.arg("--only-original");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("the mock has no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let ready = serde_json::from_str(&line).context("the mock did not become ready")?;
        Ok(Mock { child, ready })
    }

    /// Stops it. Returns the CPU time that it took, rendering included.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn stop(mut self) -> anyhow::Result<Duration> {
        drop(self.child.stdin.take());
        let end = self.child.wait4()?;
        Ok(end.rusage.utime + end.rusage.stime)
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The mock in a process of its own, and the conversation with it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use super::world::Check;

/// A mock that is running. It ends when this is dropped.
pub struct Mock {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// `http://127.0.0.1:PORT`.
    pub address: String,
}

impl Mock {
    /// Starts this program once more, with these arguments, and waits until it serves.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start(arguments: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the mock")?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("the mock has no output")?);
        let mut mock = Mock { child, input, output, address: String::new() };
        mock.address = mock.read()?;
        Ok(mock)
    }

    /// Shows the world as it is on a day, `yesterday` or `today`. Returns what the tables have
    /// to hold then.
    ///
    /// # Errors
    ///
    /// When the mock is gone.
    pub fn move_to(&mut self, day: &str) -> anyhow::Result<Vec<Check>> {
        self.tell(day)
    }

    /// How many requests there were since the last move.
    ///
    /// # Errors
    ///
    /// When the mock is gone.
    pub fn asked(&mut self) -> anyhow::Result<u64> {
        self.tell("asked")
    }

    fn tell<T: DeserializeOwned>(&mut self, command: &str) -> anyhow::Result<T> {
        let input = self.input.as_mut().context("the mock was stopped")?;
        writeln!(input, "{command}").context("the mock is gone")?;
        self.read()
    }

    fn read<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).context("the mock's answer is not as expected")
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.input.take());
        if let Err(error) = self.child.wait() {
            eprintln!("bench: lost the mock: {error}");
        }
    }
}

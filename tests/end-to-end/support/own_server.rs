// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A database server of a test's own, which it may stop, crash and start again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// A server that `scripts/restartable-database` runs; gone with this.
pub struct OwnServer {
    /// Its owner's login.
    pub url: String,
    conversation: Mutex<Conversation>,
    child: Child,
}

struct Conversation {
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl OwnServer {
    /// Of an engine, `postgres` or `mysql`, with the scripts of this checkout. None where there
    /// is no such server to be had, which is said, and is a failure under CI.
    pub fn start(engine: &str, checkout: &Path) -> Option<Self> {
        let mut command = Command::new(checkout.join("scripts/restartable-database"));
        command.arg(engine).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        if url.is_empty() {
            let status = child.wait().unwrap();
            assert_eq!(status.code(), Some(3), "scripts/restartable-database failed");
            assert!(std::env::var_os("CI").is_none(), "there is no {engine} server to be had");
            eprintln!("NOT RUN with a {engine} server of its own: there is none to be had");
            return None;
        }
        let conversation = Mutex::new(Conversation { input, output });
        Some(OwnServer { url: url.trim().into(), conversation, child })
    }

    /// Ends it in order: whoever is connected is cut off. Nobody listens then.
    pub fn stop(&self) {
        self.tell("stop");
    }

    /// Kills it.
    pub fn crash(&self) {
        self.tell("crash");
    }

    /// Starts it again where it was.
    pub fn start_again(&self) {
        self.tell("start");
    }

    fn tell(&self, command: &str) {
        let mut conversation = self.conversation.lock().unwrap();
        let Conversation { input, output } = &mut *conversation;
        writeln!(input.as_mut().unwrap(), "{command}").unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n", "{command}");
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // The end of its input ends it.
        if let Ok(conversation) = self.conversation.get_mut() {
            drop(conversation.input.take());
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

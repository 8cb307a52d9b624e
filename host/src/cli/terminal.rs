// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The way to standard output and standard error: every line that the program says passes here.
//!
//! Much of what it says are a plugin's words. Two readers of these streams take commands from
//! them: a terminal, which [`printable`](crate::plugin::printable) texts cannot steer, and
//! GitHub's runner, whose commands are made harmless here.

use std::borrow::Cow;
use std::fmt::Arguments;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use test_dashboard_model::text::is_visible;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// Whether everything on standard error is a line of JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// The bars that are on the terminal.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// From now on everything on standard error is a line of JSON.
pub fn log_json() {
    JSON.store(true, Ordering::Relaxed);
}

/// Whether everything on standard error is a line of JSON.
pub fn logs_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// Whether standard error is a terminal that takes more than lines.
pub fn takes_more_than_lines() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stderr().is_terminal() && !is_dumb
}

/// Whether bars can be drawn on standard error.
pub fn takes_bars() -> bool {
    takes_more_than_lines() && !logs_json()
}

/// From now on lines are written above these bars.
pub fn write_above(bars: Option<MultiProgress>) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = bars;
}

/// Writes while the bars are away.
fn above_bars<R>(write: impl FnOnce() -> R) -> R {
    match &*BARS.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

/// Writes a line of the answer to standard output.
///
/// # Errors
///
/// When it cannot be written.
pub fn answer(text: Arguments<'_>) -> io::Result<()> {
    let text = text.to_string();
    above_bars(|| writeln!(io::stdout().lock(), "{}", harmless(&text)))
}

/// Writes an answer for a program to standard output as it is made: rows can be more than memory
/// holds twice.
///
/// # Errors
///
/// When it cannot be written.
pub fn answer_json(value: &impl Serialize) -> io::Result<()> {
    above_bars(|| {
        let mut out = Escaping(BufWriter::new(io::stdout().lock()));
        serde_json::to_writer_pretty(&mut out, value)?;
        out.write_all(b"\n")?;
        out.flush()
    })
}

/// Writes a line to standard error. When that fails there is nobody left to tell.
pub fn remark(level: Level, text: &str) {
    if logs_json() {
        let line = json!({
            "timestamp": format!("{:.6}", Timestamp::now()),
            "level": level.as_str(),
            "message": text,
        });
        to_stderr(&escaped(&line.to_string()));
    } else if level == Level::ERROR {
        to_stderr(&harmless(&visible(&format!("error: {text}"))));
    } else {
        to_stderr(&harmless(&visible(text)));
    }
}

/// Gives GitHub's runner a command, which it reads from standard error as well.
pub fn command(command: &str) {
    to_stderr(&without_old_commands(&visible(command)));
}

fn to_stderr(line: &str) {
    let _ = above_bars(|| writeln!(io::stderr().lock(), "{line}"));
}

/// Where log lines go. Each is written at once.
#[derive(Debug, Clone, Copy)]
pub struct LogWriter;

impl MakeWriter<'_> for LogWriter {
    type Writer = LogWriter;

    fn make_writer(&self) -> LogWriter {
        LogWriter
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.trim_end_matches('\n');
        if logs_json() {
            to_stderr(&escaped(line))
        } else {
            to_stderr(&harmless(line))
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// JSON that a terminal and a runner can be shown: what would steer them is escaped, which
/// within a string means the same, and beside strings there is nothing of that kind.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        let is_command = c == '[' && text.ends_with("##");
        if is_command || (c != '\n' && !is_visible(c)) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Takes JSON piece by piece and gives it on [`escaped`]. The serializer writes whole characters, and
/// between two pieces of a string an escape or its end.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(escaped(piece).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A message in which everything can be seen: it may quote what came from outside.
fn visible(text: &str) -> Cow<'_, str> {
    let is_seen = |c: char| c == '\n' || c == '\t' || is_visible(c);
    if text.chars().all(is_seen) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if is_seen(c) { c.to_string() } else { c.escape_default().to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// A text in which GitHub's runner finds no command. It takes `::command::` for one where a
/// line begins with it, blanks aside, and `##[command]` anywhere in a line
/// (`ActionCommand.cs` of the repository actions/runner).
fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let line = |line: &str| {
        let line = without_old_commands(line);
        let told = line.trim_start();
        match told.strip_prefix("::") {
            Some(rest) => format!("{}: :{rest}", &line[..line.len() - told.len()]),
            None => line,
        }
    };
    Cow::Owned(text.split_inclusive(['\n', '\r']).map(line).collect())
}

fn without_old_commands(line: &str) -> String {
    line.replace("##[", "## [")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_cannot_steer_the_terminal_or_the_runner_and_means_the_same() {
        let value = json!({
            "a\u{9b}": "x\u{202e}y\u{1b}[2J\nz\u{7f}\u{e0041} 🐞 ###[error]x",
            "::error::": [["#[", "##["]],
        });
        for text in [serde_json::to_string_pretty(&value).unwrap(), value.to_string()] {
            let text = escaped(&text);
            assert!(!text.chars().any(|c| c != '\n' && !is_visible(c)), "{text:?}");
            assert!(!text.contains("##["), "{text}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
        let mut pieces = Escaping(Vec::new());
        serde_json::to_writer_pretty(&mut pieces, &value).unwrap();
        let whole = escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(String::from_utf8(pieces.0).unwrap(), whole);
    }

    #[test]
    fn a_message_shows_what_cannot_be_seen() {
        let hostile = "its body is in \"a\u{1b}[31m\u{202e}b\0\"\n\tnext: é 🐞";
        let shown = "its body is in \"a\\u{1b}[31m\\u{202e}b\\u{0}\"\n\tnext: é 🐞";
        assert_eq!(visible(hostile), shown);
    }

    #[test]
    fn a_line_is_no_command_of_the_runner() {
        for (text, shown) in [
            ("::stop-commands::x", ": :stop-commands::x"),
            ("ok\n \t::error::x\nok", "ok\n \t: :error::x\nok"),
            ("ok\r\u{a0}\u{3000}::add-mask::x", "ok\r\u{a0}\u{3000}: :add-mask::x"),
            ("::::error::x", ": :::error::x"),
            ("in a line ###[set-output name=a]b", "in a line ### [set-output name=a]b"),
            (" ##[::##[debug]", " ## [::## [debug]"),
        ] {
            assert_eq!(harmless(text), shown);
        }
        for untouched in ["a::b", "WARN x: ::error::", "# [x]", "", "\n"] {
            assert!(
                matches!(harmless(untouched), Cow::Borrowed(_)) || harmless(untouched) == untouched
            );
        }
    }
}

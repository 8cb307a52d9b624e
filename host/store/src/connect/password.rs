// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Where a database password comes from: a text, a file, or a program that makes one.
//!
//! File and program are asked again for every new connection, so that a secret that is
//! replaced, or a token that lives for an hour, does not end a run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Once;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// How long the program may take.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// More than any token, in bytes.
const MOST: u64 = 64 << 10;

/// How much of the program's complaint is shown, in characters: its end, where the reason is.
const SHOWN: usize = 600;

/// Where the password comes from. `Debug` shows the source, never the password.
#[derive(Clone, Default)]
pub enum Password {
    /// There is none, or the address itself holds it.
    #[default]
    None,
    /// The password itself.
    Text(String),
    /// The content of a file, without the newline at its end.
    File(PathBuf),
    /// What a program prints, without the newline at its end: the program, then its
    /// arguments. No shell reads them. It has 30 seconds.
    Command(Vec<String>),
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Password::None => "Password::None",
            Password::Text(_) => "Password::Text",
            Password::File(_) => "Password::File",
            Password::Command(_) => "Password::Command",
        })
    }
}

impl Password {
    /// The password for one connection; none when there is none to be set. An error says what
    /// was tried and never holds any of the password.
    pub(crate) async fn read(&self) -> Result<Option<String>, String> {
        match self {
            Password::None => Ok(None),
            Password::Text(text) => Ok(Some(text.clone())),
            Password::File(path) => read_file(path).await.map(Some),
            Password::Command(words) => run(words, TIME_LIMIT).await.map(Some),
        }
    }

    /// What to look at when the server refuses the login.
    pub(crate) fn advice(&self) -> String {
        let source = match self {
            Password::None | Password::Text(_) => String::new(),
            Password::File(path) => format!(" (the password is in {})", path.display()),
            Password::Command(words) => {
                let program = words.first().map(String::as_str).unwrap_or_default();
                format!(
                    " (the password is what {program} printed: is it logged in as this user, and may this user log in to the database?)"
                )
            }
        };
        format!("check user and password{source}, and whether this user may connect from here")
    }
}

async fn read_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    // Small and local: not worth a thread.
    let text = test_dashboard_files::read(path, test_dashboard_files::WRITTEN_BY_HAND)
        .map_err(|error| format!("password-file {shown} cannot be read: {error}"))?;
    warn_if_open_to_others(path).await;
    one_line(text).map_err(|problem| format!("password-file {shown} {problem}"))
}

/// Once per process: every connection reads the file.
async fn warn_if_open_to_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    static WARNED: Once = Once::new();
    let mode = tokio::fs::metadata(path).await.map(|data| data.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o004 != 0) {
        let shown = path.display();
        WARNED.call_once(|| {
            tracing::warn!("password-file {shown} can be read by every user: chmod 600 {shown}");
        });
    }
}

/// Runs the program and takes what it prints.
async fn run(words: &[String], limit: Duration) -> Result<String, String> {
    let [program, arguments @ ..] = words else {
        return Err(String::from("password-command names no program"));
    };
    let failed = |problem: String| format!("password-command {program} {problem}");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that what it starts ends with it.
    command.process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(|error| failed(format!("cannot be started: {error}")))?;
    let group = Group::of(&child);
    let ended = tokio::time::timeout(limit, finish(child)).await;
    let (status, printed, complaint) = ended
        .map_err(|_| failed(format!("did not end within {} seconds", limit.as_secs_f32())))?
        .map_err(|error| failed(format!("cannot be heard: {error}")))?;
    group.has_ended();
    // One that prints without end was stopped by the pipe that closed.
    if !status.success() && printed.len() as u64 <= MOST {
        return Err(failed(format!("failed ({status}); it said: {}", last_words(&complaint))));
    }
    one_line(printed).map_err(failed)
}

async fn finish(mut child: Child) -> std::io::Result<(std::process::ExitStatus, Vec<u8>, Vec<u8>)> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out, err, status) = tokio::join!(read(out, false), read(err, true), child.wait());
    Ok((status?, out?, err?))
}

/// The first [`MOST`] bytes and one more. Then the pipe is closed, or emptied to its end.
async fn read(pipe: Option<impl AsyncRead + Unpin>, to_the_end: bool) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let Some(mut pipe) = pipe else { return Ok(bytes) };
    (&mut pipe).take(MOST + 1).read_to_end(&mut bytes).await?;
    if to_the_end {
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

/// Kills the program and what it started, unless it has ended by itself.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended in this moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The text without the newline at its end.
fn one_line(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > MOST {
        return Err(format!("gives more than {MOST} bytes, which is no password"));
    }
    let Ok(mut text) = String::from_utf8(bytes) else {
        return Err(String::from("gives something that is not UTF-8 text"));
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(String::from("gives nothing: a password was expected"));
    }
    if text.contains(['\n', '\r', '\0']) {
        let lines = text.lines().count();
        return Err(format!("gives {lines} lines: the password alone was expected"));
    }
    Ok(text)
}

/// The end of what a program said to standard error, on one line.
fn last_words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = lines.join(" / ").replace(char::is_control, "?");
    let extra = said.chars().count().saturating_sub(SHOWN);
    match said.is_empty() {
        true => String::from("nothing"),
        false => said.chars().skip(extra).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    async fn shell(script: &str) -> Result<String, String> {
        run(&["sh", "-c", script].map(String::from), LONG).await
    }

    #[tokio::test]
    async fn the_newline_at_the_end_is_no_part_of_it() {
        assert_eq!(shell("echo t0ken").await.unwrap(), "t0ken");
        assert_eq!(shell("printf ' t0ken '").await.unwrap(), " t0ken ");
        assert_eq!(shell("printf 't0ken\\r\\n'").await.unwrap(), "t0ken");
        assert_eq!(shell("echo warning >&2; echo t0ken").await.unwrap(), "t0ken");
    }

    #[tokio::test]
    async fn no_shell_reads_the_arguments() {
        let words = ["printf", "%s", "$HOME; `id`"].map(String::from);
        assert_eq!(run(&words, LONG).await.unwrap(), "$HOME; `id`");
    }

    #[tokio::test]
    async fn a_program_that_fails_is_quoted_but_not_what_it_printed() {
        let error = shell("echo s3cret; echo 'not logged in' >&2; exit 3").await.unwrap_err();
        assert!(error.contains("exit status: 3") && error.contains("not logged in"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
        let error = run(&["no-such-program-here".into()], LONG).await.unwrap_err();
        assert!(error.contains("no-such-program-here cannot be started"), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_password_is_refused_without_being_shown() {
        for (script, expected) in [
            ("echo s3cret; echo s3cret", "2 lines"),
            ("true", "nothing"),
            ("echo", "nothing"),
            ("head -c 70000 /dev/zero", "more than 65536 bytes"),
            ("printf 's3cret\\377'", "not UTF-8"),
        ] {
            let error = shell(script).await.unwrap_err();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{script}: {error}");
        }
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("pid");
        // The shell waits for its child, which holds the pipe open.
        let script = format!("sleep 600 & echo $! >{}; wait", note.display());
        let words = ["sh", "-c", &script].map(String::from);
        let error = run(&words, Duration::from_millis(700)).await.unwrap_err();
        assert!(error.contains("did not end within 0.7 seconds"), "{error}");
        let pid = std::fs::read_to_string(note).unwrap();
        let is_alive = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            state.is_ok_and(|state| !state.contains(") Z "))
        };
        let started = Instant::now();
        while is_alive() && started.elapsed() < LONG {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!is_alive(), "what the program started is still there");
    }

    #[tokio::test]
    async fn a_file_is_read_each_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let password = Password::File(file.path().to_owned());
        for text in ["first", "second"] {
            std::fs::write(file.path(), format!("{text}\n")).unwrap();
            assert_eq!(password.read().await.unwrap().as_deref(), Some(text));
        }
        std::fs::write(file.path(), "").unwrap();
        assert!(password.read().await.unwrap_err().contains("gives nothing"));
        let missing = Password::File("no/such/file".into()).read().await.unwrap_err();
        assert!(missing.contains("no/such/file cannot be read"), "{missing}");
    }

    #[test]
    fn the_password_is_never_in_debug() {
        let words = vec![String::from("echo"), String::from("s3cret")];
        for password in [Password::Text("s3cret".into()), Password::Command(words)] {
            assert!(!format!("{password:?} {}", password.advice()).contains("s3cret"));
        }
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The tools that authors install: whether they are present, in which version, and the errors that
//! they print.

use std::ffi::OsStr;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, bail};

use super::Language;

/// Tools that are not there, each with what brings it.
#[derive(Debug)]
pub struct Missing(String);

impl Missing {
    /// A list for plugins in this language, to be filled.
    pub fn of(language: Language) -> Self {
        Missing(format!("building a plugin in {language} needs tools that are missing:"))
    }

    /// Notes a tool, in the order in which to get them.
    pub fn note(&mut self, tool: impl fmt::Display, brought_by: impl fmt::Display) {
        self.0.push_str(&format!("\n  {tool}: {brought_by}"));
    }

    /// The list as the error that it is.
    pub fn into_error(self) -> anyhow::Error {
        anyhow::Error::msg(self.0)
    }
}

/// What a tool answers to `--version`; none when there is no such tool.
///
/// # Errors
///
/// When there is one, and it cannot be started or fails at this.
pub fn version(tool: &OsStr) -> anyhow::Result<Option<String>> {
    let shown = tool.to_string_lossy();
    let output = match Command::new(tool).arg("--version").output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.with_context(|| format!("cannot start {shown}"))?,
    };
    if !output.status.success() {
        bail!("{shown} --version failed:\n{}", said(&output));
    }
    Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// Says so when a tool has another version than those this host was tried with. It may work.
pub fn compare_version(tool: &str, found: &str, tried: &str) {
    if !is_version(found, tried) {
        tracing::warn!("{tool} is {found}; building was tested with {tried}");
    }
}

/// Whether 0.25.1 is of 0.25.
fn is_version(found: &str, tried: &str) -> bool {
    found.strip_prefix(tried).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Runs a tool, which prints nothing unless it fails.
///
/// # Errors
///
/// When it cannot be started; when it fails, with all it said.
pub fn run(command: &mut Command, folder: &Path) -> anyhow::Result<()> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {tool}"))?;
    if !output.status.success() {
        bail!("{tool} could not build {}:\n{}", folder.display(), said(&output));
    }
    Ok(())
}

fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    both.map(|text| text.trim().to_owned()).join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_listed_in_order() {
        let mut missing = Missing::of(Language::JavaScript);
        missing.note("node", "from nodejs.org");
        missing.note("componentize-js", "npm install");
        assert_eq!(
            missing.into_error().to_string(),
            "building a plugin in JavaScript needs tools that are missing:\n  \
             node: from nodejs.org\n  componentize-js: npm install"
        );
    }

    #[test]
    fn a_version_is_that_or_a_patch_of_it() {
        assert!(is_version("0.25.1", "0.25") && is_version("0.25", "0.25"));
        assert!(!is_version("0.250.1", "0.25") && !is_version("0.24.9", "0.25"));
    }

    #[test]
    fn a_tool_that_is_not_there_has_no_version_and_one_that_fails_is_told() {
        assert_eq!(version(OsStr::new("no-such-tool-anywhere")).unwrap(), None);
        let error = version(OsStr::new("false")).unwrap_err().to_string();
        assert!(error.starts_with("false --version failed"), "{error}");
    }

    #[test]
    fn what_a_failing_tool_says_is_shown() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo half done; echo no memory >&2; exit 7"]);
        let error = run(&mut command, Path::new("my/plugin")).unwrap_err().to_string();
        assert_eq!(error, "sh could not build my/plugin:\nhalf done\nno memory");
    }
}

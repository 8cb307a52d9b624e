// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Prompts on the terminal: confirmation before irreversible steps, and questions that only a
//! person can answer.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;

use super::output;
use crate::usage_error::UsageError;

/// Whether the person wants it so: `--yes`, or what is typed.
///
/// # Errors
///
/// [`UsageError`] when there is nobody to be asked, and when the person leaves (Ctrl-D).
pub fn agreed(yes: bool, question: &str) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !can_ask() {
        return Err(UsageError::new(format!(
            "{question} There is no terminal to ask on: review the above and pass --yes. Nothing was changed"
        ))
        .into());
    }
    for_one(&format!("{question} [y/N] "), yes_or_no)
}

fn yes_or_no(answer: &str) -> Result<bool, String> {
    match answer.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "" | "n" | "no" => Ok(false),
        _ => Err("answer y or n; Enter means n".into()),
    }
}

/// Whether there is a person to be asked.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks until the answer is one that can be used; says why the others cannot.
///
/// # Errors
///
/// [`UsageError`] when the person leaves (Ctrl-D).
pub fn for_one<T>(
    question: &str,
    mut read: impl FnMut(&str) -> Result<T, String>,
) -> anyhow::Result<T> {
    loop {
        let Some(answer) = line(question)? else {
            return Err(UsageError::new("no answer was given, so nothing was changed").into());
        };
        match read(&answer) {
            Ok(answer) => return Ok(answer),
            Err(problem) => output::remark(problem),
        }
    }
}

/// What is typed; none at its end (Ctrl-D).
fn line(question: &str) -> anyhow::Result<Option<String>> {
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "{question}").and_then(|()| terminal.flush())?;
    drop(terminal);
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok((read > 0).then(|| answer.trim().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_is_taken_for_yes_or_no() {
        for (answer, meant) in [
            ("y", Some(true)),
            ("YES", Some(true)),
            ("", Some(false)),
            ("n", Some(false)),
            ("No", Some(false)),
            ("fenix", None),
            ("yess", None),
            ("1", None),
        ] {
            assert_eq!(yes_or_no(answer).ok(), meant, "{answer:?}");
        }
    }
}

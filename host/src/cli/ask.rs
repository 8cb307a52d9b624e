//! Asks before what cannot be taken back.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;

use crate::misuse::Misuse;

/// Whether the person wants it so: `--yes`, or what is typed.
///
/// # Errors
///
/// [`Misuse`] when there is nobody to be asked.
pub fn agreed(yes: bool, question: &str) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Misuse::new(format!(
            "{question} There is no terminal to ask on: read what is above, and say --yes. Nothing was changed"
        ))
        .into());
    }
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

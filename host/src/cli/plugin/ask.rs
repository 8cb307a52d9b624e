//! What `plugin add` and `plugin remove` do alike: one at a time, and not without asking.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::cli::args::Common;
use crate::cli::output;
use crate::lock::{Guard, Site};
use crate::misuse::Misuse;

/// The files of the configuration, for this program alone until the guard is dropped.
///
/// # Errors
///
/// When there is no such folder.
pub fn site(common: &Common) -> anyhow::Result<(Site, Guard)> {
    let site = Site::of(common.config.as_deref());
    let waiting = || {
        output::remark(format_args!(
            "another `plugin add` or `plugin remove` is at work in {}; waiting for it",
            site.folder.display()
        ));
    };
    let guard = site
        .exclusive(waiting)
        .with_context(|| format!("cannot lock the folder {}", site.folder.display()))?;
    Ok((site, guard))
}

/// A file's text; none where there is no file.
///
/// # Errors
///
/// When it cannot be read.
pub fn read_or_empty(path: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.with_context(|| format!("cannot read {}", path.display())),
    }
}

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

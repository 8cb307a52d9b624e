// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin list`: the installed plugins, without loading any of them.

use serde_json::json;

use crate::cli::args::{Format, ListArgs};
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::config::Config;
use crate::lock::{Lock, survey};
use crate::plugin::printable;

/// Shows every plugin of the lock file and the configuration, and how its file stands.
///
/// # Errors
///
/// When the configuration or the lock file cannot be read.
pub async fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let config = match common.config.file() {
        None => Config::load_or_empty(None)?,
        named => Config::load(named)?,
    };
    let entries = survey(&config, &Lock::of(&config)?);
    if common.output.format == Format::Json {
        output::json(&json!(entries))?;
        return Ok(Exit::Done);
    }
    if entries.is_empty() {
        say!("no plugin is installed; `test-dashboard plugin add FILE` installs one")?;
        return Ok(Exit::Done);
    }
    let mut table = output::table(["plugin", "version", "file", "sha-256", "state"]);
    for entry in entries {
        table.add_row([
            entry.name,
            output::cut(&entry.version.unwrap_or_default()),
            printable(&entry.file.display().to_string()),
            entry.sha256.map_or_else(String::new, |digest| digest.short()),
            entry.state.to_string(),
        ]);
    }
    say!("{table}")?;
    Ok(Exit::Done)
}

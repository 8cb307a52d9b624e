// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin verify`: compares every plugin file with the lock file, without loading any of them.

use serde_json::json;

use crate::cli::args::{Format, VerifyArgs};
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::config::Config;
use crate::lock::{Entry, LOCK_FILE, Lock, Standing, survey};
use crate::plugin::printable;

/// Compares the files, a line for each. Ends as failed unless all are what was added, or, where
/// that is allowed, are built from source.
///
/// # Errors
///
/// When the configuration or the lock file cannot be read.
pub async fn verify(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let config = Config::load(common.config.file())?;
    let entries = survey(&config, &Lock::of(&config)?);
    let all_ok = entries.iter().all(|entry| match entry.state {
        Standing::Ok => true,
        Standing::Built => args.allow_built,
        Standing::Changed | Standing::Missing | Standing::NotPinned => false,
    });
    if common.output.format == Format::Json {
        output::json(&json!(entries))?;
    } else {
        for entry in &entries {
            say!("{}", line(entry))?;
        }
        if entries.is_empty() {
            say!(
                "there is nothing to verify: neither the configuration nor {LOCK_FILE} names a plugin"
            )?;
        }
    }
    Ok(if all_ok { Exit::Done } else { Exit::Failed })
}

fn line(entry: &Entry) -> String {
    let file = printable(&entry.file.display().to_string());
    let digest = entry.sha256.map_or_else(String::new, |digest| format!(" sha-256 {digest}"));
    let note = entry.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
    format!("{:<10} {} {file}{digest}{note}", entry.state.to_string(), entry.name)
}

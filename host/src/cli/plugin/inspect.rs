// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin inspect`: shows what a file contains and requests, before it is trusted with anything.

use std::sync::Arc;

use serde_json::json;

use super::shown;
use crate::cli::args::{Format, InspectArgs};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::config::Limits;
use crate::lock::{LOCK_FILE, Lock, Site};
use crate::plugin::{Plugin, Runtime};

/// Shows a plugin's file. Only its `describe` runs, with the default budgets and no network.
///
/// # Errors
///
/// What the file is instead of a plugin.
pub async fn inspect(args: &InspectArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let runtime = Runtime::new()?;
    let plugin = runtime.load(&args.file, Arc::new(Limits::default())).await?;
    let lock = Lock::read(&Site::of(common.config.file()).lock);
    let known = lock.as_ref().ok().and_then(|lock| name_of(lock, &plugin));
    if common.output.format == Format::Json {
        let mut answer = shown::json(&plugin);
        answer["pinned_as"] = json!(known);
        output::json(&answer)?;
        return Ok(Exit::Done);
    }
    let pinned = match (&lock, known) {
        (Err(problem), _) => problem.to_string(),
        (Ok(_), Some(name)) => format!("{LOCK_FILE} lists this file, as {name}"),
        (Ok(_), None) => format!("{LOCK_FILE} does not list this file"),
    };
    shown::show(&plugin, &pinned)?;
    Ok(Exit::Done)
}

fn name_of<'a>(lock: &'a Lock, plugin: &Plugin) -> Option<&'a str> {
    lock.name_of(&plugin.digest.parse().ok()?)
}

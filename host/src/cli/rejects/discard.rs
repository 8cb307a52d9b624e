// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `rejects discard`: deletes rejected rows that nobody needs.

use serde_json::json;

use super::{chosen, open, rows};
use crate::cli::args::{Format, RejectsDiscardArgs};
use crate::cli::ask;
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};

/// Asks, then forgets those that were there when it asked: one that came in the meantime stays.
///
/// # Errors
///
/// [`UsageError`](crate::usage_error::UsageError) for an id that is none or means several, and when there is
/// nobody to be asked; when there is no such row; when the database cannot be written.
pub async fn discard(args: &RejectsDiscardArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let store = open(common).await?;
    let chosen = chosen(&store, &args.choice).await?;
    let question = format!("Forget {} in {}?", rows(chosen.len() as u64), store.name());
    if !chosen.is_empty() && !ask::agreed(args.yes, &question)? {
        say!("nothing was changed")?;
        return Ok(Exit::Failed);
    }
    let discarded = store.discard_rejects(chosen.into_keys().collect()).await?;
    store.close().await;
    match common.output.format {
        Format::Json => output::json(&json!({ "discarded": discarded }))?,
        Format::Human => say!("forgot {}", rows(discarded))?,
    }
    Ok(Exit::Done)
}

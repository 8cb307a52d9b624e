// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `rejects show`: shows one rejected row in full.

use test_dashboard_store::{Reject, Store};

use super::{MEANT, check, short, the_one, to_json};
use crate::cli::args::{Format, RejectsShowArgs};
use crate::cli::context;
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::cli::terminal;
use crate::plugin::printable;

/// Shows what is wrong with one, where it came from, the row itself, and what can be done.
///
/// # Errors
///
/// [`UsageError`](crate::usage_error::UsageError) for an id that is none or means several; when
/// there is no such row; when the database cannot be read.
pub async fn show(args: &RejectsShowArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    check(&args.id)?;
    let config = context::config_for_database(common)?;
    let look = async |store: &Store| store.rejects_that_begin(&args.id, MEANT).await;
    let (found, database) = context::read(common, config.as_ref(), look).await?;
    let reject = the_one(&args.id, found, &database)?;
    match common.output.format {
        Format::Json => output::json(&to_json(&reject))?,
        Format::Human => tell(&reject)?,
    }
    Ok(Exit::Done)
}

fn tell(reject: &Reject) -> std::io::Result<()> {
    let Reject { digest, run, key, table, reason, row, rejected } = reject;
    say!("rejected  {digest}")?;
    say!("reason    {}", printable(reason))?;
    say!("table     {table}")?;
    say!("project   {}", key.project)?;
    say!("report    {} ({})", key.report, key.datasource)?;
    say!("partition {}", key.partition)?;
    say!("last seen {} UTC, by run {run}", rejected.strftime("%Y-%m-%d %H:%M:%S"))?;
    say!("row       {}\n", pretty(row))?;
    let id = short(digest);
    say!(
        "once the service or the plugin is fixed: test-dashboard rejects retry {id}, which does a full refresh of the partition"
    )?;
    say!("if nobody needs the row: test-dashboard rejects discard {id}")
}

/// The row on several lines; on one where it was cut, and is no JSON any more.
fn pretty(row: &str) -> String {
    let parsed = serde_json::from_str::<serde_json::Value>(row);
    let pretty = parsed.and_then(|value| serde_json::to_string_pretty(&value));
    terminal::escaped(&pretty.unwrap_or_else(|_| row.replace('\n', "\\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_shown_whole_and_steers_nothing() {
        let row = "{\"id\":12345678901234567890.120,\"title\":\"a\\u001b[2J\\nb\u{202e}\"}";
        let shown = pretty(row);
        assert_eq!(
            shown,
            "{\n  \"id\": 12345678901234567890.120,\n  \"title\": \"a\\u001b[2J\\nb\\u202e\"\n}"
        );
        assert_eq!(
            pretty("{\"cut\": \"\u{9b}x\n… (7 more bytes)"),
            "{\"cut\": \"\\u009bx\\n… (7 more bytes)"
        );
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `rejects list`: lists the rows in the dead letter table.

use serde_json::json;
use test_dashboard_store::{Reject, RejectCount, RejectFilter, Store};

use super::{short, to_json};
use crate::cli::args::{Format, RejectsListArgs};
use crate::cli::context;
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::plugin::printable;

/// How many a person is shown when nothing else is said.
const DEFAULT_LIMIT: u32 = 50;
/// Where a reason is cut, in characters.
const LONGEST_REASON: usize = 80;

/// Shows the newest, and how many there are of each kind.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn list(args: &RejectsListArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let config = context::config_for_database(common)?;
    let filter = RejectFilter::from(&args.of);
    let limit = match common.output.format {
        Format::Human => Some(args.limit.unwrap_or(DEFAULT_LIMIT)),
        Format::Json => args.limit,
    };
    let look = async |store: &Store| {
        Ok((store.rejects(&filter, limit).await?, store.reject_counts(&filter).await?))
    };
    let ((rejects, counts), database) = context::read(common, config.as_ref(), look).await?;
    match common.output.format {
        Format::Json => tell_json(&rejects, &counts)?,
        Format::Human => tell(&rejects, &counts, &database)?,
    }
    Ok(Exit::Done)
}

fn tell(rejects: &[Reject], counts: &[RejectCount], database: &str) -> std::io::Result<()> {
    if counts.is_empty() {
        return say!("no rejected rows in {database}");
    }
    if !rejects.is_empty() {
        let mut table = output::table([
            "id",
            "project",
            "report",
            "partition",
            "table",
            "reason",
            "rejected (UTC)",
            "run",
        ]);
        for reject in rejects {
            table.add_row([
                short(&reject.digest),
                &reject.key.project,
                &reject.key.report,
                &reject.key.partition,
                &reject.table,
                &output::cut_at(&printable(&reject.reason), LONGEST_REASON),
                &reject.rejected.strftime("%Y-%m-%d %H:%M").to_string(),
                &reject.run.to_string(),
            ]);
        }
        output::right(&mut table, 7..8);
        say!("{table}\n")?;
    }
    let mut table = output::table(["project", "report", "table", "rejected rows"]);
    for RejectCount { project, report, table: name, count } in counts {
        table.add_row([project, report, name, &count.to_string()]);
    }
    output::right(&mut table, 3..4);
    say!("{table}\n")?;
    let waiting: u64 = counts.iter().map(|count| count.count).sum();
    if waiting > rejects.len() as u64 {
        say!("{waiting} in all, the newest {} are shown (--limit)", rejects.len())?;
    }
    say!("`test-dashboard rejects show ID` shows one in full and what can be done about it")
}

fn tell_json(rejects: &[Reject], counts: &[RejectCount]) -> anyhow::Result<()> {
    let groups: Vec<_> = counts
        .iter()
        .map(|RejectCount { project, report, table, count }| {
            json!({ "project": project, "report": report, "table": table, "count": count })
        })
        .collect();
    output::json(&json!({
        "total": counts.iter().map(|count| count.count).sum::<u64>(),
        "groups": groups,
        "rejects": rejects.iter().map(to_json).collect::<Vec<_>>(),
    }))
}

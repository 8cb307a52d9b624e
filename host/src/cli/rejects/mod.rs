// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `rejects`: the rows in the dead letter table. A file per verb.

mod discard;
mod list;
mod retry;
mod show;

use std::collections::BTreeMap;

use serde_json::json;
use test_dashboard_store::{PartitionKey, Reject, RejectFilter, Store};

use super::args::{Common, RejectsChoice, RejectsCommand, RejectsOf};
use super::exit::Exit;
use super::{context, output};
use crate::config::Environment;
use crate::usage_error::UsageError;

/// How many digits of an id a person is shown.
const SHORT: usize = 10;
/// How many digits are shown where fewer meant several.
const UNMISTAKABLE: usize = 16;
/// How many digits tell at least which one is meant.
const SHORTEST: usize = 4;
/// Of how many an id may be the beginning that a person is shown.
const MEANT: u32 = 4;

/// Does what is to be done with rejected rows.
///
/// # Errors
///
/// The verb's.
pub async fn rejects(command: &RejectsCommand) -> anyhow::Result<Exit> {
    match command {
        RejectsCommand::List(args) => list::list(args).await,
        RejectsCommand::Show(args) => show::show(args).await,
        RejectsCommand::Retry(args) => retry::retry(args).await,
        RejectsCommand::Discard(args) => discard::discard(args).await,
    }
}

/// The database, for a verb that writes and needs no plugin.
async fn open(common: &Common) -> anyhow::Result<Store> {
    let config = context::config_for_database(common)?;
    let target = context::database(common, config.as_ref(), &Environment::of_process())?;
    let store = context::connect_existing(&target, 1).await?;
    store.migrate().await?;
    Ok(store)
}

impl From<&RejectsOf> for RejectFilter {
    fn from(of: &RejectsOf) -> Self {
        RejectFilter {
            project: of.project.clone(),
            report: of.report.clone(),
            partition: of.partition.clone(),
            table: of.table.clone(),
        }
    }
}

/// Rejected rows by their digests, each with the partition that it came from.
type Chosen = BTreeMap<String, PartitionKey>;

/// Those that a person has chosen. Ids have to be there; what is chosen otherwise may be none.
async fn chosen(store: &Store, choice: &RejectsChoice) -> anyhow::Result<Chosen> {
    if choice.ids.is_empty() {
        return Ok(store
            .reject_places(&RejectFilter::from(&choice.of))
            .await?
            .into_iter()
            .collect());
    }
    let mut chosen = Chosen::new();
    for id in &choice.ids {
        let reject = one(store, id).await?;
        chosen.insert(reject.digest, reject.key);
    }
    Ok(chosen)
}

/// The one whose id begins like this.
async fn one(store: &Store, id: &str) -> anyhow::Result<Reject> {
    check(id)?;
    Ok(the_one(id, store.rejects_that_begin(id, MEANT).await?, &store.name())?)
}

/// Refuses what is no beginning of an id.
fn check(id: &str) -> Result<(), UsageError> {
    if id.len() < SHORTEST || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(UsageError::new(format!(
            "{id:?} is neither the id of a rejected row nor a prefix of one: give at least {SHORTEST} hexadecimal digits, as `test-dashboard rejects list` shows them"
        )));
    }
    Ok(())
}

/// The only one of those whose ids begin like this.
fn the_one(id: &str, mut found: Vec<Reject>, database: &str) -> Result<Reject, UsageError> {
    match (found.pop(), found.as_slice()) {
        (Some(reject), []) => Ok(reject),
        (None, _) => Err(UsageError::new(format!(
            "no rejected row in {database} has an id that begins with {id}; `test-dashboard rejects list` lists them"
        ))),
        (Some(last), others) => {
            let ids: Vec<&str> = others
                .iter()
                .chain([&last])
                .map(|reject| begin(&reject.digest, UNMISTAKABLE))
                .collect();
            Err(UsageError::new(format!(
                "{id} is a prefix of several rejected rows: give more digits of {}",
                ids.join(", ")
            )))
        }
    }
}

/// `1 rejected row`, `2 rejected rows`.
fn rows(count: u64) -> String {
    output::counted(count, "rejected row")
}

/// Its id for a person.
fn short(digest: &str) -> &str {
    begin(digest, SHORT)
}

fn begin(digest: &str, digits: usize) -> &str {
    digest.get(..digits).unwrap_or(digest)
}

fn to_json(reject: &Reject) -> serde_json::Value {
    json!({
        "id": reject.digest,
        "project": reject.key.project,
        "datasource": reject.key.datasource,
        "report": reject.key.report,
        "partition": reject.key.partition,
        "table": reject.table,
        "reason": reject.reason,
        "row": reject.row,
        "rejected": reject.rejected.to_string(),
        "run": reject.run.0,
    })
}

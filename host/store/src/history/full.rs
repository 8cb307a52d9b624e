// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Full runs: when each report was last read in full, and what goes with partitions that are
//! gone.

use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_model::{Table, TableMode};

use crate::connect::connection::Arg;
use crate::error::StoreError;
use crate::keys::{ReportKey, RunId};
use crate::session::DatabaseSession;
use crate::session::patience::again;
use crate::sql::fields::Fields;
use crate::sql::merge::PARTITION;
use crate::sql::quote;
use crate::store::Store;
use crate::write::rejected::delete;

impl Store {
    /// When the report was last read in full; none when it never was.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn last_full(&self, key: &ReportKey) -> Result<Option<Timestamp>, StoreError> {
        again(|| self.last_full_once(key)).await
    }

    async fn last_full_once(&self, key: &ReportKey) -> Result<Option<Timestamp>, StoreError> {
        let doing = "reading when the last full refresh was";
        let mut session = self.session().await?;
        let sql = format!(
            "SELECT {} AS finished FROM full_runs WHERE project = ? AND datasource = ? AND report = ?",
            self.dialect.time_as_text("finished_at")
        );
        session.read_first(doing, &sql, key.args(), |row| row.time("finished")).await
    }

    /// Ends a full reading of a report, in one transaction: it is on record, and with
    /// `planned`, the ids of all the partitions there are, the rows of other partitions of the
    /// report are removed from its merge tables, together with their checkpoints and rejected
    /// rows. Snapshot tables keep them, and what was rejected for them stays: there they are
    /// the history. Returns how many rows were removed.
    ///
    /// # Errors
    ///
    /// When the database cannot be written; then nothing was removed.
    pub async fn finish_full(
        &self,
        run: RunId,
        key: &ReportKey,
        tables: &[Arc<Table>],
        planned: Option<&[String]>,
    ) -> Result<u64, StoreError> {
        // Where the connection broke in the commit, rows were removed that are not counted.
        again(|| self.finish_full_once(run, key, tables, planned)).await
    }

    async fn finish_full_once(
        &self,
        run: RunId,
        key: &ReportKey,
        tables: &[Arc<Table>],
        planned: Option<&[String]>,
    ) -> Result<u64, StoreError> {
        let doing = format!("ending the full refresh of {} {}", key.project, key.report);
        let mut session = self.session().await?;
        session.begin(&doing).await?;
        let outcome = end(&mut session, &doing, run, key, tables, planned).await;
        session.end(&doing, outcome).await
    }
}

async fn end(
    session: &mut DatabaseSession,
    doing: &str,
    run: RunId,
    key: &ReportKey,
    tables: &[Arc<Table>],
    planned: Option<&[String]>,
) -> Result<u64, StoreError> {
    let mut removed = 0;
    if let Some(planned) = planned {
        for table in tables.iter().filter(|table| table.mode == TableMode::Merge) {
            removed += remove_unplanned(session, doing, key, &table.name, planned).await?;
        }
        forget_unplanned(session, doing, key, planned).await?;
        forget_unplanned_rejects(session, doing, key, tables, planned).await?;
    }
    let delete = "DELETE FROM full_runs WHERE project = ? AND datasource = ? AND report = ?";
    session.execute(doing, delete, key.args()).await?;
    let insert = format!(
        "INSERT INTO full_runs (project, datasource, report, run_id, finished_at) \
         VALUES (?, ?, ?, ?, {})",
        session.dialect.time_parameter()
    );
    let mut args = key.args();
    args.extend([run.0.into(), Arg::Time(Timestamp::now())]);
    session.execute(doing, &insert, args).await?;
    Ok(removed)
}

async fn remove_unplanned(
    session: &mut DatabaseSession,
    doing: &str,
    key: &ReportKey,
    table: &str,
    planned: &[String],
) -> Result<u64, StoreError> {
    let table = quote(table);
    let owners = format!("SELECT DISTINCT \"{PARTITION}\" FROM {table} WHERE \"project\" = ?");
    let delete = format!("DELETE FROM {table} WHERE \"project\" = ? AND \"{PARTITION}\" = ?");
    let mut removed = 0;
    let args = vec![key.project.as_str().into()];
    for owner in session.read(doing, &owners, args, |row| row.text(PARTITION)).await? {
        // What another report delivered is another report's to remove.
        let partition = owner.split_once('/').filter(|(report, _)| *report == key.report);
        if partition.is_some_and(|(_, partition)| !planned.iter().any(|id| id == partition)) {
            let args = vec![key.project.as_str().into(), owner.into()];
            removed += session.execute(doing, &delete, args).await?;
        }
    }
    Ok(removed)
}

/// A partition that comes back is read from its beginning: its rows are gone.
async fn forget_unplanned(
    session: &mut DatabaseSession,
    doing: &str,
    key: &ReportKey,
    planned: &[String],
) -> Result<(), StoreError> {
    let which = "project = ? AND datasource = ? AND report = ?";
    let known = format!("SELECT partition_id FROM checkpoints WHERE {which}");
    let delete = format!("DELETE FROM checkpoints WHERE {which} AND partition_id = ?");
    let read = |row: &Fields| row.text("partition_id");
    for partition in session.read(doing, &known, key.args(), read).await? {
        if !planned.contains(&partition) {
            let mut args = key.args();
            args.push(partition.into());
            session.execute(doing, &delete, args).await?;
        }
    }
    Ok(())
}

async fn forget_unplanned_rejects(
    session: &mut DatabaseSession,
    doing: &str,
    key: &ReportKey,
    tables: &[Arc<Table>],
    planned: &[String],
) -> Result<(), StoreError> {
    let sql = "SELECT digest, partition_id, table_name FROM rejected_rows \
               WHERE project = ? AND datasource = ? AND report = ? ORDER BY digest";
    let mut digests = Vec::new();
    let read = |row: &Fields| {
        Ok((row.text("digest")?, row.text("partition_id")?, row.text("table_name")?))
    };
    for (digest, partition, table) in session.read(doing, sql, key.args(), read).await? {
        let is_history = tables.iter().any(|t| t.name == table && t.mode == TableMode::Snapshot);
        if !is_history && !planned.contains(&partition) {
            digests.push(digest);
        }
    }
    delete(session, doing, &digests).await.map(drop)
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Writes one partition: rows are staged, and become visible at commit points.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use jiff::Timestamp;
use test_dashboard_model::validate::{CheckedRow, RejectedRow};
use test_dashboard_model::{CheckpointText, Counts, Table, TableMode};

use crate::connect::connection::Arg;
use crate::error::StoreError;
use crate::keys::{PartitionKey, RunId};
use crate::session::DatabaseSession;
use crate::sql::fields::Fields;
use crate::sql::merge::Merge;
use crate::store::Store;
use crate::write::rejected::{Rejected, outdated};

/// How often a commit that met a lock or a deadlock is tried again, and the first pause before it.
const RETRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// Which kind of commit point it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitPoint {
    /// A batch that carried a checkpoint. A partition that fills a snapshot table writes
    /// nothing here: its rows stay staged, and the checkpoint is stored at the end.
    Intermediate,
    /// The end of the partition.
    End,
}

/// How a partition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// From its checkpoint on.
    Onwards,
    /// Everything, without a checkpoint: what the partition held and does not deliver now is
    /// removed at its end, from merge tables as from snapshots. Commits only there.
    Full,
}

/// Writes one partition. Owns one connection; dropping it discards what is staged.
///
/// Everything between two commits happens in temporary tables, so the database's own tables
/// are not locked while the plugin waits for its API.
pub struct PartitionWriter {
    session: DatabaseSession,
    run: RunId,
    key: PartitionKey,
    tables: HashMap<String, Staged>,
    /// The order in which tables are merged: the same in every host.
    order: Vec<String>,
    /// The checkpoint's version when it was last read or written; none: there is no row.
    version: Option<i64>,
    checkpoint: Option<CheckpointText>,
    reading: ReadMode,
    /// A checkpoint that was given at an intermediate commit point that did not write.
    held: Option<CheckpointText>,
    rejected: Rejected,
    /// What made this writer unusable.
    broken: Option<&'static str>,
    /// What happened after a commit, for the next call to tell.
    after_commit: Option<StoreError>,
    /// The holder of a lock that a commit has met is told of once.
    has_told_lock: bool,
}

/// A table and what is staged for it.
struct Staged {
    table: Arc<Table>,
    /// Whether the staging table exists.
    exists: bool,
    /// Rows staged since the last commit, duplicates among them.
    rows: u64,
}

impl std::fmt::Debug for PartitionWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartitionWriter({})", self.key)
    }
}

impl Store {
    /// Opens a partition for writing into `tables`, which [`Store::prepare_tables`] has
    /// prepared. Waits for a free connection, at most a minute.
    ///
    /// # Errors
    ///
    /// When no connection is to be had, or the checkpoint cannot be read.
    pub async fn open_partition(
        &self,
        run: RunId,
        key: PartitionKey,
        tables: &[Arc<Table>],
        reading: ReadMode,
    ) -> Result<PartitionWriter, StoreError> {
        let mut session = self.session().await?;
        let doing = format!("reading the checkpoint of {key}");
        let sql = "SELECT version, checkpoint FROM checkpoints \
                   WHERE project = ? AND datasource = ? AND report = ? AND partition_id = ?";
        let read = |row: &Fields| Ok((row.int("version")?, row.optional_text("checkpoint")?));
        let known = session.read_first(&doing, sql, key_args(&key), read).await?;
        let (version, text) = known.unzip();
        let checkpoint = text.flatten().map(CheckpointText);
        let mut order: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        order.sort_unstable();
        order.dedup();
        let staged = |table: &Arc<Table>| Staged { table: table.clone(), exists: false, rows: 0 };
        let tables = tables.iter().map(|table| (table.name.clone(), staged(table))).collect();
        Ok(PartitionWriter {
            session,
            run,
            key,
            tables,
            order,
            version,
            checkpoint,
            reading,
            held: None,
            rejected: Rejected::default(),
            broken: None,
            after_commit: None,
            has_told_lock: false,
        })
    }
}

fn key_args(key: &PartitionKey) -> Vec<Arg> {
    vec![
        key.project.as_str().into(),
        key.datasource.as_str().into(),
        key.report.as_str().into(),
        key.partition.as_str().into(),
    ]
}

impl PartitionWriter {
    /// The checkpoint from which to read: the stored one, or none for a full reading.
    pub fn checkpoint(&self) -> Option<&CheckpointText> {
        match self.reading {
            ReadMode::Onwards => self.checkpoint.as_ref(),
            ReadMode::Full => None,
        }
    }

    /// Stages rows; nothing of them is visible before [`PartitionWriter::commit`]. Of several
    /// rows with one key the last wins.
    ///
    /// # Errors
    ///
    /// When the database refuses them. The writer is of no use then: drop it.
    pub async fn stage(&mut self, table: &str, rows: Vec<CheckedRow>) -> Result<(), StoreError> {
        self.refuse_if_broken()?;
        let Some(staged) = self.tables.get_mut(table) else {
            return Err(StoreError::Caller(format!(
                "{}: the table {table} was not opened with this partition",
                self.key
            )));
        };
        if rows.is_empty() {
            return Ok(());
        }
        self.broken = Some("staging rows failed");
        if !staged.exists {
            self.session.hold();
            let doing = format!("making the staging table of {table}");
            for sql in self.session.dialect.create_stage(&staged.table) {
                self.session.execute(&doing, &sql, vec![]).await?;
            }
            staged.exists = true;
        }
        let count = rows.len() as u64;
        self.session.stage(&staged.table, rows, staged.rows).await?;
        staged.rows += count;
        self.broken = None;
        Ok(())
    }

    /// Keeps a row that broke its declaration until the next commit writes it.
    ///
    /// Memory is bounded: past 10,000 rows or 8 MiB between two commits they are only counted.
    pub fn reject(&mut self, row: RejectedRow) {
        self.rejected.push(row);
    }

    /// Makes what is staged visible together with the checkpoint, in one transaction. Without
    /// a checkpoint the stored one stays. At the end, the rows of this partition that a
    /// snapshot table holds and that were not staged are removed.
    ///
    /// Locks and deadlocks are tried again a few times.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_conflict`] when another host has committed this partition since it was
    /// opened. After [`StoreError::is_transient`] it is not known whether the commit was done
    /// (the connection may have broken in the middle): open the partition again, its
    /// checkpoint tells. In every other case nothing was written. After any error the writer
    /// is of no use.
    pub async fn commit(
        &mut self,
        checkpoint: Option<CheckpointText>,
        point: CommitPoint,
    ) -> Result<Counts, StoreError> {
        self.refuse_if_broken()?;
        if checkpoint.is_some() {
            self.held = checkpoint;
        }
        if point == CommitPoint::Intermediate && self.commits_once() {
            return Ok(Counts::default());
        }
        self.broken = Some("a commit failed");
        self.settle().await?;
        let checkpoint = self.held.clone().or_else(|| self.checkpoint.clone());
        // Different for hosts that met.
        let pauses = ExponentialBuilder::new().with_min_delay(PAUSE).with_factor(1.5).with_jitter();
        let mut pauses = pauses.with_max_times(RETRIES).build();
        let counts = loop {
            match self.try_commit(checkpoint.as_ref(), point).await {
                Ok(counts) => break counts,
                Err(failure) => self.before_another_try(failure, pauses.next()).await?,
            }
        };
        self.version = Some(self.version.map_or(1, |version| version + 1));
        self.checkpoint = checkpoint;
        self.held = None;
        self.rejected = Rejected::default();
        // What was committed stays so: trouble from here on is the next call's.
        self.broken = None;
        if let Err(error) = self.clean_up(point).await {
            self.broken = Some("emptying its staging tables failed");
            self.after_commit = Some(error);
        }
        Ok(counts)
    }

    fn refuse_if_broken(&mut self) -> Result<(), StoreError> {
        match (self.broken, self.after_commit.take()) {
            (None, _) => Ok(()),
            // As it was: a connection that broke is worth another try.
            (Some(_), Some(error)) => Err(error),
            (Some(why), None) => Err(StoreError::Caller(format!(
                "{}: {why} before, and this writer cannot be used any more; open the partition again",
                self.key
            ))),
        }
    }

    fn commits_once(&self) -> bool {
        self.tables.values().any(|staged| self.replaces(&staged.table))
    }

    /// Whether what is delivered replaces what the partition held of this table.
    fn replaces(&self, table: &Table) -> bool {
        self.reading == ReadMode::Full || table.mode == TableMode::Snapshot
    }

    /// What can be done outside of the transaction, to keep that short.
    async fn settle(&mut self) -> Result<(), StoreError> {
        for staged in self.tables.values().filter(|staged| staged.rows > 0) {
            let doing = format!("sorting out the staged rows of {}", staged.table.name);
            for sql in self.session.dialect.settle_stage(&staged.table) {
                self.session.execute(&doing, &sql, vec![]).await?;
            }
        }
        Ok(())
    }

    /// Rolls back and waits; an error when it is not worth another try.
    async fn before_another_try(
        &mut self,
        failure: TryFailure,
        pause: Option<Duration>,
    ) -> Result<(), StoreError> {
        let TryFailure { error, is_race } = failure;
        let may_help = is_race || matches!(error, StoreError::Busy { .. });
        let doing = format!("rolling back {}", self.key);
        let rolled_back = self.session.roll_back(&doing).await;
        let Some(pause) = pause.filter(|_| may_help && rolled_back.is_ok()) else {
            return Err(error);
        };
        // A lock's holder is told once, and not with every try.
        if is_race || std::mem::replace(&mut self.has_told_lock, true) {
            tracing::debug!("{}: trying the commit again: {error}", self.key);
        } else {
            tracing::warn!("{}: trying the commit again: {error}", self.key);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    async fn try_commit(
        &mut self,
        checkpoint: Option<&CheckpointText>,
        point: CommitPoint,
    ) -> Result<Counts, TryFailure> {
        let now = Timestamp::now();
        let doing = format!("committing {}", self.key);
        self.session.begin(&doing).await?;
        self.move_checkpoint(checkpoint, now).await?;
        let mut counts = Counts { rows_rejected: self.rejected.count(), ..Counts::default() };
        for index in 0..self.order.len() {
            let name = self.order[index].clone();
            counts += self.merge(&name, point, now).await?;
        }
        let outdated = self.outdated_rejects(point).await?;
        self.rejected.write(&mut self.session, self.run, &self.key, now, outdated).await?;
        self.session.commit(&doing).await?;
        Ok(counts)
    }

    /// Where all rows of a table were delivered again, so were those that break it: what was
    /// rejected before goes, as its row would. What this commit rejects is all of that, because
    /// such a partition commits only once; unless it was more than could be kept, and then
    /// nobody can tell what still breaks.
    async fn outdated_rejects(&mut self, point: CommitPoint) -> Result<Vec<String>, StoreError> {
        if point == CommitPoint::Intermediate || !self.commits_once() || !self.rejected.is_whole() {
            return Ok(Vec::new());
        }
        let (reading, tables) = (self.reading, &self.tables);
        let is_outdated = |table: &str| match reading {
            ReadMode::Full => true,
            ReadMode::Onwards => {
                tables.get(table).is_some_and(|staged| staged.table.mode == TableMode::Snapshot)
            }
        };
        outdated(&mut self.session, &self.key, is_outdated).await
    }

    /// Compare-and-set: only when the version is still the one that was read.
    async fn move_checkpoint(
        &mut self,
        checkpoint: Option<&CheckpointText>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let doing = format!("moving the checkpoint of {}", self.key);
        let time = self.session.dialect.time_parameter();
        let text = Arg::OptionalText(checkpoint.map(|checkpoint| checkpoint.0.clone()));
        let mut args = vec![text, self.run.0.into(), Arg::Time(now)];
        args.extend(key_args(&self.key));
        let conflict = || StoreError::Conflict { partition: self.key.to_string() };
        let Some(version) = self.version else {
            let sql = format!(
                "INSERT INTO checkpoints (version, checkpoint, run_id, updated_at, \
                 project, datasource, report, partition_id) VALUES (1, ?, ?, {time}, ?, ?, ?, ?)"
            );
            return match self.session.execute(&doing, &sql, args).await {
                Err(error) if error.is_duplicate() => Err(conflict()),
                result => result.map(drop),
            };
        };
        let sql = format!(
            "UPDATE checkpoints SET version = version + 1, checkpoint = ?, run_id = ?, updated_at = {time} \
             WHERE project = ? AND datasource = ? AND report = ? AND partition_id = ? AND version = ?"
        );
        args.push(version.into());
        match self.session.execute(&doing, &sql, args).await? {
            0 => Err(conflict()),
            _ => Ok(()),
        }
    }

    /// One table's staged rows become its rows.
    async fn merge(
        &mut self,
        name: &str,
        point: CommitPoint,
        now: Timestamp,
    ) -> Result<Counts, TryFailure> {
        let mut counts = Counts::default();
        let Some(staged) = self.tables.get(name) else { return Ok(counts) };
        let dialect = self.session.dialect.clone();
        let merge = Merge { table: &staged.table, dialect: dialect.as_ref() };
        let replaces = self.replaces(&staged.table);
        let project: Arg = self.key.project.as_str().into();
        let owner: Arg = self.key.row_owner().into();
        let (run, now): (Arg, Arg) = (self.run.0.into(), Arg::Time(now));
        let session = &mut self.session;
        if staged.rows > 0 {
            let doing = format!("merging {} staged rows into {name}", staged.rows);
            let count = |row: &Fields| row.number("staged");
            let total = session.read_first(&doing, &merge.count(), vec![], count).await?;
            let total: u64 = total.unwrap_or_default();
            if merge.has_payload() {
                let args = vec![owner.clone(), run.clone(), now.clone(), project.clone()];
                counts.rows_changed =
                    session.execute(&doing, &dialect.update(&merge), args).await?;
            }
            if replaces {
                let args = vec![owner.clone(), project.clone(), owner.clone()];
                session.execute(&doing, &dialect.own(&merge), args).await?;
            }
            let args = vec![project.clone(), owner.clone(), run, now, project.clone()];
            counts.rows_new = match session.execute(&doing, &merge.insert(), args).await {
                // Another partition has inserted one of the keys in the meantime: the next try
                // finds it and updates it.
                Err(error) if error.is_duplicate() => {
                    return Err(TryFailure { error, is_race: true });
                }
                result => result?,
            };
            counts.rows_unchanged = total.saturating_sub(counts.rows_new + counts.rows_changed);
        }
        if replaces && point == CommitPoint::End {
            let doing = format!("removing the rows of {name} that were not delivered again");
            let sql = dialect.remove(&merge, staged.rows > 0);
            counts.rows_removed = session.execute(&doing, &sql, vec![project, owner]).await?;
        }
        Ok(counts)
    }

    /// Empties the staging tables, or drops them at the end.
    async fn clean_up(&mut self, point: CommitPoint) -> Result<(), StoreError> {
        for staged in self.tables.values_mut().filter(|staged| staged.exists) {
            let dialect = &self.session.dialect;
            let is_end = point == CommitPoint::End;
            let statements = match point {
                CommitPoint::End => vec![dialect.drop_stage(&staged.table.name)],
                CommitPoint::Intermediate if staged.rows > 0 => dialect.empty_stage(&staged.table),
                CommitPoint::Intermediate => vec![],
            };
            for sql in statements {
                let doing = format!("emptying the staging table of {}", staged.table.name);
                self.session.execute(&doing, &sql, vec![]).await?;
            }
            staged.rows = 0;
            if is_end {
                staged.exists = false;
                self.session.release();
            }
        }
        Ok(())
    }
}

/// Why one try of a commit failed.
struct TryFailure {
    error: StoreError,
    /// Another transaction was faster with a row; the next try sees it.
    is_race: bool,
}

impl From<StoreError> for TryFailure {
    fn from(error: StoreError) -> TryFailure {
        TryFailure { error, is_race: false }
    }
}

#[cfg(test)]
mod tests {
    use test_dashboard_model::validate::Validator;
    use test_dashboard_model::{Column, ColumnType, Value};

    use super::*;
    use crate::history::runs::NewRun;
    use crate::target::Target;
    use crate::write::catalogue::Owner;

    fn items() -> Arc<Table> {
        let column = |name: &str, kind, nullable| Column {
            name: name.into(),
            kind,
            nullable,
            max_length: None,
            description: String::new(),
        };
        Arc::new(Table {
            name: "probe_items".into(),
            description: String::new(),
            mode: TableMode::Merge,
            columns: vec![
                column("id", ColumnType::Int64, false),
                column("title", ColumnType::Text, true),
            ],
            key: vec!["id".into()],
        })
    }

    fn rows(table: &Arc<Table>, ids: std::ops::Range<i64>) -> Vec<CheckedRow> {
        let mut validator = Validator::new(table.clone());
        let values = |id| vec![Value::Int64(id), Value::Text("x".repeat(100))];
        ids.map(|id| validator.check(values(id)).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_full_disk_leaves_what_the_last_commit_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dashboard.sqlite");
        let target = Target::parse(&format!("sqlite:{}", path.display())).unwrap();
        let store = Store::connect(&target, 1).await.unwrap();
        store.migrate().await.unwrap();
        let table = items();
        let tables = [table.clone()];
        let owner = Owner {
            datasource: "probe".into(),
            plugin_version: "0.1.0".into(),
            reports: vec![("items".into(), vec![table.name.clone()])],
        };
        store.prepare_tables(&owner, &tables).await.unwrap();
        let text = String::new;
        let run = NewRun { project: text(), report: text(), command: text(), version: text() };
        let run = store.start_run(&run).await.unwrap();
        let key = PartitionKey {
            project: "fenix".into(),
            datasource: "probe".into(),
            report: "items".into(),
            partition: "p".into(),
        };
        let mut writer =
            store.open_partition(run, key.clone(), &tables, ReadMode::Onwards).await.unwrap();
        writer.stage("probe_items", rows(&table, 0..1)).await.unwrap();
        let first = CheckpointText("1".into());
        writer.commit(Some(first.clone()), CommitPoint::Intermediate).await.unwrap();

        // From here on the file may not grow.
        writer.session.execute("", "PRAGMA main.max_page_count = 1", vec![]).await.unwrap();
        writer.stage("probe_items", rows(&table, 0..5_000)).await.unwrap();
        let second = Some(CheckpointText("2".into()));
        let error = writer.commit(second, CommitPoint::End).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        assert!(error.to_string().contains("make room"), "{error}");
        drop(writer);

        let mut writer = store.open_partition(run, key, &tables, ReadMode::Onwards).await.unwrap();
        assert_eq!(writer.checkpoint(), Some(&first));
        assert_eq!(store.table_counts(&["probe_items"]).await.unwrap()[0].1, 1);
        writer.stage("probe_items", rows(&table, 0..5_000)).await.unwrap();
        let done = writer.commit(None, CommitPoint::End).await.unwrap();
        assert_eq!((done.rows_new, done.rows_unchanged), (4_999, 1));
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The destination of checked rows: the database or, in a dry run, the screen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use test_dashboard_model::validate::{CheckedRow, RejectedRow};
use test_dashboard_model::{CheckpointText, Counts, Table};
use test_dashboard_store::{
    CommitPoint, PartitionKey, PartitionWriter, ReadMode, RunId, Store, StoreError,
};

/// Where a run writes.
#[derive(Clone)]
pub enum Sink {
    /// Into the database, under this run.
    Store(Store, RunId),
    /// Nowhere; the rows are kept to be shown.
    Dry(DryRows),
}

/// The rows that a dry run would have written, by table.
#[derive(Clone, Default)]
pub struct DryRows {
    tables: Arc<Mutex<BTreeMap<String, DryTable>>>,
    bytes: Arc<AtomicU64>,
}

/// What a dry run has of one table.
#[derive(Clone)]
pub struct DryTable {
    /// The table.
    pub table: Arc<Table>,
    /// The rows, each with its project.
    pub rows: Vec<(String, CheckedRow)>,
    /// The rows that would have been rejected.
    pub rejected: Vec<RejectedRow>,
}

impl DryRows {
    /// The most bytes of rows that are kept.
    pub const MAX_BYTES: u64 = 256 << 20;

    /// What was collected.
    pub fn take(&self) -> BTreeMap<String, DryTable> {
        std::mem::take(&mut *self.tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn with<R>(&self, table: &Arc<Table>, change: impl FnOnce(&mut DryTable) -> R) -> R {
        let mut tables = self.tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        change(tables.entry(table.name.clone()).or_insert_with(|| DryTable {
            table: Arc::clone(table),
            rows: Vec::new(),
            rejected: Vec::new(),
        }))
    }
}

/// Where one partition's rows go.
pub enum PartitionSink {
    /// Into the database.
    Store(Box<PartitionWriter>),
    /// Nowhere.
    Dry {
        /// The project.
        project: String,
        /// Where the rows are kept.
        rows: DryRows,
        /// What was staged since the last commit. A partition that fails drops it, as the
        /// database would.
        staged: Vec<(Arc<Table>, Vec<CheckedRow>)>,
    },
}

impl Sink {
    /// Opens a partition.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn open(
        &self,
        key: PartitionKey,
        tables: &[Arc<Table>],
        reading: ReadMode,
    ) -> Result<PartitionSink, StoreError> {
        match self {
            Sink::Store(store, run) => {
                let writer = store.open_partition(*run, key, tables, reading).await?;
                Ok(PartitionSink::Store(Box::new(writer)))
            }
            Sink::Dry(rows) => {
                let staged = Vec::new();
                Ok(PartitionSink::Dry { project: key.project, rows: rows.clone(), staged })
            }
        }
    }
}

impl PartitionSink {
    /// The checkpoint from which to go on.
    pub fn checkpoint(&self) -> Option<&CheckpointText> {
        match self {
            PartitionSink::Store(writer) => writer.checkpoint(),
            PartitionSink::Dry { .. } => None,
        }
    }

    /// Whether so many bytes of rows more can be taken. Only what a dry run keeps has a bound.
    pub fn has_room(&self, bytes: u64) -> bool {
        match self {
            PartitionSink::Store(_) => true,
            PartitionSink::Dry { rows, .. } => {
                rows.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= DryRows::MAX_BYTES
            }
        }
    }

    /// Takes rows that are not visible before the next commit.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn stage(
        &mut self,
        table: &Arc<Table>,
        new: Vec<CheckedRow>,
    ) -> Result<(), StoreError> {
        match self {
            PartitionSink::Store(writer) => writer.stage(&table.name, new).await,
            PartitionSink::Dry { staged, .. } => {
                staged.push((Arc::clone(table), new));
                Ok(())
            }
        }
    }

    /// Takes a rejected row. A dry run keeps it whatever becomes of the
    /// partition: it may be the very reason why that fails.
    pub fn reject(&mut self, table: &Arc<Table>, row: RejectedRow) {
        match self {
            PartitionSink::Store(writer) => writer.reject(row),
            PartitionSink::Dry { rows, .. } => rows.with(table, |kept| kept.rejected.push(row)),
        }
    }

    /// Makes everything since the last commit visible, together with the checkpoint.
    ///
    /// # Errors
    ///
    /// The database's; then nothing of it is visible.
    pub async fn commit(
        &mut self,
        checkpoint: Option<CheckpointText>,
        point: CommitPoint,
    ) -> Result<Counts, StoreError> {
        match self {
            PartitionSink::Store(writer) => writer.commit(checkpoint, point).await,
            PartitionSink::Dry { project, rows, staged } => {
                let mut counts = Counts::default();
                for (table, new) in staged.drain(..) {
                    counts.rows_new += new.len() as u64;
                    let new = new.into_iter().map(|row| (project.clone(), row));
                    rows.with(&table, |kept| kept.rows.extend(new));
                }
                Ok(counts)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use test_dashboard_model::validate::Validator;
    use test_dashboard_model::{Column, ColumnType, TableMode, Value};

    use super::*;

    fn numbers() -> Arc<Table> {
        let column = Column {
            name: "number".into(),
            kind: ColumnType::Int64,
            nullable: false,
            max_length: None,
            description: String::new(),
        };
        Arc::new(Table {
            name: "guest_numbers".into(),
            description: String::new(),
            mode: TableMode::Merge,
            columns: vec![column],
            key: vec!["number".into()],
        })
    }

    fn row(number: i64) -> Vec<CheckedRow> {
        vec![Validator::new(numbers()).check(vec![Value::Int64(number)]).unwrap()]
    }

    #[tokio::test]
    async fn a_dry_run_keeps_what_was_committed_and_drops_what_a_failed_try_staged() {
        let rows = DryRows::default();
        let sink = Sink::Dry(rows.clone());
        let key = || PartitionKey {
            project: "fenix".into(),
            datasource: "guest".into(),
            report: "rows".into(),
            partition: "one".into(),
        };
        let mut failing = sink.open(key(), &[], ReadMode::Onwards).await.unwrap();
        failing.stage(&numbers(), row(1)).await.unwrap();
        failing.commit(None, CommitPoint::Intermediate).await.unwrap();
        failing.stage(&numbers(), row(2)).await.unwrap();
        drop(failing);
        let mut again = sink.open(key(), &[], ReadMode::Onwards).await.unwrap();
        again.stage(&numbers(), row(3)).await.unwrap();
        let counts = again.commit(None, CommitPoint::End).await.unwrap();
        assert_eq!(counts.rows_new, 1);
        let kept = rows.take().remove("guest_numbers").unwrap().rows;
        let values: Vec<_> = kept.iter().map(|(_, row)| row.values()[0].clone()).collect();
        assert_eq!(values, [Value::Int64(1), Value::Int64(3)]);
    }
}

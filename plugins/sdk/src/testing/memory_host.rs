// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A host that keeps a plugin's tables in memory.

use std::collections::{BTreeMap, HashSet};

use crate::{
    Batch, Checkpoint, Column, Datasource, Failure, Partition, Reader, Request, Table, TableMode,
    Value,
};

/// Runs a plugin as the host does: plans, opens each partition with the checkpoint that it
/// last gave, merges or replaces rows by their keys, and keeps only what a commit point
/// covers. Panics when the plugin breaks the contract.
///
/// Two of these compare equal when their tables hold the same rows, whatever way they took.
#[derive(Debug, Clone, Default)]
pub struct MemoryHost {
    tables: BTreeMap<String, Rows>,
    checkpoints: BTreeMap<String, Checkpoint>,
    max_rows: Option<usize>,
    /// The rejected rows, with their tables; none where rejecting one panics.
    rejected: Option<Vec<(String, Vec<Value>)>>,
}

#[derive(Debug, Clone)]
struct Rows {
    table: Table,
    /// By project and key, in their debug form: values have no order of their own.
    rows: BTreeMap<String, (String, Vec<Value>)>,
}

/// Which kind of commit point it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Point {
    Intermediate,
    End,
    /// The only one of a full refresh: what the partition held and did not deliver is gone.
    EndOfFullRun,
}

impl PartialEq for MemoryHost {
    fn eq(&self, other: &Self) -> bool {
        let names: HashSet<&String> = self.tables.keys().chain(other.tables.keys()).collect();
        names.into_iter().all(|name| self.rows(name) == other.rows(name))
    }
}

impl MemoryHost {
    /// A host without tables or checkpoints.
    pub fn new() -> Self {
        MemoryHost::default()
    }

    /// The same, asking for at most so many rows at a time instead of 1,000.
    #[must_use]
    pub fn with_max_rows(mut self, max_rows: usize) -> Self {
        self.max_rows = Some(max_rows);
        self
    }

    /// The same, setting aside rejected rows, as those of
    /// [`Lenient`](crate::Lenient) items do, instead of panicking.
    #[must_use]
    pub fn rejecting(mut self) -> Self {
        self.rejected = Some(Vec::new());
        self
    }

    /// The rows that were set aside, with their tables.
    pub fn rejected(&self) -> &[(String, Vec<Value>)] {
        self.rejected.as_deref().unwrap_or_default()
    }

    /// Runs a report to its end.
    ///
    /// # Errors
    ///
    /// What the plugin failed with; what was committed before stays.
    pub fn run<D: Datasource>(&mut self, request: &Request) -> Result<(), Failure> {
        self.run_partially::<D>(request, usize::MAX)
    }

    /// Runs a report, and stops each partition dead after some batches, as a host that is
    /// killed would: what no commit point covers is lost.
    ///
    /// # Errors
    ///
    /// What the plugin failed with; what was committed before stays.
    pub fn run_partially<D: Datasource>(
        &mut self,
        request: &Request,
        batches: usize,
    ) -> Result<(), Failure> {
        for table in D::describe().tables {
            let name = table.name.clone();
            self.tables.entry(name).or_insert_with(|| Rows { table, rows: BTreeMap::new() });
        }
        let partitions = D::plan(request)?;
        let ids: HashSet<&str> = partitions.iter().map(|partition| partition.id.as_str()).collect();
        assert_eq!(ids.len(), partitions.len(), "the ids of partitions differ: {ids:?}");
        let names: HashSet<String> =
            partitions.iter().map(|partition| name_of(request, &partition.id)).collect();
        for partition in partitions {
            self.run_partition::<D>(request, partition, batches)?;
        }
        let report = D::describe().reports.into_iter().find(|report| report.name == request.report);
        if request.full && report.is_some_and(|report| report.exhaustive) {
            self.remove_unplanned(request, &names);
        }
        Ok(())
    }

    /// What an exhaustive plan does not name is deleted upstream. Snapshots keep their history.
    fn remove_unplanned(&mut self, request: &Request, planned: &HashSet<String>) {
        let ours = name_of(request, "");
        for held in self.tables.values_mut() {
            if held.table.mode == TableMode::Merge {
                held.rows
                    .retain(|_, (owner, _)| !owner.starts_with(&ours) || planned.contains(owner));
            }
        }
        self.checkpoints.retain(|name, _| !name.starts_with(&ours) || planned.contains(name));
    }

    fn run_partition<D: Datasource>(
        &mut self,
        request: &Request,
        partition: Partition,
        batches: usize,
    ) -> Result<(), Failure> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
        let id = partition.id.clone();
        assert!((1..=200).contains(&id.len()) && id.chars().all(allowed), "the id {id:?}");
        let name = name_of(request, &id);
        let checkpoint = self.checkpoints.get(&name).filter(|_| !request.full).cloned();
        let mut given = HashSet::new();
        let mut staged = Vec::new();
        let mut held = None;
        let mut reader = D::open(request.clone(), partition, checkpoint)?;
        for _ in 0..batches {
            let Some(batch) = self.next_batch(reader.as_mut())? else {
                let point = if request.full { Point::EndOfFullRun } else { Point::End };
                self.commit(&name, &request.context.project, std::mem::take(&mut staged), point);
                self.checkpoints.extend(held.map(|checkpoint| (name.clone(), checkpoint)));
                return Ok(());
            };
            let checkpoint = batch.checkpoint.clone();
            staged.push(batch);
            if let Some(checkpoint) = checkpoint {
                assert!(checkpoint.0.len() <= 256 * 1024, "the checkpoint is too long");
                assert!(given.insert(checkpoint.0.clone()), "{checkpoint:?} is given twice");
                if request.full {
                    held = Some(checkpoint);
                    continue;
                }
                let project = &request.context.project;
                self.commit(&name, project, std::mem::take(&mut staged), Point::Intermediate);
                self.checkpoints.insert(name.clone(), checkpoint);
            }
        }
        Ok(())
    }

    fn next_batch(&mut self, reader: &mut dyn Reader) -> Result<Option<Batch>, Failure> {
        let max_rows = self.max_rows.unwrap_or(1_000);
        let mut batch = reader.next_batch(max_rows)?;
        if let Some(batch) = &mut batch {
            assert!(batch.rows.len() <= max_rows, "{} rows, asked {max_rows}", batch.rows.len());
            let Some(Rows { table, .. }) = self.tables.get(&batch.table) else {
                panic!("a batch of the table {}, which is not declared", batch.table);
            };
            for row in &batch.rows {
                assert_eq!(row.len(), table.columns.len(), "the values of a row of {}", table.name);
            }
            let misfit = |row: &[Value]| {
                let mut cells = table.columns.iter().zip(row);
                cells.find(|(column, value)| !fits(column, value)).map(|(column, value)| {
                    format!("{}.{} is {:?}: {value:?}", table.name, column.name, column.kind)
                })
            };
            match &mut self.rejected {
                Some(rejected) => {
                    let bad = batch.rows.extract_if(.., |row| misfit(row).is_some());
                    rejected.extend(bad.map(|row| (table.name.clone(), row)));
                }
                None => batch.rows.iter().for_each(|row| assert_eq!(misfit(row), None)),
            }
        }
        Ok(batch)
    }

    fn commit(&mut self, partition: &str, project: &str, staged: Vec<Batch>, point: Point) {
        for held in self.tables.values_mut() {
            let is_snapshot = held.table.mode == TableMode::Snapshot;
            let mut batches =
                staged.iter().filter(|batch| batch.table == held.table.name).peekable();
            assert!(
                point != Point::Intermediate || !is_snapshot || batches.peek().is_none(),
                "the snapshot table {} was given a checkpoint",
                held.table.name
            );
            if point == Point::EndOfFullRun || is_snapshot && point == Point::End {
                held.rows.retain(|_, (owner, _)| owner != partition);
            }
            for row in batches.flat_map(|batch| &batch.rows) {
                let key = key_of(&held.table, project, row);
                held.rows.insert(key, (partition.into(), row.clone()));
            }
        }
    }

    /// The rows of a table, ordered by project and key. Empty for one that nothing declared.
    pub fn rows(&self, table: &str) -> Vec<&Vec<Value>> {
        let rows = self.tables.get(table).into_iter().flat_map(|held| held.rows.values());
        rows.map(|(_, row)| row).collect()
    }

    /// The values of some columns, row by row, ordered by project and key.
    pub fn select(&self, table: &str, columns: &[&str]) -> Vec<Vec<Value>> {
        let Some(held) = self.tables.get(table) else { panic!("there is no table {table}") };
        let position = |name: &&str| {
            let position = held.table.columns.iter().position(|column| column.name == *name);
            position.unwrap_or_else(|| panic!("{table} has no column {name}"))
        };
        let positions: Vec<usize> = columns.iter().map(position).collect();
        let pick = |row: &Vec<Value>| positions.iter().map(|&at| row[at].clone()).collect();
        held.rows.values().map(|(_, row)| pick(row)).collect()
    }

    /// The checkpoints that are kept, partition by partition.
    pub fn checkpoints(&self) -> Vec<&Checkpoint> {
        self.checkpoints.values().collect()
    }

    /// Puts a checkpoint in place of every one that is kept.
    pub fn replace_checkpoints(&mut self, checkpoint: &str) {
        self.checkpoints.values_mut().for_each(|kept| *kept = Checkpoint(checkpoint.into()));
    }
}

/// Under which name a partition's checkpoint is kept, and its rows are owned.
fn name_of(request: &Request, partition: &str) -> String {
    format!("{}|{}|{partition}", request.report, request.context.project)
}

fn key_of(table: &Table, project: &str, row: &[Value]) -> String {
    let position = |name: &String| table.columns.iter().position(|column| column.name == *name);
    let key = table.key.iter().filter_map(position).map(|at| sortable(&row[at]));
    std::iter::once(project.to_owned()).chain(key).collect::<Vec<_>>().join("|")
}

/// Text that sorts as the value does.
fn sortable(value: &Value) -> String {
    match value {
        Value::Int64(number) => format!("{:020}", i128::from(*number) - i128::from(i64::MIN)),
        Value::Date(days) => format!("{:020}", i64::from(*days) - i64::from(i32::MIN)),
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

fn fits(column: &Column, value: &Value) -> bool {
    use crate::ColumnType as Kind;
    match (&column.kind, value) {
        (_, Value::Null) => column.nullable,
        (Kind::Text, Value::Text(text)) => {
            column.max_length.is_none_or(|longest| text.chars().count() <= longest as usize)
        }
        (Kind::Json, Value::Json(text)) => serde_json::from_str::<serde_json::Value>(text).is_ok(),
        (Kind::Float64, Value::Float64(number)) => number.is_finite(),
        (Kind::Boolean, Value::Boolean(_))
        | (Kind::Int64, Value::Int64(_))
        | (Kind::Decimal { .. }, Value::Decimal(_))
        | (Kind::Bytes, Value::Bytes(_))
        | (Kind::Date, Value::Date(_))
        | (Kind::Timestamp, Value::Timestamp(_)) => true,
        _ => false,
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Tables in memory, with the meaning that the databases give to a commit: merge by key, a
//! snapshot replaced at its partition's end, nothing visible before the commit point.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use test_dashboard_model::validate::CheckedRow;
use test_dashboard_model::{CheckpointText, Table, TableMode, Value};

use crate::plugin::printable;

/// How many rows of a difference are shown.
const SHOWN: usize = 3;
/// Where a shown row is cut, in characters.
const LONGEST_ROW: usize = 300;

/// Rows by key. The key is the JSON list of its values, which tells them apart because every
/// column has one type.
type Rows = BTreeMap<String, Held>;

#[derive(Debug, Clone, PartialEq)]
struct Held {
    row: Arc<CheckedRow>,
    /// The partition that delivered it.
    owner: Arc<str>,
}

/// What the tables of one report hold for one project. Clones are cheap.
#[derive(Debug, Clone, Default)]
pub struct Tables(BTreeMap<String, Arc<Rows>>);

/// How the rows of one table differ from those that were expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// Rows that are not there, by key.
    pub missing: Sample,
    /// Rows that should not be there, by key.
    pub extra: Sample,
    /// Rows that are otherwise, each with what was expected.
    pub different: Sample,
}

/// The first few of many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub first: Vec<String>,
}

impl Sample {
    fn add(&mut self, tell: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(printable(&tell()));
        }
    }
}

impl Tables {
    /// How `other` differs from these; nothing where the rows are the same.
    pub fn difference(&self, other: &Tables) -> Vec<Difference> {
        let mut names: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(|name| self.difference_of(name, other)).collect()
    }

    /// Whether the rows are the same, whoever delivered them.
    pub fn is_same(&self, other: &Tables) -> bool {
        self.difference(other).is_empty()
    }

    /// The rows that `other` lacks, compared by key alone.
    pub fn lacking_in(&self, other: &Tables) -> Vec<Difference> {
        let mut differences = self.difference(other);
        for difference in &mut differences {
            difference.extra = Sample::default();
            difference.different = Sample::default();
        }
        differences.retain(|difference| difference.missing.count > 0);
        differences
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.values().map(|rows| rows.len()).sum()
    }

    fn difference_of(&self, name: &str, other: &Tables) -> Option<Difference> {
        let none = Arc::default();
        let expected = self.0.get(name).unwrap_or(&none);
        let found = other.0.get(name).unwrap_or(&none);
        if Arc::ptr_eq(expected, found) {
            return None;
        }
        let mut difference = Difference {
            table: name.to_string(),
            missing: Sample::default(),
            extra: Sample::default(),
            different: Sample::default(),
        };
        for (key, held) in expected.iter() {
            match found.get(key) {
                None => difference.missing.add(|| key.clone()),
                Some(found) if found.row != held.row => difference
                    .different
                    .add(|| format!("{key}: {}, expected {}", shown(&found.row), shown(&held.row))),
                Some(_) => {}
            }
        }
        for key in found.keys().filter(|key| !expected.contains_key(*key)) {
            difference.extra.add(|| key.clone());
        }
        let Difference { missing, extra, different, .. } = &difference;
        (missing.count + extra.count + different.count > 0).then_some(difference)
    }
}

fn shown(row: &CheckedRow) -> String {
    let text = json_list(row.values().iter());
    let mut short: String = text.chars().take(LONGEST_ROW).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn json_list<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    serde_json::Value::from(values.map(Value::to_json).collect::<Vec<_>>()).to_string()
}

/// What a partition is written from: what is visible, and the checkpoint beside it.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// The rows.
    pub tables: Tables,
    /// The checkpoint.
    pub checkpoint: Option<CheckpointText>,
}

/// The writing of one partition.
#[derive(Debug)]
pub struct Writer {
    declared: Vec<Arc<Table>>,
    owner: Arc<str>,
    full: bool,
    staged: BTreeMap<String, BTreeMap<String, Arc<CheckedRow>>>,
    /// A checkpoint that waits for the end, because the partition commits once.
    held: Option<CheckpointText>,
    committed: Committed,
}

impl Writer {
    /// Writes the partition `owner` into `declared` tables. `full` removes from merge tables,
    /// too, what the partition does not deliver again.
    pub fn new(from: Committed, declared: &[Arc<Table>], owner: &str, full: bool) -> Writer {
        Writer {
            declared: declared.to_vec(),
            owner: owner.into(),
            full,
            staged: BTreeMap::new(),
            held: None,
            committed: from,
        }
    }

    /// Takes a row, which is not visible yet. Of several with one key the last wins.
    pub fn stage(&mut self, table: &Table, row: CheckedRow) {
        let key = json_list(table.key_positions().into_iter().filter_map(|i| row.values().get(i)));
        self.staged.entry(table.name.clone()).or_default().insert(key, Arc::new(row));
    }

    /// A batch came with a checkpoint. Tells whether that made its rows visible: a partition
    /// that replaces what it held does so once, at its end.
    pub fn commit(&mut self, checkpoint: CheckpointText) -> bool {
        self.held = Some(checkpoint);
        let commits_once = self.declared.iter().any(|table| self.replaces(table));
        if !commits_once {
            self.merge();
        }
        !commits_once
    }

    /// The partition has ended.
    pub fn end(&mut self) {
        let replaced: Vec<Arc<Table>> =
            self.declared.iter().filter(|table| self.replaces(table)).cloned().collect();
        for table in replaced {
            let staged = self.staged.get(&table.name);
            let is_staged = |key: &String| staged.is_some_and(|rows| rows.contains_key(key));
            if let Some(rows) = self.committed.tables.0.get_mut(&table.name) {
                let owner = &self.owner;
                Arc::make_mut(rows).retain(|key, held| held.owner != *owner || is_staged(key));
            }
        }
        self.merge();
    }

    /// What is visible now.
    pub fn committed(&self) -> &Committed {
        &self.committed
    }

    fn replaces(&self, table: &Table) -> bool {
        self.full || table.mode == TableMode::Snapshot
    }

    fn merge(&mut self) {
        for (table, staged) in std::mem::take(&mut self.staged) {
            let rows = Arc::make_mut(self.committed.tables.0.entry(table).or_default());
            for (key, row) in staged {
                rows.insert(key, Held { row, owner: Arc::clone(&self.owner) });
            }
        }
        if let Some(checkpoint) = self.held.take() {
            self.committed.checkpoint = Some(checkpoint);
        }
    }
}

#[cfg(test)]
mod tests {
    use test_dashboard_model::validate::Validator;
    use test_dashboard_model::{Column, ColumnType};

    use super::*;

    fn table(mode: TableMode) -> Arc<Table> {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
            nullable: false,
            max_length: None,
            description: String::new(),
        };
        Arc::new(Table {
            name: "t_rows".into(),
            description: String::new(),
            mode,
            columns: vec![column("id", ColumnType::Int64), column("text", ColumnType::Text)],
            key: vec!["id".into()],
        })
    }

    fn stage(writer: &mut Writer, table: &Arc<Table>, rows: &[(i64, &str)]) {
        let mut validator = Validator::new(Arc::clone(table));
        for (id, text) in rows {
            let row = vec![Value::Int64(*id), Value::Text((*text).into())];
            writer.stage(table, validator.check(row).unwrap());
        }
    }

    fn text(text: &str) -> CheckpointText {
        CheckpointText(text.into())
    }

    #[test]
    fn rows_are_visible_from_their_commit_point_on_and_the_last_of_a_key_wins() {
        let table = table(TableMode::Merge);
        let mut writer =
            Writer::new(Committed::default(), std::slice::from_ref(&table), "a", false);
        stage(&mut writer, &table, &[(1, "old"), (1, "new")]);
        assert_eq!(writer.committed().tables.len(), 0);
        assert!(writer.commit(text("c1")));
        stage(&mut writer, &table, &[(2, "two")]);
        let committed = writer.committed().clone();
        assert_eq!((committed.tables.len(), committed.checkpoint), (1, Some(text("c1"))));
        writer.end();
        let difference = committed.tables.difference(&writer.committed().tables);
        assert_eq!(difference[0].extra, Sample { count: 1, first: vec!["[2]".into()] });
        assert_eq!(writer.committed().checkpoint, Some(text("c1")), "the end brings none");
    }

    #[test]
    fn a_snapshot_is_replaced_at_its_end_and_only_what_its_partition_held() {
        let table = table(TableMode::Snapshot);
        let tables = std::slice::from_ref(&table);
        let mut other = Writer::new(Committed::default(), tables, "other", false);
        stage(&mut other, &table, &[(9, "nine")]);
        other.end();
        let mut first = Writer::new(other.committed().clone(), tables, "a", false);
        stage(&mut first, &table, &[(1, "one"), (2, "two")]);
        first.end();
        let mut second = Writer::new(first.committed().clone(), tables, "a", false);
        stage(&mut second, &table, &[(2, "zwei")]);
        assert!(!second.commit(text("c")), "a snapshot commits once");
        assert_eq!(second.committed().checkpoint, None);
        second.end();
        assert_eq!(second.committed().checkpoint, Some(text("c")));
        let difference = first.committed().tables.difference(&second.committed().tables);
        assert_eq!(difference[0].missing.first, ["[1]"]);
        assert_eq!(difference[0].different.first, [r#"[2]: [2,"zwei"], expected [2,"two"]"#]);
        assert_eq!(difference[0].extra.count, 0);
    }

    #[test]
    fn a_full_reading_removes_from_merge_tables_too() {
        let table = table(TableMode::Merge);
        let tables = std::slice::from_ref(&table);
        let mut first = Writer::new(Committed::default(), tables, "a", false);
        stage(&mut first, &table, &[(1, "one"), (2, "two")]);
        first.end();
        let mut full = Writer::new(first.committed().clone(), tables, "a", true);
        stage(&mut full, &table, &[(2, "two"), (3, "three")]);
        full.end();
        let lacking = first.committed().tables.lacking_in(&full.committed().tables);
        assert_eq!(lacking[0].missing.first, ["[1]"]);
        assert_eq!(lacking[0].extra.count, 0, "what a full refresh finds besides is no fault");
        assert!(full.committed().tables.is_same(&full.committed().tables.clone()));
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! From typed rows to batches with checkpoints in the right places.

use std::collections::VecDeque;

use crate::{Checkpoint, CheckpointState, Failure, Reader, Row, Value};

/// Some rows of one table, as the contract has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The table's name.
    pub table: String,
    /// Rows, each a list of values in the order of the table's columns.
    pub rows: Vec<Vec<Value>>,
    /// With a checkpoint this batch is a commit point: its rows and all before it become
    /// visible together with it.
    pub checkpoint: Option<Checkpoint>,
}

/// Rows of several tables on their way to the host.
///
/// [`push`](Self::push) rows in any order; [`checkpoint`](Self::checkpoint) says that all
/// rows pushed so far are covered. Batches come out with rows of one table each, and a
/// checkpoint comes out on the last batch of what it covers, never earlier.
#[derive(Debug)]
pub struct Batches {
    /// Named by a batch that has no rows, only a checkpoint.
    main_table: &'static str,
    segments: VecDeque<Segment>,
    last_checkpoint: Option<Checkpoint>,
    rows: usize,
}

/// What lies between two checkpoints: the rows of each table, in the order of first use.
#[derive(Debug, Default)]
struct Segment {
    tables: VecDeque<(&'static str, Vec<Vec<Value>>)>,
    checkpoint: Option<Checkpoint>,
}

impl Batches {
    /// Nothing yet, of a report whose main table is `R`'s.
    pub fn of<R: Row>() -> Self {
        Batches { main_table: R::TABLE, segments: VecDeque::new(), last_checkpoint: None, rows: 0 }
    }

    /// Adds a row.
    pub fn push<R: Row>(&mut self, row: R) {
        let values = row.into_values();
        self.rows += 1;
        let segment = self.open_segment();
        match segment.tables.iter_mut().find(|(table, _)| *table == R::TABLE) {
            Some((_, rows)) => rows.push(values),
            None => segment.tables.push_back((R::TABLE, vec![values])),
        }
    }

    /// Says that every row pushed so far is covered by this state. A state equal to the one
    /// before covers nothing new and is left out, as the contract wants it.
    ///
    /// # Errors
    ///
    /// When the state has no JSON form.
    pub fn checkpoint<T: CheckpointState>(&mut self, state: &T) -> Result<(), Failure> {
        let checkpoint = Checkpoint::of(state)?;
        if self.last_checkpoint.as_ref() != Some(&checkpoint) {
            self.last_checkpoint = Some(checkpoint.clone());
            self.open_segment().checkpoint = Some(checkpoint);
        }
        Ok(())
    }

    /// How many rows wait to be taken.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether neither a row nor a checkpoint waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The next batch, of at most `max_rows` rows (at least one).
    pub fn take(&mut self, max_rows: usize) -> Option<Batch> {
        let segment = self.segments.front_mut()?;
        let mut batch = match segment.tables.pop_front() {
            None => Batch { table: self.main_table.into(), rows: Vec::new(), checkpoint: None },
            Some((table, mut rows)) => {
                if rows.len() > max_rows.max(1) {
                    let rest = rows.split_off(max_rows.max(1));
                    segment.tables.push_front((table, rest));
                }
                Batch { table: table.into(), rows, checkpoint: None }
            }
        };
        self.rows -= batch.rows.len();
        if segment.tables.is_empty() {
            batch.checkpoint = segment.checkpoint.take();
            self.segments.pop_front();
        }
        Some(batch)
    }

    /// Drops what no checkpoint covers: after a failure the host would not keep it anyway.
    fn keep_only_covered(&mut self) {
        if self.segments.back().is_some_and(|segment| segment.checkpoint.is_none())
            && let Some(dropped) = self.segments.pop_back()
        {
            self.rows -= dropped.tables.iter().map(|(_, rows)| rows.len()).sum::<usize>();
        }
    }

    /// The segment that takes more rows: the last, unless its checkpoint closed it.
    fn open_segment(&mut self) -> &mut Segment {
        if self.segments.back().is_none_or(|segment| segment.checkpoint.is_some()) {
            self.segments.push_back(Segment::default());
        }
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }
}

/// Whether a [`Source`] has more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It can be asked again.
    More,
    /// That was all.
    Finished,
}

/// Reads a partition piece by piece, such as page by page.
pub trait Source {
    /// Reads one more piece into `batches`: any number of rows, also none, and a checkpoint
    /// where one is due.
    ///
    /// # Errors
    ///
    /// Why the rest cannot be read. What was pushed before and covered by a checkpoint is
    /// still delivered.
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure>;
}

/// The [`Reader`] of a [`Source`]: gathers small pieces to batches that are worth their way
/// to the host, and splits large ones.
#[derive(Debug)]
pub struct Buffered<S> {
    source: S,
    batches: Batches,
    /// How the source ended, once it did.
    end: Option<Result<(), Failure>>,
}

/// Handing over a batch has a cost of its own, which about this many rows make small; larger
/// ones only take more memory.
const ROWS_WORTH_A_BATCH: usize = 1_000;

impl<S: Source> Buffered<S> {
    /// A reader for a report whose main table is `R`'s.
    pub fn of<R: Row>(source: S) -> Self {
        Buffered { source, batches: Batches::of::<R>(), end: None }
    }
}

impl<S: Source> Reader for Buffered<S> {
    fn next_batch(&mut self, max_rows: usize) -> Result<Option<Batch>, Failure> {
        while self.end.is_none() && self.batches.len() < max_rows.clamp(1, ROWS_WORTH_A_BATCH) {
            match self.source.fill(&mut self.batches) {
                Ok(Progress::More) => {}
                Ok(Progress::Finished) => self.end = Some(Ok(())),
                Err(failure) => {
                    self.batches.keep_only_covered();
                    self.end = Some(Err(failure));
                }
            }
        }
        match (self.batches.take(max_rows), &self.end) {
            (Some(batch), _) => Ok(Some(batch)),
            (None, Some(Err(failure))) => Err(failure.clone()),
            (None, _) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    /// An issue.
    #[derive(crate::Row)]
    #[row(table = "t_issues", mode = "merge", key("id"))]
    struct Issue {
        /// Its number.
        id: i64,
    }

    /// A label.
    #[derive(crate::Row)]
    #[row(table = "t_labels", mode = "merge", key("id"))]
    struct Label {
        /// Its number.
        id: i64,
    }

    #[derive(Serialize, Deserialize)]
    struct Page(u32);

    impl CheckpointState for Page {
        const VERSION: u32 = 1;
    }

    /// `issues 2 #1` for a batch of two issues with the checkpoint of page 1.
    fn shape(batch: &Batch) -> String {
        let table = batch.table.trim_start_matches("t_");
        let page = batch.checkpoint.as_ref().map(|checkpoint| checkpoint.state::<Page>().unwrap());
        let page = page.map(|Page(page)| format!(" #{page}")).unwrap_or_default();
        format!("{table} {}{page}", batch.rows.len())
    }

    fn shapes(batches: &mut Batches, max_rows: usize) -> Vec<String> {
        std::iter::from_fn(|| batches.take(max_rows)).map(|batch| shape(&batch)).collect()
    }

    #[test]
    fn rows_of_two_tables_come_out_apart_and_the_checkpoint_last() {
        let mut batches = Batches::of::<Issue>();
        for id in 0..5 {
            batches.push(Issue { id });
            batches.push(Label { id });
        }
        batches.checkpoint(&Page(1)).unwrap();
        batches.push(Issue { id: 5 });
        assert_eq!(batches.len(), 11);
        assert_eq!(
            shapes(&mut batches, 3),
            ["issues 3", "issues 2", "labels 3", "labels 2 #1", "issues 1"]
        );
        assert!(batches.is_empty());
        assert_eq!(batches.len(), 0);
    }

    #[test]
    fn a_checkpoint_without_rows_names_the_main_table() {
        let mut batches = Batches::of::<Issue>();
        batches.checkpoint(&Page(1)).unwrap();
        assert_eq!(shapes(&mut batches, 10), ["issues 0 #1"]);
    }

    #[test]
    fn a_checkpoint_that_does_not_advance_is_left_out() {
        let mut batches = Batches::of::<Issue>();
        batches.push(Issue { id: 1 });
        batches.checkpoint(&Page(1)).unwrap();
        assert_eq!(shapes(&mut batches, 10), ["issues 1 #1"]);
        batches.push(Issue { id: 2 });
        batches.checkpoint(&Page(1)).unwrap();
        batches.push(Issue { id: 3 });
        batches.checkpoint(&Page(2)).unwrap();
        assert_eq!(shapes(&mut batches, 10), ["issues 2 #2"]);
    }

    #[test]
    fn even_a_limit_of_nothing_makes_progress() {
        let mut batches = Batches::of::<Issue>();
        batches.push(Issue { id: 1 });
        batches.push(Issue { id: 2 });
        assert_eq!(shapes(&mut batches, 0), ["issues 1", "issues 1"]);
    }

    /// Gives pages of rows; `checkpoint_every` pages a checkpoint; fails at a page.
    struct Pages {
        page: u32,
        rows: i64,
        last: u32,
        checkpoint_every: u32,
        fails_at: Option<u32>,
    }

    impl Source for Pages {
        fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
            self.page += 1;
            for id in 0..self.rows {
                batches.push(Issue { id });
            }
            if self.fails_at == Some(self.page) {
                return Err(Failure::transient("broken"));
            }
            if self.page.is_multiple_of(self.checkpoint_every) {
                batches.checkpoint(&Page(self.page))?;
            }
            Ok(if self.page == self.last { Progress::Finished } else { Progress::More })
        }
    }

    fn read(source: Pages, max_rows: usize) -> (Vec<String>, Option<Failure>) {
        let mut reader = Buffered::of::<Issue>(source);
        let mut read = Vec::new();
        loop {
            match reader.next_batch(max_rows) {
                Ok(Some(batch)) => read.push(shape(&batch)),
                Ok(None) => return (read, None),
                Err(failure) => return (read, Some(failure)),
            }
        }
    }

    #[test]
    fn small_pages_are_gathered() {
        let pages = Pages { page: 0, rows: 100, last: 12, checkpoint_every: 100, fails_at: None };
        assert_eq!(read(pages, 5_000), (vec!["issues 1000".into(), "issues 200".into()], None));
        let pages = Pages { page: 0, rows: 100, last: 3, checkpoint_every: 2, fails_at: None };
        assert_eq!(read(pages, 5_000), (vec!["issues 200 #2".into(), "issues 100".into()], None));
    }

    #[test]
    fn large_pages_are_split() {
        let pages = Pages { page: 0, rows: 5, last: 1, checkpoint_every: 1, fails_at: None };
        assert_eq!(read(pages, 2).0, ["issues 2", "issues 2", "issues 1 #1"]);
    }

    #[test]
    fn what_a_checkpoint_covers_is_delivered_before_the_failure() {
        let pages = Pages { page: 0, rows: 10, last: 9, checkpoint_every: 2, fails_at: Some(4) };
        let (read, failure) = read(pages, 1_000);
        assert_eq!(read, ["issues 20 #2"]);
        assert_eq!(failure, Some(Failure::transient("broken")));
    }

    #[test]
    fn pages_without_rows_do_not_end_the_partition() {
        let pages = Pages { page: 0, rows: 0, last: 3, checkpoint_every: 3, fails_at: None };
        assert_eq!(read(pages, 10).0, ["issues 0 #3"]);
    }
}

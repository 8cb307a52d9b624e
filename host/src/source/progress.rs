// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The progress of a job, for anything that displays it. Counting costs an atomic addition, and
//! reading the counts blocks nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How far one job has come.
#[derive(Debug, Default)]
pub struct Progress {
    started: OnceLock<Instant>,
    planned: OnceLock<u64>,
    /// Readings, and planning, that are under way.
    active: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    rows: AtomicU64,
    requests: Arc<AtomicU64>,
}

/// How far a job had come when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Since planning began.
    pub elapsed: Duration,
    /// How many partitions are to be read; none before that is known.
    pub planned: Option<u64>,
    /// Whether any of it is being read, or planned.
    pub is_active: bool,
    /// Partitions read to their end.
    pub done: u64,
    /// Partitions that failed.
    pub failed: u64,
    /// Rows that the plugin delivered.
    pub rows: u64,
    /// Requests sent.
    pub requests: u64,
}

impl Progress {
    /// How far it has come.
    pub fn look(&self) -> Seen {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Seen {
            elapsed: self.started.get().map_or(Duration::ZERO, Instant::elapsed),
            planned: self.planned.get().copied(),
            is_active: count(&self.active) > 0,
            done: count(&self.done),
            failed: count(&self.failed),
            rows: count(&self.rows),
            requests: count(&self.requests),
        }
    }

    /// Where requests are counted as they are sent.
    pub(super) fn requests(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.requests)
    }

    /// It is being read or planned until the guard is dropped.
    pub(crate) fn begin(&self) -> Active<'_> {
        self.started.get_or_init(Instant::now);
        self.active.fetch_add(1, Ordering::Relaxed);
        Active(self)
    }

    /// So many partitions are to be read.
    pub(crate) fn plan(&self, partitions: usize) {
        self.planned.get_or_init(|| partitions as u64);
    }

    /// A partition was read as far as it went.
    pub(crate) fn end(&self, has_failed: bool) {
        let counter = if has_failed { &self.failed } else { &self.done };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The plugin delivered rows.
    pub(crate) fn read(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}

impl Seen {
    /// Whether all partitions were read as far as they go.
    pub fn is_over(&self) -> bool {
        self.planned.is_some_and(|planned| self.done + self.failed >= planned)
    }
}

/// Something of a job is under way.
pub(crate) struct Active<'a>(&'a Progress);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

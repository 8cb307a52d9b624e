// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is known of a run so far, for everything that reports on it at its end.

use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_store::ReportKey;

use crate::run::{Event, RunReport};
use crate::source::Job;

/// A run, as far as it got. Whatever ends it, this is what there is to tell.
pub struct Account {
    /// The project asked for, as the person wrote it.
    pub project: Option<String>,
    /// The report asked for.
    pub report: Option<String>,
    /// When the program was asked.
    pub started: Timestamp,
    /// The database that was reached.
    pub database: Option<String>,
    /// What it is to read, once that is known.
    pub jobs: Vec<JobAccount>,
    /// Its number, and its partitions as far as they have ended.
    pub pumped: RunReport,
}

/// One report of one project that a run is to read.
pub struct JobAccount {
    /// Which.
    pub key: ReportKey,
    /// Whether it is read in this run; not, when it is not due.
    pub is_due: bool,
    /// When `status` will call it late; none without a schedule, or without a good run.
    pub fresh_until: Option<Timestamp>,
}

impl Account {
    /// A run that is asked for now.
    pub fn begin(project: Option<String>, report: Option<String>) -> Self {
        Account {
            project,
            report,
            started: Timestamp::now(),
            database: None,
            jobs: Vec::new(),
            pumped: RunReport::default(),
        }
    }

    /// Hears what happens in it.
    pub fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned(jobs) => self.jobs = jobs.iter().map(JobAccount::new).collect(),
            Event::Connected(database) => self.database = Some((*database).to_string()),
            Event::Due(due) => {
                self.jobs.iter_mut().for_each(|job| job.is_due = due.contains(&job.key));
            }
            Event::Joined(shard) => self.pumped.shard = Some(*shard),
            Event::NotBegun(run) => self.pumped.run = Some(run.0),
            Event::Began(run, done) => {
                self.pumped.run = Some(run.0);
                self.pumped.done_before = done.to_vec();
            }
            Event::Ended(partition) | Event::NoViews(partition) => {
                self.pumped.partitions.push(Arc::clone(partition))
            }
            Event::FreshUntil(key, moment) => {
                let of_key = self.jobs.iter_mut().filter(|job| job.key == **key);
                of_key.for_each(|job| job.fresh_until = Some(*moment));
            }
            _ => {}
        }
    }
}

impl JobAccount {
    fn new(job: &Job) -> Self {
        JobAccount { key: job.key(), is_due: true, fresh_until: None }
    }
}

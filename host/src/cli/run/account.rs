// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What becomes known of a run while it goes, for all who are told of it at its end.

use jiff::Timestamp;
use test_dashboard_store::{ReportKey, Store};

use crate::config::Config;
use crate::run::RunReport;
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

    /// These are to be read.
    pub fn plan(&mut self, jobs: &[Job]) {
        let account = |job: &Job| JobAccount { key: job.key(), is_due: true, fresh_until: None };
        self.jobs = jobs.iter().map(account).collect();
    }

    /// Of all that are to be read only these are due.
    pub fn leave_due(&mut self, due: &[Job]) {
        for job in &mut self.jobs {
            job.is_due = due.iter().any(|due| due.key() == job.key);
        }
    }

    /// Looks up when each report will be late, by the rule of `status`.
    pub async fn look_up_freshness(&mut self, config: &Config, store: &Store) {
        for job in &mut self.jobs {
            let Some(every) = config.schedule.get(&job.key.report) else { continue };
            match store.last_good(&job.key).await {
                Ok(good) => job.fresh_until = good.and_then(|good| every.late_after(good.started)),
                Err(error) => {
                    let ReportKey { project, report, .. } = &job.key;
                    tracing::warn!("the summary lacks how fresh {project} {report} is: {error}");
                }
            }
        }
    }
}

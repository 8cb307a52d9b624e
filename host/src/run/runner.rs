// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Turns a request into a run that writes to a database, or into a dry run.

use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_store::{Outcome, ReportKey, Store, Target};

use super::life::Run;
use super::{Ending, Event, Listener, RunRequest, Selection, Stop, read, until};
use crate::config::{Config, Environment};
use crate::plugin::Runtime;
use crate::pump::{DryRows, PartitionReport, Sink};
use crate::source::{Installed, Job};
use crate::usage_error::UsageError;

/// Does what is asked for.
pub struct Runner<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The variables that it names.
    pub environment: &'a Environment,
    /// What is asked for.
    pub request: &'a RunRequest,
    /// What stops it.
    pub stop: Stop<'a>,
    /// Who listens.
    pub hear: Listener<'a>,
}

impl Runner<'_> {
    /// Reads into a database. Which one is looked up after the plugins are loaded: what is wrong
    /// with these is reported first.
    ///
    /// # Errors
    ///
    /// [`UsageError`] for usage errors; otherwise what made the whole run
    /// impossible. A failed run is put on record as far as that can be done. A partition's failure
    /// is no error.
    pub async fn write(
        &self,
        database: impl Fn() -> Result<Target, UsageError>,
    ) -> anyhow::Result<Ending> {
        let Runner { config, request, hear, .. } = *self;
        let window = request.window(Timestamp::now())?;
        let jobs = match self.jobs().await {
            Ok(jobs) => jobs,
            Err(error) => {
                if !request.tapes.is_replay()
                    && let Ok(target) = database()
                {
                    self.keep_unprepared(&target, window, &error).await;
                }
                return Err(error);
            }
        };
        let connections = request.at_once(config) as u32 + 2;
        let store = Store::connect_for_run(&database()?, connections).await?;
        hear(&Event::Connected(&store.name()));
        let keys: Vec<ReportKey> = jobs.iter().map(Job::key).collect();
        let ending = self.write_jobs(&store, jobs).await;
        self.with(&store).look_up_freshness(&keys).await;
        store.close().await;
        ending
    }

    /// Reads jobs of one report into a database that is open.
    ///
    /// # Errors
    ///
    /// What made the whole run impossible; it is on record as a failed run where it came before
    /// that began. A partition's failure is no error. After an error in one of several shards it
    /// has no end, and can be started again.
    pub async fn write_jobs(&self, store: &Store, jobs: Vec<Job>) -> anyhow::Result<Ending> {
        self.with(store).write(jobs).await
    }

    /// Does everything but the writing, and keeps the rows.
    ///
    /// # Errors
    ///
    /// As [`Runner::write`]; nothing is put on record.
    pub async fn show(&self, rows: &DryRows) -> anyhow::Result<Ending> {
        let hear = self.hear;
        let jobs: Vec<Arc<Job>> = self.jobs().await?.into_iter().map(Arc::new).collect();
        let options = self.request.options(self.config, Selection::default());
        hear(&Event::Reading(&jobs));
        let ended = async |partition: &Arc<PartitionReport>| hear(&Event::Ended(partition));
        let reading = read(jobs, Sink::Dry(rows.clone()), &options, ended);
        let report = until(reading, self.stop).await;
        hear(&Event::Read);
        Ok(Ending::Ended(report?.map_or(Outcome::Interrupted, |report| report.outcome())))
    }

    async fn jobs(&self) -> anyhow::Result<Vec<Job>> {
        let installed = Installed::load(self.config, &Runtime::new()?).await?;
        let jobs = self.request.jobs(self.config, self.environment, &installed)?;
        (self.hear)(&Event::Planned(&jobs));
        Ok(jobs)
    }

    pub(super) fn with<'b>(&'b self, store: &'b Store) -> Run<'b> {
        let Runner { config, request, stop, hear, .. } = *self;
        Run { config, request, store, stop, hear }
    }
}

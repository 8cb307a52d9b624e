// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A run that writes to the database, from its beginning to its end.
//!
//! A run that is not split is shard 1 of 1, and begins, reads and ends like any other. What differs
//! when several shards share a run is in `shared.rs`.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use test_dashboard_store::{
    Outcome, PartitionKey, ReportKey, RunEnd, RunId, RunWindow, Store, TableChange, ViewChanges,
    Views,
};
use tracing::Level;

use super::read::views_failed;
use super::{Event, Listener, RunReport, RunRequest, Selection, Stop, freshness, read, until};
use crate::config::{Config, Every, approximate};
use crate::pump::{PartitionReport, Sink};
use crate::source::{Job, owner};
use crate::usage_error::UsageError;

/// A run that writes to the database.
pub(super) struct Run<'a> {
    pub config: &'a Config,
    pub request: &'a RunRequest,
    pub store: &'a Store,
    pub stop: Stop<'a>,
    pub hear: Listener<'a>,
}

/// How a run ended that could be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is not time yet (`every`).
    NotDue,
    /// It has ended like this; of a shard, its part.
    Ended(Outcome),
}

/// A run that is in the history.
pub(super) struct Begun {
    pub run: RunId,
    pub started: Timestamp,
    /// This shard's partitions that were read before it was started again.
    pub done: Vec<PartitionKey>,
}

impl Run<'_> {
    /// See [`Runner::write_jobs`](super::Runner::write_jobs).
    pub async fn write(&self, mut jobs: Vec<Job>) -> anyhow::Result<Ending> {
        let window = self.window(&jobs);
        let mut due: Vec<ReportKey> = jobs.iter().map(Job::key).collect();
        match self.begin(&mut jobs, &mut due).await {
            Ok(Continue((begun, views))) => self.go_on(&begun, jobs, views).await,
            Ok(Break(ending)) => Ok(ending),
            Err(error) => {
                if !error.is::<UsageError>() {
                    let keys = if self.is_of_whole_reports() { due } else { Vec::new() };
                    self.keep_failed(&keys, window, &error).await;
                }
                Err(error)
            }
        }
    }

    /// Begins the run, or joins the one that other shards have begun, and leaves the jobs that are
    /// part of it. A run that is there is joined also when it is not due any more. With it comes
    /// what is wrong with the views.
    async fn begin(
        &self,
        jobs: &mut Vec<Job>,
        due: &mut Vec<ReportKey>,
    ) -> anyhow::Result<ControlFlow<Ending, (Begun, Option<Arc<PartitionReport>>)>> {
        for name in self.store.migrate().await? {
            self.inform(format!("migrated the database: {name}"));
        }
        let key = self.shared_key();
        let known = match &key {
            Some(key) => self.store.shared_run(key).await?,
            None => None,
        };
        if let (None, Some(every)) = (&known, self.request.every) {
            *due = self.due(jobs, every).await?;
            (self.hear)(&Event::Due(due));
            if due.is_empty() {
                return Ok(Break(Ending::NotDue));
            }
        }
        let is_due = |job: &Job| due.contains(&job.key());
        let views = self.prepare(jobs.iter().find(|job| is_due(job))).await?;
        match &known {
            Some(run) if run.shards == self.request.part.shard.count() => self.adopt(run, jobs)?,
            Some(_) => {}
            None => {
                for job in jobs.iter_mut().filter(|job| is_due(job)) {
                    self.make_full_if_due(job).await?;
                }
            }
        }
        let begun = match key {
            Some(key) => match self.join(&key, jobs, due).await? {
                Continue(begun) => begun,
                Break(ending) => return Ok(Break(ending)),
            },
            None => {
                jobs.retain(is_due);
                let run = self.store.start_run(&self.request.new_run()).await?;
                Begun { run, started: Timestamp::now(), done: Vec::new() }
            }
        };
        if let Some(window) = self.window(jobs)
            && let Err(error) = self.store.record_window(begun.run, window).await
        {
            let run = begun.run;
            self.warn(format!(
                "cannot record in the history that run {run} is over {window}: {error}"
            ));
        }
        (self.hear)(&Event::Began(begun.run, &begun.done));
        Ok(Continue((begun, views)))
    }

    /// Reads the jobs, and ends the run.
    async fn go_on(
        &self,
        begun: &Begun,
        jobs: Vec<Job>,
        views: Option<Arc<PartitionReport>>,
    ) -> anyhow::Result<Ending> {
        let (run, part) = (begun.run, &self.request.part);
        let jobs: Vec<Arc<Job>> = jobs.into_iter().map(Arc::new).collect();
        (self.hear)(&Event::Reading(&jobs));
        let reading = async {
            let (mut mine, is_on_record) = self.read(begun, &jobs).await;
            let whole = match part.is_shared() {
                false => Some(mine.clone()),
                true => self.end_shard(run, &mine, is_on_record).await?,
            };
            let Some(mut whole) = whole else { return Ok((mine, None)) };
            self.end_full(run, &jobs, &mut mine, &mut whole).await;
            if part.is_shared() && mine.failures().any(|failure| !failure.is_partition()) {
                // So that it is this shard that has something to do when it is started again.
                self.store.end_shard(run, part.shard, &mine.end()).await?;
            }
            anyhow::Ok((mine, Some(whole)))
        };
        let read = until(reading, self.stop).await;
        (self.hear)(&Event::Read);
        let Some(read) = read? else {
            self.interrupted(begun, &jobs).await;
            return Ok(Ending::Ended(Outcome::Interrupted));
        };
        let (mut mine, whole) = read?;
        if let Some(whole) = whole {
            self.end(begun, &jobs, whole, views.as_ref()).await?;
        }
        // Not before: the rows are as fresh as they are without their views.
        if let Some(views) = views {
            (self.hear)(&Event::NoViews(&views));
            mine.partitions.push(views);
        }
        Ok(Ending::Ended(mine.outcome()))
    }

    /// Reads what is this process's, and keeps the history of every partition. Tells whether all
    /// of it could be kept.
    async fn read(&self, begun: &Begun, jobs: &[Arc<Job>]) -> (RunReport, bool) {
        let selection = match &self.request.only {
            Some(partitions) => Selection::Only(partitions.clone()),
            None => Selection::Shard(self.request.part.shard, begun.done.iter().cloned().collect()),
        };
        let options = self.request.options(self.config, selection);
        let mut is_on_record = true;
        let ended = async |partition: &Arc<PartitionReport>| {
            is_on_record &= self.ended(begun.run, partition).await;
        };
        let sink = Sink::Store(self.store.clone(), begun.run);
        let report = read(jobs.to_vec(), sink, &options, ended).await;
        (RunReport { done_before: begun.done.clone(), ..report }, is_on_record)
    }

    /// A partition has ended. Whether the history has what became of it: where it cannot be
    /// written that is told, but does not undo rows that were.
    pub(super) async fn ended(&self, run: RunId, partition: &Arc<PartitionReport>) -> bool {
        (self.hear)(&Event::Ended(partition));
        self.keep(run, partition).await
    }

    async fn keep(&self, run: RunId, partition: &PartitionReport) -> bool {
        let kept = self.store.record_partition(run, &partition.key(), &partition.result()).await;
        if let Err(error) = &kept {
            let PartitionReport { report, partition, .. } = partition;
            self.warn(format!("cannot record {report} {partition} in the history: {error}"));
        }
        kept.is_ok()
    }

    /// A run by itself ends when it is interrupted; others wait for the shard.
    async fn interrupted(&self, begun: &Begun, jobs: &[Arc<Job>]) {
        let Begun { run, started, .. } = begun;
        let how = if self.request.part.is_shared() {
            let shard = self.request.part.shard;
            format!(
                "run {run} waits for shard {shard} to be started again, which resumes from there"
            )
        } else {
            self.keep_freshness(*run, jobs, |_| freshness::interrupted(*started)).await;
            self.finish(*run, Outcome::Interrupted).await;
            "the next run resumes from there".into()
        };
        self.remark(format!("interrupted: what was committed stays, the rest was dropped; {how}"));
    }

    /// Does for the whole run what comes when all of it is read.
    async fn end(
        &self,
        begun: &Begun,
        jobs: &[Arc<Job>],
        mut whole: RunReport,
        views: Option<&Arc<PartitionReport>>,
    ) -> anyhow::Result<()> {
        let end_of = |job: &Job| freshness::end_of(job, &whole, begun.started);
        self.keep_freshness(begun.run, jobs, end_of).await;
        self.forget_old_runs().await;
        if self.request.part.is_shared() {
            // The shard has ended, whatever became of the views: to start it again would read
            // nothing.
            return self.finish_shared(begun.run, &whole).await;
        }
        if let Some(views) = views {
            self.keep(begun.run, views).await;
            whole.partitions.push(views.clone());
        }
        self.finish(begun.run, whole.outcome()).await;
        Ok(())
    }

    async fn finish(&self, run: RunId, outcome: Outcome) {
        if let Err(error) = self.store.finish_run(run, &RunEnd { outcome, error: None }).await {
            self.warn(format!("cannot record the end of run {run} in the history: {error}"));
        }
    }

    /// The reports whose last good run is long enough ago; says so of the others.
    async fn due(&self, jobs: &[Job], every: Every) -> anyhow::Result<Vec<ReportKey>> {
        let now = Timestamp::now();
        let mut due = Vec::new();
        for job in jobs {
            match self.store.last_good(&job.key()).await? {
                Some(good) if !every.is_due(Some(good.started), now) => self.remark(format!(
                    "not due: {} was read {} ago, in run {}, and is due every {every}",
                    job.label(),
                    approximate(now.duration_since(good.started)),
                    good.run
                )),
                _ => due.push(job.key()),
            }
        }
        Ok(due)
    }

    /// Makes the tables and views that the jobs, of which this is one, need. Rows come first:
    /// without its views a run is still worth having. What is wrong with these is for its end to
    /// tell.
    async fn prepare(&self, job: Option<&Job>) -> anyhow::Result<Option<Arc<PartitionReport>>> {
        let Some(job) = job else { return Ok(None) };
        let owner = owner(&job.access.plugin);
        for change in self.store.prepare_tables(&owner, &job.tables).await? {
            match change {
                TableChange::Created { table } => self.inform(format!("created the table {table}")),
                TableChange::ColumnAdded { table, column } => {
                    self.inform(format!("added the column {table}.{column}"));
                }
                TableChange::PutBack { what, reports } => self.warn(format!(
                    "{what} was missing: somebody has dropped or renamed it. It was recreated empty, and these reports read everything again, in every project with its next run: {}. What the service no longer delivers cannot be restored",
                    reports.join(", ")
                )),
            }
        }
        Ok(self.refresh_views().await.err().map(|error| {
            let error = format!("{error:#}");
            (self.hear)(&Event::Log(Level::ERROR, error.clone()));
            Arc::new(views_failed(job, error))
        }))
    }

    async fn refresh_views(&self) -> anyhow::Result<()> {
        let own = self.config.views();
        // What is wrong with one of an operator's own is no reason to be without the others.
        let views = if let Ok(views) = &own { views } else { &Views::shipped()? };
        let ViewChanges { made, dropped } = self.store.refresh_views(views).await?;
        made.iter().for_each(|view| self.inform(format!("created the view {view}")));
        dropped.iter().for_each(|view| {
            self.inform(format!("dropped the view {view}: its folder is gone"));
        });
        own?;
        Ok(())
    }

    /// Old history in the way is a nuisance, and no reason to fail a run.
    async fn forget_old_runs(&self) {
        let days = self.config.history_days();
        if days == 0 {
            return;
        }
        let before = Timestamp::now() - SignedDuration::from_hours(24 * i64::from(days));
        match self.store.prune_history(before).await {
            Ok(0) => {}
            Ok(runs) => {
                self.inform(format!("forgot {runs} runs older than {days} days (history-days)"));
            }
            Err(error) => self.warn(format!("cannot delete old runs from the history: {error}")),
        }
    }

    /// Whether it says how fresh its reports are: not, when it reads some of their partitions, or
    /// answers that are as old as a recording.
    pub(super) fn is_of_whole_reports(&self) -> bool {
        self.request.only.is_none() && !self.request.tapes.is_replay()
    }

    /// The days that it is for, the same in all of its jobs. A replay is for none.
    fn window(&self, jobs: &[Job]) -> Option<RunWindow> {
        if self.request.tapes.is_replay() { None } else { jobs.iter().find_map(Job::window) }
    }

    pub(super) fn remark(&self, text: String) {
        (self.hear)(&Event::Remark(text));
    }

    pub(super) fn inform(&self, text: String) {
        (self.hear)(&Event::Log(Level::INFO, text));
    }

    pub(super) fn warn(&self, text: String) {
        (self.hear)(&Event::Log(Level::WARN, text));
    }
}

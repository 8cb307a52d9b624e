// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The part of a run that writes: tables, rows, history.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use test_dashboard_egress::Tape;
use test_dashboard_store::{
    NewRun, Outcome, PartitionKey, ReportEnd, ReportKey, RunEnd, RunId, RunWindow, Store,
    TableChange,
};

use super::account::Account;
use super::{failed, new_run};
use crate::cli::exit::Exit;
use crate::cli::progress::Shown;
use crate::cli::{context, output};
use crate::config::{Config, DatasourceConfig, Every, approximate};
use crate::misuse::Misuse;
use crate::pump::{PartitionReport, Sink};
use crate::run::{self, Options, Part, freshness, make_full_if_due};
use crate::source::{self, Job};

/// A run that writes to the database.
pub struct Writing<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The database.
    pub store: &'a Store,
    /// The project asked for, as the person wrote it.
    pub project: &'a str,
    /// The report asked for.
    pub report: &'a str,
    /// What the history calls the command line.
    pub command: String,
    /// Only what was last read this long ago.
    pub every: Option<Every>,
    /// The part that this process reads, where several share the run.
    pub part: Option<Part>,
    /// How it is done.
    pub options: &'a Options,
}

impl Writing<'_> {
    /// Prepares the tables, pumps, and keeps the history. The jobs are of one report.
    ///
    /// # Errors
    ///
    /// What made the whole run impossible; it is on record as a failed run where it came before
    /// that began. A partition's failure is no error but an exit code.
    pub async fn write(&self, jobs: Vec<Job>, account: &mut Account) -> anyhow::Result<Exit> {
        let window = window_of(&jobs);
        let outcome = self.write_all(jobs, account).await;
        if let Err(error) = &outcome
            && account.pumped.run.is_none()
            && !error.is::<Misuse>()
        {
            let due = account.jobs.iter().filter(|job| job.is_due).map(|job| job.key.clone());
            let keys = if self.options.tapes.is_replay() { Vec::new() } else { due.collect() };
            let id = failed::keep(self.store, &self.new_run(), &keys, window, error).await;
            account.pumped.run = id.map(|id| id.0);
        }
        outcome
    }

    async fn write_all(&self, mut jobs: Vec<Job>, account: &mut Account) -> anyhow::Result<Exit> {
        let store = self.store;
        for name in store.migrate().await? {
            tracing::info!("migrated the database: {name}");
        }
        if let Some(part) = &self.part {
            return self.write_part(part, jobs, account).await;
        }
        if let Some(every) = self.every {
            let due = due(store, &jobs, every).await?;
            jobs.retain(|job| due.contains(&job.key()));
            account.leave_due(&jobs);
            if jobs.is_empty() {
                return Ok(Exit::NotDue);
            }
        }
        let views = self.prepare(&jobs).await?;
        self.make_full(&mut jobs).await?;
        let id = store.start_run(&self.new_run()).await?;
        self.keep_window(id, &jobs).await;
        let started = Timestamp::now();
        let jobs: Vec<Arc<Job>> = jobs.into_iter().map(Arc::new).collect();
        if self.pump(id, &jobs, self.options, account).await?.is_none() {
            self.keep_freshness(id, &jobs, |_| freshness::interrupted(started)).await;
            finish(store, id, Outcome::Interrupted).await;
            output::remark(
                "interrupted: what was committed stays, the rest was dropped; the next run goes on from there",
            );
            return Ok(Exit::Interrupted);
        }
        let run = &account.pumped;
        self.keep_freshness(id, &jobs, |job| freshness::end_of(job, run, started)).await;
        if let Some(views) = views {
            // Not before: the rows are as fresh as they are without their views.
            keep(store, id, &views).await;
            account.pumped.partitions.push(views);
        }
        forget_old_runs(store, self.config).await;
        finish(store, id, account.pumped.outcome()).await;
        Ok(account.pumped.outcome().into())
    }

    /// Puts on record which days the run is for: the same in all of its jobs.
    pub(super) async fn keep_window(&self, run: RunId, jobs: &[Job]) {
        let Some(window) = window_of(jobs) else { return };
        if let Err(error) = self.store.record_window(run, window).await {
            tracing::warn!("the history lacks that run {run} is over {window}: {error}");
        }
    }

    /// Puts on record how fresh the jobs' reports are. A run of some of their partitions says
    /// nothing of a report as a whole: it neither makes it fresh nor hides why it is not.
    async fn keep_freshness(&self, run: RunId, jobs: &[Arc<Job>], end: impl Fn(&Job) -> ReportEnd) {
        if !self.options.selection.is_whole() {
            return;
        }
        for job in jobs {
            freshness::keep(self.store, run, job, &end(job)).await;
        }
    }

    /// Pumps, and keeps the history of every partition; none when it was interrupted.
    ///
    /// # Errors
    ///
    /// When the program cannot be told of signals.
    pub(super) async fn pump(
        &self,
        id: RunId,
        jobs: &[Arc<Job>],
        options: &Options,
        account: &mut Account,
    ) -> anyhow::Result<Option<Pumped>> {
        account.pumped.run = Some(id.0);
        let mut is_on_record = true;
        let mut shown = Shown::begin(jobs);
        let ended = async |partition: &PartitionReport| {
            context::log_partition(partition).await;
            shown.ended(partition);
            account.pumped.partitions.push(partition.clone());
            is_on_record &= keep(self.store, id, partition).await;
        };
        let pumping = run::read(jobs.to_vec(), Sink::Store(self.store.clone(), id), options, ended);
        let run = context::until_interrupted(pumping).await?;
        drop(shown);
        Ok(run.map(|run| Pumped { planned: run.planned, is_on_record }))
    }

    /// Makes the tables and views what the jobs need. Rows come first: without its views a run is
    /// still worth having. What is wrong with these is for its end to tell.
    pub(super) async fn prepare(&self, jobs: &[Job]) -> anyhow::Result<Option<PartitionReport>> {
        let store = self.store;
        let Some(job) = jobs.first() else { return Ok(None) };
        for change in store.prepare_tables(&source::owner(&job.access.plugin), &job.tables).await? {
            match change {
                TableChange::Created { table } => tracing::info!("created the table {table}"),
                TableChange::ColumnAdded { table, column } => {
                    tracing::info!("added the column {table}.{column}");
                }
                TableChange::PutBack { what, reports } => tracing::warn!(
                    "{what} was missing: somebody has dropped or renamed it. It was put back empty, and these reports read everything again, in every project with its next run: {}. What the service does not deliver any more does not come back",
                    reports.join(", ")
                ),
            }
        }
        match store.refresh_views().await {
            Ok(views) => {
                views.iter().for_each(|view| tracing::info!("made the view {view}"));
                Ok(None)
            }
            Err(error) => {
                tracing::error!("{error}");
                Ok(Some(run::views_failed(job, error.to_string())))
            }
        }
    }

    /// Makes jobs full ones when it is time.
    pub(super) async fn make_full(&self, jobs: &mut [Job]) -> anyhow::Result<()> {
        for job in jobs {
            // A job's datasource is in the configuration that the job comes from.
            let datasource = self.config.datasources.get(&job.datasource);
            let days = datasource.map_or(0, DatasourceConfig::full_every_days);
            make_full_if_due(job, self.store, days).await?;
        }
        Ok(())
    }

    pub(super) fn new_run(&self) -> NewRun {
        new_run(self.project, self.report, &self.command)
    }
}

/// What a run has pumped to its end.
pub struct Pumped {
    /// All partitions that were planned.
    pub planned: Vec<PartitionKey>,
    /// Whether the history has what became of each that was read.
    pub is_on_record: bool,
}

/// The reports whose last good run is long enough ago; says so of the others.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn due(store: &Store, jobs: &[Job], every: Every) -> anyhow::Result<Vec<ReportKey>> {
    let now = Timestamp::now();
    let mut due = Vec::new();
    for job in jobs {
        match store.last_good(&job.key()).await? {
            Some(good) if !every.is_due(Some(good.started), now) => output::remark(format_args!(
                "not due: {} was read {} ago, in run {}, and is to be read every {every}",
                job.label(),
                approximate(now.duration_since(good.started)),
                good.run
            )),
            _ => due.push(job.key()),
        }
    }
    Ok(due)
}

/// The days that a run is for, the same in all of its jobs. A replay is for none.
fn window_of(jobs: &[Job]) -> Option<RunWindow> {
    jobs.iter().filter(|job| !matches!(job.tape, Tape::Replay(_))).find_map(Job::window)
}

/// Old history in the way is a nuisance, and no reason to fail a run.
pub async fn forget_old_runs(store: &Store, config: &Config) {
    let days = config.history_days();
    if days == 0 {
        return;
    }
    let before = Timestamp::now() - SignedDuration::from_hours(24 * i64::from(days));
    match store.prune_history(before).await {
        Ok(0) => {}
        Ok(runs) => tracing::info!("forgot {runs} runs older than {days} days (history-days)"),
        Err(error) => tracing::warn!("old runs are still in the history: {error}"),
    }
}

/// Whether the history has what became of a partition. Where it cannot be written that is told,
/// but does not undo rows that were.
pub async fn keep(store: &Store, run: RunId, partition: &PartitionReport) -> bool {
    let kept = store.record_partition(run, &partition.key(), &partition.result()).await;
    if let Err(error) = &kept {
        tracing::warn!("the history lacks {} {}: {error}", partition.report, partition.partition);
    }
    kept.is_ok()
}

async fn finish(store: &Store, run: RunId, outcome: Outcome) {
    let end = RunEnd { outcome, error: None };
    if let Err(error) = store.finish_run(run, &end).await {
        tracing::warn!("the history lacks the end of run {run}: {error}");
    }
}

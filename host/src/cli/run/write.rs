//! The part of a run that writes: tables, rows, history.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use test_dashboard_store::{NewRun, Outcome, Owner, ReportEnd, RunEnd, RunId, Store, TableChange};

use super::account::Account;
use crate::cli::exit::Exit;
use crate::cli::{context, freshness, output};
use crate::config::{Config, Every, approximate};
use crate::pump::{self, Job, Options, PartitionReport, Sink, make_full_if_due};

/// For how many days the history is kept when nothing else is said.
const DEFAULT_HISTORY_DAYS: u32 = 400;
/// After how many days a report is read in full when nothing else is said.
const DEFAULT_FULL_EVERY_DAYS: u32 = 28;

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
    /// How it is done.
    pub options: &'a Options,
}

impl Writing<'_> {
    /// Prepares the tables, pumps, and keeps the history. The jobs are of one report.
    ///
    /// # Errors
    ///
    /// What made the whole run impossible. A partition's failure is no error but an exit code.
    pub async fn write(&self, mut jobs: Vec<Job>, account: &mut Account) -> anyhow::Result<Exit> {
        let store = self.store;
        for name in store.migrate().await? {
            tracing::info!("migrated the database: {name}");
        }
        if let Some(every) = self.every {
            jobs = only_due(store, jobs, every).await?;
            account.leave_due(&jobs);
            if jobs.is_empty() {
                return Ok(Exit::NotDue);
            }
        }
        self.prepare(&mut jobs).await?;
        let id = self.start().await?;
        account.pumped.run = Some(id.0);
        let started = Timestamp::now();
        let jobs: Vec<Arc<Job>> = jobs.into_iter().map(Arc::new).collect();
        let sink = Sink::Store(store.clone(), id);
        let ended = async |partition: &PartitionReport| {
            context::log_partition(partition).await;
            account.pumped.partitions.push(partition.clone());
            keep(store, id, partition).await;
        };
        let pumping = pump::run(jobs.clone(), sink, self.options, ended);
        if context::until_interrupted(pumping).await?.is_none() {
            self.keep_freshness(id, &jobs, |_| freshness::interrupted(started)).await;
            finish(store, id, Outcome::Interrupted).await;
            output::remark(
                "interrupted: what was committed stays, the rest was dropped; the next run goes on from there",
            );
            return Ok(Exit::Interrupted);
        }
        let run = &account.pumped;
        self.keep_freshness(id, &jobs, |job| freshness::end_of(job, run, started)).await;
        forget_old_runs(store, self.config).await;
        finish(store, id, run.outcome()).await;
        Ok(run.outcome().into())
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

    /// Makes the tables and views what the jobs need, and jobs full ones when it is time.
    async fn prepare(&self, jobs: &mut [Job]) -> anyhow::Result<()> {
        let store = self.store;
        if let Some(job) = jobs.first() {
            let owner = Owner {
                datasource: job.datasource.clone(),
                plugin_version: job.plugin.description.version.clone(),
            };
            for change in store.prepare_tables(&owner, &job.tables).await? {
                match change {
                    TableChange::Created { table } => tracing::info!("created the table {table}"),
                    TableChange::ColumnAdded { table, column } => {
                        tracing::info!("added the column {table}.{column}");
                    }
                }
            }
        }
        // Rows come first: without its views a run is still worth having.
        match store.refresh_views().await {
            Ok(views) => views.iter().for_each(|view| tracing::info!("made the view {view}")),
            Err(error) => tracing::warn!("the views are not made: {error}"),
        }
        for job in jobs {
            let datasource = self.config.datasources.get(&job.datasource);
            let days = datasource.and_then(|datasource| datasource.full_every_days);
            make_full_if_due(job, store, days.unwrap_or(DEFAULT_FULL_EVERY_DAYS)).await?;
        }
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<RunId> {
        let run = NewRun {
            project: self.project.to_string(),
            report: self.report.to_string(),
            command: self.command.clone(),
            version: env!("CARGO_PKG_VERSION").to_string(),
        };
        Ok(self.store.start_run(&run).await?)
    }
}

/// Leaves the jobs whose last good run is long enough ago; says so of the others.
async fn only_due(store: &Store, jobs: Vec<Job>, every: Every) -> anyhow::Result<Vec<Job>> {
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
            _ => due.push(job),
        }
    }
    Ok(due)
}

/// Old history in the way is a nuisance, and no reason to fail a run.
async fn forget_old_runs(store: &Store, config: &Config) {
    let days = config.history_days.unwrap_or(DEFAULT_HISTORY_DAYS);
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

/// History that cannot be written is told, but does not undo rows that were.
async fn keep(store: &Store, run: RunId, partition: &PartitionReport) {
    if let Err(error) = store.record_partition(run, &partition.key(), &partition.result()).await {
        tracing::warn!("the history lacks {} {}: {error}", partition.report, partition.partition);
    }
}

async fn finish(store: &Store, run: RunId, outcome: Outcome) {
    let end = RunEnd { outcome, error: None };
    if let Err(error) = store.finish_run(run, &end).await {
        tracing::warn!("the history lacks the end of run {run}: {error}");
    }
}

//! `run`: reads a report and writes it to the database. The main job.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use test_dashboard_egress::{Cassette, Tape};
use test_dashboard_store::{NewRun, Outcome, Owner, RunEnd, RunId, Store, TableChange};

use super::args::{Common, Format, RunArgs};
use super::exit::Exit;
use super::{context, days, freshness, output};
use crate::config::{Config, Environment, Every, approximate};
use crate::misuse::Misuse;
use crate::plugin::Runtime;
use crate::pump::{
    self, DryRows, Installed, Job, Options, PartitionReport, ReadOptions, Sink, Source, Tapes,
    make_full_if_due,
};

/// How many partitions are read at the same time when nothing else is said.
const DEFAULT_JOBS: usize = 4;
/// For how many days the history is kept when nothing else is said.
const DEFAULT_HISTORY_DAYS: u32 = 400;
/// After how many days a report is read in full when nothing else is said.
const DEFAULT_FULL_EVERY_DAYS: u32 = 28;

/// Does the run that the arguments ask for.
///
/// # Errors
///
/// [`Misuse`] for what is wrong before anything was tried; else what made the whole run
/// impossible. A partition's failure is no error here but an exit code.
pub async fn run(common: &Common, args: &RunArgs) -> anyhow::Result<Exit> {
    let (project, report) = asked_for(args)?;
    let environment = Environment::of_process();
    let config = Config::load(common.config.as_deref())?;
    let runtime = Runtime::new(None)?;
    let installed = Installed::load(&config, &runtime).await?;
    let options = Options {
        jobs: args.jobs.map(usize::from).or(config.jobs).unwrap_or(DEFAULT_JOBS),
        tapes: tapes(args),
    };
    let jobs = jobs(&config, &installed, &environment, project, report, args, &options)?;

    if args.dry_run {
        let rows = DryRows::default();
        let jobs = jobs.into_iter().map(Arc::new).collect();
        let pumping = pump::run(jobs, Sink::Dry(rows.clone()), &options, context::log_partition);
        let Some(run) = context::until_interrupted(pumping).await? else {
            return Ok(Exit::Interrupted);
        };
        output::dry_run(common.format, &run, rows.take())?;
        return Ok(run.outcome().into());
    }

    let target = context::database(common, Some(&config), &environment)?;
    let store = context::connect(&target, options.jobs as u32 + 2).await?;
    let exit = write(common.format, &config, &store, jobs, args, &options).await;
    store.close().await;
    exit
}

fn asked_for(args: &RunArgs) -> Result<(&str, &str), Misuse> {
    match (&args.project, &args.report_type) {
        (Some(project), Some(report)) => Ok((project, report)),
        (None, _) => Err(Misuse::new("--project is missing: name one, or ALL")),
        (_, None) => Err(Misuse::new(
            "--report-type is missing: `test-dashboard reports` shows what there is",
        )),
    }
}

fn tapes(args: &RunArgs) -> Tapes {
    match (&args.record, &args.replay) {
        (Some(folder), _) => Tapes::Record(folder.clone()),
        (_, Some(folder)) => Tapes::Replay(folder.clone()),
        _ => Tapes::Live,
    }
}

/// What the arguments ask for, as jobs: one per project.
fn jobs(
    config: &Config,
    installed: &Installed,
    environment: &Environment,
    project: &str,
    report: &str,
    args: &RunArgs,
    options: &Options,
) -> anyhow::Result<Vec<Job>> {
    let (datasource, plugin, _) = installed.owner_of(report)?;
    let projects = config.select_projects(project, datasource)?;
    let source = Source::new(config, environment, datasource, plugin, !options.tapes.is_replay())?;
    let masks = source.masks(&[])?;
    let mut jobs = Vec::new();
    for project in projects {
        let cassette = options.tapes.cassette(&project, report)?;
        let now = cassette.as_ref().and_then(Cassette::now).unwrap_or_else(jiff::Timestamp::now);
        let window = match &cassette {
            Some(cassette) if !args.days.are_named() && !args.full => cassette.window(),
            _ => days::window(&args.days, now)?,
        };
        let tape = match cassette {
            Some(cassette) => Tape::Replay(cassette),
            None => options.tapes.live(&project, report, now, window, &masks),
        };
        let reading = ReadOptions { now, window, full: args.full, tape };
        jobs.push(source.job(&project, report, reading)?);
    }
    Ok(jobs)
}

/// Prepares the tables, pumps, and keeps the history.
async fn write(
    format: Format,
    config: &Config,
    store: &Store,
    mut jobs: Vec<Job>,
    args: &RunArgs,
    options: &Options,
) -> anyhow::Result<Exit> {
    let (project, report) = asked_for(args)?;
    for name in store.migrate().await? {
        tracing::info!("migrated the database: {name}");
    }
    if let Some(every) = args.every {
        jobs = only_due(store, jobs, every).await?;
        if jobs.is_empty() {
            return Ok(Exit::NotDue);
        }
    }
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
    for job in &mut jobs {
        let datasource = config.datasources.get(&job.datasource);
        let days = datasource.and_then(|datasource| datasource.full_every_days);
        make_full_if_due(job, store, days.unwrap_or(DEFAULT_FULL_EVERY_DAYS)).await?;
    }
    let id = store
        .start_run(&NewRun {
            project: project.to_string(),
            report: report.to_string(),
            command: format!("run --project {project} --report-type {report}"),
            version: env!("CARGO_PKG_VERSION").to_string(),
        })
        .await?;
    let sink = Sink::Store(store.clone(), id);
    let started = Timestamp::now();
    let jobs: Vec<Arc<Job>> = jobs.into_iter().map(Arc::new).collect();
    let pumping = pump::run(jobs.clone(), sink, options, async |partition: &PartitionReport| {
        context::log_partition(partition).await;
        keep(store, id, partition).await;
    });
    let Some(mut run) = context::until_interrupted(pumping).await? else {
        for job in &jobs {
            let end = freshness::interrupted(started);
            freshness::keep(store, id, job, &end).await;
        }
        finish(store, id, Outcome::Interrupted).await;
        output::remark(
            "interrupted: what was committed stays, the rest was dropped; the next run goes on from there",
        );
        return Ok(Exit::Interrupted);
    };
    run.run = Some(id.0);
    for job in &jobs {
        freshness::keep(store, id, job, &freshness::end_of(job, &run, started)).await;
    }
    forget_old_runs(store, config).await;
    finish(store, id, run.outcome()).await;
    output::run(format, &run, &store.name())?;
    Ok(run.outcome().into())
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

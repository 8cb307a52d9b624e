//! `run`: reads a report and writes it to the database. The main job.

use std::sync::Arc;

use test_dashboard_egress::Gate;
use test_dashboard_store::{NewRun, Outcome, Owner, RunEnd, RunId, Store, TableChange};

use super::args::{Common, Format, RunArgs};
use super::exit::Exit;
use super::{context, output};
use crate::config::{Config, Environment};
use crate::misuse::Misuse;
use crate::plugin::{ProjectContext, Request, Runtime};
use crate::pump::{
    self, DryRows, Installed, Job, Options, PartitionReport, RunReport, Sink, Tapes, Window,
    gate_options, make_full_if_due,
};

/// How many partitions are read at the same time when nothing else is said.
const DEFAULT_JOBS: usize = 4;
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
        let pumping = pump::run(jobs, Sink::Dry(rows.clone()), &options, log_partition);
        let Some(run) = until_interrupted(pumping).await? else { return Ok(Exit::Interrupted) };
        output::dry_run(common.format, &run, rows.take())?;
        return Ok(run.outcome().into());
    }

    let target = context::database(common, Some(&config), &environment)?;
    let store = context::connect(&target, options.jobs as u32 + 2).await?;
    let exit = write(common.format, &config, &store, jobs, project, report, &options).await;
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
    let (datasource, plugin, declared) = installed.owner_of(report)?;
    let projects = config.select_projects(project, datasource)?;
    let (gate, base_url) =
        gate_options(config, datasource, plugin, environment, !options.tapes.is_replay())?;
    let gate = Gate::new(gate)?;
    let tables = plugin.tables_of(declared);
    let mut jobs = Vec::new();
    for project in projects {
        let settings = config.settings(&project, datasource, environment)?;
        check_settings(&project, datasource, &plugin.description, &settings)?;
        let tape = options.tapes.open(&project, report, jiff::Timestamp::now())?;
        let now = match &tape {
            test_dashboard_egress::Tape::Replay(cassette) => cassette.now(),
            _ => None,
        }
        .unwrap_or_else(jiff::Timestamp::now);
        let window = window(args, now)?;
        jobs.push(Job {
            datasource: datasource.to_string(),
            plugin: Arc::clone(plugin),
            gate: gate.clone(),
            request: Request {
                report: report.to_string(),
                context: ProjectContext {
                    project,
                    base_url: base_url.clone(),
                    settings: serde_json::Value::Object(settings).to_string(),
                    now,
                },
                since: window.since,
                until: window.until,
                full: args.full,
            },
            tables: tables.clone(),
            tape,
        });
    }
    Ok(jobs)
}

/// A setting that the plugin does not take is a spelling mistake; one that it cannot do
/// without is asked for before anything is tried.
pub fn check_settings(
    project: &str,
    datasource: &str,
    description: &test_dashboard_model::Description,
    settings: &serde_json::Map<String, serde_json::Value>,
) -> Result<(), Misuse> {
    let known = description.settings.iter().map(|setting| &setting.name);
    for name in settings.keys() {
        if !known.clone().any(|known| known == name) {
            return Err(Misuse::new(format!(
                "projects.{project}.{datasource}.{name}: the plugin takes no such setting{}",
                crate::misuse::did_you_mean(name, known)
            )));
        }
    }
    for setting in &description.settings {
        if setting.required && !settings.contains_key(&setting.name) {
            return Err(Misuse::new(format!(
                "projects.{project}.{datasource}.{} is missing: {}",
                setting.name, setting.description
            )));
        }
    }
    Ok(())
}

/// The window that the arguments mean, in whole days, UTC.
fn window(args: &RunArgs, now: jiff::Timestamp) -> Result<Window, Misuse> {
    let midnight = |day: jiff::civil::Date| {
        day.to_zoned(jiff::tz::TimeZone::UTC)
            .map(|zoned| zoned.timestamp())
            .map_err(|error| Misuse::new(format!("{day} is no day that can be looked at: {error}")))
    };
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let since = match (args.since, args.num_days) {
        (Some(day), _) => Some(day),
        (None, Some(days)) => {
            let span = jiff::Span::new().try_days(i64::from(days));
            let day = span.and_then(|span| today.checked_sub(span));
            Some(day.map_err(|_| Misuse::new(format!("--num-days {days} is before all days")))?)
        }
        (None, None) => None,
    };
    let after = match args.until {
        Some(day) => Some(day.tomorrow().map_err(|error| Misuse::new(error.to_string()))?),
        None => None,
    };
    if let (Some(since), Some(after)) = (since, after)
        && since >= after
    {
        return Err(Misuse::new("--since is after --until: there is no day to look at"));
    }
    Ok(Window { since: since.map(midnight).transpose()?, until: after.map(midnight).transpose()? })
}

/// Prepares the tables, pumps, and keeps the history.
async fn write(
    format: Format,
    config: &Config,
    store: &Store,
    mut jobs: Vec<Job>,
    project: &str,
    report: &str,
    options: &Options,
) -> anyhow::Result<Exit> {
    for name in store.migrate().await? {
        tracing::info!("migrated the database: {name}");
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
    let jobs = jobs.into_iter().map(Arc::new).collect();
    let pumping = pump::run(jobs, sink, options, async |partition: &PartitionReport| {
        log_partition(partition).await;
        keep(store, id, partition).await;
    });
    let Some(mut run) = until_interrupted(pumping).await? else {
        finish(store, id, Outcome::Interrupted).await;
        output::remark(
            "interrupted: what was committed stays, the rest was dropped; the next run goes on from there",
        );
        return Ok(Exit::Interrupted);
    };
    run.run = Some(id.0);
    finish(store, id, run.outcome()).await;
    output::run(format, &run, &store.name())?;
    Ok(run.outcome().into())
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

async fn log_partition(partition: &PartitionReport) {
    let PartitionReport { project, report, partition: id, tally, .. } = partition;
    match &partition.error {
        Some(error) => tracing::error!("{project} {report} {id}: {}", error.message),
        None => tracing::debug!("{project} {report} {id}: {} rows read", tally.rows_read),
    }
}

/// The run's end, or none when a person or the system asks the program to stop. Dropping the
/// run drops everything that was not committed.
async fn until_interrupted(
    run: impl Future<Output = RunReport>,
) -> anyhow::Result<Option<RunReport>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let outcome = tokio::select! {
        run = run => Some(run),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Cli;

    fn window_of(arguments: &[&str]) -> Result<(Option<String>, Option<String>), String> {
        let common = ["test-dashboard", "--project", "fenix", "--report-type", "issues"];
        let cli = Cli::try_parse_from(common.iter().chain(arguments)).map_err(|e| e.to_string())?;
        let now = "2026-03-10T06:00:00Z".parse().unwrap();
        let window = window(&cli.run, now).map_err(|error| error.to_string())?;
        let text = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
        Ok((text(window.since), text(window.until)))
    }

    fn moment(text: &str) -> Option<String> {
        Some(text.to_string())
    }

    #[test]
    fn days_are_whole_days_in_utc() {
        assert_eq!(window_of(&[]).unwrap(), (None, None));
        let month = window_of(&["--num-days", "30"]).unwrap();
        assert_eq!(month, (moment("2026-02-08T00:00:00Z"), None));
        let day = window_of(&["--since", "2026-03-01", "--until", "2026-03-01"]).unwrap();
        assert_eq!(day, (moment("2026-03-01T00:00:00Z"), moment("2026-03-02T00:00:00Z")));
    }

    #[test]
    fn windows_that_cannot_be_are_refused() {
        assert!(window_of(&["--since", "2026-03-02", "--until", "2026-03-01"]).is_err());
        assert!(window_of(&["--num-days", "4000000000"]).is_err());
        assert!(window_of(&["--since", "yesterday"]).is_err());
        assert!(window_of(&["--since", "2026-03-02", "--num-days", "3"]).is_err());
    }

    #[test]
    fn settings_are_those_that_the_plugin_takes() {
        let description = test_dashboard_model::Description {
            name: "github".into(),
            version: "0.1.0".into(),
            summary: String::new(),
            default_base_url: None,
            hosts: vec![],
            credentials: vec![],
            requests_per_minute: None,
            settings: vec![test_dashboard_model::Setting {
                name: "repository".into(),
                description: "owner/name".into(),
                required: true,
            }],
            tables: vec![],
            reports: vec![],
        };
        let problem = |settings: serde_json::Value| {
            let serde_json::Value::Object(map) = settings else { panic!("no object") };
            check_settings("fenix", "github", &description, &map)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert_eq!(problem(serde_json::json!({"repository": "a/b"})), "");
        assert!(problem(serde_json::json!({})).contains("repository is missing: owner/name"));
        let misspelt = problem(serde_json::json!({"repositry": "a/b"}));
        assert!(misspelt.contains("did you mean repository?"), "{misspelt}");
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `runs`: the history of runs.

use serde::Serialize;
use serde_json::json;
use test_dashboard_model::Counts;
use test_dashboard_store::{
    Outcome, PartitionSummary, RunDetail, RunId, RunSummary, ShardSummary, Store,
};

use super::args::{Format, RunsArgs};
use super::exit::Exit;
use super::output::say;
use super::{context, output};
use crate::usage_error::UsageError;

/// Shows the newest runs, or one with its partitions.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn runs(args: &RunsArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let config = context::config_for_database(common)?;
    if let Some(id) = args.id {
        let look = async |store: &Store| store.run(RunId(id)).await;
        let (detail, database) = context::read(common, config.as_ref(), look).await?;
        let detail = detail.ok_or_else(|| {
            UsageError::new(format!(
                "there is no run {id} in {database}; `test-dashboard runs` lists them"
            ))
        })?;
        one(common.output.format, &detail)?;
    } else {
        let look = async |store: &Store| store.runs(args.limit).await;
        let (runs, database) = context::read(common, config.as_ref(), look).await?;
        newest(common.output.format, &runs, &database)?;
    }
    Ok(Exit::Done)
}

fn newest(format: Format, runs: &[RunSummary], database: &str) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&runs.iter().map(RunJson::of).collect::<Vec<_>>());
    }
    if runs.is_empty() {
        say!("no runs yet in {database}")?;
        return Ok(());
    }
    let mut table = output::table([
        "run",
        "started (UTC)",
        "project",
        "report",
        "read",
        "new",
        "changed",
        "rejected",
        "requests",
        "time",
        "outcome",
    ]);
    for run in runs {
        table.add_row([
            run.id.to_string(),
            run.started.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            run.project.clone(),
            what(run),
            run.counts.rows_read.to_string(),
            run.counts.rows_new.to_string(),
            run.counts.rows_changed.to_string(),
            run.counts.rows_rejected.to_string(),
            run.counts.requests.to_string(),
            elapsed(run),
            outcome(run.outcome) + &of_shards(run),
        ]);
    }
    output::right(&mut table, 4..10);
    say!("{table}")?;
    Ok(())
}

fn one(format: Format, detail: &RunDetail) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&DetailJson::of(detail));
    }
    let run = &detail.summary;
    say!(
        "run {}: {} of {}, {}, started {} UTC, took {}, by test-dashboard {}",
        run.id,
        what(run),
        run.project,
        outcome(run.outcome) + &of_shards(run),
        run.started.strftime("%Y-%m-%d %H:%M:%S"),
        elapsed(run),
        run.version
    )?;
    if let Some(count) = run.shards {
        say!("{}", shards(detail, count))?;
    }
    let mut table = output::table([
        "project",
        "partition",
        "read",
        "new",
        "changed",
        "unchanged",
        "removed",
        "rejected",
        "requests",
        "outcome",
    ]);
    for partition in &detail.partitions {
        let result = &partition.result;
        table.add_row([
            partition.key.project.clone(),
            partition.key.partition.clone(),
            result.counts.rows_read.to_string(),
            result.counts.rows_new.to_string(),
            result.counts.rows_changed.to_string(),
            result.counts.rows_unchanged.to_string(),
            result.counts.rows_removed.to_string(),
            result.counts.rows_rejected.to_string(),
            result.counts.requests.to_string(),
            result.failure_kind.clone().unwrap_or_else(|| outcome(Some(result.outcome))),
        ]);
    }
    output::right(&mut table, 2..9);
    say!("{table}")?;
    for partition in &detail.partitions {
        if let Some(error) = &partition.result.error {
            say!("FAILED {} {}: {error}", partition.key.project, partition.key.partition)?;
        }
    }
    Ok(())
}

fn outcome(outcome: Option<Outcome>) -> String {
    outcome.map_or_else(|| "unfinished".into(), |outcome| outcome.to_string())
}

/// The report, and the days of a run over a window.
fn what(run: &RunSummary) -> String {
    let window = run.window.map_or_else(String::new, |window| format!(", {window}"));
    run.report.clone() + &window
}

/// `, 4 shards` of a run that shards share.
fn of_shards(run: &RunSummary) -> String {
    run.shards.map_or_else(String::new, |count| format!(", {count} shards"))
}

/// What became of each shard.
fn shards(detail: &RunDetail, count: u16) -> comfy_table::Table {
    let mut table = output::table(["shard", "started (UTC)", "time", "outcome", "error"]);
    for number in 1..=count {
        let name = format!("{number}/{count}");
        let Some(shard) = detail.shards.iter().find(|shard| shard.number == number) else {
            table.add_row([&name, "", "", "not started", ""]);
            continue;
        };
        let time = shard.finished.map(|finished| finished.duration_since(shard.started));
        table.add_row([
            name,
            shard.started.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            time.map_or_else(String::new, |time| format!("{:.1} s", time.as_secs_f64())),
            outcome(shard.outcome),
            shard.error.as_deref().map_or_else(String::new, output::cut),
        ]);
    }
    table
}

fn elapsed(run: &RunSummary) -> String {
    match run.finished {
        Some(finished) => {
            format!("{:.1} s", finished.duration_since(run.started).as_secs_f64())
        }
        None => String::new(),
    }
}

/// A run, for a program.
#[derive(Serialize)]
struct RunJson<'a> {
    run: i64,
    started: String,
    finished: Option<String>,
    project: &'a str,
    report: &'a str,
    since: Option<String>,
    until: Option<String>,
    outcome: String,
    error: Option<&'a str>,
    version: &'a str,
    shards: Option<u16>,
    #[serde(flatten)]
    counts: Counts,
}

impl RunJson<'_> {
    fn of(run: &RunSummary) -> RunJson<'_> {
        RunJson {
            run: run.id.0,
            started: run.started.to_string(),
            finished: run.finished.map(|time| time.to_string()),
            project: &run.project,
            report: &run.report,
            since: run.window.and_then(|window| window.since).map(|day| day.to_string()),
            until: run.window.and_then(|window| window.until).map(|day| day.to_string()),
            outcome: outcome(run.outcome),
            error: run.error.as_deref(),
            version: &run.version,
            shards: run.shards,
            counts: run.counts,
        }
    }
}

/// A run with its partitions and shards, for a program.
#[derive(Serialize)]
struct DetailJson<'a> {
    #[serde(flatten)]
    run: RunJson<'a>,
    partitions: Vec<PartitionJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard_states: Option<Vec<serde_json::Value>>,
}

impl DetailJson<'_> {
    fn of(detail: &RunDetail) -> DetailJson<'_> {
        let shards = || detail.shards.iter().map(shard_json).collect();
        DetailJson {
            run: RunJson::of(&detail.summary),
            partitions: detail.partitions.iter().map(PartitionJson::of).collect(),
            shard_states: detail.summary.shards.map(|_| shards()),
        }
    }
}

#[derive(Serialize)]
struct PartitionJson<'a> {
    project: &'a str,
    datasource: &'a str,
    report: &'a str,
    partition: &'a str,
    outcome: String,
    /// As `run` tells it.
    error: Option<serde_json::Value>,
    #[serde(flatten)]
    counts: Counts,
    started: String,
    seconds: f64,
}

impl PartitionJson<'_> {
    fn of(PartitionSummary { key, result }: &PartitionSummary) -> PartitionJson<'_> {
        let error = |message| json!({ "kind": result.failure_kind, "message": message });
        PartitionJson {
            project: &key.project,
            datasource: &key.datasource,
            report: &key.report,
            partition: &key.partition,
            outcome: outcome(Some(result.outcome)),
            error: result.error.as_ref().map(error),
            counts: result.counts,
            started: result.started.to_string(),
            seconds: result.elapsed.as_secs_f64(),
        }
    }
}

fn shard_json(shard: &ShardSummary) -> serde_json::Value {
    json!({
        "shard": shard.number,
        "started": shard.started.to_string(),
        "finished": shard.finished.map(|time| time.to_string()),
        "outcome": outcome(shard.outcome),
        "error": shard.error,
    })
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which runs there were, and what became of their partitions.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use test_dashboard_model::Counts;

use crate::connect::connection::Arg;
use crate::error::StoreError;
use crate::history::backfill::{RunWindow, window};
use crate::history::shared::ShardSummary;
use crate::keys::{PartitionKey, RunId};
use crate::session::DatabaseSession;
use crate::session::patience::again;
use crate::sql::fields::Fields;
use crate::store::Store;

/// What a run is recorded under when it begins. No field may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The project asked for, as the person wrote it.
    pub project: String,
    /// The report asked for.
    pub report: String,
    /// The command line, without secrets.
    pub command: String,
    /// The host's version.
    pub version: String,
}

/// How a run or a partition ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was written.
    Succeeded,
    /// Some partitions were written, others failed.
    PartlyFailed,
    /// It failed.
    Failed,
    /// A person or a signal stopped it.
    Interrupted,
}

impl Outcome {
    const ALL: [Outcome; 4] =
        [Outcome::Succeeded, Outcome::PartlyFailed, Outcome::Failed, Outcome::Interrupted];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::PartlyFailed => "partly-failed",
            Outcome::Failed => "failed",
            Outcome::Interrupted => "interrupted",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Outcome, sqlx::Error> {
        let found = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| sqlx::Error::Decode(format!("{text:?} is no outcome").into()))
    }

    /// The column `outcome`, which is null of what has no end.
    pub(crate) fn read(row: &Fields) -> Result<Option<Outcome>, sqlx::Error> {
        row.optional_text("outcome")?.as_deref().map(Outcome::parse).transpose()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// How it ended.
    pub outcome: Outcome,
    /// What a person should know when it did not succeed.
    pub error: Option<String>,
}

/// What became of one partition in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionResult {
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<String>,
    /// What sort of trouble it was (`auth`, `budget`, …).
    pub failure_kind: Option<String>,
    /// What was read and written.
    pub counts: Counts,
    /// When it began.
    pub started: Timestamp,
    /// How long it took; kept to the millisecond.
    pub elapsed: Duration,
}

/// One run, with what its partitions come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Its number.
    pub id: RunId,
    /// The project asked for.
    pub project: String,
    /// The report asked for.
    pub report: String,
    /// The command line.
    pub command: String,
    /// The host's version.
    pub version: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none while it runs, and when it was killed.
    pub finished: Option<Timestamp>,
    /// How it ended; none as for `finished`.
    pub outcome: Option<Outcome>,
    /// What a person should know when it did not succeed.
    pub error: Option<String>,
    /// Of how many shards it is; none for one that no shards share.
    pub shards: Option<u16>,
    /// The days that it was asked for; none for a run without a window.
    pub window: Option<RunWindow>,
    /// How many partitions are on record.
    pub partitions: u64,
    /// Those among them that did not succeed.
    pub partitions_failed: u64,
    /// What its partitions did together.
    pub counts: Counts,
}

/// One partition of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionSummary {
    /// Which partition.
    pub key: PartitionKey,
    /// What became of it.
    pub result: PartitionResult,
}

/// A run and its partitions, in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDetail {
    /// The run.
    pub summary: RunSummary,
    /// Its partitions.
    pub partitions: Vec<PartitionSummary>,
    /// Those of its shards that were started, by number.
    pub shards: Vec<ShardSummary>,
}

const BEGINNING: &str = "recording that a run begins";

impl Store {
    /// Records that a run begins.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub async fn start_run(&self, run: &NewRun) -> Result<RunId, StoreError> {
        let started = Timestamp::now();
        let mut is_again = false;
        again(|| self.start_run_once(run, started, std::mem::replace(&mut is_again, true))).await
    }

    async fn start_run_once(
        &self,
        run: &NewRun,
        started: Timestamp,
        is_again: bool,
    ) -> Result<RunId, StoreError> {
        let mut session = self.session().await?;
        // It may be that only the answer was lost.
        if is_again && let Some(id) = self.begun_run(&mut session, run, started).await? {
            return Ok(id);
        }
        self.insert_run(&mut session, run, started).await
    }

    pub(crate) async fn insert_run(
        &self,
        session: &mut DatabaseSession,
        run: &NewRun,
        started: Timestamp,
    ) -> Result<RunId, StoreError> {
        let sql = format!(
            "INSERT INTO runs (project, report, command, version, started_at) VALUES (?, ?, ?, ?, {})",
            self.dialect.time_parameter()
        );
        session.insert(BEGINNING, &sql, new_run_args(run, started)).await.map(RunId)
    }

    /// The run that began at this very microsecond under this very command line.
    async fn begun_run(
        &self,
        session: &mut DatabaseSession,
        run: &NewRun,
        started: Timestamp,
    ) -> Result<Option<RunId>, StoreError> {
        let sql = format!(
            "SELECT id FROM runs WHERE project = ? AND report = ? AND command = ? \
             AND version = ? AND started_at = {} AND outcome IS NULL ORDER BY id DESC LIMIT 1",
            self.dialect.time_parameter()
        );
        let args = new_run_args(run, started);
        session.read_first(BEGINNING, &sql, args, |row| row.int("id").map(RunId)).await
    }

    /// Records how a run ended. Its sums are those of its partitions.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub async fn finish_run(&self, run: RunId, end: &RunEnd) -> Result<(), StoreError> {
        again(|| self.finish_run_once(run, end)).await
    }

    async fn finish_run_once(&self, run: RunId, end: &RunEnd) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        self.record_run_end(&mut session, &format!("recording how run {run} ended"), run, end).await
    }

    pub(crate) async fn record_run_end(
        &self,
        session: &mut DatabaseSession,
        doing: &str,
        run: RunId,
        end: &RunEnd,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE runs SET finished_at = {}, outcome = ?, error = ? WHERE id = ?",
            self.dialect.time_parameter()
        );
        let args = vec![
            Arg::Time(Timestamp::now()),
            end.outcome.as_str().into(),
            Arg::OptionalText(end.error.clone()),
            run.0.into(),
        ];
        session.execute(doing, &sql, args).await.map(drop)
    }

    /// Records what became of a partition. Recorded again it replaces what was recorded.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub async fn record_partition(
        &self,
        run: RunId,
        key: &PartitionKey,
        result: &PartitionResult,
    ) -> Result<(), StoreError> {
        again(|| self.record_once(run, key, result)).await
    }

    async fn record_once(
        &self,
        run: RunId,
        key: &PartitionKey,
        result: &PartitionResult,
    ) -> Result<(), StoreError> {
        let doing = format!("recording what became of {key} in run {run}");
        let insert = format!(
            "INSERT INTO run_partitions (run_id, project, datasource, report, partition_id, outcome, \
             error, failure_kind, {}, elapsed_ms, started_at) VALUES ({}, {})",
            Counts::NAMES.join(", "),
            ["?"; 9 + Counts::NAMES.len()].join(", "),
            self.dialect.time_parameter()
        );
        let mut session = self.session().await?;
        // Not deleted without need: in MySQL, deleting what is not there locks the gap, and of
        // two shards that insert into the same gap one is given up.
        match session.execute(&doing, &insert, result_args(run, key, result)).await {
            Err(error) if error.is_duplicate() => {}
            done => return done.map(drop),
        }
        session.begin(&doing).await?;
        self.forget_partition(&mut session, &doing, run, key).await?;
        session.execute(&doing, &insert, result_args(run, key, result)).await?;
        session.commit(&doing).await
    }

    /// Takes a partition out of a run, within a transaction.
    pub(crate) async fn forget_partition(
        &self,
        session: &mut DatabaseSession,
        doing: &str,
        run: RunId,
        key: &PartitionKey,
    ) -> Result<(), StoreError> {
        let delete = "DELETE FROM run_partitions WHERE run_id = ? AND project = ? AND datasource = ? \
                      AND report = ? AND partition_id = ?";
        session.execute(doing, delete, partition_args(run, key)).await.map(drop)
    }

    /// The newest runs first, at most `limit` of them.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunSummary>, StoreError> {
        let doing = "reading the history of runs";
        let mut session = self.session().await?;
        let sql = self.summary_query("ORDER BY r.id DESC LIMIT ?");
        session.read(doing, &sql, vec![i64::from(limit).into()], summary).await
    }

    /// One run with its partitions; none when there is no such run.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn run(&self, id: RunId) -> Result<Option<RunDetail>, StoreError> {
        let doing = format!("reading run {id}");
        let mut session = self.session().await?;
        let sql = self.summary_query("WHERE r.id = ?");
        let summary = session.read_first(&doing, &sql, vec![id.0.into()], summary).await?;
        let Some(summary) = summary else { return Ok(None) };
        let partitions = self.partitions(&mut session, &doing, id).await?;
        let shards = match summary.shards {
            Some(_) => self.shards(&mut session, &doing, id).await?,
            None => Vec::new(),
        };
        Ok(Some(RunDetail { summary, partitions, shards }))
    }

    pub(crate) async fn partitions(
        &self,
        session: &mut DatabaseSession,
        doing: &str,
        id: RunId,
    ) -> Result<Vec<PartitionSummary>, StoreError> {
        let sql = format!(
            "SELECT project, datasource, report, partition_id, outcome, error, failure_kind, {} AS started, {}, \
             elapsed_ms FROM run_partitions WHERE run_id = ? \
             ORDER BY project, datasource, report, partition_id",
            self.dialect.time_as_text("started_at"),
            Counts::NAMES.join(", "),
        );
        session.read(doing, &sql, vec![id.0.into()], partition).await
    }

    fn summary_query(&self, which: &str) -> String {
        let time = |column| self.dialect.time_as_text(column);
        let integer = self.dialect.integer_cast();
        let sums = Counts::NAMES.map(|column| {
            format!("CAST(COALESCE((SELECT SUM(p.{column}) FROM run_partitions AS p WHERE p.run_id = r.id), 0) AS {integer}) AS {column}")
        });
        format!(
            "SELECT r.id, r.project, r.report, r.command, r.version, {} AS started, {} AS finished, \
             r.outcome, r.error, \
             (SELECT COUNT(*) FROM run_partitions AS p WHERE p.run_id = r.id) AS partitions, \
             (SELECT COUNT(*) FROM run_partitions AS p WHERE p.run_id = r.id \
             AND p.outcome <> 'succeeded') AS partitions_failed, \
             {}, (SELECT s.shards FROM shared_runs AS s WHERE s.run_id = r.id) AS shards, w.first_day, \
             w.last_day FROM runs AS r LEFT JOIN run_windows AS w ON w.run_id = r.id {which}",
            time("r.started_at"),
            time("r.finished_at"),
            sums.join(", "),
        )
    }
}

/// In the order of the columns.
fn new_run_args(run: &NewRun, started: Timestamp) -> Vec<Arg> {
    vec![
        run.project.as_str().into(),
        run.report.as_str().into(),
        run.command.as_str().into(),
        run.version.as_str().into(),
        Arg::Time(started),
    ]
}

fn partition_args(run: RunId, key: &PartitionKey) -> Vec<Arg> {
    vec![
        run.0.into(),
        key.project.as_str().into(),
        key.datasource.as_str().into(),
        key.report.as_str().into(),
        key.partition.as_str().into(),
    ]
}

fn result_args(run: RunId, key: &PartitionKey, result: &PartitionResult) -> Vec<Arg> {
    let mut args = partition_args(run, key);
    args.push(result.outcome.as_str().into());
    args.push(Arg::OptionalText(result.error.clone()));
    args.push(Arg::OptionalText(result.failure_kind.clone()));
    let elapsed = u64::try_from(result.elapsed.as_millis()).unwrap_or(u64::MAX);
    let counts = result.counts.values().into_iter().chain([elapsed]);
    args.extend(counts.map(|count| Arg::Int(i64::try_from(count).unwrap_or(i64::MAX))));
    args.push(Arg::Time(result.started));
    args
}

fn summary(row: &Fields) -> Result<RunSummary, sqlx::Error> {
    let shards = row.optional_int("shards")?;
    Ok(RunSummary {
        id: RunId(row.int("id")?),
        project: row.text("project")?,
        report: row.text("report")?,
        command: row.text("command")?,
        version: row.text("version")?,
        started: row.time("started")?,
        finished: row.optional_time("finished")?,
        outcome: Outcome::read(row)?,
        error: row.optional_text("error")?,
        shards: shards.and_then(|shards| u16::try_from(shards).ok()),
        window: window(row)?,
        partitions: row.number("partitions")?,
        partitions_failed: row.number("partitions_failed")?,
        counts: Counts::by_name(|name| row.number(name))?,
    })
}

fn partition(row: &Fields) -> Result<PartitionSummary, sqlx::Error> {
    Ok(PartitionSummary {
        key: PartitionKey::read(row)?,
        result: PartitionResult {
            outcome: Outcome::parse(&row.text("outcome")?)?,
            error: row.optional_text("error")?,
            failure_kind: row.optional_text("failure_kind")?,
            counts: Counts::by_name(|name| row.number(name))?,
            started: row.time("started")?,
            elapsed: Duration::from_millis(row.number("elapsed_ms")?),
        },
    })
}

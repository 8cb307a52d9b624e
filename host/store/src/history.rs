// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which runs there were, and what became of their partitions.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::backfill::window;
use crate::connection::{Arg, Fields, Session};
use crate::patience::again;
use crate::{PartitionKey, RunWindow, ShardSummary, Store, StoreError};

/// Names a run; given out by the database, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
    /// Rows that the plugin delivered.
    pub rows_read: u64,
    /// Rows that were not there before.
    pub rows_new: u64,
    /// Rows that were there and differed.
    pub rows_changed: u64,
    /// Rows that were there and did not differ.
    pub rows_unchanged: u64,
    /// Rows of a snapshot that were gone upstream.
    pub rows_removed: u64,
    /// Rows that broke their declaration.
    pub rows_rejected: u64,
    /// Requests made.
    pub requests: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
    /// When it began.
    pub started: Timestamp,
    /// How long it took; kept to the millisecond.
    pub elapsed: Duration,
}

/// What the partitions of a run come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Partitions that were recorded.
    pub partitions: u64,
    /// Those among them that did not succeed.
    pub partitions_failed: u64,
    /// Rows that the plugins delivered.
    pub rows_read: u64,
    /// Rows that were not there before.
    pub rows_new: u64,
    /// Rows that were there and differed.
    pub rows_changed: u64,
    /// Rows that were there and did not differ.
    pub rows_unchanged: u64,
    /// Rows of snapshots that were gone upstream.
    pub rows_removed: u64,
    /// Rows that broke their declaration.
    pub rows_rejected: u64,
    /// Requests made.
    pub requests: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
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
    /// What its partitions come to.
    pub sums: Sums,
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

/// The columns of `run_partitions` that are counted, in the order of [`Sums`] and
/// [`PartitionResult`].
const COUNTED: [&str; 8] = [
    "rows_read",
    "rows_new",
    "rows_changed",
    "rows_unchanged",
    "rows_removed",
    "rows_rejected",
    "requests",
    "response_bytes",
];

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
        session: &mut Session,
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
        session: &mut Session,
        run: &NewRun,
        started: Timestamp,
    ) -> Result<Option<RunId>, StoreError> {
        let sql = format!(
            "SELECT id FROM runs WHERE project = ? AND report = ? AND command = ? \
             AND version = ? AND started_at = {} AND outcome IS NULL ORDER BY id DESC LIMIT 1",
            self.dialect.time_parameter()
        );
        let rows = session.fetch(BEGINNING, &sql, new_run_args(run, started)).await?;
        let id = rows.first().map(|row| row.int(0)).transpose();
        id.map(|id| id.map(RunId)).map_err(|error| session.failed(BEGINNING, error))
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
        session: &mut Session,
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
            COUNTED.join(", "),
            ["?"; 9 + COUNTED.len()].join(", "),
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
        session: &mut Session,
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
        let rows = session.fetch(doing, &sql, vec![i64::from(limit).into()]).await?;
        let summaries = rows.iter().map(summary).collect::<Result<_, _>>();
        summaries.map_err(|error| session.failed(doing, error))
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
        let rows = session.fetch(&doing, &sql, vec![id.0.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let summary = summary(row).map_err(|error| session.failed(&doing, error))?;
        let partitions = self.partitions(&mut session, &doing, id).await?;
        let shards = match summary.shards {
            Some(_) => self.shards(&mut session, &doing, id).await?,
            None => Vec::new(),
        };
        Ok(Some(RunDetail { summary, partitions, shards }))
    }

    pub(crate) async fn partitions(
        &self,
        session: &mut Session,
        doing: &str,
        id: RunId,
    ) -> Result<Vec<PartitionSummary>, StoreError> {
        let sql = format!(
            "SELECT project, datasource, report, partition_id, outcome, error, failure_kind, {}, {}, \
             elapsed_ms FROM run_partitions WHERE run_id = ? \
             ORDER BY project, datasource, report, partition_id",
            self.dialect.time_as_text("started_at"),
            COUNTED.join(", "),
        );
        let rows = session.fetch(doing, &sql, vec![id.0.into()]).await?;
        let partitions = rows.iter().map(partition).collect::<Result<_, _>>();
        partitions.map_err(|error| session.failed(doing, error))
    }

    fn summary_query(&self, which: &str) -> String {
        let time = |column| self.dialect.time_as_text(column);
        let integer = self.dialect.integer_cast();
        let sums = COUNTED.map(|column| {
            format!("CAST(COALESCE((SELECT SUM(p.{column}) FROM run_partitions AS p WHERE p.run_id = r.id), 0) AS {integer})")
        });
        format!(
            "SELECT r.id, r.project, r.report, r.command, r.version, {}, {}, r.outcome, r.error, \
             (SELECT COUNT(*) FROM run_partitions AS p WHERE p.run_id = r.id), \
             (SELECT COUNT(*) FROM run_partitions AS p WHERE p.run_id = r.id AND p.outcome <> 'succeeded'), \
             {}, (SELECT s.shards FROM shared_runs AS s WHERE s.run_id = r.id), w.first_day, \
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
    let counts = [
        result.rows_read,
        result.rows_new,
        result.rows_changed,
        result.rows_unchanged,
        result.rows_removed,
        result.rows_rejected,
        result.requests,
        result.response_bytes,
        elapsed,
    ];
    args.extend(counts.map(|count| Arg::Int(i64::try_from(count).unwrap_or(i64::MAX))));
    args.push(Arg::Time(result.started));
    args
}

fn summary(row: &Fields) -> Result<RunSummary, sqlx::Error> {
    Ok(RunSummary {
        id: RunId(row.int(0)?),
        project: row.text(1)?,
        report: row.text(2)?,
        command: row.text(3)?,
        version: row.text(4)?,
        started: time(&row.text(5)?)?,
        finished: row.optional_text(6)?.as_deref().map(time).transpose()?,
        outcome: row.optional_text(7)?.as_deref().map(Outcome::parse).transpose()?,
        error: row.optional_text(8)?,
        shards: row.optional_int(19)?.and_then(|shards| u16::try_from(shards).ok()),
        window: window(row, 20)?,
        sums: Sums {
            partitions: count(row, 9)?,
            partitions_failed: count(row, 10)?,
            rows_read: count(row, 11)?,
            rows_new: count(row, 12)?,
            rows_changed: count(row, 13)?,
            rows_unchanged: count(row, 14)?,
            rows_removed: count(row, 15)?,
            rows_rejected: count(row, 16)?,
            requests: count(row, 17)?,
            response_bytes: count(row, 18)?,
        },
    })
}

fn partition(row: &Fields) -> Result<PartitionSummary, sqlx::Error> {
    Ok(PartitionSummary {
        key: PartitionKey {
            project: row.text(0)?,
            datasource: row.text(1)?,
            report: row.text(2)?,
            partition: row.text(3)?,
        },
        result: PartitionResult {
            outcome: Outcome::parse(&row.text(4)?)?,
            error: row.optional_text(5)?,
            failure_kind: row.optional_text(6)?,
            started: time(&row.text(7)?)?,
            rows_read: count(row, 8)?,
            rows_new: count(row, 9)?,
            rows_changed: count(row, 10)?,
            rows_unchanged: count(row, 11)?,
            rows_removed: count(row, 12)?,
            rows_rejected: count(row, 13)?,
            requests: count(row, 14)?,
            response_bytes: count(row, 15)?,
            elapsed: Duration::from_millis(count(row, 16)?),
        },
    })
}

fn count(row: &Fields, index: usize) -> Result<u64, sqlx::Error> {
    u64::try_from(row.int(index)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(crate) fn time(text: &str) -> Result<Timestamp, sqlx::Error> {
    text.parse().map_err(|error: jiff::Error| sqlx::Error::Decode(error.into()))
}

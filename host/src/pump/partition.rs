// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reads one partition and writes it: plugin → batches → checks → staging → commits.
//!
//! The plugin runs in a task of its own, and a channel of two batches lies between it and the
//! database, so that both work at the same time and a slow database slows the plugin down
//! instead of filling memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use test_dashboard_egress::Session;
use test_dashboard_model::validate::Validator;
use test_dashboard_model::{CheckpointText, Counts, Partition, Table};
use test_dashboard_store::{CommitPoint, ReadMode, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::output::{self, Output};
use super::report::{PartitionFailure, PartitionReport, RejectedRows};
use super::sink::PartitionSink;
use super::{DryRows, Sink};
use crate::plugin::{Batch, Budget, PluginError, printable};
use crate::source::Job;

/// How many batches may lie between the plugin and the database.
const BATCHES_BETWEEN: usize = 2;
/// How often a partition is tried whose plugin failed for a reason that may pass by itself.
/// The gate has then already tried every single request several times.
const PLUGIN_ATTEMPTS: u32 = 2;
/// How often it is tried from one and the same checkpoint when the database is the reason.
const DATABASE_ATTEMPTS: u32 = 3;
/// How long the database is left alone before that: what breaks one connection, a restart or
/// a failover, is about to break the others of the pool, too.
const DATABASE_PAUSE: Duration = Duration::from_secs(2);

/// Why a partition failed.
#[derive(Debug, thiserror::Error)]
enum PartitionError {
    #[error("{0}")]
    Plugin(#[from] PluginError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error(
        "the plugin broke the contract: its batch is for {table:?}, which the report {report} does not fill"
    )]
    OtherTable { table: String, report: String },
    #[error(
        "{rejected} of {read} rows were rejected, more than are tolerated (limits.max-rejected-rows = {rows} or limits.max-rejected-share = {share}, whichever is more); nothing since the last commit was written. The first: {table}, {reason}; the row: {row}"
    )]
    TooManyRejected {
        rejected: u64,
        read: u64,
        rows: u64,
        share: f64,
        table: String,
        reason: String,
        row: String,
    },
    #[error("the plugin was stopped: {0}; nothing since the last commit was written")]
    Output(Budget),
    #[error(
        "a dry run keeps no more than {} of rows to show them; ask for less with --project, --since or --until",
        ByteSize(DryRows::MAX_BYTES).display().iec()
    )]
    DryRun,
    #[error("the task that ran the plugin ended without a result: {0}")]
    Task(String),
}

impl PartitionError {
    fn kind(&self) -> &'static str {
        match self {
            PartitionError::Plugin(error) => error.kind(),
            PartitionError::Store(error) if error.is_conflict() => "conflict",
            PartitionError::Store(_) => "database",
            PartitionError::OtherTable { .. } => "contract",
            PartitionError::TooManyRejected { .. } => "rejected",
            PartitionError::Output(_) | PartitionError::DryRun => "budget",
            PartitionError::Task(_) => "internal",
        }
    }
}

/// What was tried so far.
#[derive(Default)]
struct Attempts {
    /// A recording has each answer once. It has those of a plugin's second attempt, and none, or
    /// not twice, for what is tried again because of today's database.
    has_tape: bool,
    /// How long a lock that somebody holds is worth another attempt, from the first one on.
    patience: Duration,
    plugin: u32,
    /// Since the checkpoint last moved.
    database: u32,
    checkpoint: Option<CheckpointText>,
    /// The connection was lost, perhaps within a commit that the server has gone on with.
    may_have_committed: bool,
}

impl Attempts {
    /// An attempt begins, from this checkpoint.
    fn begin(&mut self, checkpoint: Option<&CheckpointText>) {
        if self.checkpoint.as_ref() != checkpoint {
            self.database = 0;
            self.checkpoint = checkpoint.cloned();
        }
    }

    /// How long to wait before the next attempt; none when there is no sense in one.
    fn pause_after(&mut self, error: &PartitionError, elapsed: Duration) -> Option<Duration> {
        match error {
            PartitionError::Plugin(error) if error.is_worth_another_try() => {
                self.plugin += 1;
                (self.plugin < PLUGIN_ATTEMPTS).then_some(Duration::ZERO)
            }
            PartitionError::Store(_) if self.has_tape => None,
            PartitionError::Store(StoreError::Busy { .. }) if elapsed >= self.patience => None,
            PartitionError::Store(error) if error.is_transient() => {
                self.database += 1;
                self.may_have_committed = true;
                (self.database < DATABASE_ATTEMPTS).then(|| DATABASE_PAUSE * self.database)
            }
            // It may be this run's own commit that was thought lost: then there is another
            // checkpoint to go on from.
            PartitionError::Store(error) if error.is_conflict() && self.may_have_committed => {
                self.may_have_committed = false;
                Some(DATABASE_PAUSE)
            }
            _ => None,
        }
    }
}

/// What all attempts did together.
#[derive(Default)]
struct Done {
    counts: Counts,
    replaced_nuls: u64,
    /// One for each table of which rows were rejected.
    rejected: Vec<RejectedRows>,
    cpu: Duration,
}

impl Done {
    fn reject(&mut self, table: &str, reason: &str) {
        self.counts.rows_rejected += 1;
        match self.rejected.iter_mut().find(|rejected| rejected.table == table) {
            Some(rejected) => rejected.count += 1,
            None => self.rejected.push(RejectedRows {
                table: table.to_string(),
                reason: printable(reason),
                count: 1,
            }),
        }
    }
}

/// Pumps one partition to its end. Whatever happens is in the report. What comes counts in `all`,
/// too: what the job's partitions return together.
pub async fn pump(
    job: Arc<Job>,
    partition: Partition,
    sink: Sink,
    all: Arc<Output>,
) -> PartitionReport {
    let started = jiff::Timestamp::now();
    let clock = Instant::now();
    let mut done = Done::default();
    let patience = job.access.limits.wall_time;
    let mut attempts = Attempts { has_tape: job.tape.is_some(), patience, ..Attempts::default() };
    let outcome = loop {
        let attempt = attempt_once(&job, &partition, &sink, &all, &mut attempts, &mut done).await;
        let Err(error) = attempt else { break Ok(()) };
        let Some(pause) = attempts.pause_after(&error, clock.elapsed()) else { break Err(error) };
        tracing::warn!("{} {}: {error}; trying again", job.label(), partition.id);
        tokio::time::sleep(pause).await;
    };
    if done.replaced_nuls > 0 {
        tracing::warn!(
            "{} {}: {} characters U+0000 were replaced by U+FFFD",
            job.label(),
            partition.id,
            done.replaced_nuls
        );
    }
    PartitionReport {
        project: job.context().project.clone(),
        datasource: job.datasource.clone(),
        report: job.request.report.clone(),
        partition: partition.id,
        counts: done.counts,
        replaced_nuls: done.replaced_nuls,
        rejected: done.rejected,
        started,
        elapsed: clock.elapsed(),
        cpu: done.cpu,
        error: outcome.err().map(|error| PartitionFailure {
            kind: error.kind().to_string(),
            message: error.to_string(),
        }),
    }
}

async fn attempt_once(
    job: &Arc<Job>,
    partition: &Partition,
    sink: &Sink,
    all: &Output,
    attempts: &mut Attempts,
    done: &mut Done,
) -> Result<(), PartitionError> {
    let key = job.partition_key(&partition.id);
    let reading = if job.request.full { ReadMode::Full } else { ReadMode::Onwards };
    let writer = sink.open(key, &job.tables, reading).await?;
    attempts.begin(writer.checkpoint());
    // A recording begins at the beginning, so that it can be replayed into any database.
    let checkpoint = writer.checkpoint().filter(|_| job.tape.is_none()).cloned();
    let session = job.session(format!("{} {}", job.label(), partition.id));
    let (sender, receiver) = mpsc::channel(BATCHES_BETWEEN);
    // A set, because dropping it stops its task: a cancelled run leaves no plugin running.
    let mut reading = JoinSet::new();
    reading.spawn(read(Arc::clone(job), partition.clone(), checkpoint, session.clone(), sender));
    let written = Writing::new(job, writer, all, done).write_all(receiver).await;
    if written.is_err() {
        reading.abort_all();
    }
    let read = match reading.join_next().await {
        Some(Ok(read)) => Some(read),
        Some(Err(error)) if error.is_cancelled() => None,
        Some(Err(error)) => return Err(PartitionError::Task(error.to_string())),
        None => None,
    };
    done.counts.requests += session.requests();
    done.counts.response_bytes += session.response_bytes();
    if let Some(read) = read {
        done.cpu += read.cpu;
        // The plugin's failure comes first: that its rows were not committed follows from it.
        read.outcome?;
    }
    written
}

/// What passes from the plugin to the database. A channel that closes without an end means
/// that the plugin failed, and what is staged is dropped.
enum Message {
    Batch(Batch),
    End,
}

struct ReadOutcome {
    cpu: Duration,
    outcome: Result<(), PluginError>,
}

/// Runs the plugin to the end of the partition.
async fn read(
    job: Arc<Job>,
    partition: Partition,
    checkpoint: Option<CheckpointText>,
    session: Session,
    sender: mpsc::Sender<Message>,
) -> ReadOutcome {
    let label = format!("{} {}", job.label(), partition.id);
    let mut instance = match job.instantiate(label, session).await {
        Ok(instance) => instance,
        Err(error) => return ReadOutcome { cpu: Duration::ZERO, outcome: Err(error) },
    };
    let outcome = async {
        let mut reader = instance.open(&job.request, &partition, checkpoint.as_ref()).await?;
        while let Some(batch) = instance.next_batch(&mut reader).await? {
            if sender.send(Message::Batch(batch)).await.is_err() {
                return Ok(()); // The writing side failed, and says why itself.
            }
        }
        // The receiver only goes away after a failure of its own.
        let _ = sender.send(Message::End).await;
        Ok(())
    }
    .await;
    ReadOutcome { cpu: instance.cpu_used(), outcome }
}

/// The database's side of a partition.
struct Writing<'a> {
    job: &'a Job,
    writer: PartitionSink,
    all: &'a Output,
    done: &'a mut Done,
    validators: HashMap<String, Validator>,
    first_reject: Option<(String, String, String)>,
    output: Output,
    /// What this attempt saw; the counts are of all attempts.
    read: u64,
    rejected: u64,
}

impl<'a> Writing<'a> {
    fn new(job: &'a Job, writer: PartitionSink, all: &'a Output, done: &'a mut Done) -> Self {
        let validators = job
            .tables
            .iter()
            .map(|table| (table.name.clone(), Validator::new(Arc::clone(table))))
            .collect();
        let (first_reject, output) = (None, Output::default());
        Writing { job, writer, all, done, validators, first_reject, output, read: 0, rejected: 0 }
    }

    async fn write_all(
        mut self,
        mut receiver: mpsc::Receiver<Message>,
    ) -> Result<(), PartitionError> {
        while let Some(message) = receiver.recv().await {
            match message {
                Message::Batch(batch) => self.write(batch).await?,
                Message::End => return self.commit(None, CommitPoint::End).await,
            }
        }
        Ok(())
    }

    async fn write(&mut self, batch: Batch) -> Result<(), PartitionError> {
        let Some(validator) = self.validators.get_mut(&batch.table) else {
            return Err(PartitionError::OtherTable {
                table: batch.table.chars().take(80).collect(),
                report: self.job.request.report.clone(),
            });
        };
        let table: Arc<Table> = Arc::clone(validator.table());
        let nuls_before = validator.replaced_nuls();
        let read = batch.rows.len() as u64;
        let limits = &self.job.access.limits;
        output::count(&self.output, self.all, limits, (read, batch.bytes))
            .map_err(PartitionError::Output)?;
        if !self.writer.has_room(batch.bytes) {
            return Err(PartitionError::DryRun);
        }
        let mut rows = Vec::with_capacity(batch.rows.len());
        let mut rejected = 0;
        for row in batch.rows {
            match validator.check(row) {
                Ok(row) => rows.push(row),
                Err(reject) => {
                    rejected += 1;
                    self.done.reject(&reject.table, &reject.reason);
                    if self.first_reject.is_none() {
                        self.first_reject = Some((
                            reject.table.clone(),
                            printable(&reject.reason),
                            printable(&reject.row.chars().take(500).collect::<String>()),
                        ));
                    }
                    self.writer.reject(&table, *reject);
                }
            }
        }
        self.done.replaced_nuls += validator.replaced_nuls() - nuls_before;
        self.done.counts.rows_read += read;
        self.job.progress.read(read);
        self.read += read;
        self.rejected += rejected;
        if !rows.is_empty() {
            self.writer.stage(&table, rows).await?;
        }
        if batch.checkpoint.is_some() {
            self.commit(batch.checkpoint, CommitPoint::Intermediate).await?;
        }
        Ok(())
    }

    async fn commit(
        &mut self,
        checkpoint: Option<CheckpointText>,
        point: CommitPoint,
    ) -> Result<(), PartitionError> {
        let limits = &self.job.access.limits;
        let (rows, share) = (limits.max_rejected_rows, limits.max_rejected_share);
        if self.rejected > rows
            && self.rejected as f64 > share * self.read as f64
            && let Some((table, reason, row)) = self.first_reject.clone()
        {
            let (rejected, read) = (self.rejected, self.read);
            return Err(PartitionError::TooManyRejected {
                rejected,
                read,
                rows,
                share,
                table,
                reason,
                row,
            });
        }
        let committed = self.writer.commit(checkpoint, point).await?;
        // Rejected rows are counted where they are rejected, whatever becomes of the commit.
        self.done.counts += Counts { rows_rejected: 0, ..committed };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> PartitionError {
        PartitionError::Store(StoreError::Unreachable {
            database: "db".into(),
            doing: "committing".into(),
            reason: "broken pipe".into(),
        })
    }

    fn conflict() -> PartitionError {
        PartitionError::Store(StoreError::Conflict { partition: "p".into() })
    }

    #[test]
    fn a_partition_that_gets_further_each_time_is_tried_as_often_as_the_database_breaks() {
        let mut attempts = Attempts::default();
        for checkpoint in ["1", "2", "3", "4", "5"] {
            let checkpoint = CheckpointText(checkpoint.into());
            attempts.begin(Some(&checkpoint));
            assert!(attempts.pause_after(&lost(), Duration::ZERO).is_some());
        }
        // From here on it does not get further: one try more, then it has failed.
        let checkpoint = CheckpointText("5".into());
        attempts.begin(Some(&checkpoint));
        assert!(attempts.pause_after(&lost(), Duration::ZERO).is_some());
        attempts.begin(Some(&checkpoint));
        assert!(attempts.pause_after(&lost(), Duration::ZERO).is_none());
    }

    #[test]
    fn a_lock_is_waited_for_within_the_wall_time_only() {
        let patience = Duration::from_secs(20);
        let mut attempts = Attempts { patience, ..Attempts::default() };
        let held = PartitionError::Store(StoreError::Busy {
            database: "db".into(),
            doing: "committing".into(),
            reason: "lock wait timeout".into(),
            advice: "run again later".into(),
        });
        assert!(attempts.pause_after(&held, Duration::from_secs(19)).is_some());
        assert!(attempts.pause_after(&held, patience).is_none());
        assert!(attempts.pause_after(&lost(), patience).is_some());
    }

    #[test]
    fn a_replay_fails_with_the_databases_words_at_once() {
        let mut attempts = Attempts { has_tape: true, ..Attempts::default() };
        assert!(attempts.pause_after(&lost(), Duration::ZERO).is_none());
    }

    #[test]
    fn a_conflict_is_tried_again_only_when_it_may_be_ones_own() {
        let mut attempts = Attempts::default();
        assert!(attempts.pause_after(&conflict(), Duration::ZERO).is_none());
        assert!(attempts.pause_after(&lost(), Duration::ZERO).is_some());
        assert!(attempts.pause_after(&conflict(), Duration::ZERO).is_some());
        assert!(attempts.pause_after(&conflict(), Duration::ZERO).is_none());
    }
}

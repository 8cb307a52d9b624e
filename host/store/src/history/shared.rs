// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs that several shards share: one run in the history, whoever comes first, and exactly one
//! shard that learns that all have ended.
//!
//! What two shards may do at once is done in a transaction that locks the run's row before it
//! reads anything, so that each sees what the one before it has written.

use jiff::Timestamp;

use crate::connect::connection::Arg;
use crate::digest;
use crate::error::StoreError;
use crate::history::runs::{NewRun, Outcome, PartitionSummary, RunEnd};
use crate::history::shard::Shard;
use crate::keys::{PartitionKey, RunId};
use crate::session::DatabaseSession;
use crate::session::patience::{Retries, again};
use crate::sql::fields::Fields;
use crate::store::Store;

/// How often a shard that finds another one faster tries again to join: that is so once, unless
/// the faster one takes its beginning back.
const RACES: u32 = 4;

/// What the shards of a run have in common: all of them are started with the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedKey {
    /// The key that the run was given, such as the name of a workflow's run.
    pub key: String,
    /// The project asked for, as the person wrote it.
    pub project: String,
    /// The report asked for.
    pub report: String,
}

impl SharedKey {
    fn digest(&self) -> String {
        digest::hex(&[&self.key, &self.project, &self.report])
    }
}

/// A run that shards share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedRun {
    /// Its number.
    pub run: RunId,
    /// When it began: the present of all shards.
    pub started: Timestamp,
    /// Of how many shards it is.
    pub shards: u16,
    /// What the shard that came first decided for all of them.
    pub decided: String,
}

/// What came of joining a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// The shard is part of the run, and on record as started.
    Started {
        /// The run.
        run: SharedRun,
        /// The shard's partitions that succeeded in an earlier life of it.
        done: Vec<PartitionKey>,
    },
    /// The shard's part is done, and the run does not wait for it.
    Done {
        /// The run.
        run: SharedRun,
        /// When the shard ended.
        ended: Timestamp,
    },
    /// The run is split into another number of shards.
    OtherCount {
        /// The run.
        run: SharedRun,
    },
}

/// What is known when a shard has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardsEnded {
    /// These have no end yet, by number.
    Waiting(Vec<u16>),
    /// This was the last one. All that became of the run's partitions, in all shards.
    All(Vec<PartitionSummary>),
}

/// One shard of a run that was started at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSummary {
    /// Its number, from 1.
    pub number: u16,
    /// When it was last started.
    pub started: Timestamp,
    /// When it ended; none while it runs, and when it was interrupted or killed.
    pub finished: Option<Timestamp>,
    /// How it ended; none as for `finished`.
    pub outcome: Option<Outcome>,
    /// The first thing that went wrong in it.
    pub error: Option<String>,
}

impl Store {
    /// The run that was begun under this key; none when no shard has come yet.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn shared_run(&self, key: &SharedKey) -> Result<Option<SharedRun>, StoreError> {
        again(|| self.shared_run_once(key)).await
    }

    async fn shared_run_once(&self, key: &SharedKey) -> Result<Option<SharedRun>, StoreError> {
        let doing = format!("looking for the run of the key {}", key.key);
        let mut session = self.session().await?;
        let sql = format!(
            "SELECT s.run_id, {} AS started, s.shards, s.decided FROM shared_runs AS s \
             JOIN runs AS r ON r.id = s.run_id WHERE s.digest = ?",
            self.dialect.time_as_text("r.started_at")
        );
        let read = |row: &Fields| -> Result<SharedRun, sqlx::Error> {
            Ok(SharedRun {
                run: RunId(row.int("run_id")?),
                started: row.time("started")?,
                shards: row.number("shards")?,
                decided: row.text("decided")?,
            })
        };
        session.read_first(&doing, &sql, vec![key.digest().into()], read).await
    }

    /// Makes the shard part of the run of this key. The one that comes first begins the run, at
    /// `started` and with what it `decided`; for every other these are what the first one gave.
    /// A shard that is started again begins anew, but for the partitions that succeeded: what
    /// failed before is taken out of the history, and a run that had ended has no end again.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub async fn join_run(
        &self,
        run: &NewRun,
        key: &SharedKey,
        shard: Shard,
        started: Timestamp,
        decided: &str,
    ) -> Result<Joined, StoreError> {
        let join = || self.join_once(run, key, shard, started, decided);
        Retries::with_races(RACES).over(join).await
    }

    async fn join_once(
        &self,
        run: &NewRun,
        key: &SharedKey,
        shard: Shard,
        started: Timestamp,
        decided: &str,
    ) -> Result<Joined, StoreError> {
        let run = match self.shared_run_once(key).await? {
            Some(run) => run,
            None => self.begin_shared_run(run, key, shard, started, decided).await?,
        };
        if run.shards != shard.count() {
            return Ok(Joined::OtherCount { run });
        }
        let doing = format!("beginning shard {shard} of run {}", run.run);
        let mut session = self.session().await?;
        session.begin(&doing).await?;
        let entered = self.enter(&mut session, &doing, run, shard).await;
        session.end(&doing, entered).await
    }

    async fn begin_shared_run(
        &self,
        run: &NewRun,
        key: &SharedKey,
        shard: Shard,
        started: Timestamp,
        decided: &str,
    ) -> Result<SharedRun, StoreError> {
        let doing = "recording that a run begins";
        let mut session = self.session().await?;
        session.begin(doing).await?;
        let begun = async {
            let id = self.insert_run(&mut session, run, started).await?;
            let sql = "INSERT INTO shared_runs (run_id, digest, run_key, shards, decided) \
                       VALUES (?, ?, ?, ?, ?)";
            let args = vec![
                id.0.into(),
                key.digest().into(),
                key.key.as_str().into(),
                i64::from(shard.count()).into(),
                decided.into(),
            ];
            session.execute(doing, sql, args).await.map(|_| id)
        };
        let begun = begun.await;
        let run = session.end(doing, begun).await?;
        Ok(SharedRun { run, started, shards: shard.count(), decided: decided.to_owned() })
    }

    /// Within a transaction.
    async fn enter(
        &self,
        session: &mut DatabaseSession,
        doing: &str,
        run: SharedRun,
        shard: Shard,
    ) -> Result<Joined, StoreError> {
        lock_run(session, doing, run.run).await?;
        let partitions = self.partitions(session, doing, run.run).await?;
        let (done, failed): (Vec<_>, Vec<_>) = partitions
            .into_iter()
            .filter(|partition| shard.does(&partition.key))
            .partition(|partition| partition.result.outcome == Outcome::Succeeded);
        let shards = self.shards(session, doing, run.run).await?;
        let mine = shards.iter().find(|summary| summary.number == shard.number());
        if let Some(ShardSummary { outcome: Some(Outcome::Succeeded), finished, .. }) = mine
            && let Some(ended) = *finished
            // Two processes were the same shard, and the slower one had less luck.
            && failed.is_empty()
            // A run of which all shards have ended and that has no end itself: the one that was
            // to end it was killed.
            && (has_ended(session, doing, run.run).await? || !missing(&shards, run.shards).is_empty())
        {
            return Ok(Joined::Done { run, ended });
        }
        let args = || vec![run.run.0.into(), i64::from(shard.number()).into()];
        let delete = "DELETE FROM run_shards WHERE run_id = ? AND shard = ?";
        session.execute(doing, delete, args()).await?;
        let insert = format!(
            "INSERT INTO run_shards (run_id, shard, started_at) VALUES (?, ?, {})",
            self.dialect.time_parameter()
        );
        let now = Arg::Time(Timestamp::now());
        session.execute(doing, &insert, args().into_iter().chain([now]).collect()).await?;
        let reopen =
            "UPDATE runs SET finished_at = NULL, outcome = NULL, error = NULL WHERE id = ?";
        session.execute(doing, reopen, vec![run.run.0.into()]).await?;
        for PartitionSummary { key, .. } in failed {
            self.forget_partition(session, doing, run.run, &key).await?;
        }
        let done = done.into_iter().map(|partition| partition.key);
        Ok(Joined::Started { run, done: done.filter(|key| shard.has(key)).collect() })
    }

    /// Records how a shard ended. Of the shards of a run, one learns that all have ended.
    ///
    /// # Errors
    ///
    /// When the database cannot be written; then the shard has no end.
    pub async fn end_shard(
        &self,
        run: RunId,
        shard: Shard,
        end: &RunEnd,
    ) -> Result<ShardsEnded, StoreError> {
        again(|| self.end_shard_once(run, shard, end)).await
    }

    async fn end_shard_once(
        &self,
        run: RunId,
        shard: Shard,
        end: &RunEnd,
    ) -> Result<ShardsEnded, StoreError> {
        let doing = format!("recording how shard {shard} of run {run} ended");
        let mut session = self.session().await?;
        session.begin(&doing).await?;
        let recorded = async {
            lock_run(&mut session, &doing, run).await?;
            let sql = format!(
                "UPDATE run_shards SET finished_at = {}, outcome = ?, error = ? \
                 WHERE run_id = ? AND shard = ?",
                self.dialect.time_parameter()
            );
            let args = vec![
                Arg::Time(Timestamp::now()),
                end.outcome.as_str().into(),
                Arg::OptionalText(end.error.clone()),
                run.0.into(),
                i64::from(shard.number()).into(),
            ];
            session.execute(&doing, &sql, args).await?;
            let shards = self.shards(&mut session, &doing, run).await?;
            let missing = missing(&shards, shard.count());
            if !missing.is_empty() {
                return Ok(ShardsEnded::Waiting(missing));
            }
            self.partitions(&mut session, &doing, run).await.map(ShardsEnded::All)
        };
        let recorded = recorded.await;
        session.end(&doing, recorded).await
    }

    /// Records how a run ended as a whole, unless one of its shards was started again in the
    /// meantime: then that is what will end it. Whether it was recorded.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub async fn finish_shared_run(
        &self,
        run: RunId,
        count: u16,
        end: &RunEnd,
    ) -> Result<bool, StoreError> {
        again(|| self.finish_shared_run_once(run, count, end)).await
    }

    async fn finish_shared_run_once(
        &self,
        run: RunId,
        count: u16,
        end: &RunEnd,
    ) -> Result<bool, StoreError> {
        let doing = format!("recording how run {run} ended");
        let mut session = self.session().await?;
        session.begin(&doing).await?;
        let recorded = async {
            lock_run(&mut session, &doing, run).await?;
            let shards = self.shards(&mut session, &doing, run).await?;
            if !missing(&shards, count).is_empty() {
                return Ok(false);
            }
            self.record_run_end(&mut session, &doing, run, end).await.map(|()| true)
        };
        let recorded = recorded.await;
        session.end(&doing, recorded).await
    }

    /// The shards of a run that were started, by number.
    pub(crate) async fn shards(
        &self,
        session: &mut DatabaseSession,
        doing: &str,
        run: RunId,
    ) -> Result<Vec<ShardSummary>, StoreError> {
        let sql = format!(
            "SELECT shard, {} AS started, {} AS finished, outcome, error FROM run_shards WHERE run_id = ? ORDER BY shard",
            self.dialect.time_as_text("started_at"),
            self.dialect.time_as_text("finished_at"),
        );
        let read = |row: &Fields| {
            Ok(ShardSummary {
                number: row.number("shard")?,
                started: row.time("started")?,
                finished: row.optional_time("finished")?,
                outcome: Outcome::read(row)?,
                error: row.optional_text("error")?,
            })
        };
        session.read(doing, &sql, vec![run.0.into()], read).await
    }
}

/// The shards without an end among so many.
pub(crate) fn missing(shards: &[ShardSummary], count: u16) -> Vec<u16> {
    let has_ended =
        |number: u16| shards.iter().any(|shard| shard.number == number && shard.outcome.is_some());
    (1..=count).filter(|number| !has_ended(*number)).collect()
}

/// Waits until no other transaction has the run. It has to come before everything that is read:
/// MySQL goes on seeing what there was at the first reading.
async fn lock_run(
    session: &mut DatabaseSession,
    doing: &str,
    run: RunId,
) -> Result<(), StoreError> {
    let sql = "UPDATE runs SET version = version WHERE id = ?";
    session.execute(doing, sql, vec![run.0.into()]).await.map(drop)
}

async fn has_ended(
    session: &mut DatabaseSession,
    doing: &str,
    run: RunId,
) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM runs WHERE id = ? AND outcome IS NOT NULL";
    Ok(!session.fetch(doing, sql, vec![run.0.into()]).await?.is_empty())
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A run that several shards share: what the first one decides for all of them, and what the
//! last one does for all of them.
//!
//! Shards start and end at different times, and their plans have to agree: they would otherwise
//! take a partition twice, or leave it to nobody. So all take the run's beginning for the
//! present, and the first shard decides which projects are due and which are read in full, as
//! the others could decide otherwise: a full reading that has ended is not due any more.

use std::ops::ControlFlow::{self, Break, Continue};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use test_dashboard_store::{
    Joined, Outcome, ReportKey, RunEnd, RunId, ShardsEnded, SharedKey, SharedRun,
};

use super::life::{Begun, Run};
use super::{Ending, Event, RunReport, shards};
use crate::source::Job;
use crate::usage_error::UsageError;

/// What the first shard decides for all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The command line, as the history has it; the others have to be started with the same.
    command: String,
    /// What is read of each project.
    jobs: Vec<DecidedJob>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DecidedJob {
    project: String,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    full: bool,
}

impl Decided {
    fn of<'a>(command: &str, jobs: impl Iterator<Item = &'a Job>) -> Self {
        let decided = |job: &Job| DecidedJob {
            project: job.context().project.clone(),
            since: job.request.since,
            until: job.request.until,
            full: job.request.full,
        };
        Decided { command: command.to_string(), jobs: jobs.map(decided).collect() }
    }

    /// Makes the jobs what was decided about them, and leaves only those that it is about.
    fn apply(self, run: &SharedRun, command: &str, jobs: &mut Vec<Job>) -> Result<(), UsageError> {
        if self.command != command {
            return Err(UsageError::new(format!(
                "the first shard of run {} was started as `{}`, this one as `{command}`: all shards of a run must be started with the same options",
                run.run, self.command
            )));
        }
        let mut left = Vec::new();
        for decided in self.jobs {
            let project = &decided.project;
            let Some(at) = jobs.iter().position(|job| job.context().project == *project) else {
                return Err(UsageError::new(format!(
                    "run {} is of the project {project}, which the configuration of this shard does not have: all shards of a run must have the same",
                    run.run
                )));
            };
            let mut job = jobs.swap_remove(at);
            job.request.context.now = run.started;
            job.request.since = decided.since;
            job.request.until = decided.until;
            job.request.full = decided.full;
            left.push(job);
        }
        *jobs = left;
        Ok(())
    }
}

impl Run<'_> {
    /// What names the run that shards share; none for a run by itself.
    pub(super) fn shared_key(&self) -> Option<SharedKey> {
        self.request.part.key.as_ref().map(|key| SharedKey {
            key: key.clone(),
            project: self.request.project.clone(),
            report: self.request.report.clone(),
        })
    }

    /// Joins the run that shards share, or begins it with the jobs that are due. Whoever comes
    /// first begins it, and whoever ends last ends it.
    ///
    /// # Errors
    ///
    /// The database's; [`UsageError`] when this shard does not fit to the others.
    pub(super) async fn join(
        &self,
        key: &SharedKey,
        jobs: &mut Vec<Job>,
        due: &[ReportKey],
    ) -> anyhow::Result<ControlFlow<Ending, Begun>> {
        let shard = self.request.part.shard;
        let decided = Decided::of(
            &self.request.command(),
            jobs.iter().filter(|job| due.contains(&job.key())),
        );
        let decided = serde_json::to_string(&decided)?;
        let now = jobs.first().map_or_else(Timestamp::now, |job| job.context().now);
        // As exactly as all databases keep it.
        let now = Timestamp::from_microsecond(now.as_microsecond())?;
        let joined =
            self.store.join_run(&self.request.new_run(), key, shard, now, &decided).await?;
        (self.hear)(&Event::Joined(shard));
        match joined {
            Joined::Started { run, done } => {
                self.adopt(&run, jobs)?;
                (self.hear)(&Event::Due(&jobs.iter().map(Job::key).collect::<Vec<_>>()));
                if !done.is_empty() {
                    self.remark(format!(
                        "shard {shard} of run {} resumes: {} of its partitions were read before",
                        run.run,
                        done.len()
                    ));
                }
                Ok(Continue(Begun { run: run.run, started: run.started, done }))
            }
            Joined::Done { run, ended } => {
                (self.hear)(&Event::Began(run.run, &[]));
                self.remark(format!(
                    "shard {shard} of run {} was done at {} UTC: nothing is read again. Another run has another --run-key",
                    run.run,
                    ended.strftime("%Y-%m-%d %H:%M:%S")
                ));
                Ok(Break(Ending::Ended(Outcome::Succeeded)))
            }
            Joined::OtherCount { run } => Err(UsageError::new(format!(
                "run {} has {} shards, and this one is {shard}: all shards of a run must give the same number of shards; for another number use another --run-key",
                run.run, run.shards
            ))
            .into()),
        }
    }

    /// Makes the jobs what was decided about them.
    pub(super) fn adopt(&self, run: &SharedRun, jobs: &mut Vec<Job>) -> anyhow::Result<()> {
        let decided: Decided = serde_json::from_str(&run.decided).with_context(|| {
            format!(
                "what the first shard of run {} decided cannot be read: was it another version of test-dashboard?",
                run.run
            )
        })?;
        Ok(decided.apply(run, &self.request.command(), jobs)?)
    }

    /// Ends this shard, which has read all of its part. Of the shards of a run, the last gets what
    /// became of all of them.
    pub(super) async fn end_shard(
        &self,
        run: RunId,
        mine: &RunReport,
        is_on_record: bool,
    ) -> anyhow::Result<Option<RunReport>> {
        let shard = self.request.part.shard;
        anyhow::ensure!(
            is_on_record,
            "run {run} cannot end, because not everything that shard {shard} read is on record; start the shard again"
        );
        match self.store.end_shard(run, shard, &mine.end()).await? {
            ShardsEnded::Waiting(others) => {
                self.remark(format!(
                    "shard {shard} of run {run} has ended, and the run waits for {}",
                    shards(&others, shard.count())
                ));
                Ok(None)
            }
            ShardsEnded::All(partitions) => Ok(Some(RunReport::of_history(run, partitions))),
        }
    }

    /// Ends a run of which all shards have ended.
    pub(super) async fn finish_shared(&self, run: RunId, whole: &RunReport) -> anyhow::Result<()> {
        let count = self.request.part.shard.count();
        let end = RunEnd { outcome: whole.outcome(), error: None };
        let told = match self.store.finish_shared_run(run, count, &end).await? {
            true => format!(
                "all {count} shards of run {run} have ended: {}, {} rows read",
                end.outcome,
                whole.total().rows_read
            ),
            false => format!("a shard of run {run} was started again, and will end it"),
        };
        self.remark(told);
        Ok(())
    }
}

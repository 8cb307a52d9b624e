// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Plans the jobs of a run and pumps their partitions side by side.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use test_dashboard_model::{Counts, Partition};
use test_dashboard_store::{PartitionKey, Shard};
use tokio_util::task::AbortOnDropHandle;

use super::RunReport;
use crate::plugin::PluginError;
use crate::pump::{Output, PartitionFailure, PartitionReport, Sink, pump_partition};
use crate::source::{Job, Memory};

/// What the history calls the part of a run that finds the partitions. No partition has
/// this name: parentheses cannot be in an id.
pub const PLAN: &str = "(plan)";

/// What the history calls the end of a recording or replay, which is no partition either.
pub const RECORDING: &str = "(recording)";

/// What a run calls the making of the views, which come after the rows and are no partition.
const VIEWS: &str = "(views)";

/// How a run is done.
#[derive(Debug, Default)]
pub struct Options {
    /// How many partitions are read at the same time; one at least.
    pub jobs: usize,
    /// What all that is read at the same time may take.
    pub memory: Memory,
    /// Which of the planned partitions are read.
    pub selection: Selection,
}

/// Which of the planned partitions a run reads.
#[derive(Debug, Clone)]
pub enum Selection {
    /// These.
    Only(HashSet<PartitionKey>),
    /// Those of a shard, but for these, which it has done before.
    Shard(Shard, HashSet<PartitionKey>),
}

impl Default for Selection {
    /// All of them.
    fn default() -> Self {
        Selection::Shard(Shard::WHOLE, HashSet::new())
    }
}

impl Selection {
    fn takes(&self, job: &Job, partition: &Partition) -> bool {
        let key = job.partition_key(&partition.id);
        match self {
            Selection::Only(keys) => keys.contains(&key),
            Selection::Shard(shard, done) => shard.has(&key) && !done.contains(&key),
        }
    }

    /// What the history calls the planning of a run of it. Every shard plans.
    fn plan(&self) -> String {
        match self {
            Selection::Shard(shard, _) if !shard.is_whole() => shard.step("plan"),
            Selection::Only(_) | Selection::Shard(..) => PLAN.into(),
        }
    }
}

/// Reads all jobs. `ended` hears of every partition as soon as it has ended.
pub async fn read(
    jobs: Vec<Arc<Job>>,
    sink: Sink,
    options: &Options,
    mut ended: impl AsyncFnMut(&Arc<PartitionReport>),
) -> RunReport {
    let mut report = RunReport::default();
    let mut planned: Vec<(Arc<Job>, Vec<Partition>, Arc<Output>)> = Vec::new();
    let memory = &options.memory;
    let planning = jobs.into_iter().map(|job| plan(job, options.selection.plan(), memory));
    let mut planning = stream::iter(planning).buffered(options.jobs.max(1));
    while let Some((job, partitions, plan_report)) = planning.next().await {
        let taken = partitions.iter().filter(|partition| options.selection.takes(&job, partition));
        job.progress.plan(taken.count());
        let plan_report = Arc::new(plan_report);
        ended(&plan_report).await;
        report.partitions.push(plan_report);
        report.planned.extend(partitions.iter().map(|partition| job.partition_key(&partition.id)));
        planned.push((job, partitions, Arc::default()));
    }
    let pumping = planned
        .iter()
        .flat_map(|(job, partitions, all)| {
            partitions.iter().map(move |partition| (job, partition, all))
        })
        .filter(|(job, partition, _)| options.selection.takes(job, partition))
        .map(|(job, partition, all)| {
            pump(Arc::clone(job), partition.clone(), sink.clone(), Arc::clone(all), memory)
        });
    let mut pumping = stream::iter(pumping).buffer_unordered(options.jobs.max(1));
    while let Some(partition) = pumping.next().await.map(Arc::new) {
        ended(&partition).await;
        report.partitions.push(partition);
    }
    for told in planned.iter().filter_map(|(job, ..)| end_tape(job)).map(Arc::new) {
        ended(&told).await;
        report.partitions.push(told);
    }
    report
}

/// Pumps a partition in a task of its own, so that partitions use all cores. The task stops
/// with the future: a cancelled run leaves nothing running.
async fn pump(
    job: Arc<Job>,
    partition: Partition,
    sink: Sink,
    all: Arc<Output>,
    memory: &Memory,
) -> PartitionReport {
    let _reserved = memory.reserve(job.access.limits.memory).await;
    let id = partition.id.clone();
    let started = jiff::Timestamp::now();
    let _active = job.progress.begin();
    let task = tokio::spawn(pump_partition(Arc::clone(&job), partition, sink, all));
    let report = AbortOnDropHandle::new(task).await.unwrap_or_else(|error| {
        let message = format!("the task of this partition ended without a result: {error}");
        let failure = PartitionFailure { kind: "internal".into(), message };
        PartitionReport::of_step(&job, &id, started, Counts::default(), Some(failure))
    });
    job.progress.end(report.error.is_some());
    report
}

async fn plan(
    job: Arc<Job>,
    step: String,
    memory: &Memory,
) -> (Arc<Job>, Vec<Partition>, PartitionReport) {
    let reserved = memory.reserve(job.access.limits.memory).await;
    let started = jiff::Timestamp::now();
    let clock = Instant::now();
    let session = job.session(format!("{} {step}", job.label()));
    let mut cpu = Duration::ZERO;
    let active = job.progress.begin();
    let outcome = async {
        let mut instance = job.instantiate(job.label(), session.clone()).await?;
        let partitions = instance.plan(&job.request).await;
        cpu = instance.cpu_used();
        partitions
    }
    .await;
    drop(active);
    drop(reserved);
    let (partitions, error) = match outcome {
        Ok(partitions) => (partitions, None),
        Err(error) => (Vec::new(), Some(failure(&error))),
    };
    let counts = Counts {
        requests: session.requests(),
        response_bytes: session.response_bytes(),
        ..Counts::default()
    };
    let report = PartitionReport {
        elapsed: clock.elapsed(),
        cpu,
        ..PartitionReport::of_step(&job, &step, started, counts, error)
    };
    (job, partitions, report)
}

fn failure(error: &PluginError) -> PartitionFailure {
    PartitionFailure { kind: error.kind().into(), message: error.to_string() }
}

/// Tells what is wrong with a job's recording.
fn end_tape(job: &Job) -> Option<PartitionReport> {
    let message = job.tape.as_ref()?.end().err()?;
    let failure = PartitionFailure { kind: "recording".into(), message };
    Some(PartitionReport::of_step(
        job,
        RECORDING,
        jiff::Timestamp::now(),
        Counts::default(),
        Some(failure),
    ))
}

/// Tells that views could not be made, as part of the first of a run's jobs.
pub fn views_failed(job: &Job, message: String) -> PartitionReport {
    let failure = PartitionFailure { kind: "database".into(), message };
    PartitionReport::of_step(job, VIEWS, jiff::Timestamp::now(), Counts::default(), Some(failure))
}

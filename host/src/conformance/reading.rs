// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The one loop that plans, opens and reads, against a rehearsed service and into tables in
//! memory.

use std::fmt;
use std::sync::Arc;

use test_dashboard_egress::{GateError, Tape};
use test_dashboard_model::validate::{RejectedRow, Validator};
use test_dashboard_model::{CheckpointText, Failure, Partition};

use super::gaps::Gaps;
use super::rehearsal::{Bookmark, Breakage, Exchange, Rehearsal, Scene};
use super::rules::Rule;
use super::tables::{Committed, Writer};
use crate::config::Limits;
use crate::plugin::{Budget, Instance, PluginError, Request, printable};
use crate::source::Job;

/// How many commits of one reading are kept.
const MOST_COMMITS: usize = 32;

/// One report of one project, ready to be tried as often as one likes.
pub struct Stage {
    /// What is asked of the plugin, and through which gate. Its tape is not used.
    pub job: Job,
    /// The service.
    pub service: Rehearsal,
    /// Where what the service's recordings lack is asked of the network; none for a check,
    /// which asks nothing.
    pub gaps: Option<Gaps>,
}

/// Where a run is: what is committed, and how far the service has come.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Rows and checkpoint.
    pub committed: Committed,
    /// The service.
    pub bookmark: Bookmark,
}

/// What is otherwise than in a plain run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Variation {
    /// Where the service is broken.
    pub breakage: Option<Breakage>,
    /// The most rows of a batch.
    pub max_rows: Option<u32>,
    /// The most requests, where fewer than the budget.
    pub max_requests: Option<u64>,
    /// Whether it is a full refresh, without a window.
    pub full: bool,
    /// Whether the recorded window is left out.
    pub no_window: bool,
}

/// What came of planning.
pub struct Planned {
    /// The partitions, or why there are none.
    pub outcome: Result<Vec<Partition>, Stop>,
    /// What was asked.
    pub exchanges: Vec<Exchange>,
    /// Where the service is now.
    pub bookmark: Bookmark,
}

/// What came of reading a partition.
pub struct Read {
    /// Commits, in order, evenly spread where there were many; the last is the end's, if
    /// there was an end.
    pub commits: Vec<Place>,
    /// Where it ended, well or not.
    pub place: Place,
    /// Why it ended, if not well.
    pub stop: Option<Stop>,
    /// What was asked.
    pub exchanges: Vec<Exchange>,
    /// How many rows were rejected, and the first of them.
    pub rejected: (u64, Option<RejectedRow>),
}

/// Why a plugin came to no good end.
#[derive(Debug)]
pub enum Stop {
    /// It said so itself.
    Failed(Failure),
    /// It asked for something that is in no recording.
    NotRecorded(String),
    /// It was stopped, because it broke this rule.
    Broke(Rule, String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Failed(failure) => write!(f, "it failed ({}): {failure}", failure.kind),
            Stop::NotRecorded(request) => write!(f, "no recording has an answer to {request}"),
            Stop::Broke(_, reason) => f.write_str(reason),
        }
    }
}

impl From<PluginError> for Stop {
    fn from(error: PluginError) -> Stop {
        let reason = error.to_string();
        match error {
            PluginError::Failure(failure) => Stop::Failed(failure),
            PluginError::Egress { error, .. } => match *error {
                GateError::NotRecorded { request, hint, .. } => {
                    Stop::NotRecorded(format!("{request}; {hint}"))
                }
                GateError::NotAllowed { .. } => Stop::Broke(Rule::AsksDeclaredHostsOnly, reason),
                GateError::Budget { .. } => Stop::Broke(Rule::StaysInItsBudgets, reason),
                _ => Stop::Broke(Rule::MakesPermittedRequests, reason),
            },
            PluginError::Budget { budget: Budget::BatchRows(..), .. } => {
                Stop::Broke(Rule::RespectsMaxRows, reason)
            }
            PluginError::Budget { .. } => Stop::Broke(Rule::StaysInItsBudgets, reason),
            PluginError::Trap { .. } => Stop::Broke(Rule::DoesNotCrash, reason),
            _ => Stop::Broke(Rule::KeepsTheContract, reason),
        }
    }
}

impl Stage {
    /// Splits the request into partitions.
    pub async fn plan(&self, vary: Variation) -> Planned {
        let scene = self.service.scene(vary.breakage);
        let request = self.request(vary);
        let outcome = async {
            let mut instance = self.instance(&scene, vary).await?;
            Ok::<_, Stop>(instance.plan(&request).await?)
        }
        .await;
        Planned { outcome, exchanges: scene.exchanges(), bookmark: scene.bookmark() }
    }

    /// Reads a partition from where `from` is to its end.
    pub async fn read(&self, partition: &Partition, from: &Place, vary: Variation) -> Read {
        let scene = self.service.scene_from(&from.bookmark, vary.breakage);
        let writer =
            Writer::new(from.committed.clone(), &self.job.tables, &partition.id, vary.full);
        let validators =
            self.job.tables.iter().map(|table| Validator::new(Arc::clone(table))).collect();
        let mut reading = OpenPartition {
            scene: scene.clone(),
            validators,
            writer,
            commits: Thinned::default(),
            rejected: (0, None),
        };
        let checkpoint = from.committed.checkpoint.as_ref().filter(|_| !vary.full);
        let outcome = self.read_into(&mut reading, partition, checkpoint, vary).await;
        Read {
            place: place(&reading.writer, &reading.scene),
            commits: reading.commits.kept,
            stop: outcome.err(),
            exchanges: scene.exchanges(),
            rejected: reading.rejected,
        }
    }

    async fn read_into(
        &self,
        reading: &mut OpenPartition,
        partition: &Partition,
        checkpoint: Option<&CheckpointText>,
        vary: Variation,
    ) -> Result<(), Stop> {
        let mut instance = self.instance(&reading.scene, vary).await?;
        let request = self.request(vary);
        let mut reader = instance.open(&request, partition, checkpoint).await?;
        while let Some(batch) = instance.next_batch(&mut reader).await? {
            let validator = reading.validators.iter_mut().find(|v| v.table().name == batch.table);
            let Some(validator) = validator else {
                let table = printable(&batch.table.chars().take(80).collect::<String>());
                let reason = format!("a batch is for {table:?}, which the report does not fill");
                return Err(Stop::Broke(Rule::DeliversDeclaredRows, reason));
            };
            let table = Arc::clone(validator.table());
            for row in batch.rows {
                match validator.check(row) {
                    Ok(row) => reading.writer.stage(&table, row),
                    Err(reject) => {
                        reading.rejected.0 += 1;
                        reading.rejected.1.get_or_insert(*reject);
                    }
                }
            }
            if let Some(checkpoint) = batch.checkpoint
                && reading.writer.commit(checkpoint)
            {
                let OpenPartition { commits, writer, scene, .. } = reading;
                commits.offer(|| place(writer, scene));
            }
        }
        reading.writer.end();
        let end = place(&reading.writer, &reading.scene);
        reading.commits.kept.push(end);
        Ok(())
    }

    fn request(&self, vary: Variation) -> Request {
        let mut request = self.job.request.clone();
        if vary.full || vary.no_window {
            request.since = None;
            request.until = None;
        }
        request.full = vary.full;
        request
    }

    async fn instance(&self, scene: &Scene, vary: Variation) -> Result<Instance, Stop> {
        let mut limits = Limits::clone(&self.job.access.limits);
        limits.max_batch_rows = vary.max_rows.unwrap_or(limits.max_batch_rows);
        let most = vary.max_requests.unwrap_or(u64::MAX);
        limits.max_requests = limits.max_requests.min(most);
        let tape: Arc<dyn Tape> = match &self.gaps {
            Some(gaps) => Arc::new(gaps.beyond(scene.clone())),
            None => Arc::new(scene.clone()),
        };
        let access = self.job.access.within(limits);
        let session = access.session(self.job.label(), Some(tape), Arc::default());
        Ok(access.instantiate(self.job.label(), session, self.job.context().now).await?)
    }
}

/// A partition that is being read.
struct OpenPartition {
    scene: Scene,
    validators: Vec<Validator>,
    writer: Writer,
    commits: Thinned,
    rejected: (u64, Option<RejectedRow>),
}

/// Commits, spread evenly over all that there were: to hold on to every state of a large
/// table would cost more than reading it.
#[derive(Default)]
struct Thinned {
    kept: Vec<Place>,
    seen: usize,
    /// Every which one is kept; a power of two.
    stride: usize,
}

impl Thinned {
    fn offer(&mut self, place: impl FnOnce() -> Place) {
        self.stride = self.stride.max(1);
        if self.seen.is_multiple_of(self.stride) {
            self.kept.push(place());
        }
        self.seen += 1;
        if self.kept.len() > MOST_COMMITS {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
    }
}

fn place(writer: &Writer, scene: &Scene) -> Place {
    Place { committed: writer.committed().clone(), bookmark: scene.bookmark() }
}

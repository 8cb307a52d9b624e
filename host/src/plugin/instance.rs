// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One instance of a plugin: the calls of the contract, each within the budgets.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use test_dashboard_egress::{Gate, Held, Session};
use test_dashboard_model::{
    CheckpointText, Description, Failure, FailureKind, Partition, Row, json,
};
use tokio::time::Instant;
use wasmtime::component::{ResourceAny, ResourceTableError};
use wasmtime::{Store, UpdateDeadline};

use super::error::one_line;
use super::runtime::EpochClock;
use super::state::{HOST_CALL_BYTES, MAX_RESOURCES, State, TICK};
use super::wit::v0_1_0::{self, guest};
use super::{Budget, PluginError};
use crate::config::Limits;

/// The maximum length of a partition's id, in characters.
const MAX_PARTITION_ID: usize = 200;
/// The call whose answer is a batch.
const NEXT_BATCH: &str = "next-batch";
/// The most bytes of a partition's data.
const MAX_PARTITION_DATA: usize = 64 << 10;
/// The most bytes of a checkpoint.
const MAX_CHECKPOINT: usize = 256 << 10;
/// The most bytes of a call's answer that is no batch, such as all partitions.
const MAX_ANSWER: u64 = 16 << 20;
/// A batch is in memory twice while it is written: its rows, and the statement with them.
const COPIES: u64 = 2;

/// What every call about a project is given.
#[derive(Debug, Clone)]
pub struct ProjectContext {
    /// The project's name.
    pub project: String,
    /// The service's address, without a trailing slash.
    pub base_url: String,
    /// The project's settings, a JSON object as text.
    pub settings: String,
    /// The run's time.
    pub now: jiff::Timestamp,
}

/// What a run asks of a plugin.
#[derive(Debug, Clone)]
pub struct Request {
    /// The report's name.
    pub report: String,
    /// The project.
    pub context: ProjectContext,
    /// From when on, inclusive.
    pub since: Option<jiff::Timestamp>,
    /// Until when, exclusive.
    pub until: Option<jiff::Timestamp>,
    /// Whether everything is wanted, without a checkpoint.
    pub full: bool,
}

/// Some rows of one table, not yet checked. Their memory is the plugin's until this is dropped.
#[derive(Debug)]
pub struct Batch {
    /// The table's name, as the plugin gives it.
    pub table: String,
    /// The rows.
    pub rows: Vec<Row>,
    /// With one, this batch is a commit point.
    pub checkpoint: Option<CheckpointText>,
    /// Bytes of memory that all of it takes.
    pub bytes: u64,
    /// Bytes of its largest JSON document.
    pub largest_document: u64,
    pub(super) held: Option<Held>,
}

/// How an instance is set up.
pub struct InstanceOptions {
    /// What its log lines begin with.
    pub label: String,
    /// Where its requests go; none: it cannot make any.
    pub gate: Option<(Gate, Session)>,
    /// What its wall clock shows.
    pub now: jiff::Timestamp,
}

impl InstanceOptions {
    /// An instance that makes no requests, for `describe`.
    pub fn offline(path: &Path) -> Self {
        InstanceOptions {
            label: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            gate: None,
            now: jiff::Timestamp::UNIX_EPOCH,
        }
    }
}

/// A running instance. After an error it is of no more use.
pub struct Instance {
    store: Store<State>,
    plugin: v0_1_0::Plugin,
    limits: Arc<Limits>,
    wall: Wall,
    /// Whether the plugin says that its service takes one.
    pub(super) takes_credential: bool,
    _clock: Arc<EpochClock>,
}

/// A partition that is being read.
pub struct Reader {
    resource: ResourceAny,
    last_checkpoint: Option<CheckpointText>,
}

/// Runs one call of the contract, and finds out why it failed when it does.
macro_rules! call {
    ($self:ident, $name:expr, $call:expr) => {{
        let meter = $self.store.data().meter().clone();
        let outcome = $self.wall.bound(meter.run($call)).await;
        $self.judge($name, outcome)
    }};
}

/// What is left of the wall clock's budget. It runs from the beginning of the instance, whoever is
/// at work: the plugin, the service, the host that checks and writes rows. Only while requests wait
/// for their turn and none is under way does it stand still, since that is others' doing.
struct Wall {
    begun: Instant,
    allowed: Duration,
    session: Option<Session>,
}

/// The wall clock's budget is used up.
struct Late;

impl Wall {
    fn left(&self) -> Duration {
        let waited = self.session.as_ref().map(Session::waited_for_turn).unwrap_or_default();
        self.allowed.saturating_sub(self.begun.elapsed().saturating_sub(waited))
    }

    /// Gives a call what is left. A call that never waits comes to its end before a timeout is
    /// looked at, so calls without number are stopped before the next one.
    async fn bound<T>(&self, call: impl Future<Output = T>) -> Result<T, Late> {
        let mut call = std::pin::pin!(call);
        loop {
            let left = self.left();
            if left.is_zero() {
                return Err(Late);
            }
            // What is left does not shrink while a request waits for its turn.
            if let Ok(answer) = tokio::time::timeout(left.max(TICK), &mut call).await {
                return Ok(answer);
            }
        }
    }
}

impl Instance {
    pub(super) async fn new(
        linked: &v0_1_0::PluginPre<State>,
        clock: &Arc<EpochClock>,
        limits: Arc<Limits>,
        options: InstanceOptions,
    ) -> Result<Self, PluginError> {
        let session = options.gate.as_ref().map(|(_, session)| session.clone());
        let wall = Wall { begun: Instant::now(), allowed: limits.wall_time, session };
        let state = State::new(options.label, Arc::clone(&limits), options.gate, options.now);
        let mut store = Store::new(linked.engine(), state);
        store.limiter_async(|state| state);
        store.data_mut().answer_bytes = MAX_ANSWER;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            store.data_mut().tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        store.call_hook(State::cross);
        // A component may run code of its own when it is set up: it counts like any call.
        let meter = store.data().meter().clone();
        let outcome = wall.bound(meter.run(linked.instantiate_async(&mut store))).await;
        let plugin = judge(&store, &limits, "its start", outcome)?;
        let clock = Arc::clone(clock);
        Ok(Instance { store, plugin, limits, wall, takes_credential: false, _clock: clock })
    }

    fn judge<T>(
        &self,
        during: &'static str,
        outcome: Result<wasmtime::Result<T>, Late>,
    ) -> Result<T, PluginError> {
        judge(&self.store, &self.limits, during, outcome)
    }

    /// What the plugin says of itself.
    ///
    /// # Errors
    ///
    /// [`PluginError`] when it crashes, runs out of a budget or asks the network.
    pub async fn describe(&mut self) -> Result<Description, PluginError> {
        let datasource = self.plugin.testops_datasource_datasource();
        let description = call!(self, "describe", datasource.call_describe(&mut self.store))?;
        if self.store.data().hooks().was_refused_offline() {
            return Err(PluginError::Contract {
                during: "describe",
                rule: "it made a request; describe is pure".into(),
            });
        }
        Ok(description.into())
    }

    /// Whether the project's settings work, in the plugin's words.
    ///
    /// # Errors
    ///
    /// [`PluginError::Failure`] with what does not work; any other when it misbehaves.
    pub async fn check(&mut self, context: &ProjectContext) -> Result<String, PluginError> {
        let datasource = self.plugin.testops_datasource_datasource();
        let context = context.into();
        let answer = call!(self, "check", datasource.call_check(&mut self.store, &context))?;
        answer
            .map(|text| super::state::printable(&text))
            .map_err(|failure| self.failed(failure.into()))
    }

    /// Whether it made a request although it was set up without a gate.
    pub fn was_refused_offline(&self) -> bool {
        self.store.data().hooks().was_refused_offline()
    }

    /// Splits a request into partitions.
    ///
    /// # Errors
    ///
    /// [`PluginError`] when the plugin fails or misbehaves, or when its partitions break the
    /// contract: too many, an id twice, an id that is none.
    pub async fn plan(&mut self, request: &Request) -> Result<Vec<Partition>, PluginError> {
        let datasource = self.plugin.testops_datasource_datasource();
        let wit_request = request.into();
        let answer = call!(self, "plan", datasource.call_plan(&mut self.store, &wit_request))?;
        let partitions = answer.map_err(|failure| self.failed(failure.into()))?;
        let allowed = self.limits.max_partitions;
        if partitions.len() > allowed {
            let budget = Budget::Partitions(partitions.len(), allowed);
            return Err(PluginError::Budget { during: "plan", budget });
        }
        let mut ids = std::collections::HashSet::new();
        for partition in &partitions {
            check_partition(partition)?;
            if !ids.insert(&partition.id) {
                return Err(broken(
                    "plan",
                    format!("the partition {:?} is listed twice", partition.id),
                ));
            }
        }
        Ok(partitions.into_iter().map(Into::into).collect())
    }

    /// Begins to read a partition.
    ///
    /// # Errors
    ///
    /// [`PluginError`] when the plugin fails or misbehaves.
    pub async fn open(
        &mut self,
        request: &Request,
        partition: &Partition,
        checkpoint: Option<&CheckpointText>,
    ) -> Result<Reader, PluginError> {
        let datasource = self.plugin.testops_datasource_datasource();
        let wit_request = request.into();
        let wit_partition = partition.into();
        let checkpoint = checkpoint.map(|text| &text.0);
        let answer = call!(
            self,
            "open",
            datasource.call_open(&mut self.store, &wit_request, &wit_partition, checkpoint)
        )?;
        let resource = answer.map_err(|failure| self.failed(failure.into()))?;
        Ok(Reader { resource, last_checkpoint: None })
    }

    /// The next rows of a partition; none at its end.
    ///
    /// # Errors
    ///
    /// [`PluginError`] when the plugin fails or misbehaves, or when the batch breaks the
    /// contract: too many rows, a checkpoint that does not advance.
    pub async fn next_batch(&mut self, reader: &mut Reader) -> Result<Option<Batch>, PluginError> {
        let datasource = self.plugin.testops_datasource_datasource();
        let allowed = self.limits.max_batch_rows;
        let account = self.store.data().account().clone();
        // The rows of before are written meanwhile, and give their memory back.
        let room = self.wall.bound(account.room_for(self.limits.max_batch_bytes)).await;
        let room = self.judge(NEXT_BATCH, room.map(Ok))?;
        self.store.data_mut().answer_bytes = self.limits.max_batch_bytes.min(room);
        let answer = call!(
            self,
            NEXT_BATCH,
            datasource.reader().call_next_batch(&mut self.store, reader.resource, allowed)
        )?;
        let Some(batch) = answer.map_err(|failure| self.failed(failure.into()))? else {
            return Ok(None);
        };
        if batch.rows.len() > allowed as usize {
            let budget = Budget::BatchRows(batch.rows.len(), allowed);
            return Err(PluginError::Budget { during: NEXT_BATCH, budget });
        }
        let mut batch = Batch::from(batch);
        let bytes = COPIES * batch.bytes + json::SORTING * batch.largest_document;
        let held = self.wall.bound(account.hold_leaving(bytes)).await;
        batch.held = match self.judge(NEXT_BATCH, held.map(Ok))? {
            Ok(held) => Some(held),
            Err(over) => {
                let budget = Budget::Memory(over.limit);
                return Err(PluginError::Budget { during: NEXT_BATCH, budget });
            }
        };
        if let Some(checkpoint) = &batch.checkpoint {
            if checkpoint.0.len() > MAX_CHECKPOINT {
                return Err(broken(
                    NEXT_BATCH,
                    format!(
                        "a checkpoint has {} bytes, at most {MAX_CHECKPOINT} are allowed",
                        checkpoint.0.len()
                    ),
                ));
            }
            if reader.last_checkpoint.as_ref() == Some(checkpoint) {
                return Err(broken(
                    NEXT_BATCH,
                    "its checkpoint does not advance: it gave the same one twice in a row".into(),
                ));
            }
            reader.last_checkpoint = Some(checkpoint.clone());
        }
        Ok(Some(batch))
    }

    /// The processor's time for its calls so far.
    pub fn cpu_used(&self) -> Duration {
        self.store.data().meter().used()
    }

    /// A plugin does not know whether a credential was sent, and takes none for a wrong one.
    fn told_without_credential(&self, failure: Failure) -> Failure {
        match self.store.data().hooks().without_credential() {
            Some(name) if failure.kind == FailureKind::Auth && self.takes_credential => Failure {
                message: format!(
                    "{}; no credential was sent: datasources.{name}.credential is missing, or is optional and its variable is not set",
                    failure.message
                ),
                ..failure
            },
            _ => failure,
        }
    }

    /// A failure that the plugin reports. When a request that failed in the gate is behind it,
    /// the gate knows better than the plugin what happened, so its words are used.
    fn failed(&self, failure: Failure) -> PluginError {
        let own_trouble = matches!(
            failure.kind,
            FailureKind::Transient | FailureKind::RateLimited | FailureKind::Internal
        );
        match self.store.data().hooks().error_behind(&failure.message) {
            Some(error) if own_trouble => PluginError::Failure(Failure {
                kind: if error.retry_after().is_some() {
                    FailureKind::RateLimited
                } else {
                    FailureKind::Transient
                },
                retry_after: error
                    .retry_after()
                    .map(|wait| u32::try_from(wait.as_secs()).unwrap_or(u32::MAX)),
                message: error.to_string(),
            }),
            _ => PluginError::Failure(self.told_without_credential(failure)),
        }
    }
}

/// What became of a call. A broken policy or budget comes before what the plugin answered,
/// because it may have carried on as if nothing had happened.
fn judge<T>(
    store: &Store<State>,
    limits: &Limits,
    during: &'static str,
    outcome: Result<wasmtime::Result<T>, Late>,
) -> Result<T, PluginError> {
    let state = store.data();
    if let Some(error) = state.hooks().violation() {
        return Err(PluginError::Egress { during, error: Box::new(error) });
    }
    if let Some(budget) = state.exceeded {
        return Err(PluginError::Budget { during, budget });
    }
    let error = match outcome {
        Ok(Ok(answer)) => return Ok(answer),
        Err(Late) => {
            return Err(PluginError::Budget { during, budget: Budget::Wall(limits.wall_time) });
        }
        Ok(Err(error)) => error,
    };
    if error.chain().any(|cause| cause.to_string().contains("too much data is being copied")) {
        let budget = if during != NEXT_BATCH {
            Budget::Answer(MAX_ANSWER, HOST_CALL_BYTES as u64)
        } else if state.answer_bytes < limits.max_batch_bytes {
            Budget::Memory(state.account().limit())
        } else {
            Budget::BatchBytes(limits.max_batch_bytes, HOST_CALL_BYTES as u64)
        };
        return Err(PluginError::Budget { during, budget });
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        let budget = Budget::Resources(MAX_RESOURCES);
        return Err(PluginError::Budget { during, budget });
    }
    if let Some(at) = error.chain().find_map(|cause| cause.downcast_ref::<std::str::Utf8Error>()) {
        return Err(broken(during, format!("it handed over text that is not UTF-8: {at}")));
    }
    let reason = match (error.downcast_ref::<wasmtime::Trap>(), state.last_words()) {
        (Some(trap), Some(line)) => format!("{trap}; the last thing it said: {line}"),
        (Some(trap), None) => trap.to_string(),
        (None, _) => one_line(&error),
    };
    Err(PluginError::Trap { during, reason })
}

fn broken(during: &'static str, rule: String) -> PluginError {
    PluginError::Contract { during, rule }
}

fn check_partition(partition: &guest::Partition) -> Result<(), PluginError> {
    let id = &partition.id;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    if id.is_empty() || id.len() > MAX_PARTITION_ID || !id.chars().all(allowed) {
        let shown: String = id.chars().take(60).collect();
        return Err(broken(
            "plan",
            format!(
                "the partition's id {shown:?} has to be 1 to {MAX_PARTITION_ID} characters of ASCII letters, digits and -_.:/"
            ),
        ));
    }
    if partition.data.len() > MAX_PARTITION_DATA {
        return Err(broken(
            "plan",
            format!(
                "the partition {id} has {} bytes of data, at most {MAX_PARTITION_DATA} are allowed",
                partition.data.len()
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_on_the_wall_runs_between_two_calls_as_well() {
        let pass = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
        let allowed = Duration::from_secs(10);
        let wall = Wall { begun: Instant::now(), allowed, session: None };
        assert!(wall.bound(pass(4)).await.is_ok());
        // The host writes rows.
        pass(4).await;
        assert!(wall.bound(async {}).await.is_ok());
        assert!(wall.bound(pass(4)).await.is_err());
        assert_eq!(wall.begun.elapsed(), allowed);
        assert!(wall.bound(async {}).await.is_err());
    }
}

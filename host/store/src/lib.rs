// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The path of checked rows into a team's database: SQLite, PostgreSQL or MySQL (and MariaDB).
//!
//! ```text
//! stage ──▶ staging table of one connection ──▶ commit: one short transaction
//!                                                 ├─ compare-and-set of the checkpoint
//!                                                 ├─ merge: update what differs, insert what is missing
//!                                                 ├─ snapshot tables: remove what was not delivered
//!                                                 └─ rejected rows
//! ```
//!
//! Between commit points nothing of the database but a temporary table is touched, so no lock
//! is held while a plugin waits for an API, and a crash at any instant leaves exactly what the
//! last commit point wrote.
//!
//! The behaviour is written once, over two seams: [`dialect::Dialect`] holds what differs in
//! the text of SQL, [`connection::Connection`] what differs in talking to the server.

mod absence;
mod backfill;
mod catalogue;
mod codes;
mod connection;
mod dialect;
mod digest;
mod drift;
mod error;
mod fitness;
mod full;
mod history;
mod locks;
mod login;
mod merge;
mod migrations;
mod offered;
mod partition;
mod password;
mod patience;
mod pool;
mod privileges;
mod rejected;
mod replay;
mod rights;
mod schema;
mod shard;
mod shared;
mod socket;
mod status;
mod store;
mod target;
mod tls;
mod tunnel;
mod views;
mod waiting;
mod writer;

pub use backfill::{Backfill, RunWindow};
pub use catalogue::{Owner, TableChange, TableStatus};
pub use drift::Drift;
pub use error::StoreError;
pub use full::ReportKey;
pub use history::{
    NewRun, Outcome, PartitionResult, PartitionSummary, RunDetail, RunEnd, RunId, RunSummary, Sums,
};
pub use migrations::MigrationStatus;
pub use partition::PartitionKey;
pub use password::Password;
pub use privileges::{grant_to_read_later, grants, grants_to_read, grants_to_see_locks};
pub use replay::{REPLAY, Replay};
pub use shard::{MOST_SHARDS, Shard};
pub use shared::{Joined, ShardSummary, ShardsEnded, SharedKey, SharedRun};
pub use status::{GoodRun, OpenRun, ReportEnd, ReportStatus};
pub use store::Store;
pub use target::{Engine, Server, Target};
pub use tls::{Tls, TlsMode};
pub use views::{ViewChanges, Views, WrongView, bigquery};
pub use waiting::{Reject, RejectCount, RejectFilter};
pub use writer::{CommitPoint, Counts, PartitionWriter, Reading};

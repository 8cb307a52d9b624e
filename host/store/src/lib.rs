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
//! The behaviour is written once, over three seams: [`engine::driver::Driver`] is what a database
//! brings along, [`sql::dialect::Dialect`] what differs in the text of SQL, and
//! [`connect::connection::Connection`] what differs in talking to the server.

mod connect;
mod digest;
mod engine;
mod error;
mod history;
mod keys;
mod session;
mod sql;
mod store;
mod target;
mod views;
mod write;

pub use connect::error::SettingError;
pub use connect::password::Password;
pub use connect::tls::{Tls, TlsMode};
pub use engine::Engine;
pub use engine::privileges::{grant_to_read_later, grants, grants_to_read, grants_to_see_locks};
pub use error::StoreError;
pub use history::backfill::{Backfill, RunWindow};
pub use history::replay::{REPLAY, Replay};
pub use history::runs::{
    NewRun, Outcome, PartitionResult, PartitionSummary, RunDetail, RunEnd, RunSummary,
};
pub use history::shard::{MOST_SHARDS, Shard};
pub use history::shared::{Joined, ShardSummary, ShardsEnded, SharedKey, SharedRun};
pub use history::status::{GoodRun, OpenRun, ReportEnd, ReportStatus};
pub use history::waiting::{Reject, RejectCount, RejectFilter};
pub use keys::{PartitionKey, ReportKey, RunId};
pub use store::Store;
pub use target::{Server, Target};
pub use views::{ViewChanges, Views, WrongView, bigquery};
pub use write::catalogue::{Owner, TableChange, TableStatus};
pub use write::drift::Drift;
pub use write::migrations::MigrationStatus;
pub use write::writer::{CommitPoint, PartitionWriter, ReadMode};

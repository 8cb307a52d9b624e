// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The words that every part of the host shares.
//!
//! These are plain values: they know nothing of WebAssembly, of HTTP or of SQL. A plugin's
//! declarations arrive as [`Description`] and are checked by [`declaration`]; its rows arrive
//! as [`Value`]s and are checked against their [`Table`] by [`validate`]. What passes both
//! means the same to all three databases.

mod counts;
pub mod declaration;
pub mod json;
mod plugin;
pub mod shortened;
mod table;
pub mod text;
pub mod validate;
mod value;

pub use counts::Counts;
pub use plugin::{
    CheckpointText, CredentialKind, Description, Failure, FailureKind, Partition, Report, Setting,
};
pub use table::{Column, ColumnType, Table, TableMode};
pub use value::{Row, Value};

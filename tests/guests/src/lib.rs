// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One tiny plugin per behaviour that the host has to survive.
//!
//! Every file of `examples/` is a plugin named after its misbehaviour and shows nothing else:
//! whatever it does not override is [`Behaviour`]'s well-behaved default. They are built by
//! `scripts/build-wasm --package test-dashboard-guests --examples`.
//!
//! Settings of a project steer a guest: `behave = true` makes any guest's reader behave, so
//! that one plugin serves the project that suffers and the one that must finish all the same.
//! The others are described where they are declared, in [`declared::settings`].

pub mod behaviour;
pub mod declared;
pub mod http;
pub mod paged;

pub use behaviour::{Behaviour, Plugin, Reading};
pub use bindings::exports::testops::datasource::datasource::{
    Batch, Partition, ProjectContext, Request,
};
pub use bindings::testops::datasource::log;
pub use bindings::testops::datasource::types::{
    Column, ColumnType, Description, Failure, FailureKind, Table, TableMode, Value,
};

/// The contract as wit-bindgen reads it. A guest sees it bare, without the SDK, because the
/// SDK would not let it misbehave.
#[allow(missing_docs, unsafe_code, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "plugin",
        pub_export_macro: true,
    });
}

/// Makes a behaviour the plugin that this file exports.
#[macro_export]
macro_rules! guest {
    ($behaviour:ident) => {
        type Exported = $crate::Plugin<$behaviour>;
        $crate::bindings::export!(Exported with_types_in $crate::bindings);
    };
}

/// A failure of this kind.
pub fn failure(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure { kind, message: message.into(), retry_after: None }
}

/// A row of `guest_rows`.
pub fn row(id: i64, label: impl Into<String>) -> Vec<Value> {
    vec![Value::Int64(id), Value::Text(label.into())]
}

/// Rows of `guest_rows`, without a checkpoint.
pub fn batch(rows: Vec<Vec<Value>>) -> Batch {
    Batch { table: declared::ROWS.into(), rows, checkpoint: None }
}

/// What a guest saw, a line to a row of `guest_rows`, numbered from 1.
pub fn seen(lines: impl IntoIterator<Item = String>) -> Batch {
    batch((1..).zip(lines).map(|(id, line)| row(id, line)).collect())
}

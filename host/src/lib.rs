// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `test-dashboard`: pumps what test systems know into the team's SQL database.
//!
//! Data moves left to right once:
//!
//! ```text
//! run → plan → partitions → reader → batches → validate → stage → commit (rows + checkpoint)
//!       └── plugin, one store each ──┘   └────────────── host ─────────────────┘
//! ```
//!
//! [`cli`] is what a person types, [`config`] what an operator wrote, [`plugin`] runs a
//! plugin without trusting it, [`source`] makes jobs of what is configured, [`pump`] is the path of
//! a row. The egress gate, the database
//! and the words they all share are crates of their own beside this one.

pub mod cli;
pub mod config;
pub mod conformance;
pub mod fixtures;
pub mod golden;
pub mod lock;
pub mod misuse;
pub mod plugin;
pub mod prepared;
pub mod project;
pub mod pump;
pub mod record;
pub mod run;
pub mod source;

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A run's life, for the command line and for any other program.
//!
//! ```text
//! RunRequest → Runner: plugins, jobs, database → begin → read → end
//!                 └────────── Event, to who listens ──────────┘
//! ```
//!
//! A [`RunRequest`] says what is asked for, and a [`Runner`] does it: it makes jobs of it, opens the
//! database, begins a run there, has its partitions read, and ends it (`life.rs`). [`read()`] plans
//! jobs, reads their partitions side by side and tells what became of each: a partition's failure is
//! that partition's, and the others finish. Whatever happens is an [`Event`].

mod days;
mod event;
mod failed;
mod freshness;
mod full;
mod life;
mod read;
mod report;
mod request;
mod runner;
mod shard;
mod shared;
mod stop;

pub use days::Days;
pub use event::{Event, Listener};
pub use life::Ending;
pub use read::{Options, PLAN, RECORDING, Selection, read};
pub use report::RunReport;
pub use request::RunRequest;
pub use runner::Runner;
pub use shard::{Part, part, shards};
pub use stop::{Stop, never, until};

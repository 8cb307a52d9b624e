// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Golden rows: what a plugin made of a recording when somebody last looked at it.
//!
//! Beside each recording `PROJECT/REPORT.har` lies a file `REPORT.TABLE.jsonl` for every
//! table that the report fills: one row a line, as an object with the columns in the table's
//! order, sorted by key. A table without rows has an empty file, so a file that is not there
//! is always a mistake. They are made to be read: what a change of the plugin does to the
//! tables is the change of these files.
//!
//! [`replay`] pumps a recording the way a run does, [`read`] and [`write`] are the files,
//! [`compare`] tells rows that are missing, new or changed, and [`test`] does all of it for
//! one fixture.

mod compare;
mod file;
mod fixture;
mod replay;
mod row;

pub use compare::{Change, Difference, compare};
pub use file::{leftovers, read, text, write};
pub use fixture::{FixtureResult, TableResult, test};
pub use replay::{Replayed, replay};
pub use row::GoldenRow;

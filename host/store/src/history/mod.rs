// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What became of runs, reports and their partitions, and what waits for a person.

pub(crate) mod backfill;
pub(crate) mod full;
pub(crate) mod replay;
pub(crate) mod runs;
pub(crate) mod shard;
pub(crate) mod shared;
pub(crate) mod status;
pub(crate) mod waiting;

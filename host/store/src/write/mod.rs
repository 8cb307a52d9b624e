// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Writing rows: tables made and kept as they are declared, rows staged and merged, what is rejected,
//! and whether a database and its user are fit for it.

pub(crate) mod catalogue;
pub(crate) mod drift;
mod fitness;
pub(crate) mod migrations;
pub(crate) mod offered;
mod privileges;
pub(crate) mod rejected;
pub(crate) mod writer;

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The versions of the contract. Each is frozen in its own file, which converts into the
//! host's words; nothing else in the host knows that versions exist.

pub mod v0_1_0;

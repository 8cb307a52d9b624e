// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The versions of the contract. Each is frozen in its own file, which converts into the
//! host's words. `runtime`, `component` and `instance` hold the bindings of the one version that
//! there is: a second one is a file here and a choice there, by what a component exports. The
//! rest of the host knows no version but the number that it shows.

pub mod v0_1_0;

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The migrations are embedded in the binary: a new one has to rebuild this crate.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}

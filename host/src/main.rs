// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The binary: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    test_dashboard::cli::main()
}

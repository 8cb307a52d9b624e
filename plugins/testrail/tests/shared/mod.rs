// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Bodies that a real TestRail sent. The unit tests in `src` read them too.

/// A body that a real TestRail sent, where those stand beside the project; says so where they
/// do not.
pub fn body(file: &str) -> Option<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/testrail");
    let body = std::fs::read_to_string(format!("{folder}/{file}")).ok();
    if body.is_none() {
        eprintln!("skipped: there is no shared/fixtures/testrail/{file} beside the project");
    }
    body
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The GRANTs of the documentation are those of the host's own list.

#![allow(clippy::unwrap_used, reason = "a page that is not there fails the test")]

use std::path::Path;

use test_dashboard_store::{Engine, grants};

/// A page, whose user is called `pump` and whose database `dash`.
fn page(name: &str) -> String {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(checkout.join(name)).unwrap()
}

/// The GRANTs of a page to the pump's user, each on one line. In a block a semicolon ends one, in a
/// sentence the end of the code.
fn documented(page: &str) -> Vec<String> {
    let statements = page.match_indices("GRANT ").map(|(at, _)| {
        let statement = page[at..].split([';', '`']).next().unwrap_or_default();
        statement.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    statements.filter(|one| one.ends_with("TO pump") || one.ends_with("TO 'pump'@'%'")).collect()
}

fn needed() -> Vec<String> {
    let of = |engine| grants(engine, "pump", "dash");
    let all = [of(Engine::Mysql), of(Engine::Postgres)].concat();
    // A person writes plain names without quotes.
    all.iter().map(|one| one.replace(['`', '"'], "")).collect()
}

#[test]
fn the_pages_grant_what_a_run_needs_and_no_more() {
    for name in ["README.md", "docs/operating.md"] {
        assert_eq!(documented(&page(name)), needed(), "{name}");
    }
}

#[test]
fn no_other_page_grants_something_else() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for entry in std::fs::read_dir(docs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            for found in documented(&std::fs::read_to_string(&path).unwrap()) {
                assert!(needed().contains(&found), "{}: {found}", path.display());
            }
        }
    }
}

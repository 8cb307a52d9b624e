// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The GRANTs of the documentation are those of the host's own list.

#![allow(clippy::unwrap_used, reason = "a page that is not there fails the test")]

use std::path::Path;

use test_dashboard_store::{Engine, grants, grants_to_see_locks};

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
    of_both(|engine| grants(engine, "pump", "dash"))
}

fn optional() -> Vec<String> {
    of_both(|engine| grants_to_see_locks(engine, "pump"))
}

fn of_both(of: impl Fn(Engine) -> Vec<String>) -> Vec<String> {
    let all = [of(Engine::Mysql), of(Engine::Postgres)].concat();
    // A person writes plain names without quotes.
    all.iter().map(|one| one.replace(['`', '"'], "")).collect()
}

#[test]
fn the_pages_grant_what_a_run_needs_and_no_more() {
    assert_eq!(documented(&page("README.md")), needed());
    assert_eq!(documented(&page("docs/operating.md")), [needed(), optional()].concat());
}

#[test]
fn no_other_page_grants_something_else() {
    let listed = [needed(), optional()].concat();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![checkout.join("docs"), checkout.join("deploy")];
    let mut pages = vec![checkout.join("README.md"), checkout.join("SECURITY.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.iter().any(|page| page.starts_with(checkout.join("docs/decisions"))));
    for page in pages {
        for found in documented(&std::fs::read_to_string(&page).unwrap()) {
            assert!(listed.contains(&found), "{}: {found}", page.display());
        }
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The GRANTs of the documentation are those of the host's own list.

#![allow(clippy::unwrap_used, reason = "a page that is not there fails the test")]

use std::path::Path;

use test_dashboard_store::{
    Engine, grant_to_read_later, grants, grants_to_read, grants_to_see_locks,
};

/// A page, whose user is called `pump` and whose database `dash`. `looker` only reads.
fn page(name: &str) -> String {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(checkout.join(name)).unwrap()
}

/// The GRANTs of a page to a user, each on one line, with what stands before it for tables that are
/// to come. In a block a semicolon ends one, in a sentence the end of the code.
fn documented(page: &str, user: &str) -> Vec<String> {
    let statements = page.match_indices("GRANT ").map(|(at, _)| {
        let start = page[..at].rfind([';', '`', '\n']).map_or(0, |end| end + 1);
        let before = page[start..at].trim();
        let at = if before.starts_with("ALTER DEFAULT PRIVILEGES") { start } else { at };
        let statement = page[at..].split([';', '`']).next().unwrap_or_default();
        statement.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    let ends = [format!("TO {user}"), format!("TO '{user}'@'%'")];
    statements.filter(|one| ends.iter().any(|end| one.ends_with(end))).collect()
}

fn needed() -> Vec<String> {
    of_both(|engine| grants(engine, "pump", "dash"))
}

fn optional() -> Vec<String> {
    of_both(|engine| grants_to_see_locks(engine, "pump"))
}

fn to_read() -> Vec<String> {
    of_both(|engine| {
        let later = grant_to_read_later(engine, "looker", "pump");
        grants_to_read(engine, "looker", "dash").into_iter().chain(later).collect()
    })
}

fn of_both(of: impl Fn(Engine) -> Vec<String>) -> Vec<String> {
    let all = [of(Engine::Mysql), of(Engine::Postgres)].concat();
    // A person writes plain names without quotes.
    all.iter().map(|one| one.replace(['`', '"'], "")).collect()
}

#[test]
fn the_pages_grant_what_a_run_needs_and_no_more() {
    assert_eq!(documented(&page("README.md"), "pump"), needed());
    assert_eq!(documented(&page("docs/operating.md"), "pump"), [needed(), optional()].concat());
}

#[test]
fn the_pages_grant_what_whoever_reads_needs_and_no_more() {
    assert_eq!(documented(&page("docs/operating.md"), "looker"), to_read());
}

#[test]
fn no_other_page_grants_something_else() {
    let listed = [needed(), optional(), to_read()].concat();
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
        let text = std::fs::read_to_string(&page).unwrap();
        for found in [documented(&text, "pump"), documented(&text, "looker")].concat() {
            assert!(listed.contains(&found), "{}: {found}", page.display());
        }
    }
}

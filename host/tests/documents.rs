// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the pages say of this repository is there: links lead somewhere, also to headings, and
//! what is named as a path exists.
//!
//! The pages are the Markdown files in the root, in `docs/` and in `.github/`. A span of code is
//! taken for a path when it begins with one of the root's folders, as `host/src/main.rs` does.
//! Nothing is asked of a network: links with a scheme are left alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The folders whose pages are read, with all that is below them.
const FOLDERS: [&str; 2] = ["docs", ".github"];

/// The root's folders that are not part of the repository.
const NOT_KEPT: [&str; 2] = [".git", "target"];

/// What every page of a decision has, as GitHub links to it.
const PARTS: [&str; 4] = ["context", "decision", "what-was-given-up", "consequences"];

#[test]
fn every_link_and_every_path_in_the_pages_leads_somewhere() {
    let root = repository();
    let pages = pages(&root);
    assert!(pages.contains(&root.join("docs/operating.md")), "the pages are not found: {pages:?}");
    let problems: Vec<String> =
        pages.iter().flat_map(|page| problems(&root, page, &text_of(page))).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_leads_nowhere_is_found() {
    let root = repository();
    let page = root.join("README.md");
    for (text, says) in [
        ("[a](docs/no-such-page.md)", "docs/no-such-page.md leads to nothing"),
        ("![a](docs/no-such-picture.svg)", "docs/no-such-picture.svg leads to nothing"),
        ("[a](..)", ".. leads out of the repository"),
        ("[a](#no-such-heading)", "#no-such-heading leads to no heading"),
        ("[a](docs/operating.md#no-such)", "docs/operating.md#no-such leads to no heading"),
        ("`host/src/no_such_file.rs`", "host/src/no_such_file.rs is not there"),
        ("`plugins/*/no_such_file.rs`", "plugins/*/no_such_file.rs is not there"),
        ("| a |\n|---|\n| `host/no_such_folder/` |", "host/no_such_folder/ is not there"),
    ] {
        let problems = problems(&root, &page, text);
        assert!(problems.len() == 1 && problems[0].ends_with(says), "{text}: {problems:?}");
    }
    let right = "# A `b`: c?\n\n[a](#a-b-c), [b](docs/operating.md#rotating-secrets), [c](docs/), \
                 [d](https://example.org/no-such-page), `host/src/pump/sink.rs`, `wit/`, \
                 `plugins/*/src/lib.rs`, `target/demo.sqlite`, `and/or`, `host/x = y`";
    assert_eq!(problems(&root, &page, right), Vec::<String>::new());
}

#[test]
fn every_decision_is_listed_and_says_what_was_given_up() {
    let folder = repository().join("docs/decisions");
    let index = folder.join("README.md");
    let listed = read(&text_of(&index)).links;
    let mut number = 0;
    for page in entries(&folder).into_iter().filter(|page| is_page(page) && *page != index) {
        number += 1;
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with(&format!("{number:04}-")), "{name} is not called {number:04}-…");
        assert!(listed.contains(&name), "docs/decisions/README.md does not list {name}");
        let headings = read(&text_of(&page)).headings;
        for part in PARTS {
            assert!(headings.contains(part), "{name} has no heading {part}");
        }
    }
    assert!(number > 0, "no decision is found in {}", folder.display());
}

/// The repository's root.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn text_of(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// What is in a folder, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path());
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    entries
}

/// All pages.
fn pages(root: &Path) -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = entries(root).into_iter().filter(|path| is_page(path)).collect();
    for folder in FOLDERS {
        pages.extend(pages_below(&root.join(folder)));
    }
    pages
}

fn pages_below(folder: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            pages.extend(pages_below(&path));
        } else if is_page(&path) {
            pages.push(path);
        }
    }
    pages
}

/// What a page says that can be compared with the repository.
#[derive(Debug, Default)]
struct Said {
    /// Where its links and pictures lead.
    links: Vec<String>,
    /// Its spans of code.
    code: Vec<String>,
    /// The names under which GitHub links to its headings.
    headings: HashSet<String>,
}

impl Said {
    /// A heading's name: of several with one text the second has a 1 at its end.
    fn add_heading(&mut self, text: &str) {
        let name: String = text
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let mut unique = name.clone();
        let mut number = 0;
        while !self.headings.insert(unique) {
            number += 1;
            unique = format!("{name}-{number}");
        }
    }
}

fn read(page: &str) -> Said {
    let mut said = Said::default();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                said.links.push(dest_url.to_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                if let Some(text) = heading.take() {
                    said.add_heading(&text);
                }
            }
            Event::Text(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
                said.code.push(text.to_string());
            }
            _ => {}
        }
    }
    said
}

/// What a page says that is not so; each with the page's name before it.
fn problems(root: &Path, page: &Path, text: &str) -> Vec<String> {
    let said = read(text);
    let name = page.strip_prefix(root).unwrap_or(page).display();
    let links = said.links.iter().filter_map(|link| broken_link(root, page, &said, link));
    let paths = said.code.iter().filter_map(|code| missing_path(root, code));
    links.chain(paths).map(|problem| format!("{name}: {problem}")).collect()
}

/// What is wrong with a link of a page.
fn broken_link(root: &Path, page: &Path, said: &Said, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = match link.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (link, None),
    };
    let target = match path {
        "" => page.to_path_buf(),
        _ => page.parent().unwrap_or(root).join(path),
    };
    let Ok(target) = target.canonicalize() else {
        return Some(format!("the link {link} leads to nothing"));
    };
    if !target.starts_with(root) {
        return Some(format!("the link {link} leads out of the repository"));
    }
    let heading = heading.filter(|_| is_page(&target))?;
    let is_heading = match path {
        "" => said.headings.contains(heading),
        _ => read(&text_of(&target)).headings.contains(heading),
    };
    (!is_heading).then(|| format!("the link {link} leads to no heading"))
}

/// What is wrong with a span of code, where that is a path of the repository.
fn missing_path(root: &Path, code: &str) -> Option<String> {
    let is_path = code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-*".contains(c));
    let (folder, _) = code.split_once('/')?;
    let is_kept = !folder.starts_with("..") && !NOT_KEPT.contains(&folder);
    if !is_path || folder.is_empty() || !is_kept || !root.join(folder).is_dir() {
        return None;
    }
    (!is_there(root, code)).then(|| format!("{code} is not there"))
}

/// Whether a path is there, from a folder on; `*` stands for any part of a name.
fn is_there(folder: &Path, path: &str) -> bool {
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    let goes_on = |next: &Path| next.exists() && (rest.is_empty() || is_there(next, rest));
    match name.split_once('*') {
        None => goes_on(&folder.join(name)),
        Some((start, end)) => {
            let fits = |entry: &PathBuf| {
                let name = entry.file_name().unwrap_or_default().to_string_lossy();
                name.strip_prefix(start).is_some_and(|name| name.ends_with(end))
            };
            folder.is_dir() && entries(folder).iter().any(|entry| fits(entry) && goes_on(entry))
        }
    }
}

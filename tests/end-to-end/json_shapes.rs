// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What each command prints with `--format json` has the fields that the pages list, and no others.
//!
//! A page has a heading for each command, and below it a table whose first column names fields.
//! `a.b` is the field `b` of the object `a`, or of each object in the array `a`; a part in capitals
//! is any name. A row that says "as [`run`](#run)" or "as `partitions` of [`run`](#run)" has the
//! fields that are listed there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::github::{self, GitHub};
use crate::support::{Database, Kind, Server, Workplace, built, repository};

/// The fields of answers, by command.
struct Answers {
    database: Database,
    fields: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Answers {
    /// Runs a command, and keeps which fields its answer has.
    fn of(&mut self, command: &'static str, place: &Workplace, line: &[&str]) -> Value {
        let line = [line, &["--format", "json"]].concat();
        let ended = place.run_with(&line, &[("TEST_DASHBOARD_DATABASE", &self.database.url)]);
        let answer = ended.json();
        paths(&answer, "", self.fields.entry(command).or_default());
        answer
    }
}

fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| paths(item, at, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                paths(value, &at, found);
                found.insert(at);
            }
        }
        _ => {}
    }
}

/// The answers of every command that has `--format`, as varied as it takes for each field to be
/// there once.
fn answers() -> Answers {
    let database = Database::new(Kind::Sqlite);
    let mut all = Answers { database, fields: BTreeMap::new() };
    let mut issues = github::issues(250);
    issues[40].labels = vec!["far too long ".repeat(100)];
    let github = GitHub::start(issues);
    let section = github.section() + "[schedule]\nissues = \"1d\"\nreleases = \"7d\"\n";
    let place = Workplace::new(&section);
    let issues = ["run", "--project", "fenix", "--report-type", "issues"];
    all.of("run --dry-run", &place, &[&issues[..], &["--dry-run"]].concat());
    all.of("run", &place, &issues);
    for shard in ["1/2", "2/2"] {
        let shared = ["--shard", shard, "--run-key", "k"];
        all.of("run", &place, &[&issues[..], &shared].concat());
    }
    let down = Server::start(|_| Server::json(401, r#"{"message": "Bad credentials"}"#));
    place.configure(&(github::section("github", &down, "") + github::PROJECT));
    all.of("run", &place, &issues);
    place.configure(&section);
    all.of("runs", &place, &["runs"]);
    for run in ["1", "2", "3"] {
        all.of("runs ID", &place, &["runs", run]);
    }
    all.of("status", &place, &["status"]);
    all.of("check", &place, &["check"]);
    all.of("reports", &place, &["reports"]);
    let list = all.of("rejects list", &place, &["rejects", "list"]);
    let id = list["rejects"][0]["id"].as_str().unwrap();
    all.of("rejects show", &place, &["rejects", "show", id]);
    all.of("rejects retry", &place, &["rejects", "retry", id]);
    all.database.execute("UPDATE rejected_rows SET partition_id = 'gone'");
    all.of("rejects retry", &place, &["rejects", "retry", "--all"]);
    all.of("rejects discard", &place, &["rejects", "discard", "--all", "--yes"]);
    all.of("db status", &place, &["db", "status"]);
    all.of("db migrate", &place, &["db", "migrate"]);
    all.database.execute("DROP TABLE github_issues");
    all.of("db status", &place, &["db", "status"]);
    all.of("db forget", &place, &["db", "forget", "--project", "fenix"]);
    let to_bigquery = ["views", "bigquery", "--connection", "p.europe-west1.c"];
    let engine = ["--database-engine", "mysql"];
    all.of("views bigquery", &place, &[&to_bigquery[..], &engine].concat());
    github.change(|issues| issues[40].labels = vec!["bug".into()]);
    plugins(&mut all, &place);
    all
}

/// The answers of `plugin`.
fn plugins(all: &mut Answers, place: &Workplace) {
    let file = built("plugins/github.wasm");
    let file = file.to_str().unwrap();
    all.of("plugin inspect", place, &["plugin", "inspect", file]);
    let which = ["--project", "fenix", "--report", "issues", "--for-check", "--mask", "$..login"];
    all.of("plugin record", place, &[&["plugin", "record", file], &which[..]].concat());
    all.of("plugin check", place, &["plugin", "check", file, "--partial"]);
    all.of("plugin test", place, &["plugin", "test", "--update"]);
    let golden = place.path("fixtures/fenix/issues.github_issues.jsonl");
    let text = std::fs::read_to_string(&golden).unwrap();
    let mut rows: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows[0]["id"] = 1.into();
    rows[1]["title"] = "another".into();
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(&golden, text).unwrap();
    all.of("plugin test", place, &["plugin", "test"]);

    let place = Workplace::new("");
    for guest in ["guests/asks_for_more.wasm", "guests/well_behaved.wasm"] {
        let guest = built(guest);
        all.of("plugin add", &place, &["plugin", "add", guest.to_str().unwrap(), "--yes"]);
    }
    all.of("plugin list", &place, &["plugin", "list"]);
    all.of("plugin verify", &place, &["plugin", "verify"]);
    let (place, guest) = crate::conformance::place_of_a_fault();
    all.of("plugin check", &place, &["plugin", "check", guest.to_str().unwrap()]);
}

/// What a page lists for a command, and what it lists elsewhere that a row refers to.
#[derive(Default)]
struct Listed {
    here: BTreeSet<String>,
    elsewhere: BTreeSet<String>,
}

impl Listed {
    fn all(&self) -> impl Iterator<Item = &String> {
        self.here.iter().chain(&self.elsewhere)
    }
}

fn documented(page: &str, command: &str) -> Listed {
    let heading = format!("## `{command}`\n");
    let Some((_, section)) = page.split_once(&heading) else { return Listed::default() };
    let section = section.split("\n## ").next().unwrap();
    let mut listed = Listed::default();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let (names, about) = row[1..].split_once('|').unwrap();
        let names: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
        listed.here.extend(names.iter().map(ToString::to_string));
        let Some((_, other)) = about.split_once("as [`").or(about.split_once("of [`")) else {
            continue;
        };
        let other = documented(page, other.split('`').next().unwrap());
        let part = about.split_once("as `").map(|(_, part)| part.split('`').next().unwrap());
        for field in other.all() {
            let below = match part {
                Some(part) => field.strip_prefix(&format!("{part}.")),
                None => Some(field.as_str()),
            };
            listed.elsewhere.extend(below.map(|below| format!("{}.{below}", names[0])));
        }
    }
    listed
}

/// Whether a field is what a page calls it.
fn is_called(field: &str, name: &str) -> bool {
    let (mut field, mut name) = (field.split('.'), name.split('.'));
    loop {
        match (field.next(), name.next()) {
            (None, None) => return true,
            (Some(field), Some(name)) => {
                let is_any = name.chars().all(|c| c.is_ascii_uppercase());
                if !is_any && field != name {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn page(name: &str) -> String {
    std::fs::read_to_string(repository().join("docs").join(name)).unwrap()
}

/// The fields that a table of docs/operating.md has in its first column, from this header on.
/// Those behind an ellipsis belong to `reports`.
fn in_operating(header: &str) -> BTreeSet<String> {
    let page = page("operating.md");
    let (_, table) = page.split_once(header).unwrap_or_else(|| panic!("no {header}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let names = row[1..].split('|').next().unwrap();
        let below = if names.contains('…') { "reports." } else { "" };
        names.split('`').skip(1).step_by(2).map(move |name| format!("{below}{name}"))
    })
    .collect()
}

/// The fields of an answer itself, and of its reports.
fn shallow(found: &BTreeSet<String>) -> BTreeSet<String> {
    let is_shallow = |field: &&String| match field.split_once('.') {
        Some((first, rest)) => first == "reports" && !rest.contains('.'),
        None => true,
    };
    found.iter().filter(is_shallow).cloned().collect()
}

#[test]
fn what_a_summary_has_is_documented() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    let line = ["run", "--project", "fenix", "--report-type", "issues", "--summary", "s.json"];
    place.run(&line).expect_code(0);
    let summary = std::fs::read_to_string(place.path("s.json")).unwrap();
    let mut found = BTreeSet::new();
    paths(&serde_json::from_str(&summary).unwrap(), "", &mut found);
    assert_eq!(shallow(&found), in_operating("| Field | What it is |"));
}

#[test]
fn every_field_of_every_answer_is_documented_and_there() {
    let page = page("json.md");
    let mut answers = answers();
    let status = shallow(&answers.fields.remove("status").unwrap());
    let mut listed: BTreeSet<String> = in_operating("| Field of `reports` | What it is |")
        .into_iter()
        .map(|field| format!("reports.{field}"))
        .collect();
    let operating = self::page("operating.md");
    let (_, fields) = operating.split_once("as\n`{").or(operating.split_once("as `{")).unwrap();
    listed.extend(fields.split('}').next().unwrap().split(", ").map(str::to_string));
    assert_eq!(status, listed, "docs/operating.md, What `status` shows");
    let mut problems = Vec::new();
    for (command, found) in answers.fields {
        let listed = documented(&page, command);
        for field in &found {
            if !listed.all().any(|name| is_called(field, name)) {
                problems.push(format!("`{command}`: {field} is not listed"));
            }
        }
        for name in &listed.here {
            if !found.iter().any(|field| is_called(field, name)) {
                problems.push(format!("`{command}`: {name} is listed and not there"));
            }
        }
    }
    assert!(problems.is_empty(), "docs/json.md\n{}", problems.join("\n"));
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! pump.yml called from another repository, which has a workflow, a configuration and a lock file
//! and nothing else: those of examples/workflow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::proxy::Proxy;
use super::{
    ISSUES, PASSWORD, READ, TOKEN, configure, packed, pump, reaching, read, rows_in, servers, write,
};
use crate::support::actions::{Given, Runner, members, workflow};
use crate::support::github::{self, GitHub};
use crate::support::user::{User, Way};
use crate::support::{Server, repository};

/// The repository of docs/operating.md's beginning: a workflow, a configuration and a lock file.
fn another_repository(github: &Server) -> Runner {
    let runner = Runner::new();
    let example = repository().join("examples/workflow");
    let shipped = example.join("test-dashboard.toml");
    configure(&runner.workspace().join("test-dashboard.toml"), &shipped, github);
    // As its owner does it: with a repository that is there.
    let config = read(&runner, "test-dashboard.toml");
    let config = config.replace("my-org/my-product", "mozilla-mobile/fenix");
    write(&runner, "test-dashboard.toml", config);
    write(&runner, "test-dashboard.lock", packed("test-dashboard.lock"));
    let workflow = std::fs::read_to_string(example.join("nightly.yml")).unwrap();
    write(&runner, ".github/workflows/nightly.yml", workflow);
    runner
}

fn nightly() -> Value {
    let path = repository().join("examples/workflow/nightly.yml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_repository_with_three_files_pumps() {
    let nightly = nightly();
    let job = &nightly["jobs"]["github"];
    for database in servers() {
        let Some(socket) = database.socket() else { continue };
        let user = User::new(&database, PASSWORD, Way::Socket);
        let github = GitHub::start(github::issues(ISSUES));
        let runner = another_repository(&github.server);
        let mut given = Given::default();
        for (name, value) in members(&job["with"]) {
            given = given.input(name, value.as_str().unwrap());
        }
        for (name, _) in members(&job["secrets"]) {
            let secret = match name.as_str() {
                "CLOUD_SQL_DATABASE_PASSWORD" => PASSWORD,
                "DASHBOARD_GITHUB_TOKEN" => TOKEN,
                _ => continue,
            };
            given = given.secret(name, secret);
        }
        let proxy = Proxy::of(&database, &socket);
        let given = proxy.given(reaching(given, &database, &user));
        let before = files(&runner.workspace());
        assert!(pump(&runner, &given).expect_green().has(READ));
        assert_eq!(rows_in(&database, "github_issues"), ISSUES);
        for (file, content) in before {
            assert_eq!(std::fs::read(&file).unwrap(), content, "{}", file.display());
        }
    }
}

/// The files below a folder, with what is in them.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(path).unwrap()));
        }
    }
    found
}

#[test]
fn the_example_passes_on_what_pump_takes_and_has_a_schedule_for_what_it_reads() {
    let (nightly, pump) = (nightly(), workflow("pump.yml"));
    let mut reports = BTreeMap::new();
    for (name, job) in members(&nightly["jobs"]) {
        let uses = job["uses"].as_str().unwrap();
        assert!(uses.contains("/test-dashboard/.github/workflows/pump.yml@"), "{name}: {uses}");
        assert_eq!(job["permissions"], pump["jobs"]["pump"]["permissions"], "{name}");
        for part in [("with", "inputs"), ("secrets", "secrets")] {
            for (given, _) in members(&job[part.0]) {
                let taken = &pump["on"]["workflow_call"][part.1][given];
                assert!(!taken.is_null(), "{name}: pump.yml has no {given}");
            }
        }
        let every = job["with"]["every"].as_str().unwrap_or("1d");
        let listed = job["with"]["reports"].as_str().unwrap();
        for report in serde_json::from_str::<Vec<String>>(listed).unwrap() {
            reports.insert(report, json!(every));
        }
    }
    let config = repository().join("examples/workflow/test-dashboard.toml");
    let config: Value = toml::from_str(&std::fs::read_to_string(config).unwrap()).unwrap();
    assert_eq!(config["schedule"], json!(reports));
}

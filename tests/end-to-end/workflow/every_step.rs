// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! That no shell step of any workflow is one that no test has ever run.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;

use super::proxy::Proxy;
use super::{CONFIG, TOKEN, archive, building, checkout, ci, publishing, pump};
use crate::support::actions::{Given, Job, members, workflow};
use crate::support::github::GitHub;
use crate::support::repository;

/// A step, by workflow, job and name.
type Step = (String, String, String);

fn of(file: &str, job: &str, steps: impl IntoIterator<Item = String>) -> BTreeSet<Step> {
    steps.into_iter().map(|step| (file.into(), job.into(), step)).collect()
}

fn done(file: &str, name: &str, job: Job) -> BTreeSet<Step> {
    of(file, name, job.steps.into_iter().map(|(step, _)| step))
}

/// The shell steps of all workflows.
fn shell_steps() -> BTreeSet<Step> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(repository().join(".github/workflows")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let workflow = workflow(&file);
        for (name, job) in members(&workflow["jobs"]) {
            let steps = job["steps"].as_array().into_iter().flatten();
            let shell = steps.filter(|step| !step["run"].is_null());
            let names: Vec<String> =
                shell.map(|step| step["name"].as_str().unwrap().to_string()).collect();
            let steps = of(&file, name, names.iter().cloned());
            assert_eq!(steps.len(), names.len(), "{file}: {name} has two steps of one name");
            found.extend(steps);
        }
    }
    found
}

/// pump.yml with a release through the proxy, directly, and built from source. Nobody listens
/// where the database should be: the steps are what counts here.
fn pumped() -> BTreeSet<Step> {
    let github = GitHub::start(Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    drop(UnixListener::bind(&socket).unwrap());
    let proxy = Proxy::doing(&format!("ln -s '{}' \"$place\"", socket.display()));
    let given = Given::default().input("config", CONFIG).var("CLOUD_SQL_DATABASE_NAME", "dash");
    let given = given.var("CLOUD_SQL_DATABASE_USERNAME", "pump");
    let given = given.secret("DASHBOARD_GITHUB_TOKEN", TOKEN);
    let mut found = BTreeSet::new();
    for given in [
        proxy.given(given.clone()),
        given.clone().input("connection", "direct"),
        given.input("connection", "direct").input("binary", "the-key"),
    ] {
        let runner = checkout(&github.server);
        std::fs::create_dir(runner.workspace().join("target")).unwrap();
        if given.inputs.contains_key("binary") {
            let built = runner.workspace().join("target/test-dashboard.tar.gz");
            std::fs::write(built, archive()).unwrap();
        }
        found.extend(done("pump.yml", "pump", pump(&runner, &given)));
    }
    found
}

#[test]
fn every_shell_step_of_every_workflow_is_run_by_a_test() {
    let mut done_here = pumped();
    done_here.extend(done("build.yml", "build", building::build(false)));
    for (name, job, _) in ci::jobs() {
        done_here.extend(done("ci.yml", name, job));
    }
    for (name, job) in publishing::jobs() {
        done_here.extend(done("release.yml", name, job));
    }
    assert_eq!(shell_steps(), done_here, "run it in a test of tests/end-to-end/workflow, too");
}

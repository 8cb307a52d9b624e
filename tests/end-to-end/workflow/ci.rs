// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! ci.yml: what a change has to pass, and that it may do nothing else there.

use serde_json::json;

use crate::support::actions::{Given, Job, Runner, members, workflow};
use crate::support::repository;

/// ci.yml's jobs, with scripts in the place of what they start; and what these were given.
pub fn jobs() -> Vec<(&'static str, Job, String)> {
    let jobs = ["suite", "change", "release"].map(|name| {
        let runner = Runner::new();
        runner.script(".ci/run", "#!/bin/sh\necho \"run $* CI=$CI\" >>\"$RUNNER_TEMP/asked\"\n");
        runner.tool("make", "#!/bin/sh\necho \"make $*\" >>\"$RUNNER_TEMP/asked\"\n");
        let job = runner.run_job(&workflow("ci.yml"), name, &Given::default(), &[]).expect_green();
        (name, job, std::fs::read_to_string(runner.temporary().join("asked")).unwrap())
    });
    jobs.into()
}

#[test]
fn a_change_has_to_pass_the_suite_its_dependencies_and_its_mutants() {
    let asked: Vec<(&str, String)> =
        jobs().into_iter().map(|(name, _, asked)| (name, asked)).collect();
    assert_eq!(asked[0], ("suite", "run  CI=true\n".into()));
    assert_eq!(asked[1], ("change", "make deny\nmake mutants BASE=HEAD^1\n".into()));
    assert_eq!(asked[2], ("release", "make dist\nmake image\n".into()));
}

/// What the workflows ask make for, make knows.
#[test]
fn every_target_of_make_is_there() {
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    for (_, _, asked) in jobs() {
        for target in asked.lines().filter_map(|line| line.strip_prefix("make ")) {
            let target = target.split(' ').next().unwrap();
            assert!(makefile.contains(&format!("\n{target}:")), "there is no target {target}");
        }
    }
}

#[test]
fn a_pull_request_meets_no_secret_and_may_write_nothing() {
    let text = std::fs::read_to_string(repository().join(".github/workflows/ci.yml")).unwrap();
    assert!(!text.contains("secrets.") && !text.contains("github.token"), "{text}");
    assert!(!text.contains("pull_request_target"), "{text}");
    let ci = workflow("ci.yml");
    assert_eq!(ci["permissions"], json!({}));
    for (name, job) in members(&ci["jobs"]) {
        assert_eq!(job["permissions"], json!({"contents": "read"}), "{name}");
        let checkout = &job["steps"][0];
        assert_eq!(checkout["with"]["persist-credentials"], false, "{name}");
    }
}

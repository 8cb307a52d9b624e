// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! build.yml: what is built is kept where pump.yml looks for it.

use super::{TARGET, VERSION};
use crate::support::actions::{Given, Job, Runner, workflow};

/// build.yml; whether the cache has it already.
pub fn build(has_it: bool) -> Job {
    let runner = Runner::new();
    let made = format!("target/dist/test-dashboard-{VERSION}-{TARGET}.tar.gz");
    let script = format!("#!/bin/sh\nset -e\n[ \"$*\" = {TARGET} ]\nmkdir -p target/dist\n");
    runner.script(
        "scripts/dist",
        &format!("{script}echo built >{made}\necho sums >target/dist/SHA256SUMS\n"),
    );
    let given = if has_it {
        Given::default().answer("cache", "cache-hit", "true")
    } else {
        Given::default()
    };
    let job = runner.run(&workflow("build.yml"), &given, &[]).expect_green();
    let kept = runner.workspace().join("target/test-dashboard.tar.gz");
    assert_eq!(std::fs::read_to_string(kept).ok().as_deref(), (!has_it).then_some("built\n"));
    job
}

#[test]
fn what_is_built_is_kept_once_where_pump_looks_for_it() {
    let job = build(false);
    let key = "test-dashboard-Linux-X64-the-digest";
    assert_eq!(job.outputs["binary"], key);
    assert_eq!(job.actions["actions/cache/save"]["key"], key);
    let path = &job.actions["actions/cache/save"]["path"];
    assert_eq!(path, "target/test-dashboard.tar.gz");
    assert_eq!(*path, job.actions["actions/cache/restore"]["path"]);
    let pump = workflow("pump.yml");
    let steps = pump["jobs"]["pump"]["steps"].as_array().unwrap();
    let restore = steps.iter().find(|step| step["name"] == "Fetch what was built").unwrap();
    assert_eq!(*path, restore["with"]["path"]);

    let job = build(true);
    assert!(!job.has("Build") && !job.actions.contains_key("actions/cache/save"));
    assert_eq!(job.outputs["binary"], key);
}

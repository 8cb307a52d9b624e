// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! build.yml: what is built is kept where pump.yml looks for it.

use super::{TARGET, VERSION};
use crate::support::actions::{Given, Job, Runner, workflow};
use crate::support::repository;

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

/// An older program would be taken from the cache for a change elsewhere.
#[test]
fn the_caches_key_knows_every_folder_that_is_built_in() {
    let build = workflow("build.yml");
    let steps = build["jobs"]["build"]["steps"].as_array().unwrap();
    let named = steps.iter().find(|step| step["id"] == "key").unwrap();
    let sources = named["env"]["SOURCES"].as_str().unwrap();
    let is_known = |path: &str| {
        sources.split('\'').any(|pattern| match pattern.split_once('*') {
            None => pattern == path,
            Some((start, "*")) => path.starts_with(start),
            Some((start, end)) => path
                .strip_prefix(start)
                .is_some_and(|rest| rest.ends_with(end) && !rest.contains('/')),
        })
    };
    // What the build script embeds, what the archive is made of, and how.
    let script = std::fs::read_to_string(repository().join("host/build.rs")).unwrap();
    let embedded: Vec<&str> = script.split('"').filter(|text| text.contains('/')).collect();
    let embedded = embedded.iter().filter(|path| repository().join(path).is_dir());
    let folders: Vec<String> = embedded.map(|path| format!("{path}/file")).collect();
    assert!(folders.len() > 5, "host/build.rs is not understood: {folders:?}");
    for path in folders.iter().map(String::as_str).chain([
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "CHANGELOG.md",
        "rust-toolchain.toml",
        "test-dashboard.toml",
        "rustfmt.toml",
        "deploy/archive.md",
        "demo/run",
        "scripts/dist",
        ".github/cross-tools.txt",
        "host/store/src/lib.rs",
        "migrations/sqlite/0001",
        "views/x.sql",
        "plugins/github/src/lib.rs",
        "wit/0.1.0/world.wit",
    ]) {
        assert!(is_known(path), "the key of build.yml does not know {path}");
    }
    assert!(!is_known("docs/views.md") && !is_known("tests/end-to-end/main.rs"));
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

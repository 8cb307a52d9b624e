// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! .ci/run: what it takes of the machine, and what it does to the checkout that it is started in.

use std::process::Command;

use crate::support::{Ended, repository};

/// A repository with .ci/run and a make of its own; in it something that is not committed.
fn checkout(makefile: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".ci")).unwrap();
    std::fs::copy(repository().join(".ci/run"), folder.path().join(".ci/run")).unwrap();
    std::fs::write(folder.path().join("Makefile"), makefile).unwrap();
    std::fs::write(folder.path().join("gone"), "").unwrap();
    std::fs::write(folder.path().join(".gitignore"), "target\n").unwrap();
    git(&folder, &["init", "--quiet"]);
    git(&folder, &["add", "--all"]);
    let who = ["-c", "user.name=a", "-c", "user.email=a@localhost"];
    git(&folder, &[&who[..], &["commit", "--quiet", "--message", "All"]].concat());
    std::fs::remove_file(folder.path().join("gone")).unwrap();
    std::fs::write(folder.path().join("a new file"), "not committed").unwrap();
    std::fs::create_dir(folder.path().join("target")).unwrap();
    folder
}

fn git(folder: &tempfile::TempDir, arguments: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder.path()).args(arguments).output().unwrap();
    Ended::new(output).expect_code(0).out
}

fn run(folder: &tempfile::TempDir, parts: &[&str]) -> Ended {
    let mut command = Command::new(folder.path().join(".ci/run"));
    // As a hook is told, and what a person's shell may have.
    command.env("GIT_DIR", folder.path().join(".git")).env("GIT_INDEX_FILE", ".git/index");
    command.env("GITHUB_TOKEN", "a token").env("RUSTC_WRAPPER", "sccache");
    command.env("CARGO_REGISTRY_TOKEN", "another");
    command.env("TEST_DASHBOARD_CONFIG", "/a/configuration").env("CARGO_TARGET_DIR", "/a/target");
    command.env("TEST_MYSQL_URL", "mysql://a").env_remove("CI");
    Ended::new(command.current_dir(folder.path()).args(parts).output().unwrap())
}

#[test]
fn the_suite_runs_in_a_copy_that_knows_nothing_of_the_machine() {
    let folder = checkout("lint:\n\t@env; ls -a; ls -A $$HOME $$CARGO_HOME; echo made >made\n");
    let before = git(&folder, &["rev-parse", "HEAD"]);
    let ended = run(&folder, &["lint"]).expect_code(0).expect_said("a new file");
    for kept in ["TEST_MYSQL_URL=mysql://a", "RUSTUP_HOME=", "PATH="] {
        assert!(ended.out.contains(kept), "{kept}: {}", ended.out);
    }
    let gone = ["_TOKEN=", "RUSTC_WRAPPER", "TEST_DASHBOARD_CONFIG", "CARGO_TARGET_DIR"];
    for gone in gone.iter().chain(&["GIT_DIR", "GIT_INDEX_FILE", "\ngone\n", "\ntarget\n"]) {
        assert!(!ended.out.contains(gone), "{gone}: {}", ended.out);
    }
    assert!(ended.out.contains("0:00  lint"), "{}", ended.out);
    assert_eq!(git(&folder, &["rev-parse", "HEAD"]), before);
    assert!(git(&folder, &["status", "--short"]).contains("?? \"a new file\""));
    assert!(!folder.path().join("made").exists());
    let home = ended.out.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap();
    assert!(!std::path::Path::new(home).exists(), "{home} is left");
}

#[test]
fn what_fails_fails_the_suite_and_what_is_no_part_is_refused() {
    let folder = checkout("lint:\n\t@exit 3\ntest:\n\t@echo tested\n");
    let ended = run(&folder, &["lint", "test"]).expect_code(2).expect_said("lint failed with 2");
    assert!(!ended.out.contains("tested"), "{}", ended.out);
    run(&folder, &["lint", "tset"]).expect_code(2).expect_said("usage: .ci/run");
}

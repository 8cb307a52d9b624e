// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Where the program comes from: a release by version and digest, or what was built from source;
//! and that no other plugin runs than those of the lock file.

use std::process::Command;

use toml_edit::DocumentMut;

use super::{
    CONFIG, VERIFY, VERSION, archive, archive_name, checkout, packed, pump, pump_as_given, read,
    release, sha256, write,
};
use crate::support::actions::{Given, Job, Runner};
use crate::support::github::GitHub;
use crate::support::{Ended, Server, built};

const DOWNLOAD: &str = "Download the release";
const INSTALL: &str = "Install the program";
const PIN: &str = "Pin what was built";
const LOCK: &str = "deploy/test-dashboard.lock";

/// What makes a job end behind the plugins: there is no authority for a direct connection.
fn without_a_database() -> Given {
    Given::default().input("config", CONFIG).input("connection", "direct")
}

fn done(job: &Job) -> Vec<&str> {
    job.steps.iter().map(|(name, _)| name.as_str()).collect()
}

/// Nothing of an archive is there: neither itself nor what is in it.
#[track_caller]
fn expect_nothing_unpacked(runner: &Runner) {
    assert!(!runner.workspace().join("target/test-dashboard.tar.gz").exists());
    assert!(!runner.workspace().join("deploy/plugins").exists());
    let unpacked = std::fs::read_dir(runner.temporary()).unwrap().count();
    assert_eq!(unpacked, 0, "something is in the temporary folder");
}

#[test]
fn a_release_is_the_file_that_its_digest_says() {
    let github = GitHub::start(Vec::new());
    let runner = checkout(&github.server);
    let release = release();
    let job = pump_as_given(&runner, &release.given(without_a_database()), "issues", "1/1");
    assert_eq!(job.step(VERIFY).code, Some(0), "{}", job.said());
    assert_eq!(read(&runner, LOCK), packed("test-dashboard.lock"));
    let asked = release.server.asked();
    assert_eq!(asked.len(), 1);
    let expected = format!("/v{VERSION}/{}", archive_name(super::TARGET));
    assert_eq!(asked[0].target, expected);
    assert!(!job.has(PIN) && !job.actions.contains_key("actions/cache/restore"));
}

#[test]
fn a_release_that_is_another_file_is_not_unpacked() {
    let github = GitHub::start(Vec::new());
    let slack = Server::start(|_| Server::answer(200, &[], "ok"));
    let runner = checkout(&github.server);
    let release = release();
    let hook = format!("{}/hook", slack.url);
    let given = without_a_database().secret("SLACK_WEBHOOK_URL", &hook);
    let given = release.given(given).var("TEST_DASHBOARD_SHA256", &"0".repeat(64));
    let job = pump_as_given(&runner, &given, "issues", "1/1");
    assert_eq!(job.step(DOWNLOAD).code, Some(1), "{}", job.said());
    assert!(job.step(DOWNLOAD).out.contains("::error title=The release is another file::"));
    assert_eq!(done(&job), [DOWNLOAD, "Tell Slack"]);
    assert_eq!(release.server.count(), 1);
    expect_nothing_unpacked(&runner);
    assert!(slack.asked()[0].body.contains("ended before it could say how"));
}

#[test]
fn without_a_release_or_its_digest_nothing_is_downloaded() {
    let github = GitHub::start(Vec::new());
    let runner = checkout(&github.server);
    let release = release();
    let digest = sha256(archive());
    for (name, value, says) in [
        ("TEST_DASHBOARD_RELEASE", "", "::error title=Which release is to be used::"),
        ("TEST_DASHBOARD_RELEASE", "../other", "Set the variable TEST_DASHBOARD_RELEASE"),
        ("TEST_DASHBOARD_SHA256", "", "Set the variable TEST_DASHBOARD_SHA256"),
        ("TEST_DASHBOARD_SHA256", &digest[1..], "Without it nothing is downloaded"),
        ("TEST_DASHBOARD_SHA256", &format!("{digest} x"), "Without it nothing is downloaded"),
    ] {
        let given = release.given(without_a_database()).var(name, value);
        let job = pump_as_given(&runner, &given, "issues", "1/1");
        assert_eq!(job.step(DOWNLOAD).code, Some(1), "{}", job.said());
        assert!(job.step(DOWNLOAD).out.contains(says), "{says}: {}", job.said());
        assert_eq!(done(&job), [DOWNLOAD, "Tell Slack"]);
        expect_nothing_unpacked(&runner);
    }
    assert_eq!(release.server.count(), 0);
}

#[test]
fn a_release_that_is_not_there_ends_the_job() {
    let github = GitHub::start(Vec::new());
    let runner = checkout(&github.server);
    let server = Server::start(|_| Server::answer(404, &[], "there is no such file"));
    let given = release().given(without_a_database()).var("TEST_DASHBOARD_URL", &server.url);
    let job = pump_as_given(&runner, &given, "issues", "1/1");
    assert!(job.step(DOWNLOAD).err.contains("404"), "{}", job.said());
    assert_eq!(done(&job), [DOWNLOAD, "Tell Slack"]);
    expect_nothing_unpacked(&runner);
}

#[test]
fn where_releases_are_looked_for_follows_from_the_repository() {
    let runner = Runner::new();
    runner.tool("curl", "#!/bin/sh\nfor address; do :; done\necho \"asked: $address\"\nexit 22\n");
    let given = |given: Given| {
        let given = given.var("TEST_DASHBOARD_RELEASE", "v0.2.0");
        given.var("TEST_DASHBOARD_SHA256", &"0".repeat(64))
    };
    for (given, owner) in [
        (given(Given::default()), "my-org/test-dashboard"),
        (given(Given::default()).var("TEST_DASHBOARD_REPOSITORY", "a/fork"), "a/fork"),
        (given(Given::default()).input("repository", "a/nother"), "a/nother"),
    ] {
        let job = pump_as_given(&runner, &given, "issues", "1/1");
        let address = format!(
            "asked: https://github.com/{owner}/releases/download/v0.2.0/test-dashboard-0.2.0-{}.tar.gz\n",
            super::TARGET
        );
        assert_eq!(job.step(DOWNLOAD).out, address, "{}", job.said());
    }
}

#[test]
fn a_plugin_that_is_not_the_one_in_the_lock_file_ends_the_job_before_the_first_secret() {
    let github = GitHub::start(Vec::new());
    let github_pin = sha256(&std::fs::read(built("plugins/github.wasm")).unwrap());
    let lock = packed("test-dashboard.lock");
    assert!(lock.contains(&github_pin), "{lock}");
    let elsewhere = "[plugins.github]\nfile = \"plugins/github.wasm\"";
    let not_pinned = lock.replace(elsewhere, "[plugins.other]\nfile = \"plugins/github.wasm\"");
    for (file, content, says) in [
        // What the lock file says is another release's.
        (LOCK, lock.replace(&github_pin, &"0".repeat(64)), "changed    github"),
        // The repository has a file of its own, which nobody added.
        ("deploy/plugins/github.wasm", "another file".into(), "changed    github"),
        (LOCK, not_pinned, "github"),
        (LOCK, "<<<<<<< ours\n".into(), "test-dashboard.lock"),
    ] {
        let runner = checkout(&github.server);
        write(&runner, file, &content);
        let job = pump(&runner, &without_a_database());
        assert!(matches!(job.step(VERIFY).code, Some(1 | 2)), "{}", job.said());
        assert!(job.step(VERIFY).said().contains(says), "{says}: {}", job.said());
        assert_eq!(done(&job), [DOWNLOAD, INSTALL, VERIFY, "Tell Slack"]);
        assert_eq!(read(&runner, file), content, "{file} was overwritten");
    }
    assert_eq!(github.server.count(), 0);
}

/// A checkout with what build.yml keeps, and what its caller says of it.
fn from_source(github: &Server) -> (Runner, Given) {
    let runner = checkout(github);
    write(&runner, "target/test-dashboard.tar.gz", archive());
    (runner, without_a_database().input("binary", "the-key"))
}

/// A plugin from elsewhere, added as a person does it.
fn add_guest(runner: &Runner) {
    let mut add = Command::new(env!("CARGO_BIN_EXE_test-dashboard"));
    add.current_dir(runner.workspace()).args(["plugin", "add", "--yes", "--config", CONFIG]);
    add.arg(built("guests/well_behaved.wasm"));
    Ended::new(add.output().unwrap()).expect_code(0);
}

#[test]
fn what_was_built_from_source_is_pinned_and_everything_else_stays_as_it_was_added() {
    let github = GitHub::start(Vec::new());
    let (runner, given) = from_source(&github.server);

    // Without a lock file it is the one of the build.
    let job = pump_as_given(&runner, &given, "issues", "1/1");
    assert_eq!(job.step(VERIFY).code, Some(0), "{}", job.said());
    assert_eq!(job.actions["actions/cache/restore"]["key"], "the-key");
    assert!(!job.has(DOWNLOAD));
    assert_eq!(read(&runner, LOCK), packed("test-dashboard.lock"));

    // With one that knows an older build, does not know one plugin, and has one from elsewhere.
    let (runner, given) = from_source(&github.server);
    let built = |name: &str| std::fs::read(built(&format!("plugins/{name}.wasm"))).unwrap();
    let mut lock: DocumentMut = packed("test-dashboard.lock").parse().unwrap();
    lock["plugins"]["github"]["sha256"] = "0".repeat(64).into();
    lock["plugins"].as_table_mut().unwrap().remove("testrail");
    write(&runner, LOCK, lock.to_string());
    add_guest(&runner);
    let (config, lock) = (read(&runner, CONFIG), read(&runner, LOCK));
    let job = pump_as_given(&runner, &given, "issues", "1/1");
    assert_eq!(job.step(VERIFY).code, Some(0), "{}", job.said());
    assert_eq!(read(&runner, CONFIG), config);
    let [old, new] = [lock, read(&runner, LOCK)].map(|text| text.parse::<DocumentMut>().unwrap());
    for name in ["github", "testrail"] {
        let digest = sha256(&built(name));
        assert_eq!(new["plugins"][name]["sha256"].as_str(), Some(digest.as_str()), "{name}");
    }
    for name in ["guest", "taskcluster"] {
        assert_eq!(new["plugins"][name].to_string(), old["plugins"][name].to_string(), "{name}");
    }
}

#[test]
fn a_file_in_the_checkout_is_not_pinned_because_something_was_built() {
    let github = GitHub::start(Vec::new());
    for (file, says) in [
        ("deploy/plugins/github.wasm", "changed    github"),
        ("deploy/plugins/guest.wasm", "changed    guest"),
    ] {
        let (runner, given) = from_source(&github.server);
        write(&runner, LOCK, packed("test-dashboard.lock"));
        add_guest(&runner);
        let lock = read(&runner, LOCK);
        write(&runner, file, "another file");
        let job = pump_as_given(&runner, &given, "issues", "1/1");
        assert_eq!(done(&job), [INSTALL, PIN, VERIFY, "Tell Slack"]);
        assert_eq!(job.step(VERIFY).code, Some(1), "{}", job.said());
        assert!(job.step(VERIFY).out.contains(says), "{}", job.said());
        assert_eq!(read(&runner, LOCK), lock);
    }
}

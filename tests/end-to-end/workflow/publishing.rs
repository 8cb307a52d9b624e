// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! release.yml: what a tag becomes. Archives, images and releases are written down by scripts in
//! the place of buildah and gh.

use serde_json::Value;

use super::{VERSION, archive, archive_name, write};
use crate::support::actions::{Given, Job, Runner, members, workflow};
use crate::support::repository;

const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
];
const GITHUB_TOKEN: &str = "ghs_a-token-that-nobody-may-see";
const DIGEST: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- not yet\n\n## [VERSION] - 2026-03-01\n\n- what is new\n\n## [0.0.9] - 2026-01-01\n\n- what was new\n";
const BUILDAH: &str = r#"#!/bin/sh
echo "buildah $*" >>"$RUNNER_TEMP/asked"
if [ "$1" = login ]; then cat >"$RUNNER_TEMP/password"; fi
while [ $# -gt 0 ]; do
    if [ "$1" = --digestfile ]; then printf DIGEST >"$2"; fi
    shift
done
"#;
/// What is known of the release lies in the checkout, in a file `is-draft`.
const GH: &str = r#"#!/bin/sh
echo "gh $* in $GH_REPO" >>"$RUNNER_TEMP/asked"
if [ "$GH_TOKEN" != TOKEN ]; then echo 'HTTP 401: Bad credentials' >&2; exit 1; fi
if [ "$2" = view ]; then
    if [ ! -e "$GITHUB_WORKSPACE/is-draft" ]; then echo 'release not found' >&2; exit 1; fi
    cat "$GITHUB_WORKSPACE/is-draft"
fi
"#;

fn given(tag: &str) -> Given {
    Given::default()
        .github("ref_name", tag)
        .github("actor", "somebody")
        .secret("GITHUB_TOKEN", GITHUB_TOKEN)
        .need("image", "reference", &format!("ghcr.io/my-org/test-dashboard:{VERSION}@{DIGEST}"))
}

/// GitHub's program, for whoever has this token.
fn gh(token: &str) -> String {
    GH.replace("TOKEN\" != TOKEN", &format!("TOKEN\" != {token}"))
}

fn tag() -> String {
    format!("v{VERSION}")
}

fn asked(runner: &Runner) -> String {
    std::fs::read_to_string(runner.temporary().join("asked")).unwrap_or_default()
}

fn job(runner: &Runner, name: &str, given: &Given, matrix: &[(&str, &str)]) -> Job {
    let job = runner.run_job(&workflow("release.yml"), name, given, matrix);
    assert!(!job.said().contains(GITHUB_TOKEN) && !asked(runner).contains(GITHUB_TOKEN));
    job
}

fn check(tag: &str, changelog: &str) -> (Runner, Job) {
    check_with(tag, changelog, None, GITHUB_TOKEN)
}

/// With a release that is a draft, or published, or not there.
fn check_with(tag: &str, changelog: &str, is_draft: Option<&str>, token: &str) -> (Runner, Job) {
    let runner = Runner::new();
    runner.tool("gh", &gh(token));
    if let Some(is_draft) = is_draft {
        write(&runner, "is-draft", is_draft);
    }
    let manifest = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    write(&runner, "Cargo.toml", manifest);
    write(&runner, "CHANGELOG.md", changelog.replace("VERSION", VERSION));
    let job = job(&runner, "check", &given(tag), &[]);
    (runner, job)
}

fn build(target: &str) -> (Runner, Job) {
    let runner = Runner::new();
    let script = "#!/bin/sh\necho \"dist $*\" >>\"$RUNNER_TEMP/asked\"\n";
    runner.script("scripts/dist", script);
    let job = job(&runner, "build", &given(&tag()), &[("target", target)]);
    (runner, job)
}

fn attest(target: &str) -> (Runner, Job) {
    let runner = Runner::new();
    // What was packed for the tests has one name; its folder inside has, too.
    write(&runner, &format!("dist/{}", archive_name(target)), archive());
    let job = job(&runner, "attest", &given(&tag()), &[("target", target)]);
    (runner, job)
}

fn image() -> (Runner, Job) {
    let runner = Runner::new();
    runner.script("scripts/image", "#!/bin/sh\necho \"image $*\" >>\"$RUNNER_TEMP/asked\"\n");
    runner.tool("buildah", &BUILDAH.replace("DIGEST", DIGEST));
    let job = job(&runner, "image", &given(&tag()), &[]);
    (runner, job)
}

/// With a release that is a draft, or published, or not there.
fn draft(tag: &str, is_draft: Option<&str>, token: &str) -> (Runner, Job) {
    let runner = Runner::new();
    runner.tool("gh", &gh(token));
    for target in TARGETS {
        write(&runner, &format!("dist/{}", archive_name(target)), target);
    }
    write(&runner, "notes/notes.md", "\n- what is new\n");
    if let Some(is_draft) = is_draft {
        write(&runner, "is-draft", is_draft);
    }
    let job = job(&runner, "draft", &given(tag), &[]);
    (runner, job)
}

/// All jobs of a release that goes well.
pub fn jobs() -> Vec<(&'static str, Job)> {
    vec![
        ("check", check(&tag(), CHANGELOG).1),
        ("build", build(TARGETS[0]).1),
        ("attest", attest(TARGETS[0]).1),
        ("image", image().1),
        ("draft", draft(&tag(), None, GITHUB_TOKEN).1),
    ]
}

#[test]
fn a_tag_is_the_version_and_the_changelog_has_it() {
    for changelog in [CHANGELOG, &CHANGELOG.replace("[VERSION] - 2026-03-01", "VERSION")] {
        let (runner, job) = check(&tag(), changelog);
        let job = job.expect_green();
        let notes = runner.temporary().join("notes.md");
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), "\n- what is new\n\n");
        assert_eq!(job.actions["actions/upload-artifact"]["path"], notes.to_str().unwrap());
    }

    for other in ["v9.9.9", &format!("v{VERSION}-rc.1"), VERSION, "v"] {
        let (_, job) = check(other, &CHANGELOG.replace("VERSION", &other[1..]));
        let compare = job.step("Compare the tag with the version");
        assert_eq!(compare.code, Some(1), "{other}: {}", job.said());
        let says = format!(
            "::error title=The tag is not the version::The tag is {other} and the version in Cargo.toml is {VERSION}."
        );
        assert!(compare.out.contains(&says), "{}", job.said());
        assert!(!job.actions.contains_key("actions/upload-artifact"));
    }

    for changelog in [
        CHANGELOG.replace("## [VERSION]", "## [VERSION.1]"),
        CHANGELOG.replace("- what is new\n", ""),
        CHANGELOG.replace("## [VERSION]", "### [VERSION]"),
        String::new(),
    ] {
        let (_, job) = check(&tag(), &changelog);
        let take = job.step("Take the notes from the changelog");
        assert_eq!(take.code, Some(1), "{changelog}: {}", job.said());
        assert!(take.out.contains("::error title=There is nothing in the changelog::"));
    }
}

/// A tag that is moved and pushed again would else give a version that people use another image.
#[test]
fn what_is_published_is_not_built_again() {
    check_with(&tag(), CHANGELOG, Some("true\n"), GITHUB_TOKEN).1.expect_green();
    for (is_draft, token, says) in [
        ("false\n", GITHUB_TOKEN, "::error title=It is published already::"),
        // What cannot be asked is not taken for what is not there.
        ("true\n", "another", "HTTP 401"),
    ] {
        let (_, job) = check_with(&tag(), CHANGELOG, Some(is_draft), token);
        let refuse = job.step("Refuse a version that is published");
        assert_eq!(refuse.code, Some(1), "{}", job.said());
        assert!(refuse.said().contains(says), "{}", job.said());
    }
    let release = workflow("release.yml");
    for (name, job) in members(&release["jobs"]).filter(|(name, _)| *name != "check") {
        let needs = job["needs"].to_string();
        assert!(
            needs.contains("check") || needs.contains("build") || needs.contains("attest"),
            "{name}"
        );
    }
}

#[test]
fn each_platform_is_built_signed_and_kept_under_its_name() {
    let release = workflow("release.yml");
    let build_matrix = release["jobs"]["build"]["strategy"]["matrix"]["include"].as_array();
    let built: Vec<&Value> = build_matrix.unwrap().iter().map(|one| &one["target"]).collect();
    assert_eq!(built, TARGETS);
    let attested = release["jobs"]["attest"]["strategy"]["matrix"]["target"].as_array().unwrap();
    assert_eq!(*attested, TARGETS);
    for target in TARGETS {
        let (runner, job) = build(target);
        let job = job.expect_green();
        assert_eq!(asked(&runner), format!("dist {target}\n"));
        let kept = &job.actions["actions/upload-artifact"];
        assert_eq!(kept["name"], format!("archive-{target}"));
    }

    let (runner, job) = attest(TARGETS[0]);
    let job = job.expect_green();
    let list = runner.temporary().join("sbom.cdx.json");
    assert_eq!(job.actions["actions/attest"]["sbom-path"], list.to_str().unwrap());
    let list: Value = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    assert_eq!(list["bomFormat"], "CycloneDX");
}

#[test]
fn the_image_is_one_for_both_platforms() {
    let (runner, job) = image();
    let job = job.expect_green();
    let lines = |machine: &str| {
        format!(
            "image target/dist/test-dashboard-{VERSION}-{machine}-unknown-linux-musl.tar.gz localhost/test-dashboard:{VERSION}-{machine}\n\
             buildah manifest add localhost/test-dashboard:{VERSION} containers-storage:localhost/test-dashboard:{VERSION}-{machine}\n"
        )
    };
    let expected = format!(
        "buildah manifest create localhost/test-dashboard:{VERSION}\n{}{}\
         buildah login --username somebody --password-stdin ghcr.io\n\
         buildah manifest push --all --format oci --digestfile {} localhost/test-dashboard:{VERSION} docker://ghcr.io/my-org/test-dashboard:{VERSION}\n\
         buildah logout ghcr.io\n",
        lines("x86_64"),
        lines("aarch64"),
        runner.temporary().join("digest").display(),
    );
    assert_eq!(asked(&runner), expected);
    let password = std::fs::read_to_string(runner.temporary().join("password")).unwrap();
    assert_eq!(password.trim_end(), GITHUB_TOKEN);
    assert_eq!(job.actions["actions/attest"]["subject-name"], "ghcr.io/my-org/test-dashboard");
    assert_eq!(job.actions["actions/attest"]["subject-digest"], DIGEST);
    let reference = format!("ghcr.io/my-org/test-dashboard:{VERSION}@{DIGEST}");
    assert_eq!(job.outputs["reference"], reference);
}

#[test]
fn a_release_is_a_draft_with_every_archive_and_one_list_of_digests() {
    let (runner, job) = draft(&tag(), None, GITHUB_TOKEN);
    job.expect_green();
    let mut archives: Vec<String> = TARGETS.iter().map(|target| archive_name(target)).collect();
    archives.sort();
    let files: String = archives.iter().map(|name| format!(" ./{name}")).collect();
    let create = |options: &str| {
        format!(
            "gh release create {0} --draft --verify-tag --title {0} --notes-file ../notes/release.md{options} SHA256SUMS{files} in my-org/test-dashboard\n",
            tag()
        )
    };
    assert!(asked(&runner).ends_with(&create("")), "{}", asked(&runner));
    let sums: String = TARGETS
        .iter()
        .map(|target| (archive_name(target), super::sha256(target.as_bytes())))
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .map(|(name, digest)| format!("{digest}  {name}\n"))
        .collect();
    let written = |file: &str| std::fs::read_to_string(runner.workspace().join(file)).unwrap();
    assert_eq!(written("dist/SHA256SUMS"), sums);
    let notes = written("notes/release.md");
    assert!(notes.starts_with("\n- what is new\n"), "{notes}");
    assert!(notes.contains(&format!("test-dashboard:{VERSION}@{DIGEST}")), "{notes}");
    assert!(notes.contains(sums.lines().next().unwrap()), "{notes}");

    let (runner, job) = draft("v1.0.0-rc.1", None, GITHUB_TOKEN);
    job.expect_green();
    assert!(asked(&runner).contains(" --prerelease SHA256SUMS "), "{}", asked(&runner));
}

#[test]
fn a_draft_is_replaced_and_what_is_published_is_not() {
    let (runner, job) = draft(&tag(), Some("true\n"), GITHUB_TOKEN);
    job.expect_green();
    let delete =
        format!("gh release delete {} --yes in my-org/test-dashboard\ngh release create", tag());
    assert!(asked(&runner).contains(&delete), "{}", asked(&runner));

    let (runner, job) = draft(&tag(), Some("false\n"), GITHUB_TOKEN);
    assert_eq!(job.step("Draft the release").code, Some(1), "{}", job.said());
    assert!(job.said().contains("::error title=It is published already::"), "{}", job.said());
    assert!(!asked(&runner).contains("delete") && !asked(&runner).contains("create"));

    // What cannot be asked is not taken for what is not there.
    let (runner, job) = draft(&tag(), Some("false\n"), "another");
    assert_eq!(job.step("Draft the release").code, Some(1), "{}", job.said());
    assert!(job.said().contains("HTTP 401"), "{}", job.said());
    assert!(!asked(&runner).contains("create"));
}

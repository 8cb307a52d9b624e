// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A release is installed by unpacking it: what is in the archive works by itself, in an empty
//! folder, on a machine without cargo, git or make, and in an image that has nothing else.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::archive::{VERSION, archive, folder_name};
use crate::support::{Ended, repository};

/// Who the program is in the image.
const USER: &str = "65532:65532";

/// Unpacks the archive into a folder of its own.
fn unpacked() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive()).arg("--directory").arg(place.path());
    Ended::new(tar.output().unwrap()).expect_code(0);
    let folder = place.path().join(folder_name());
    (place, folder)
}

/// A folder with the programs of coreutils, and no others.
fn coreutils(place: &Path) -> PathBuf {
    let folder = place.join("bin");
    std::fs::create_dir(&folder).unwrap();
    for name in ["cat", "dirname", "env", "ls", "mkdir", "rm", "wc"] {
        let found = ["/usr/bin", "/bin"].map(|path| Path::new(path).join(name));
        symlink(found.iter().find(|path| path.exists()).unwrap(), folder.join(name)).unwrap();
    }
    folder
}

/// Runs what is in the folder with these programs and a home that is empty.
fn alone(folder: &Path, programs: &Path, what: &[&str]) -> Ended {
    let home = folder.parent().unwrap().join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(folder.join(what[0]));
    command.args(&what[1..]).current_dir(folder).env_clear();
    Ended::new(command.env("PATH", programs).env("HOME", home).output().unwrap())
}

#[test]
fn an_unpacked_release_does_the_demos_job_with_nothing_but_coreutils() {
    let (place, folder) = unpacked();
    let programs = coreutils(place.path());
    let first = alone(&folder, &programs, &["demo/run"]).expect_code(0);
    assert!(first.out.contains("Run it again"), "{}", first.said());
    assert!(folder.join("demo/demo.sqlite").is_file());

    let second = alone(&folder, &programs, &["demo/run"]).expect_code(0);
    assert!(second.out.contains("nothing doubled"), "{}", second.said());
    let runs = ["test-dashboard", "runs", "--limit", "16", "--format", "json"];
    let demo = ["--config", "demo/test-dashboard.toml", "--database", "sqlite:demo/demo.sqlite"];
    let runs = alone(&folder, &programs, &[&runs[..], &demo].concat()).expect_code(0).json();
    let runs = runs.as_array().unwrap();
    assert_eq!(runs.len(), 16, "a report is missing: {runs:?}");
    for run in runs {
        assert_eq!(run["outcome"], "succeeded", "{run}");
        assert_eq!((&run["rows_new"], &run["rows_changed"]), (&0.into(), &0.into()), "{run}");
        assert!(run["rows_unchanged"].as_i64() > Some(0), "{run}");
    }
}

#[test]
fn a_release_holds_what_its_readme_names_and_pins_its_plugins() {
    let (place, folder) = unpacked();
    let programs = coreutils(place.path());
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for named in [
        "test-dashboard",
        "plugins/",
        "test-dashboard.lock",
        "test-dashboard.toml",
        "demo/run",
        "completions/",
        "man/",
        "sbom.cdx.json",
        "LICENSE",
        "CHANGELOG.md",
    ] {
        assert!(readme.contains(&format!("`{named}`")), "README.md does not name {named}");
        assert!(folder.join(named).exists(), "{named} is missing");
    }
    for file in ["test-dashboard.bash", "_test-dashboard", "test-dashboard.fish"] {
        let text = std::fs::read_to_string(folder.join("completions").join(file)).unwrap();
        assert!(text.contains("report-type"), "completions/{file} does not complete a run");
    }
    let verify = ["test-dashboard", "plugin", "verify", "--format", "json"];
    let pinned = alone(&folder, &programs, &verify).expect_code(0);
    for plugin in ["bitrise", "github", "taskcluster", "testrail"] {
        assert!(pinned.out.contains(plugin), "{plugin} is not pinned: {}", pinned.said());
    }
    // One byte more, and it does not run.
    let mut changed = std::fs::read(folder.join("plugins/github.wasm")).unwrap();
    changed.push(0);
    std::fs::write(folder.join("plugins/github.wasm"), changed).unwrap();
    alone(&folder, &programs, &verify).expect_code(1);
}

#[test]
fn the_sbom_names_what_the_program_and_the_plugins_are_linked_with() {
    let (_place, folder) = unpacked();
    let text = std::fs::read_to_string(folder.join("sbom.cdx.json")).unwrap();
    let sbom: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(sbom["bomFormat"], "CycloneDX");
    assert_eq!(sbom["metadata"]["component"]["version"], VERSION);
    let lock = std::fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let lock: toml::Value = toml::from_str(&lock).unwrap();
    let locked = |name: &str| {
        let packages = lock["package"].as_array().unwrap();
        let found = packages.iter().filter(|package| package["name"].as_str() == Some(name));
        found.map(|package| package["version"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let components = sbom["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|part| part["name"] == name);
    // The program's, and a plugin's.
    for name in ["wasmtime", "sqlx", "wit-bindgen", "test-dashboard-testrail"] {
        let part = named(name).unwrap_or_else(|| panic!("{name} is not in the SBOM"));
        let version = part["version"].as_str().unwrap().to_owned();
        assert!(locked(name).contains(&version), "{name} {version} is not locked");
        assert!(part["licenses"].is_array(), "{part}");
    }
    assert!(named("wasmtime").unwrap()["hashes"][0]["content"].is_string());
    // A dependency of tests, and one of builds.
    for name in ["axum", "serde_derive"] {
        assert!(named(name).is_none(), "{name} is in no program");
    }
    let repository = repository().canonicalize().unwrap();
    assert!(!text.contains(repository.to_str().unwrap()), "the SBOM names a path of this machine");
}

/// Runs a command as root; none where that cannot be had, which is said, and is a failure under CI.
fn as_root(arguments: &[&str]) -> Option<Ended> {
    if rustix::process::geteuid().is_root() {
        let output = Command::new(arguments[0]).args(&arguments[1..]).env_clear().output();
        return Some(Ended::new(output.unwrap()));
    }
    let asked = Command::new("sudo").args(["-n", "true"]).output();
    if !asked.is_ok_and(|asked| asked.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "an image's folder is entered as root");
        eprintln!("NOT RUN: an image's folder is entered as root, or with sudo");
        return None;
    }
    let output = Command::new("sudo").args(["-n", "env", "-i"]).args(arguments).output();
    Some(Ended::new(output.unwrap()))
}

/// The libraries that a program is linked with, which a released one is not.
fn add_libraries(root: &Path, program: &Path) {
    let told = Ended::new(Command::new("ldd").arg(program).output().unwrap()).expect_code(0);
    for word in told.out.split_whitespace().filter(|word| word.starts_with('/')) {
        let place = root.join(word.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(word, place).unwrap();
    }
}

/// The folder that becomes the image, entered as its user enters it. Whether the image itself can be
/// made is tried by `make image`.
#[test]
fn the_images_program_pumps_a_recording_as_a_user_without_rights() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    let mut image = Command::new(repository().join("scripts/image"));
    image.arg("--root").arg(archive()).arg(&root);
    Ended::new(image.output().unwrap()).expect_code(0);
    let program = root.join("usr/local/bin/test-dashboard");
    let found: Vec<String> = ["bin", "lib", "usr/bin", "usr/lib", "root", "home"]
        .into_iter()
        .filter(|name| root.join(name).exists())
        .map(String::from)
        .collect();
    assert!(found.is_empty(), "more is in the image than it needs: {found:?}");
    for needed in [
        "etc/ssl/certs/ca-certificates.crt",
        "usr/share/zoneinfo/Europe/Berlin",
        "usr/local/share/test-dashboard/plugins/github.wasm",
        "usr/local/share/test-dashboard/test-dashboard.lock",
    ] {
        assert!(root.join(needed).metadata().unwrap().len() > 0, "{needed}");
    }
    add_libraries(&root, &program);
    // What an operator mounts, and the user may write to.
    let (_unpacked, folder) = unpacked();
    let mounted = root.join("work");
    let mut copy = Command::new("cp");
    copy.arg("-R").arg(folder.join("demo")).arg(folder.join("plugins")).arg(&mounted);
    Ended::new(copy.output().unwrap()).expect_code(0);
    let mut open = Command::new("chmod");
    Ended::new(open.arg("777").arg(mounted.join("demo")).output().unwrap()).expect_code(0);

    let root = root.to_str().unwrap();
    let user = format!("--userspec={USER}");
    let inside = |arguments: &[&str]| {
        let chroot = ["/usr/sbin/chroot", &user, root, "/usr/local/bin/test-dashboard"];
        as_root(&[&chroot[..], arguments].concat())
    };
    let Some(version) = inside(&["--version"]) else { return };
    let version = version.expect_code(0);
    assert_eq!(version.out.trim_end(), format!("test-dashboard {VERSION}"));
    let config = ["--config", "/work/demo/test-dashboard.toml"];
    let run = ["run", "--project", "fenix", "--report-type", "issues"];
    let replay = ["--replay", "/work/demo/recordings/github"];
    inside(&[&run[..], &config, &replay].concat()).unwrap().expect_code(0);
    let runs = inside(&[&["runs", "--format", "json"][..], &config].concat()).unwrap();
    let runs = runs.expect_code(0).json();
    assert!(runs[0]["rows_new"].as_i64() > Some(0), "{runs}");
}

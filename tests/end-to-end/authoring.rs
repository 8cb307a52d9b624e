// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What an author does: begins a project, builds it, and tries what was built. All of it in a
//! folder that is not this repository's, as a stranger would.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::support::{Ended, Workplace, repository};

/// The languages that a project can be begun in, and what their projects are known by.
const LANGUAGES: &[(&str, &str)] = &[("rust", "Cargo.toml")];

/// Where projects are built: outside of this repository, one at a time, and always in the same
/// folder. Its path is among what cargo tells builds apart by; so what projects have in common
/// is compiled once, into `target/authoring`.
struct Site {
    folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Site {
    /// The site with these files and no others.
    fn with(files: &BTreeMap<String, Vec<u8>>) -> Site {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // Two checkouts on one machine have a site each.
        let mut hasher = DefaultHasher::new();
        repository().canonicalize().unwrap().hash(&mut hasher);
        let name = format!("test-dashboard-site-{:016x}", hasher.finish());
        let folder = std::env::temp_dir().join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        copy(files, &folder);
        Site { folder, _turn }
    }

    /// The site with a new project.
    fn with_new_project(place: &Workplace, name: &str) -> Site {
        place.run(&["plugin", "new", name]).expect_code(0);
        Site::with(&files(&place.path(name)))
    }

    fn path(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    /// `plugin build`.
    fn build(&self, place: &Workplace) -> Ended {
        let target = target();
        let options = ["--target-dir", target.to_str().unwrap()];
        let arguments = [&["plugin", "build", self.path()][..], &options[..]].concat();
        place.run(&arguments)
    }

    /// Runs cargo here.
    fn cargo(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&self.folder);
        command.env("CARGO_TARGET_DIR", target());
        Ended::new(command.output().unwrap())
    }

    /// That the recording gives the rows of its golden file, that every rule holds, and that a
    /// run writes the rows.
    #[track_caller]
    fn expect_good(&self, place: &Workplace, component: &str, report: &str, rows: usize) {
        let told = format!("{rows} rows");
        place.run(&["plugin", "test", self.path()]).expect_code(0).expect_said(&told);
        let config = format!("{}/test-dashboard.toml", self.path());
        let component = format!("{}/{component}", self.path());
        place
            .run(&["plugin", "check", &component, "--config", &config])
            .expect_code(0)
            .expect_said("rules hold");
        let fixtures = format!("{}/fixtures", self.path());
        let run = ["run", "--project", "demo", "--report-type", report];
        place
            .run(&[&run[..], &["--config", &config, "--replay", &fixtures]].concat())
            .expect_code(0)
            .expect_said(&format!("succeeded, {told} read in SQLite"));
    }
}

fn target() -> PathBuf {
    repository().canonicalize().unwrap().join("target/authoring")
}

/// The files below a folder, by their paths from there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Copies files into a folder.
fn copy(files: &BTreeMap<String, Vec<u8>>, folder: &Path) {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_project_of_every_language_has_what_an_author_needs_and_no_way_back_here() {
    let place = Workplace::new("");
    let here = repository().canonicalize().unwrap();
    let here = here.to_str().unwrap().as_bytes();
    for &(language, manifest) in LANGUAGES {
        let name = format!("my{language}");
        place
            .run(&["plugin", "new", &name, "--language", language])
            .expect_code(0)
            .expect_said(&format!("cd {name}"));
        let files = files(&place.path(&name));
        for file in [
            manifest,
            "README.md",
            "test-dashboard.toml",
            ".gitignore",
            "fixtures/demo/things.har",
            &format!("fixtures/demo/things.{name}_things.jsonl"),
            "wit/world.wit",
            "wit/deps/testops-datasource/datasource.wit",
            "wit/deps/wasi-http.wit",
        ] {
            assert!(files.contains_key(file), "{language} has no {file}");
        }
        for (file, bytes) in files {
            let names = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
            assert!(!names(here), "{language}: {file} names this repository's folder");
            assert!(!names(b"templateplugin"), "{language}: {file} is not filled in");
        }
    }
}

#[test]
fn what_is_there_or_cannot_be_named_so_is_refused() {
    let place = Workplace::new("");
    std::fs::write(place.path("taken"), "mine").unwrap();
    std::fs::create_dir(place.path("folder")).unwrap();
    let before = files(&place.path(""));
    for (name, says) in [
        ("taken", "taken already exists"),
        ("folder", "folder already exists"),
        ("My-Shop", "lower-case letters and digits, and begin with a letter; myshop would do"),
        ("../shop", "; shop would do"),
        ("7", "begin with a letter"),
        ("runs", "cannot be named \"runs\": such tables are the host's own"),
        ("abcdefghijklmnopqrstuvwxyz", "has 26 characters, and may have 20"),
    ] {
        place.run(&["plugin", "new", name]).expect_code(2).expect_said(says);
    }
    place.run(&["plugin", "new", "shop", "--language", "cobol"]).expect_code(2);
    assert_eq!(files(&place.path("")), before, "something was written");
}

#[test]
fn a_project_in_rust_builds_tests_itself_and_fills_its_table() {
    let place = Workplace::new("");
    let site = Site::with_new_project(&place, "acme");
    site.build(&place).expect_code(0).expect_said("acme.wasm").expect_said("acme 0.1.0");

    let component = format!("{}/acme.wasm", site.path());
    let inspected = place.run(&["plugin", "inspect", &component, "--format", "json"]);
    let inspected = inspected.expect_code(0).json();
    assert_eq!(inspected["description"]["name"], "acme");
    assert_eq!(inspected["description"]["tables"][0]["name"], "acme_things");
    assert_eq!(inspected["description"]["settings"][0]["name"], "list");
    site.expect_good(&place, "acme.wasm", "things", 7);

    site.cargo(&["test"]).expect_code(0).expect_said("3 passed");
    site.cargo(&["fmt", "--check"]).expect_code(0);
    let locked = std::fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let own = std::fs::read_to_string(site.folder.join("Cargo.lock")).unwrap();
    for checksum in own.lines().filter(|line| line.starts_with("checksum")) {
        assert!(locked.contains(checksum), "not a version that is tested here: {checksum}");
    }
}

#[test]
fn a_plugin_that_cannot_be_described_is_not_built() {
    let place = Workplace::new("");
    let site = Site::with_new_project(&place, "acme");
    let source = site.folder.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    let broken = text.replace("Description::new(\"acme\"", "Description::new(\"other\"");
    assert_ne!(text, broken);
    std::fs::write(&source, broken).unwrap();
    site.build(&place)
        .expect_code(1)
        .expect_said("it was built, but this host cannot use it")
        .expect_said("the table acme_things is not the datasource's own");
    let left: Vec<String> = files(&site.folder).into_keys().collect();
    assert!(!left.iter().any(|file| file.ends_with(".wasm")), "{left:?}");
}

#[test]
fn a_folder_without_a_plugin_is_a_mistake() {
    let place = Workplace::new("");
    place
        .run(&["plugin", "build"])
        .expect_code(2)
        .expect_said("none of Cargo.toml, pyproject.toml, package.json is there")
        .expect_said("test-dashboard plugin new NAME");
}

/// The example is not this workspace's: its interfaces are those that a new project has, and
/// it is built where nothing of this repository is near.
#[test]
fn the_example_without_the_sdk_is_a_plugin_like_any_other() {
    let place = Workplace::new("");
    let example = repository().join("examples/rust-without-sdk");
    let mut source = files(&example);
    source.retain(|name, _| !name.starts_with("target/") && !name.ends_with(".wasm"));

    place.run(&["plugin", "new", "gitlab"]).expect_code(0);
    let written = files(&place.path("gitlab/wit"));
    assert!(
        files(&example.join("wit")) == written,
        "examples/rust-without-sdk/wit is not what `plugin new gitlab` writes to wit/: copy it"
    );

    let site = Site::with(&source);
    site.build(&place).expect_code(0).expect_said("gitlab.wasm");
    site.expect_good(&place, "gitlab.wasm", "pipelines", 10);
}

/// Each example stands alone, so it has a file of its own with how requests are made.
#[test]
fn the_examples_make_requests_as_new_projects_do() {
    let place = Workplace::new("");
    for (language, name, file) in
        [("python", "circleci", "src/client.py"), ("javascript", "jira", "src/http.js")]
    {
        place.run(&["plugin", "new", name, "--language", language]).expect_code(0);
        let written = std::fs::read_to_string(place.path(name).join(file)).unwrap();
        let example = repository().join("examples").join(language).join(file);
        assert!(
            std::fs::read_to_string(&example).unwrap() == written,
            "{} is not what `plugin new {name} --language {language}` writes: copy it",
            example.display()
        );
    }
}

/// Programs that the build script uses, and no toolchain.
const PLAIN_PROGRAMS: &[&str] =
    &["bash", "cat", "dirname", "env", "find", "grep", "mkdir", "sed", "sort", "tail", "tr"];

/// A `PATH` with a toolchain that has these targets, and makes nothing.
fn toolchain(place: &Workplace, targets: &[&str]) -> String {
    let programs = place.path("programs");
    std::fs::create_dir(&programs).unwrap();
    for program in PLAIN_PROGRAMS {
        let there = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
        let there = there.into_iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(there, programs.join(program)).unwrap();
    }
    let sysroot = place.path("sysroot");
    for target in targets {
        std::fs::create_dir_all(sysroot.join("lib/rustlib").join(target).join("lib")).unwrap();
    }
    let cargo = "case $1 in locate-project) echo $PWD/Cargo.toml ;; *) echo \"cargo $*\" >&2; exit 7 ;; esac";
    for (program, text) in
        [("rustc", format!("echo {}", sysroot.display())), ("cargo", cargo.into())]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = programs.join(program);
        std::fs::write(&path, format!("#!/usr/bin/env bash\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    programs.to_str().unwrap().to_owned()
}

#[test]
fn a_toolchain_that_cannot_build_is_told_with_what_would_help() {
    let place = Workplace::new("");
    std::fs::write(place.path("Cargo.toml"), "").unwrap();
    let path = toolchain(&place, &[]);
    place
        .run_with(&["plugin", "build"], &[("PATH", &path)])
        .expect_code(1)
        .expect_said("no way to build for WebAssembly was found")
        .expect_said("has no wasm32-unknown-unknown")
        .expect_said("has no wasm32-wasip2")
        .expect_said("rustup target add wasm32-unknown-unknown")
        .expect_said("apt-get install rustc-web cargo-web rust-web-src");
}

#[test]
fn a_target_with_wasi_is_used_where_there_is_no_other() {
    for (targets, chosen) in [
        (&["wasm32-wasip1", "wasm32-wasip2"][..], "wasm32-wasip2"),
        (&["wasm32-wasip1"], "wasm32-wasip1"),
        (&["wasm32-wasip2", "wasm32-unknown-unknown"], "wasm32-unknown-unknown"),
    ] {
        let place = Workplace::new("");
        std::fs::write(place.path("Cargo.toml"), "").unwrap();
        let path = toolchain(&place, targets);
        place
            .run_with(&["plugin", "build"], &[("PATH", &path)])
            .expect_code(1)
            .expect_said(&format!("cargo build --target {chosen} "));
    }
}

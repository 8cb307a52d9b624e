// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The fuzzer finds what is planted, keeps it and fails; and the corpus has nothing to find.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A corpus for the planted faults, and a place for what is found.
struct Place(TempDir);

impl Place {
    fn new(inputs: &[&str]) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let folder = place.0.path().join("corpus/planted");
        std::fs::create_dir_all(&folder).unwrap();
        for (number, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(number.to_string()), input).unwrap();
        }
        place
    }

    fn fuzz(&self, arguments: &[&str]) -> Output {
        let place = self.0.path();
        Command::new(env!("CARGO_BIN_EXE_test-dashboard-fuzz"))
            .arg(arguments[0])
            .args(["--hang", "3", "--memory", "512", "--found"])
            .arg(place.join("found"))
            .args(&arguments[1..])
            .output()
            .unwrap()
    }

    fn run(&self, seconds: &str) -> Output {
        let corpus = self.0.path().join("corpus");
        let corpus = corpus.to_str().unwrap();
        self.fuzz(&["run", "--seed", "1", "--seconds", seconds, "--corpus", corpus, "planted"])
    }

    fn found(&self) -> Vec<PathBuf> {
        let found = std::fs::read_dir(self.0.path().join("found")).unwrap();
        found.map(|file| file.unwrap().path()).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn a_panic_a_hang_a_gigabyte_and_a_broken_promise_are_found() {
    for (input, says) in [
        ("panic", "panicked at"),
        ("panic-elsewhere", "panicked at"),
        ("hang", "it hangs: no answer within 3s"),
        ("allocate", "memory allocation of 2147483648 bytes failed"),
        ("break", "as planted"),
    ] {
        let place = Place::new(&["harmless", input]);
        let output = place.run("0");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{input}: {said}");
        assert!(said.contains("FOUND") && said.contains(says), "{input}: {said}");
        let tries = if input == "hang" { 3 } else { 2 };
        assert!(said.contains(&format!("{tries} inputs")), "{input}: {said}");
        assert!(said.contains("1 found"), "{input}: {said}");
    }
    let output = Place::new(&["harmless"]).run("0");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn what_no_input_of_the_corpus_does_is_found_kept_and_found_again() {
    let place = Place::new(&["one left two", "three right four"]);
    let output = place.run("20");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let found = place.found();
    assert!(!found.is_empty(), "{}", said(&output));
    for file in found {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(text.contains("left") && text.contains("right"), "{text:?}");
        let again = place.fuzz(&["try", "planted", file.to_str().unwrap()]);
        assert_eq!(again.status.code(), Some(1), "{}", said(&again));
        assert!(said(&again).contains("FOUND: both"), "{}", said(&again));
    }
}

#[test]
fn the_whole_corpus_is_taken_or_refused_as_it_should_be() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
    assert!(plugins.join("github.wasm").is_file(), "run `make plugins guests` first");
    let found = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_test-dashboard-fuzz"))
        .args(["run", "--seconds", "0", "--found"])
        .arg(found.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Files that are no plugin, or one that cannot be used: told apart before anything in them
//! runs, without a trace in the database, and without holding up another datasource.

use std::path::{Path, PathBuf};

use crate::support::{Workplace, bombs, built, repository};

/// A configuration with this file as the plugin `guest`, beside the shipped TestRail plugin.
fn workplace(file: &Path, limits: &str) -> Workplace {
    Workplace::new(&format!(
        "[datasources.guest]\nplugin = {file:?}\nbase-url = \"https://api.example.com\"\n\
         [datasources.guest.limits]\n{limits}\n\
         [datasources.testrail]\nplugin = {:?}\nbase-url = \"https://testrail.example.com\"\n\
         [projects.fenix]\nguest = {{}}\ntestrail = {{ project-id = 59 }}\n",
        built("plugins/testrail.wasm")
    ))
}

/// That the file is refused with these words by everything that loads it, and that another
/// datasource's report is read all the same.
#[track_caller]
pub fn expect_refused(file: &Path, limits: &str, says: &[&str]) {
    let place = workplace(file, limits);
    let mut run = place
        .run(&["--project", "fenix", "--report-type", "rows"])
        .expect_code(2)
        .expect_said("no plugin that could be loaded has a report \"rows\"")
        .expect_said("the plugin of guest could not be loaded: ");
    for text in says {
        run = run.expect_said(text);
    }
    assert!(!place.path("test-dashboard.sqlite").exists(), "a database was made");

    let reports = place.run(&["reports"]).expect_code(1).expect_said("error: guest: ");
    assert!(reports.out.contains("test-case-coverage"), "{}", reports.out);

    let recordings = repository().join("plugins/testrail/fixtures");
    place
        .run(&[
            "--project",
            "fenix",
            "--report-type",
            "test-case-coverage",
            "--replay",
            recordings.to_str().unwrap(),
        ])
        .expect_code(0);
}

/// That `plugin inspect` refuses the file with these words, and `plugin add` as well.
#[track_caller]
fn expect_not_inspected(file: &Path, says: &str) {
    expect_not_added(file, "", says);
    let place = Workplace::new("");
    let ended = place.run(&["plugin", "inspect", file.to_str().unwrap()]).expect_code(code(file));
    assert!(ended.out.is_empty(), "{}", ended.out);
    ended.expect_said("error: ").expect_said(says);
}

/// That `plugin add` refuses the file with these words and leaves nothing behind.
#[track_caller]
pub fn expect_not_added(file: &Path, limits: &str, says: &str) {
    let configuration = format!("[limits]\n{limits}\n");
    let place = Workplace::new(&configuration);
    let arguments = ["plugin", "add", file.to_str().unwrap(), "--yes"];
    let ended = place.run_under(MEMORY, &arguments).expect_code(code(file));
    assert!(ended.out.is_empty(), "{}", ended.out);
    ended.expect_said("error: ").expect_said(says);
    let left: Vec<_> = std::fs::read_dir(place.path("")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let kept = std::fs::read_to_string(place.path("test-dashboard.toml")).unwrap();
    assert_eq!(kept, configuration);
}

/// What a command ends with that is given this file: that there is none is a usage error.
fn code(file: &Path) -> i32 {
    if file.is_file() { 1 } else { 2 }
}

/// What the program may have of memory that it can write to, in KiB: past it the system gives
/// it none, and it dies. It needs a tenth of that for a plugin of ours.
const MEMORY: &str = "ulimit -d 1500000";

/// That the file, whatever it is, is shown as the well-behaved guest that it holds, with little
/// memory.
#[track_caller]
fn expect_harmless(bytes: Vec<u8>) {
    let place = Workplace::new("");
    let file = place.path("guest.wasm");
    std::fs::write(&file, bytes).unwrap();
    let shown = place.run_under(MEMORY, &["plugin", "inspect", "guest.wasm"]).expect_code(0);
    assert!(shown.out.starts_with("guest 0.1.0: A guest of the host's tests."), "{}", shown.out);
}

/// That the file is refused with these words by everything, with little memory.
#[track_caller]
fn expect_defused(bytes: &[u8], says: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bomb.wasm");
    std::fs::write(&file, bytes).unwrap();
    let place = Workplace::new("");
    let shown = place.run_under(MEMORY, &["plugin", "inspect", file.to_str().unwrap()]);
    let shown = shown.expect_code(1).expect_said("bomb.wasm is not a plugin: ").expect_said(says);
    assert!(shown.out.is_empty(), "{}", shown.out);
    expect_not_added(&file, "", says);
    let place = workplace(&file, "");
    let run = place.run_under(MEMORY, &["--project", "fenix", "--report-type", "rows"]);
    run.expect_code(2).expect_said("the plugin of guest could not be loaded: ").expect_said(says);
}

pub fn guest(name: &str) -> PathBuf {
    built(&format!("guests/{name}.wasm"))
}

#[test]
fn files_that_are_no_components() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(guest("well_behaved")).unwrap();
    let noise: Vec<u8> =
        (0_u32..4096).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let core_module = b"\0asm\x01\0\0\0".to_vec();
    for (name, bytes, says) in [
        ("module.wasm", core_module, "it is a core WebAssembly module, not a component"),
        ("noise.wasm", noise, "it is not WebAssembly"),
        ("empty.wasm", Vec::new(), "it is not WebAssembly"),
        ("text.wasm", b"(component)".to_vec(), "it is not WebAssembly"),
        ("half.wasm", whole[..whole.len() / 2].to_vec(), "half.wasm is not a plugin: "),
        (
            "bare.wasm",
            b"\0asm\x0d\0\x01\0".to_vec(),
            "bare.wasm does not export the contract: it exports nothing",
        ),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        expect_refused(&file, "", &[name, says]);
        expect_not_inspected(&file, says);
    }
}

#[test]
fn machine_code_is_never_loaded_even_if_this_very_engine_compiled_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compiled.wasm");
    let engine = wasmtime::Engine::default();
    let compiled =
        engine.precompile_component(&std::fs::read(guest("no_exports")).unwrap()).unwrap();
    std::fs::write(&file, compiled).unwrap();
    expect_refused(&file, "", &["compiled.wasm is not a plugin: it is not WebAssembly"]);
    expect_not_inspected(&file, "it is not WebAssembly");
}

#[test]
fn a_file_that_is_missing_or_too_large() {
    let missing = Path::new("nowhere/guest.wasm");
    let says = ["cannot read the plugin", "nowhere/guest.wasm: No such file", "`make plugins`"];
    expect_refused(missing, "", &says);
    expect_not_inspected(missing, "nowhere/guest.wasm: No such file");
    expect_not_inspected(repository(), "cannot read the plugin");

    let limits = "max-plugin-bytes = \"1KiB\"";
    let says = ["is larger than 1024 bytes (limits.max-plugin-bytes)"];
    expect_refused(&guest("well_behaved"), limits, &says);
    expect_not_added(&guest("well_behaved"), limits, says[0]);
}

#[test]
fn what_is_no_file_at_all_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.wasm");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    expect_refused(&pipe, "", &["pipe.wasm: it is not a regular file"]);
    expect_not_inspected(&pipe, "pipe.wasm: it is not a regular file");
    expect_not_inspected(Path::new("/dev/zero"), "/dev/zero: it is not a regular file");
}

#[test]
fn components_that_are_no_plugins_of_this_host() {
    for (name, says) in [
        (
            "no_exports",
            "does not export the contract: it exports greet; this host runs testops:datasource/datasource@0.1.0",
        ),
        (
            "wrong_version",
            "it exports testops:datasource/datasource@9.9.9; this host runs testops:datasource/datasource@0.1.0",
        ),
        (
            "writes_to_anothers_table",
            "the table testrail_test_runs is not the datasource's own: a plugin named guest writes to tables named guest_…",
        ),
        ("asks_in_describe", "it made a request; describe is pure"),
    ] {
        expect_refused(&guest(name), "", &[says]);
        expect_not_inspected(&guest(name), says);
    }
}

#[test]
fn a_plugin_that_never_says_what_it_is() {
    let file = guest("loops_in_describe");
    let says =
        "stopped in describe: its code ran for longer than its budget of 300ms (limits.cpu-time)";
    expect_refused(&file, "cpu-time = \"300ms\"", &[says]);
    let says = "stopped in describe: it took longer than its budget of 1s (limits.describe-time)";
    expect_refused(&file, "describe-time = \"1s\"", &[says]);
    expect_not_inspected(&file, "budget of 10s (limits.describe-time)");
}

#[test]
fn a_section_named_otherwise_than_its_plugin_is_a_mistake() {
    let place = Workplace::new(&format!(
        "[datasources.github]\nplugin = {:?}\nbase-url = \"https://api.example.com\"\n[projects.fenix]\ngithub = {{}}\n",
        guest("well_behaved")
    ));
    let ended = place.run(&["--project", "fenix", "--report-type", "rows"]).expect_code(2);
    ended
        .expect_said("datasources.github names the plugin")
        .expect_said("call the section [datasources.guest]");
}

#[test]
fn a_file_that_takes_minutes_to_compile() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slow.wasm");
    let module = bombs::functions(60, 60_000);
    std::fs::write(&file, bombs::holding(&module).as_slice()).unwrap();
    let limits = "compile-time = \"300ms\"";
    let says = "slow.wasm took longer than 300ms (limits.compile-time)";
    expect_refused(&file, limits, &[says]);
    expect_not_added(&file, limits, says);
}

#[test]
fn files_that_have_too_much_of_something() {
    for (component, says) in [
        (bombs::holding(&bombs::functions(150_000, 0)), "more functions than a plugin can have"),
        (bombs::holding(&bombs::functions(1, 400_000)), "code in one function"),
        (bombs::doubling(40), "more instances than a plugin can have"),
        (bombs::nested_types(200_000), "nested types"),
        (bombs::imports(200_000, 0), "more declarations than a plugin can have"),
        (
            bombs::named(&bombs::names(1, &vec![0; 30 << 20])),
            "more declarations than a plugin can have",
        ),
    ] {
        expect_defused(component.as_slice(), says);
    }
}

#[test]
fn names_that_are_claimed_and_names_that_are_there_do_no_harm() {
    let whole = std::fs::read(guest("well_behaved")).unwrap();
    let billions = bombs::leb(u32::MAX);
    // Each kind of names: of the module, functions, locals (nested), and what comes after.
    for kind in 0..12 {
        expect_harmless(bombs::with(&whole, &bombs::named(&bombs::names(kind, &billions))));
    }
    // A function's locals: one function, and billions of names within.
    let nested = [bombs::leb(1), bombs::leb(0), billions.clone()].concat();
    expect_harmless(bombs::with(&whole, &bombs::named(&bombs::names(2, &nested))));
    // Five million names of the one function that there is, and of functions that are not.
    for index in [0, 1] {
        let pairs = [index, 0].repeat(5 << 20);
        let contents = [bombs::leb(5 << 20), pairs].concat();
        expect_harmless(bombs::with(&whole, &bombs::named(&bombs::names(1, &contents))));
    }
    // A component's own names, which nobody reads.
    for data in [bombs::names(0, &billions), vec![1; 20 << 20]] {
        expect_harmless(bombs::with(&whole, &bombs::custom("component-name", &data)));
    }
}

#[test]
fn many_imports_are_counted_for_a_person_and_listed_for_a_program() {
    let whole = std::fs::read(guest("well_behaved")).unwrap();
    let types = wasmparser::Validator::new().validate_all(&whole).unwrap();
    let behind = types.as_ref().component_type_count();
    let place = Workplace::new("");
    let write = |count| {
        let many = bombs::with(&whole, &bombs::imports(count, behind));
        std::fs::write(place.path("many.wasm"), many).unwrap();
    };
    write(5_000);
    let refused = place.run(&["plugin", "inspect", "many.wasm"]).expect_code(1);
    refused.expect_said("instances count exceeds limit of 1000");
    write(900);
    let shown = place.run(&["plugin", "inspect", "many.wasm"]).expect_code(0);
    assert!(shown.out.lines().count() < 100, "{}", shown.out);
    let shown = shown.expect_said("(nothing that this host has)");
    shown.expect_said(" more (--format json shows all)");
    let told = place.run(&["plugin", "inspect", "many.wasm", "--format", "json"]).expect_code(0);
    assert!(told.json()["imports"].as_array().unwrap().len() > 900);
}

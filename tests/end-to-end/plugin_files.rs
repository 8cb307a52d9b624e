//! Files that are no plugin, or one that cannot be used: told apart before anything in them
//! runs, without a trace in the database, and without holding up another datasource.

use std::path::{Path, PathBuf};

use crate::support::{Workplace, built, repository};

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
fn expect_refused(file: &Path, limits: &str, says: &[&str]) {
    let place = workplace(file, limits);
    let mut run = place
        .run(&["--project", "fenix", "--report-type", "rows"])
        .expect_code(2)
        .expect_said("there is no report \"rows\"")
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

/// That `plugin inspect` refuses the file with these words.
#[track_caller]
fn expect_not_inspected(file: &Path, says: &str) {
    let place = Workplace::new("");
    let ended = place.run(&["plugin", "inspect", file.to_str().unwrap()]).expect_code(1);
    assert!(ended.out.is_empty(), "{}", ended.out);
    ended.expect_said("error: ").expect_said(says);
}

fn guest(name: &str) -> PathBuf {
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
        ("noise.wasm", noise, "it does not begin like WebAssembly"),
        ("empty.wasm", Vec::new(), "it does not begin like WebAssembly"),
        ("text.wasm", b"(component)".to_vec(), "it does not begin like WebAssembly"),
        ("half.wasm", whole[..whole.len() / 2].to_vec(), "half.wasm is no plugin: "),
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
    expect_refused(&file, "", &["compiled.wasm is no plugin: it does not begin like WebAssembly"]);
    expect_not_inspected(&file, "it does not begin like WebAssembly");
}

#[test]
fn a_file_that_is_missing_or_too_large() {
    let missing = Path::new("nowhere/guest.wasm");
    let says = ["cannot read the plugin", "nowhere/guest.wasm: No such file", "`make plugins`"];
    expect_refused(missing, "", &says);
    expect_not_inspected(missing, "nowhere/guest.wasm: No such file");
    expect_not_inspected(repository(), "cannot read the plugin");

    let limits = "max-plugin-bytes = \"1KiB\"";
    let says = ["bytes, 1024 are the most (limits.max-plugin-bytes)"];
    expect_refused(&guest("well_behaved"), limits, &says);
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

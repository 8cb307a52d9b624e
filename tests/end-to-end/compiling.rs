// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Compiling, which happens in a process of its own: what a file can take there, what reaches
//! that process, and that nothing is left of it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::plugin_files::{expect_not_added, expect_refused, guest};
use crate::support::{Workplace, bombs, built};

/// A file whose functions would take the compiler minutes.
fn slow(path: &Path) {
    std::fs::write(path, bombs::holding(&bombs::functions(60, 60_000)).as_slice()).unwrap();
}

/// A megabyte that takes a gigabyte to compile: a function that calls, and calls.
fn large(path: &Path) {
    std::fs::write(path, bombs::holding(&bombs::calls(500_000)).as_slice()).unwrap();
}

/// The compilers at work whose cache is in this folder.
fn compilers(cache: &Path) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let numbers = processes.filter_map(|name| name.to_str()?.parse().ok());
    let is_one = |process: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        line.contains("__compile") && line.contains(cache.to_str().unwrap())
    };
    numbers.filter(is_one).collect()
}

/// Waits until there are so many of them.
#[track_caller]
fn wait_for_compilers(cache: &Path, count: usize) -> Vec<u32> {
    let began = Instant::now();
    loop {
        let found = compilers(cache);
        if found.len() == count {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{found:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The program with a cache of its own, in this folder.
fn with_cache(place: &Workplace, cache: &Path, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command.env("XDG_CACHE_HOME", cache);
    command
}

#[test]
fn a_file_that_takes_more_memory_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.wasm");
    large(&file);
    let limits = "compile-memory = \"100MiB\"";
    let says = "large.wasm took more memory than 100.0 MiB (limits.compile-memory)";
    expect_refused(&file, limits, &[says]);
    expect_not_added(&file, limits, says);
    let place = Workplace::new(&format!("[limits]\n{limits}\n"));
    let check = ["plugin", "check", file.to_str().unwrap()];
    place.run(&check).expect_code(1).expect_said(says);
    // `inspect` knows no configuration: there the machine says how much there is.
    let inspect = ["plugin", "inspect", file.to_str().unwrap()];
    let shown = place.run_under("ulimit -d 300000", &inspect).expect_code(1);
    assert!(shown.out.is_empty(), "{}", shown.out);
    shown.expect_said("large.wasm took more memory than").expect_said("or than this machine has");
}

#[test]
fn a_compiler_whose_time_is_over_is_gone_when_the_program_says_so() {
    let place = Workplace::new("[limits]\ncompile-time = \"1s\"\n");
    let cache = place.path("cache");
    slow(&place.path("slow.wasm"));
    let add = ["plugin", "add", "slow.wasm", "--yes"];
    let output = with_cache(&place, &cache, &add).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("slow.wasm took longer than 1s (limits.compile-time)"), "{said}");
    assert!(compilers(&cache).is_empty());
    let folder = cache.join("test-dashboard/plugins");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn a_compiler_knows_no_secret_and_does_not_outlive_the_program() {
    let place = Workplace::new("");
    let cache = place.path("cache");
    slow(&place.path("slow.wasm"));
    let mut command = with_cache(&place, &cache, &["plugin", "inspect", "slow.wasm"]);
    command.env("GITHUB_TOKEN", "ghp_this_is_secret").stderr(Stdio::null());
    let mut program = command.spawn().unwrap();
    let compiler = wait_for_compilers(&cache, 1)[0];
    let of = |what| std::fs::read_to_string(format!("/proc/{compiler}/{what}")).unwrap();
    assert_eq!(of("environ"), "");
    let began = Instant::now();
    // It lowers its limits when it begins.
    while !of("limits").contains("Max data size             2147483648           2147483648") {
        assert!(began.elapsed() < Duration::from_secs(10), "{}", of("limits"));
        std::thread::sleep(Duration::from_millis(20));
    }
    program.kill().unwrap();
    program.wait().unwrap();
    wait_for_compilers(&cache, 0);
}

#[test]
fn what_was_compiled_once_is_not_compiled_again() {
    let configuration = |limits| {
        let testrail = built("plugins/testrail.wasm");
        format!(
            "[limits]\n{limits}\n[datasources.testrail]\nplugin = {testrail:?}\n\
             base-url = \"https://testrail.example.com\"\n\
             [datasources.guest]\nplugin = {:?}\nbase-url = \"https://api.example.com\"\n",
            guest("well_behaved")
        )
    };
    let place = Workplace::new(&configuration("compile-memory = \"1KiB\""));
    let cache = place.path("cache");
    let reports = || with_cache(&place, &cache, &["reports"]).output().unwrap();
    let none = reports();
    assert!(String::from_utf8_lossy(&none.stderr).contains("(limits.compile-memory)"), "{none:?}");
    place.configure(&configuration(""));
    assert!(reports().status.success());
    place.configure(&configuration("compile-memory = \"1KiB\""));
    assert!(reports().status.success());

    // What is broken in the cache is compiled again, and not here.
    let entries = cache.join("test-dashboard/plugins/modules");
    let version = std::fs::read_dir(&entries).unwrap().next().unwrap().unwrap().path();
    for entry in std::fs::read_dir(&version).unwrap() {
        std::fs::write(entry.unwrap().path(), "no machine code").unwrap();
    }
    let broken = reports();
    assert!(
        String::from_utf8_lossy(&broken.stderr).contains("(limits.compile-memory)"),
        "{broken:?}"
    );
    place.configure(&configuration(""));
    assert!(reports().status.success());
}

#[test]
fn without_a_folder_to_keep_it_in_everything_is_compiled_each_time() {
    let place = Workplace::new("");
    let temporary = place.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let file = guest("well_behaved");
    let arguments = ["plugin", "inspect", file.to_str().unwrap()];
    let mut command = with_cache(&place, Path::new("/dev/null/nothing"), &arguments);
    let output = command.env("TMPDIR", &temporary).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("compiled plugins are not cached"), "{said}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn nobody_is_shown_how_the_compiler_is_started() {
    let place = Workplace::new("");
    place.run(&["man", "pages"]).expect_code(0);
    let pages = std::fs::read_dir(place.path("pages")).unwrap();
    let pages = pages.map(|page| std::fs::read_to_string(page.unwrap().path()).unwrap());
    let completions = place.run(&["completions", "bash"]).expect_code(0).out;
    let mut told: Vec<String> = pages.collect();
    told.extend([place.run(&["--help"]).expect_code(0).out, completions]);
    for text in told {
        assert!(!text.contains("__compile") && text.contains("test-dashboard"), "{text}");
    }
    place.run(&["__compile"]).expect_code(2);
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The command line as a person and a shell meet it: what stands in the wrong place does nothing,
//! completions complete, and the manual has every command and option.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::github::{self, GitHub};
use crate::support::{Ended, Workplace};

const ISSUES: [&str; 4] = ["--project", "fenix", "--report-type", "issues"];

#[test]
fn an_option_of_a_run_before_a_command_is_a_usage_error_and_nothing_is_done() {
    let github = GitHub::start(github::issues(3));
    let place = Workplace::new(&github.section());
    for (early, line) in [
        ("--dry-run", [&["run"], &ISSUES[..]].concat()),
        ("--full", [&["run"], &ISSUES[..]].concat()),
        ("--dry-run", vec!["db", "migrate"]),
        ("--full", vec!["status"]),
    ] {
        place
            .run(&[&[early], &line[..]].concat())
            .expect_code(2)
            .expect_said(early)
            .expect_said("test-dashboard run");
        assert_eq!(github.server.count(), 0, "{early} {line:?}");
        assert!(!place.path("test-dashboard.sqlite").exists(), "{early} {line:?}");
    }
    place.run(&[&ISSUES[..], &["--dry-run"]].concat()).expect_code(0).expect_said("nothing was");
    assert!(!place.path("test-dashboard.sqlite").exists());
}

#[test]
fn what_a_command_has_no_use_for_is_not_offered_and_not_taken() {
    let place = Workplace::new("");
    for (command, useless) in [
        (&["plugin", "new", "x"][..], &["--config", "--database", "--format"][..]),
        (&["plugin", "build", "x"], &["--config", "--database", "--format"]),
        (&["plugin", "verify"], &["--database"]),
        (&["reports"], &["--database"]),
        (&["completions", "bash"], &["--config", "--database", "--format"]),
        (&["man", "x"], &["--config", "--database", "--format"]),
        (&["init"], &["--database", "--format"]),
    ] {
        let help = place.run(&[command, &["--help"]].concat()).expect_code(0);
        for option in useless {
            let offered = help.out.split_whitespace().any(|word| word == *option);
            assert!(!offered, "{command:?}: {}", help.out);
            let value = if *option == "--format" { "json" } else { "x" };
            for line in [[command, &[option, value]].concat(), [&[option, value], command].concat()]
            {
                place.run(&line).expect_code(2).expect_said("unexpected argument");
            }
        }
        assert!(!place.path("x").exists(), "{command:?}");
    }
}

/// What bash completes the last of these words to.
fn completed(place: &Workplace, words: &[&str]) -> Vec<String> {
    let script = r#"
        source <("$0" completions bash) || exit 1
        # Bash takes compopt only while it completes by itself.
        compopt() { if [ "$2" = plusdirs ]; then folders=$(compgen -d -- "${COMP_WORDS[COMP_CWORD]}"); fi; }
        function=$(complete -p test-dashboard | sed 's/.*-F \([^ ]*\) .*/\1/')
        COMP_WORDS=(test-dashboard "$@")
        COMP_CWORD=$#
        "$function" test-dashboard "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}" $folders
    "#;
    let program = place.command(&[]);
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script]).arg(program.get_program()).args(words);
    let ended = Ended::new(bash.current_dir(place.path("")).output().unwrap()).expect_code(0);
    assert_eq!(ended.err, "", "{words:?}");
    let mut lines: Vec<String> = ended.out.lines().map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn bash_completes_commands_options_and_values_where_they_belong() {
    let place = Workplace::new("");
    std::fs::create_dir(place.path("recordings")).unwrap();
    std::fs::write(place.path("file.toml"), "").unwrap();
    for (words, expected) in [
        (&["st"][..], &["status"][..]),
        (&["plugin", "re"], &["record", "remove"]),
        (&["run", "--re"], &["--record", "--replay", "--report-type"]),
        (&["run", "--replay", ""], &["recordings"]),
        (&["run", "--config", "fi"], &["file.toml"]),
        (&["run", "--project", ""], &[]),
        (&["run", "--since", ""], &[]),
        (&["init", "--set", ""], &[]),
        (&["plugin", "add", "--sha256", ""], &[]),
        (&["status", "--format", "j"], &["json"]),
        (&["plugin", "new", "--database"], &[]),
        (&["--dat"], &["--database"]),
        (
            &["completions", ""],
            &["--help", "--log", "--verbose", "-h", "-v", "bash", "fish", "zsh"],
        ),
    ] {
        let found = completed(&place, words);
        let found: Vec<&str> = found.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        assert_eq!(found, expected, "{words:?}");
    }
}

#[test]
fn every_shell_has_a_script_and_those_that_are_here_can_read_it() {
    let place = Workplace::new("");
    for (shell, begins) in
        [("bash", "_test__dashboard() {"), ("zsh", "#compdef test-dashboard"), ("fish", "# Print")]
    {
        let script = place.run(&["completions", shell]).expect_code(0).out;
        assert!(script.starts_with(begins), "{shell}: {:?}", script.lines().next());
        for word in ["rejects", "dry-run", "bigquery", "allow-built"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
        let file = place.path(shell);
        std::fs::write(&file, &script).unwrap();
        match Command::new(shell).arg("-n").arg(&file).output() {
            Ok(output) => drop(Ended::new(output).expect_code(0)),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
                assert_ne!(shell, "bash", "bash is on every machine that these tests run on");
                eprintln!("NOT PARSED by {shell}: it is not installed");
            }
        }
    }
    place.run(&["completions", "csh"]).expect_code(2).expect_said("bash, zsh, fish");
}

/// The help of every command, by its words.
fn helps(place: &Workplace, command: &[&str], found: &mut BTreeMap<String, String>) {
    let help = place.run(&[command, &["--help"]].concat()).expect_code(0).out;
    let listed = help.split("Commands:\n").nth(1);
    let inner = match command {
        [] => help.lines().skip_while(|line| *line != "Set up:").collect::<Vec<_>>(),
        _ => listed.into_iter().flat_map(str::lines).take_while(|line| !line.is_empty()).collect(),
    };
    let is_name = |line: &&&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = inner.iter().filter(is_name).filter_map(|line| line.split_whitespace().next());
    let names = names.take_while(|name| !name.starts_with('-')).filter(|name| *name != "help");
    for name in names {
        helps(place, &[command, &[name]].concat(), found);
    }
    found.insert(command.join(" "), help);
}

/// The options that a text names.
fn options(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '-');
    let mut options: Vec<&str> =
        words.filter(|word| word.starts_with("--") && word.len() > 3).collect();
    options.sort_unstable();
    options.dedup();
    options
}

#[test]
fn the_manual_has_a_page_for_every_command_with_every_option_of_its_help() {
    let place = Workplace::new("");
    let folder = place.path("share/man1");
    place.run(&["man", folder.to_str().unwrap()]).expect_code(0).expect_said("test-dashboard.1");
    let mut helps_of = BTreeMap::new();
    helps(&place, &[], &mut helps_of);
    assert!(helps_of.contains_key("plugin add") && helps_of.len() >= 30, "{:?}", helps_of.keys());
    let mut pages: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let page_of = |command: &String| format!("test-dashboard {command}").trim().replace(' ', "-");
    let mut expected: Vec<String> =
        helps_of.keys().map(|command| page_of(command) + ".1").collect();
    expected.push("test-dashboard.toml.5".into());
    expected.sort();
    assert_eq!(pages, expected);
    let settings = rendered(&folder.join("test-dashboard.toml.5"));
    for setting in ["history-days", "limits.max-batch-rows", "datasources.*.record-mask"] {
        assert!(settings.contains(setting), "{setting} is not in\n{settings}");
    }
    for (command, help) in &helps_of {
        let file = folder.join(page_of(command) + ".1");
        let page = rendered(&file);
        assert!(page.contains("SYNOPSIS") && page.contains("DESCRIPTION"), "{command}: {page}");
        let options = options(help);
        assert!(options.contains(&"--help"), "{command}: {help}");
        for option in options {
            assert!(page.contains(option), "{option} is not on the page of {command}:\n{page}");
        }
    }
    let run = rendered(&folder.join("test-dashboard-run.1"));
    let add = rendered(&folder.join("test-dashboard-plugin-add.1"));
    for (page, says) in [
        (&run, "test-dashboard run --project ALL --report-type issues\n"),
        (&run, "EXAMPLES"),
        (&run, "EXIT STATUS"),
        (&run, "TEST_DASHBOARD_CONFIG"),
        (&add, "test-dashboard plugin add [OPTIONS] <FILE|URL>"),
    ] {
        assert!(page.contains(says), "{says:?} is not in\n{page}");
    }
    assert!(!run.contains("EXTRA"), "{run}");
}

/// The page as a person reads it, or, without man-db, its source without the mark-up.
fn rendered(page: &std::path::Path) -> String {
    let man = Command::new("man")
        .args(["--warnings", "-l"])
        .arg(page)
        .env("MANWIDTH", "200")
        .env("MAN_KEEP_FORMATTING", "")
        .output();
    match man {
        Ok(output) => {
            let ended = Ended::new(output).expect_code(0);
            assert_eq!(ended.err, "", "{}", page.display());
            ended.out.replace('‐', "-")
        }
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            let source = std::fs::read_to_string(page).unwrap();
            source.replace("\\-", "-").replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")
        }
    }
}

#[test]
fn a_manual_that_cannot_be_written_is_told() {
    let place = Workplace::new("");
    std::fs::write(place.path("file"), "").unwrap();
    place
        .run(&["man", "file/man1"])
        .expect_code(1)
        .expect_said("cannot write manual pages to file/man1");
}

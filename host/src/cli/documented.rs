// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Checks that the program accepts every command that the pages show.

use super::line;

const PAGES: [(&str, &str); 4] = [
    ("README.md", include_str!("../../../README.md")),
    ("docs/operating.md", include_str!("../../../docs/operating.md")),
    ("docs/plugins.md", include_str!("../../../docs/plugins.md")),
    ("docs/views.md", include_str!("../../../docs/views.md")),
];

/// The commands in a page's blocks of code, as words; what a shell would do with the rest of a
/// line is cut off.
fn commands(page: &str) -> Vec<Vec<String>> {
    let page = page.replace("\\\n", " ");
    let mut is_code = false;
    let mut commands = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code && line.trim_start().starts_with("test-dashboard ") {
            let words = line.split_whitespace().take_while(|word| !is_of_the_shell(word));
            commands.push(words.map(|word| word.replace(['\'', '"'], "")).collect());
        }
    }
    commands
}

fn is_of_the_shell(word: &str) -> bool {
    matches!(word, "|" | "||" | "&&" | ">" | ">>" | "<" | "2>&1") || word.starts_with('#')
}

#[test]
fn every_command_in_the_pages_is_one_that_the_program_takes() {
    for (page, text) in PAGES {
        let commands = commands(text);
        assert!(!commands.is_empty(), "{page} has no command: is it still read as it should be?");
        for words in commands {
            if let Err(error) = line::parse(&words) {
                panic!("{page} says `{}`: {error}", words.join(" "));
            }
        }
    }
}

#[test]
fn what_every_command_answers_to_a_program_is_in_the_page() {
    let page = include_str!("../../../docs/json.md");
    let program = line::declared();
    let mut answering = 0;
    for (path, command) in line::commands(&program) {
        if command.get_arguments().any(|option| option.get_long() == Some("format")) {
            answering += 1;
            let heading = format!("\n## `{}`\n", path.join(" "));
            let is_elsewhere = path == ["status"];
            assert!(is_elsewhere || page.contains(&heading), "docs/json.md has no{heading}");
        }
    }
    assert!(answering > 10, "{answering}");
}

#[test]
fn every_example_in_the_help_is_one_that_the_program_takes() {
    let program = line::declared();
    let all = line::commands(&program).into_iter().map(|(_, command)| command).chain([&program]);
    let mut examples = 0;
    for help in all.filter_map(|command| command.get_after_help()) {
        for words in commands(&format!("```\n{help}\n```")) {
            examples += 1;
            if let Err(error) = line::parse(&words) {
                panic!("`{}`: {error}", words.join(" "));
            }
        }
    }
    assert!(examples > 10, "{examples}");
}

#[test]
fn a_command_that_the_program_does_not_take_is_found() {
    let page = "```sh\ntest-dashboard status --lately \\\n    > status.txt # shows it\n```\n";
    let commands = commands(page);
    assert_eq!(commands, [["test-dashboard", "status", "--lately"]]);
    assert!(line::parse(&commands[0]).is_err());
}

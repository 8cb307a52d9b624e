// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The first page of `--help`: the commands, grouped by purpose.

use std::fmt::Write as _;

use clap::Command;

/// Every command is in one of these.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Set up", &["init", "check", "reports", "plugin"]),
    ("Pump", &["run", "status", "runs", "rejects"]),
    ("Database", &["db", "views"]),
    ("Shell", &["completions", "man", "help"]),
];

/// How far the names reach.
const WIDTH: usize = 14;

/// The program with its first page.
pub fn with_first_page(program: Command) -> Command {
    let page = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{}\n{{options}}{{after-help}}",
        groups(&program)
    );
    program.help_template(page)
}

fn groups(program: &Command) -> String {
    let (header, literal) = {
        let styles = program.get_styles();
        (*styles.get_header(), *styles.get_literal())
    };
    let mut text = String::new();
    for (title, names) in GROUPS {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n{header}{title}:{header:#}");
        for name in names {
            let command = program.find_subcommand(name);
            let about = command.and_then(Command::get_about).map(ToString::to_string);
            let about = about.unwrap_or_else(|| "Print help for a command".into());
            let gap = " ".repeat(WIDTH.saturating_sub(name.len()));
            let _ = writeln!(text, "  {literal}{name}{literal:#}{gap}{about}");
        }
    }
    let _ = write!(text, "\n{header}Options:{header:#}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::line;

    #[test]
    fn every_command_is_on_the_first_page_once_and_none_that_is_not_there() {
        let program = line::declared();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let mut declared: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
        declared.push("help");
        grouped.sort_unstable();
        declared.sort_unstable();
        assert_eq!(grouped, declared);
    }

    #[test]
    fn the_first_page_fits_a_screen() {
        let page = line::declared().term_width(100).render_help().to_string();
        assert!(page.lines().count() <= 50, "{}:\n{page}", page.lines().count());
        assert!(page.contains("\nSet up:\n  init "), "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
    }
}

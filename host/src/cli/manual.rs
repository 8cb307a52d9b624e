// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Manual pages, generated from the declaration that `--help` uses. clap_mangen writes them, with
//! two exceptions: the synopsis is the usage line of `--help`, and the text below the options goes
//! into the sections where readers of manual pages look for it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::config::settings;

/// How the examples below the options begin.
const EXAMPLES: &str = "Examples:\n";
/// How the paragraph of the exit codes begins.
const EXIT_CODES: &str = "Exit codes: ";

/// The page of the configuration file, in the section of file formats.
pub const SETTINGS: &str = "test-dashboard.toml.5";

/// Writes a page for the program, for each of its commands and for its configuration.
///
/// # Errors
///
/// When one cannot be written.
pub fn write(program: Command, folder: &Path) -> io::Result<()> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    write_all(&program, folder)?;
    std::fs::write(folder.join(SETTINGS), settings().render())
}

/// The configuration file: each setting with what it takes, its default and its meaning.
fn settings() -> Roff {
    let mut roff = Roff::default();
    roff.control("TH", ["test-dashboard.toml", "5"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("test-dashboard.toml - the configuration of test-dashboard")]);
    roff.control("SH", ["DESCRIPTION"]).text([roman(
        "A TOML file. ${NAME} in a value is replaced by an environment variable, ${NAME:-text} by \
         `text` where the variable is not set or empty, and $$ by a dollar sign. Those of limits \
         win under datasources.NAME.limits for that plugin. The settings of projects are those of \
         the plugins: `test-dashboard reports` lists them.",
    )]);
    roff.control("SH", ["SETTINGS"]);
    for setting in settings::all() {
        roff.control("TP", []).text([bold(setting.name)]);
        let default = setting.default.map_or_else(String::new, |text| format!(" Default: {text}."));
        let takes = setting.kind.takes();
        roff.text([roman(format!("{} Takes {takes}.{default}", setting.about.trim()))]);
    }
    roff
}

fn write_all(command: &Command, folder: &Path) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write_all(inner, folder)?;
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_string();
    let man = Man::new(command.clone().override_usage(usage));
    let mut file = BufWriter::new(File::create(folder.join(man.get_filename()))?);
    page(command, &man, &mut file)?;
    file.flush()
}

fn page(command: &Command, man: &Man, file: &mut dyn Write) -> io::Result<()> {
    man.render_title(file)?;
    man.render_name_section(file)?;
    man.render_synopsis_section(file)?;
    man.render_description_section(file)?;
    man.render_options_section(file)?;
    if command.has_subcommands() {
        man.render_subcommands_section(file)?;
    }
    if let Some(text) = command.get_after_help() {
        below_the_options(&text.to_string()).to_writer(file)?;
    }
    if command.get_version().is_some() {
        man.render_version_section(file)?;
    }
    Ok(())
}

/// The examples as they stand, the exit codes, and what else there is.
fn below_the_options(text: &str) -> Roff {
    let mut roff = Roff::default();
    let (examples, rest) = match text.strip_prefix(EXAMPLES) {
        // They are indented, and may have empty lines between them.
        Some(text) => text.split_at(end_of_indented(text)),
        None => ("", text),
    };
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.trim_end().lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    let paragraphs = rest.split("\n\n").map(str::trim).filter(|text| !text.is_empty());
    let (codes, notes): (Vec<&str>, Vec<&str>) =
        paragraphs.partition(|text| text.starts_with(EXIT_CODES));
    for (heading, paragraphs) in [("NOTES", notes), ("EXIT STATUS", codes)] {
        if !paragraphs.is_empty() {
            roff.control("SH", [heading]);
        }
        for paragraph in paragraphs {
            let text = paragraph.trim_start_matches(EXIT_CODES).replace('\n', " ");
            roff.control("PP", []).text([roman(text)]);
        }
    }
    roff
}

/// Where the first line begins that is neither indented nor empty.
fn end_of_indented(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if !line.starts_with([' ', '\n']) {
            break;
        }
        end += line.len();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_configuration_has_every_setting() {
        let page = settings().render();
        for setting in settings::all() {
            let name = setting.name.replace('-', "\\-");
            assert!(page.contains(&format!("\\fB{name}\\fR")), "{name} is not in\n{page}");
        }
        let jobs = "at the same time. Takes a whole number from 1 to 256. Default: 4.";
        assert!(page.contains(jobs), "{page}");
    }

    #[test]
    fn what_is_below_the_options_is_in_the_sections_of_a_manual() {
        let text =
            "Examples:\n  One:\n    a --b\n\n    c\n\nIt is so.\n\nExit codes: 0 done,\n1 failed.";
        let page = below_the_options(text).render();
        for part in [
            ".SH EXAMPLES\n.nf\n  One:\n    a \\-\\-b\n\n    c\n.fi\n",
            ".SH NOTES\n.PP\nIt is so.\n",
            ".SH \"EXIT STATUS\"\n.PP\n0 done, 1 failed.\n",
        ] {
            assert!(page.contains(part), "{part:?} is not in\n{page}");
        }
        let page = below_the_options("No examples.").render();
        assert!(page.contains("NOTES") && !page.contains("EXAMPLES"), "{page}");
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `completions` and `man`: generated from the declaration that `--help` uses.

use anyhow::Context as _;
use clap::{Arg, Command, ValueHint};
use clap_complete::aot;

use super::args::{CompletionsArgs, ManArgs, Shell};
use super::exit::Exit;
use super::line::{self, PROGRAM};
use super::manual;
use super::output::{self, say};

/// Prints a completion script.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let shell = match args.shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    let mut script = Vec::new();
    aot::generate(shell, &mut without_guesses(line::declared()), PROGRAM, &mut script);
    let script = String::from_utf8(script)?;
    say!("{}", with_one_name(script.trim_end()))?;
    Ok(Exit::Done)
}

/// What is neither a path nor one of a few values cannot be completed: without a word on it, shells
/// offer the files of the folder.
fn without_guesses(command: Command) -> Command {
    let nothing = |argument: Arg| {
        let is_open = argument.get_action().takes_values()
            && argument.get_possible_values().is_empty()
            && argument.get_value_hint() == ValueHint::Unknown;
        if is_open { argument.value_hint(ValueHint::Other) } else { argument }
    };
    command.mut_args(nothing).mut_subcommands(without_guesses)
}

/// In bash scripts clap_complete 4.6 writes the hyphen of a program's name in two ways, and then
/// completes nothing behind a command: <https://github.com/clap-rs/clap/issues/6421>.
fn with_one_name(script: &str) -> String {
    let (one, other) = (PROGRAM.replace('-', "__"), PROGRAM.replace('-', "__subcmd__"));
    script.replace(&other, &one)
}

/// Writes a manual page for the program and for each of its commands.
///
/// # Errors
///
/// When a page cannot be written.
pub fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let folder = &args.dir;
    std::fs::create_dir_all(folder)
        .and_then(|()| manual::write(line::declared(), folder))
        .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
    output::remark(format_args!(
        "the manual is in {}; read it with: man {}",
        folder.display(),
        folder.join(format!("{PROGRAM}.1")).display()
    ));
    Ok(Exit::Done)
}

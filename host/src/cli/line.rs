// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reads the command line, as it is declared in [`args`](super::args).
//!
//! Before clap parses a line, two things are done to it, both by what is declared:
//!
//! - Options that commands share (`--config`, `--database`, …) may stand before the command, as in
//!   `test-dashboard --config demo.toml status`. They are put behind it, where a command declares
//!   those that mean something to it, and are refused like any other where it does not.
//! - A line that begins with an option of a run and has no command is a run.
//!
//! An option of a run before a command is a usage error: it would be taken for the command's.

use std::ffi::OsString;
use std::ops::Range;

use clap::builder::{Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args as _, Command, FromArgMatches as _};

use super::args::{Cli, Common, LOG_VARIABLE};
use super::help;

/// What the program is called.
pub const PROGRAM: &str = "test-dashboard";
/// The command that a line without one means.
const RUN: &str = "run";
/// The advice names at most this many commands that have an option.
const FEW: usize = 3;

/// The whole command line, for `--help`, completions and manual pages.
pub fn declared() -> Command {
    let declared = Cli::augment_args(Common::augment_args(Command::new(PROGRAM)));
    help::with_first_page(without_empty_variables(declared))
}

/// A variable that is empty counts as not set: a workflow passes what it lacks as an empty one.
fn without_empty_variables(command: Command) -> Command {
    let without = |argument: Arg| {
        let value = argument.get_env().and_then(std::env::var_os);
        match value.is_some_and(|value| value.is_empty()) {
            true => argument.env(Resettable::Reset),
            false => argument,
        }
    };
    command.mut_args(without).mut_subcommands(without_empty_variables)
}

/// Parses a command line; its first word is the program.
///
/// # Errors
///
/// clap's: a usage error, or what `--help` and `--version` print.
pub fn parse<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Result<Cli, clap::Error> {
    read(declared(), words.into_iter().map(Into::into).collect())
}

fn read(mut command: Command, words: Vec<OsString>) -> Result<Cli, clap::Error> {
    let words = arranged(&command, words).map_err(|error| error.format(&mut command))?;
    let matches = command
        .try_get_matches_from_mut(&words)
        .map_err(|error| with_advice(error, &command, &words))?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Whether these arguments, which cannot be parsed, look like a run's: they name no other
/// command, also not by a word that may be one misspelt.
pub fn looks_like_a_run(arguments: &[String]) -> bool {
    let command = declared();
    let words: Vec<OsString> = arguments.iter().map(Into::into).collect();
    let walk = Walk::over(&command, &words);
    match walk.path.first() {
        Some(name) => *name == RUN,
        None => !walk.ends_at_a_word || walk.early.iter().any(|early| early.of_run().is_some()),
    }
}

/// The program as it was called, for a command that is to be typed next: a name that is found in
/// PATH, or where it is.
pub fn as_called() -> String {
    let called = std::env::args_os().next().map(|called| called.to_string_lossy().into_owned());
    let called = called.filter(|called| called.contains('/'));
    called.map_or_else(|| PROGRAM.into(), |called| quoted(&called))
}

/// A word as a shell has to be told it.
pub fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_string(), Into::into)
}

/// The value of an option in arguments that cannot be parsed.
pub fn value_of(arguments: &[String], option: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument.split('=').next() == Some(option))?;
    match arguments.get(at)?.split_once('=') {
        Some((_, value)) => Some(value.to_string()),
        None => arguments.get(at + 1).filter(|value| !value.starts_with('-')).cloned(),
    }
}

/// Whether these arguments, which cannot be parsed, ask for a log of JSON lines.
pub fn wants_json_log(arguments: &[String]) -> bool {
    let asked = value_of(arguments, "--log").or_else(|| std::env::var(LOG_VARIABLE).ok());
    asked.as_deref() == Some("json")
}

/// The line as clap is to read it.
fn arranged(command: &Command, words: Vec<OsString>) -> Result<Vec<OsString>, clap::Error> {
    let Some((program, arguments)) = words.split_first() else { return Ok(words) };
    let walk = Walk::over(command, arguments);
    let mut line = vec![program.clone()];
    if walk.path.is_empty() {
        if walk.early.iter().any(|early| matches!(early.of, Of::Run(_))) {
            line.push(RUN.into());
        }
        line.extend_from_slice(arguments);
        return Ok(line);
    }
    if let Some(misplaced) = walk.early.iter().find_map(Early::of_run) {
        return Err(clap::Error::raw(ErrorKind::UnknownArgument, walk.says_where(misplaced)));
    }
    let is_all_shared = walk.early.iter().all(|early| matches!(early.of, Of::All));
    if walk.command.has_subcommands() || !is_all_shared {
        return Ok(words);
    }
    line.extend(walk.path.iter().map(Into::into));
    line.extend(walk.early.iter().flat_map(|early| &arguments[early.words.clone()]).cloned());
    line.extend_from_slice(&arguments[walk.read..]);
    Ok(line)
}

/// A line as far as the command: what stands before it, and which one it is.
struct Walk<'a> {
    /// The names of the command, from the outside in; none when the line has none.
    path: Vec<&'a str>,
    /// The innermost one.
    command: &'a Command,
    /// The options before it.
    early: Vec<Early<'a>>,
    /// How many words that is.
    read: usize,
    /// Whether the next word is neither an option nor a command.
    ends_at_a_word: bool,
}

/// An option before the command.
struct Early<'a> {
    words: Range<usize>,
    of: Of<'a>,
}

/// Whose option it is.
enum Of<'a> {
    /// It may stand before any command.
    All,
    /// Of a run.
    Run(&'a Arg),
    /// `--help`, or nobody's that may stand there.
    Nobody,
}

impl Early<'_> {
    fn of_run(&self) -> Option<&Arg> {
        match self.of {
            Of::Run(option) => Some(option),
            Of::All | Of::Nobody => None,
        }
    }
}

impl<'a> Walk<'a> {
    fn over(root: &'a Command, words: &[OsString]) -> Self {
        let run = root.find_subcommand(RUN);
        let mut walk = Walk {
            path: Vec::new(),
            command: root,
            early: Vec::new(),
            read: 0,
            ends_at_a_word: false,
        };
        while walk.command.has_subcommands()
            && let Some(word) = words.get(walk.read)
        {
            // What is not UTF-8 is no option and no command; it may be the value of one.
            let word = &*word.to_string_lossy();
            if !word.starts_with('-') {
                let Some(command) = walk.command.find_subcommand(word) else {
                    walk.ends_at_a_word = true;
                    break;
                };
                walk.path.push(command.get_name());
                walk.command = command;
                walk.read += 1;
                continue;
            }
            let shared = find(root, word);
            let option = shared.or_else(|| run.and_then(|run| find(run, word)));
            let of = match (shared, option) {
                (Some(_), _) => Of::All,
                (None, Some(option)) => Of::Run(option),
                (None, None) => Of::Nobody,
            };
            // As clap has it: what begins with a dash is no value.
            let value = words.get(walk.read + 1).map(|value| value.as_encoded_bytes());
            let has_value = option.is_some_and(|option| option.get_action().takes_values())
                && !word.contains('=')
                && value.is_some_and(|value| !value.starts_with(b"-"));
            let end = walk.read + 1 + usize::from(has_value);
            walk.early.push(Early { words: walk.read..end, of });
            walk.read = end;
        }
        walk
    }

    /// The advice for an option of `run` that comes before a command.
    fn says_where(&self, option: &Arg) -> String {
        let path = self.path.join(" ");
        let name = format!("--{}", option.get_long().unwrap_or_default());
        match takes(self.command, option) {
            true => format!(
                "'{name}' stands before the command, and belongs behind it: test-dashboard {path} {name} …"
            ),
            false => format!(
                "'{name}' is an option of `run`, and `{path}` does not take it: test-dashboard run {name} …"
            ),
        }
    }
}

/// The option that a command declares under this word (`--jobs`, `--jobs=4`, `-vv`).
fn find<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next();
        return command.get_arguments().find(|option| {
            let aliases = option.get_all_aliases().unwrap_or_default();
            option.get_long() == name || aliases.into_iter().map(Some).any(|alias| alias == name)
        });
    }
    let mut letters = word.strip_prefix('-')?.chars();
    let first = letters.next()?;
    let option = command.get_arguments().find(|option| option.get_short() == Some(first))?;
    letters.all(|letter| letter == first).then_some(option)
}

/// Whether a command declares this option, perhaps as another name of one.
fn takes(command: &Command, option: &Arg) -> bool {
    option.get_long().is_some_and(|long| find(command, &format!("--{long}")).is_some())
}

/// A usage error that, for an option of other commands, says of which.
fn with_advice(mut error: clap::Error, root: &Command, words: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    if let Some(ContextValue::String(similar)) = error.get(ContextKind::SuggestedArg)
        && is_one_option(root, option, similar)
    {
        return error;
    }
    let owners = owners(root, option);
    let advice = match owners.len() {
        0 => return error,
        1..=FEW => format!("'{option}' is an option of `{}`", owners.join("`, `")),
        _ => format!("'{option}' is an option of other commands; `--help` shows those of this one"),
    };
    // What clap finds similar by its letters is another option, which may do what nobody asked for;
    // its usage names it, too.
    if error.remove(ContextKind::SuggestedArg).is_some() {
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage(root, words)));
    }
    let advice = ContextValue::StyledStrs(vec![advice.into()]);
    error.insert(ContextKind::Suggested, advice);
    error
}

/// How the command of this line is used.
fn usage(root: &Command, words: &[OsString]) -> StyledStr {
    let mut root = root.clone();
    root.build();
    Walk::over(&root, words.get(1..).unwrap_or_default()).command.clone().render_usage()
}

/// Whether a command takes both names for one option.
fn is_one_option(root: &Command, name: &str, other: &str) -> bool {
    commands(root).into_iter().any(|(_, command)| {
        let option = find(command, name);
        option.is_some() && option.map(Arg::get_id) == find(command, other).map(Arg::get_id)
    })
}

/// The commands that take an option.
fn owners(root: &Command, option: &str) -> Vec<String> {
    let mut owners = Vec::new();
    for (path, command) in commands(root) {
        if find(command, option).is_some() {
            owners.push(path.join(" "));
        }
    }
    owners
}

/// Every command that does something, with its names from the outside in.
pub fn commands(root: &Command) -> Vec<(Vec<&str>, &Command)> {
    let inner = root.get_subcommands().filter(|inner| inner.get_name() != "help");
    inner
        .flat_map(|inner| match inner.has_subcommands() {
            false => vec![(vec![inner.get_name()], inner)],
            true => commands(inner)
                .into_iter()
                .map(|(path, command)| ([&[inner.get_name()], &path[..]].concat(), command))
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    fn line(line: &str) -> Result<Cli, clap::Error> {
        parse(["test-dashboard".to_string()].into_iter().chain(words(line)))
    }

    /// What a value of an option or an argument may be.
    fn value(argument: &Arg) -> String {
        if let Some(possible) = argument.get_possible_values().first() {
            return possible.get_name().to_string();
        }
        let value = match argument.get_id().as_str() {
            "num_days" | "jobs" | "limit" | "id" => "7",
            "since" | "until" => "2026-03-01",
            "every" => "14d",
            "shard" => "1/4",
            _ => "x",
        };
        value.to_string()
    }

    /// An option as a person writes it, with a value where it takes one.
    fn written(option: &Arg) -> String {
        written_for(option, option)
    }

    /// The same, with a value that another declaration takes.
    fn written_for(option: &Arg, declared: &Arg) -> String {
        let name = option.get_long().unwrap();
        match declared.get_action().takes_values() {
            true => format!("--{name} {}", value(declared)),
            false => format!("--{name}"),
        }
    }

    /// The least that a command has to be given.
    fn least(command: &Command) -> String {
        let mut least: Vec<String> = Vec::new();
        for argument in command.get_arguments().filter(|argument| argument.is_required_set()) {
            least.push(match argument.is_positional() {
                true => value(argument),
                false => written(argument),
            });
        }
        // One of several, of which none is needed by itself.
        if command.get_groups().any(|group| group.is_required_set()) {
            least.push("x".into());
        }
        least.join(" ")
    }

    /// Whether the line is taken, or what it is refused for has nothing to do with where its
    /// options stand.
    fn is_taken(root: &Command, text: &str) -> bool {
        let words = ["test-dashboard"].into_iter().chain(text.split_whitespace());
        match read(root.clone(), words.map(Into::into).collect()) {
            Ok(_) => true,
            Err(error) => {
                use ErrorKind::{ArgumentConflict, MissingRequiredArgument};
                matches!(error.kind(), ArgumentConflict | MissingRequiredArgument)
            }
        }
    }

    /// Every option of every command, each once.
    fn options(root: &Command) -> Vec<Arg> {
        let mut options: Vec<Arg> = Vec::new();
        let commands = commands(root).into_iter().map(|(_, command)| command);
        for option in commands.chain([root]).flat_map(Command::get_arguments) {
            let is_new = !options.iter().any(|known| known.get_long() == option.get_long());
            if !option.is_positional() && is_new {
                options.push(option.clone());
            }
        }
        options
    }

    #[test]
    fn every_option_is_taken_by_the_commands_that_declare_it_and_refused_by_all_others() {
        let root = declared();
        let options = options(&root);
        let (mut taken, mut refused) = (0, 0);
        for (path, command) in commands(&root) {
            let (path, least) = (path.join(" "), least(command));
            line(&format!("{path} {least}")).unwrap();
            for option in &options {
                // A value that the command takes, where it has the option.
                let own = find(command, &format!("--{}", option.get_long().unwrap()));
                let given = written_for(option, own.unwrap_or(option));
                if least.contains(&given) {
                    continue;
                }
                let is_everybodys = option.is_global_set();
                let is_its_own = is_everybodys || takes(command, option);
                let behind = format!("{path} {least} {given}");
                assert_eq!(is_taken(&root, &behind), is_its_own, "{behind}");
                // Before it may stand what commands share, where the command takes it.
                let is_shared = takes(&root, option);
                let before = format!("{given} {path} {least}");
                assert_eq!(is_taken(&root, &before), is_its_own && is_shared, "{before}");
                if let Some((group, rest)) = path.split_once(' ') {
                    let between = format!("{group} {given} {rest} {least}");
                    assert_eq!(is_taken(&root, &between), is_its_own && is_shared, "{between}");
                }
                *(if is_its_own { &mut taken } else { &mut refused }) += 1;
            }
        }
        assert!(taken > 100 && refused > 500, "{taken} taken, {refused} refused");
    }

    #[test]
    fn without_a_command_the_options_of_a_run_make_a_run_and_no_others_do() {
        let root = declared();
        let run = root.find_subcommand(RUN).unwrap();
        for option in options(&root) {
            let is_shared = takes(&root, &option);
            for line in [written(&option), format!("--config x {}", written(&option))] {
                if is_shared && line.starts_with("--config x --config") {
                    continue;
                }
                let parsed = self::line(&line);
                match (takes(run, &option), is_shared) {
                    (true, false) => {
                        let command = parsed.unwrap().command;
                        assert!(matches!(command, Some(super::super::args::Command::Run(_))));
                    }
                    (_, true) => assert!(parsed.unwrap().command.is_none(), "{line}"),
                    (false, false) => assert!(parsed.is_err(), "{line}"),
                }
            }
        }
    }

    #[test]
    fn what_shared_options_before_the_command_say_arrives_there() {
        for text in [
            "--config a.toml --database=sqlite:b -vv status --format json",
            "-v --format json --config=a.toml -v status --database sqlite:b",
        ] {
            let cli = line(text).unwrap();
            let Some(super::super::args::Command::Status(args)) = cli.command else {
                panic!("{text} is no status")
            };
            assert_eq!(args.common.config.file(), Some("a.toml".as_ref()));
            assert_eq!(args.common.database.url(), Some("sqlite:b"));
            assert_eq!(args.common.output.format, super::super::args::Format::Json);
            assert_eq!(cli.log.verbose, 2);
        }
    }

    #[test]
    fn an_option_in_the_wrong_place_is_told_where_it_belongs() {
        for (text, says) in [
            ("--dry-run run --project x", "belongs behind it: test-dashboard run --dry-run …"),
            ("--full --config x status", "'--full' is an option of `run`, and `status` does not"),
            ("--project x status", "belongs behind it: test-dashboard status --project …"),
            ("plugin --since 2026-01-01 verify", "`plugin verify` does not take it"),
            ("status --dry-run", "'--dry-run' is an option of `run`"),
            ("runs --yes", "is an option of `rejects discard`, `plugin add`, `plugin remove`"),
            ("--database x plugin new x", "'--database' is an option of other commands"),
            ("run --report-typ x", "'--report-type'"),
            ("run --report x", "a similar argument exists: '--report-type'"),
            ("init --format json", "'--format' is an option of other commands"),
            ("run --sha256 x", "'--sha256' is an option of `plugin add`"),
        ] {
            let error = line(text).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (ErrorKind::UnknownArgument, 2));
            let told = error.to_string();
            assert!(told.contains(says), "{text}: {told}");
            assert!(!told.contains("--force") && !told.contains("--shard"), "{text}: {told}");
            assert!(!told.contains("\n\n\n"), "{text}: {told}");
        }
    }

    #[test]
    fn a_value_is_not_taken_for_a_command() {
        let cli = line("--project status --report-type runs").unwrap();
        assert!(matches!(cli.command, Some(super::super::args::Command::Run(_))));
        assert!(line("--config status").unwrap().command.is_none());
    }

    #[test]
    #[cfg(unix)]
    fn a_value_that_is_not_utf_8_gets_to_the_command() {
        use std::os::unix::ffi::OsStringExt as _;
        let name = OsString::from_vec(b"bad\xff.toml".to_vec());
        let joined = OsString::from_vec([b"--config=", name.as_encoded_bytes()].concat());
        for words in [
            vec!["x".into(), "--config".into(), name.clone(), "db".into(), "status".into()],
            vec!["x".into(), joined, "db".into(), "status".into()],
        ] {
            use crate::cli::args::{Command, DbCommand};
            let Some(Command::Db { command: DbCommand::Status(args) }) =
                parse(words).unwrap().command
            else {
                panic!("it is another command")
            };
            let named = args.config.file().unwrap();
            assert_eq!(named.as_os_str(), name);
        }
    }

    #[test]
    fn a_line_that_is_a_usage_error_is_understood_in_part() {
        let arguments =
            words("run --project fenix --summary=out.json --num-days soon --every --jobs");
        assert!(looks_like_a_run(&arguments));
        assert_eq!(value_of(&arguments, "--project").as_deref(), Some("fenix"));
        assert_eq!(value_of(&arguments, "--summary").as_deref(), Some("out.json"));
        for missing in ["--every", "--jobs", "--report-type"] {
            assert_eq!(value_of(&arguments, missing), None, "{missing}");
        }
        for (text, is_a_run) in [
            ("status --summary=README.md", false),
            ("--config x --log json status --oops", false),
            ("--summary x status", false),
            ("--project status --summary x --oops", true),
            ("--summary x --num-days soon", true),
            ("--oops", true),
            ("statsu --summary README.md", false),
            ("--oops value status --summary README.md", false),
            ("--full statsu --summary x", true),
            ("--config x run --oops", true),
        ] {
            assert_eq!(looks_like_a_run(&words(text)), is_a_run, "{text}");
        }
    }

    #[test]
    fn the_command_line_is_declared_without_contradictions() {
        declared().debug_assert();
    }
}

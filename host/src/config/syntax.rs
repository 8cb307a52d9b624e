// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The grammar of a TOML file, looked at before anything is made of the file.
//!
//! `toml` and `toml_edit` bound how deep values nest, but only as long as the text is well-formed:
//! where a bracket has no partner, their parser goes on behind it, forgets a level each time, and
//! 200 KB of unclosed tables overflow its stack. So the first error ends it here.

use std::cell::RefCell;

use toml_parser::parser::{EventReceiver, RecursionGuard, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Source, Span};

use super::line_of;

/// How many levels values may nest, as `toml` has it.
const LEVELS: u32 = 80;

/// Whether this is TOML by its grammar. Names that occur twice and the like are for the one who
/// reads it.
///
/// # Errors
///
/// `:LINE: …` for the first thing that is not.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let first = First::default();
    let mut receiver = UntilTheFirst(&first);
    let tokens = Source::new(text).lex().into_vec();
    parse_document(&tokens, &mut RecursionGuard::new(&mut receiver, LEVELS), &mut &first);
    match first.0.into_inner() {
        None => Ok(()),
        Some(error) => {
            let line = line_of(text, error.unexpected().map_or(0, |span| span.start()));
            Err(format!(":{line}: {}", message(&error)))
        }
    }
}

/// The first error.
#[derive(Default)]
struct First(RefCell<Option<ParseError>>);

impl ErrorSink for &First {
    fn report_error(&mut self, error: ParseError) {
        self.0.borrow_mut().get_or_insert(error);
    }
}

/// Lets no value open behind the first error, so that nothing is descended into any more.
struct UntilTheFirst<'a>(&'a First);

impl UntilTheFirst<'_> {
    fn goes_on(&self) -> bool {
        self.0.0.borrow().is_none()
    }
}

impl EventReceiver for UntilTheFirst<'_> {
    fn inline_table_open(&mut self, _span: Span, _error: &mut dyn ErrorSink) -> bool {
        self.goes_on()
    }

    fn array_open(&mut self, _span: Span, _error: &mut dyn ErrorSink) -> bool {
        self.goes_on()
    }
}

/// What is wrong and what was expected, in the words of `toml`.
fn message(error: &ParseError) -> String {
    let Some(expected) = error.expected() else { return error.description().to_owned() };
    let expected: Vec<String> = expected
        .iter()
        .map(|expected| match expected {
            Expected::Literal("\n") => "newline".to_owned(),
            Expected::Literal(literal) => format!("`{literal}`"),
            Expected::Description(description) => (*description).to_owned(),
            _ => "something else".to_owned(),
        })
        .collect();
    match expected.is_empty() {
        true => format!("{}, expected nothing", error.description()),
        false => format!("{}, expected {}", error.description(), expected.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_descended_into_behind_the_first_error() {
        // Each line forgets one level: the parser takes the header for an array that it skips.
        let unclosed = "t = { a\nh = []\n[p]\n".repeat(200_000);
        let problem = check(&unclosed).unwrap_err();
        assert!(problem.starts_with(":2: "), "{problem}");
    }

    #[test]
    fn as_many_levels_as_toml_reads_are_well_formed_and_no_more() {
        for (open, close) in [("[", "]"), ("{ a = ", " }")] {
            let nested = |levels| format!("x = {}1{}", open.repeat(levels), close.repeat(levels));
            let most = nested(LEVELS as usize);
            check(&most).unwrap();
            toml::from_str::<toml::Table>(&most).unwrap();
            let more = nested(LEVELS as usize + 1);
            assert_eq!(
                check(&more).unwrap_err(),
                ":1: cannot recurse further; max recursion depth met"
            );
            toml::from_str::<toml::Table>(&more).unwrap_err();
        }
    }

    #[test]
    fn an_error_is_told_as_toml_tells_it() {
        let texts = ["a = { b", "a = [1, 2", "a = 1 b = 2", "a", "[a\nb = 1", "a = {{}", "]"];
        for text in texts {
            let error = toml::from_str::<toml::Table>(text).unwrap_err();
            assert_eq!(check(text), Err(super::super::at_line(text, &error)), "{text:?}");
        }
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! As much of SQL's grammar as is needed to tell its code from texts, names and comments.

/// What a piece of SQL is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Text,
    Name,
    Comment,
}

/// The pieces, and whether the last one is closed.
fn pieces(sql: &str) -> (Vec<(Kind, &str)>, bool) {
    let (mut pieces, mut rest) = (Vec::new(), sql);
    while let Some(first) = rest.chars().next() {
        let (kind, end) = match first {
            '-' if rest.starts_with("--") => {
                (Kind::Comment, Some(rest.find('\n').unwrap_or(rest.len())))
            }
            '/' if rest.starts_with("/*") => (Kind::Comment, rest[2..].find("*/").map(|at| at + 4)),
            '\'' => (Kind::Text, quoted(rest, first)),
            '"' | '`' => (Kind::Name, quoted(rest, first)),
            _ => {
                let begins = |(at, _): &(usize, char)| {
                    let rest = &rest[*at..];
                    rest.starts_with(['\'', '"', '`'])
                        || rest.starts_with("--")
                        || rest.starts_with("/*")
                };
                let end = rest.char_indices().skip(1).find(begins);
                (Kind::Code, Some(end.map_or(rest.len(), |(at, _)| at)))
            }
        };
        let Some(end) = end else {
            pieces.push((kind, rest));
            return (pieces, false);
        };
        let (piece, after) = rest.split_at(end);
        pieces.push((kind, piece));
        rest = after;
    }
    (pieces, true)
}

/// Where the quotes end that the text begins with. One that is doubled within them does not.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut inner = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = inner.next() {
        if c == quote && inner.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// Why this is not one SELECT, and in which line. Some databases run all the statements of a text.
pub(super) fn wrong(sql: &str) -> Option<(usize, &'static str)> {
    let (pieces, is_closed) = pieces(sql);
    let mut line = 1;
    for (kind, piece) in &pieces {
        let lines = |text: &str| text.matches('\n').count();
        if let (Kind::Code, Some(at)) = (kind, piece.find(';')) {
            let reason = "there is a semicolon: a file holds one SELECT, without a semicolon";
            return Some((line + lines(&piece[..at]), reason));
        }
        line += lines(piece);
    }
    let begin = line - pieces.last().map_or(0, |(_, last)| last.matches('\n').count());
    (!is_closed).then_some((begin, "a quote or comment begins here and does not end"))
}

/// With names in backticks. SQLite takes a name in double quotes that it does not find for a text.
pub(super) fn with_backticks(sql: &str) -> String {
    let say = |(kind, piece): (Kind, &str)| {
        let name = piece.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        match name.filter(|_| kind == Kind::Name) {
            Some(name) => format!("`{}`", name.replace("\"\"", "\"").replace('`', "``")),
            None => piece.to_owned(),
        }
    };
    pieces(sql).0.into_iter().map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_statement_is_found_whatever_stands_before_it() {
        for right in [
            "",
            "SELECT 1",
            "SELECT ';', \";\", `;` -- ; '\nFROM t /* ; \" */",
            "SELECT 'it''s; so' -- it's",
            "SELECT 1 -- ;",
        ] {
            assert_eq!(wrong(right), None, "{right}");
        }
        for (sql, line) in [
            ("SELECT 1;", 1),
            ("SELECT 1\n; DROP TABLE t", 2),
            ("SELECT 'a\n' -- '\n;", 3),
            ("/* '\n */ SELECT 1;", 2),
            ("SELECT 'a'';' ;", 1),
            ("SELECT 1 - 1;", 1),
        ] {
            let found = wrong(sql).unwrap();
            assert!(found.0 == line && found.1.contains("semicolon"), "{sql}: {found:?}");
        }
        for (sql, line) in [("SELECT\n'a\n;", 2), ("SELECT 1 /* ;\n", 1), ("\"", 1), ("/*/", 1)] {
            let found = wrong(sql).unwrap();
            assert!(found.0 == line && found.1.contains("does not end"), "{sql}: {found:?}");
        }
    }

    #[test]
    fn names_alone_get_backticks() {
        let sql = "SELECT \"a\"\"`b\", '\"c\"' AS \"d\" -- \"e\"\nFROM \"f\"";
        let expected = "SELECT `a\"``b`, '\"c\"' AS `d` -- \"e\"\nFROM `f`";
        assert_eq!(with_backticks(sql), expected);
    }
}

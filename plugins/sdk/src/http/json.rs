// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Errors for JSON that does not parse: where it breaks, and what was there instead.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::Response;
use crate::Failure;

/// How much of a body is shown.
const SHOWN: usize = 80;

/// The JSON of a body, and how many characters of it were put right.
///
/// A byte order mark is no part of it. What no text can hold, a byte that is not UTF-8 or half
/// of a surrogate pair, becomes U+FFFD instead of costing the whole answer.
pub(super) fn text_of(body: &[u8]) -> (Cow<'_, str>, usize) {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let not_utf8 = match &text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(_) => body.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count(),
    };
    let halves = halves_of_pairs(&text);
    if halves.is_empty() {
        return (text, not_utf8);
    }
    let mut text = text.into_owned();
    for &at in &halves {
        text.replace_range(at..at + ESCAPE, "\\ufffd");
    }
    (Cow::Owned(text), not_utf8 + halves.len())
}

/// The length of an escape such as `\ud83d`.
const ESCAPE: usize = 6;

/// Where the escapes are that are half of a surrogate pair without the other half.
fn halves_of_pairs(text: &str) -> Vec<usize> {
    let surrogate = |at: usize, leads: &[u8]| {
        text.as_bytes().get(at..at + ESCAPE).is_some_and(|escape| {
            escape.starts_with(b"\\u")
                && matches!(escape[2], b'd' | b'D')
                && leads.contains(&escape[3].to_ascii_lowercase())
                && escape[4..].iter().all(u8::is_ascii_hexdigit)
        })
    };
    let mut halves = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find('\\') {
        at += next;
        let is_first = surrogate(at, b"89ab");
        let is_second = surrogate(at, b"cdef");
        at += match (is_first, is_second) {
            (true, _) if surrogate(at + ESCAPE, b"cdef") => 2 * ESCAPE,
            (false, false) => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            _ => {
                halves.push(at);
                ESCAPE
            }
        };
    }
    halves
}

/// Why an answer's text is not the JSON that was expected.
pub(super) fn failure<T: DeserializeOwned>(
    answer: &Response,
    text: &str,
    error: &serde_json::Error,
) -> Failure {
    let url = answer.shown_url();
    let begin = excerpt(text.as_bytes(), SHOWN);
    let message = match text.trim_start().bytes().next() {
        None => format!("GET {url}: an empty body where JSON was expected"),
        Some(b'{' | b'[') if error.is_eof() => format!(
            "GET {url}: the JSON breaks off after {} bytes; it begins with {begin}",
            text.len()
        ),
        Some(b'{' | b'[') => {
            let place = place::<T>(text).map(|place| format!(" at {place}")).unwrap_or_default();
            format!("GET {url}: not the expected JSON{place}: {error}; it begins with {begin}")
        }
        Some(b'<') => format!("GET {url}: a page of HTML where JSON was expected: {begin}"),
        Some(_) => format!("GET {url}: not the expected JSON: {error}; it begins with {begin}"),
    };
    let mut failure = Failure::unexpected_response(message);
    failure.status = Some(answer.status());
    failure
}

/// Where a document stops making sense, as `[3].user.login`; none for all of it. Found by
/// reading it once more, so that reading what does make sense pays nothing for it.
pub(crate) fn place<T: DeserializeOwned>(document: &str) -> Option<String> {
    let read = &mut serde_json::Deserializer::from_str(document);
    let error = serde_path_to_error::deserialize::<_, T>(read).err()?;
    Some(error.path().to_string()).filter(|path| path != ".")
}

/// The first `longest` characters of a text, on one line. What cannot be seen is escaped, as
/// `\u{feff}`.
pub(crate) fn excerpt(text: &[u8], longest: usize) -> String {
    // A character has at most four bytes, and white space is squeezed.
    let text = String::from_utf8_lossy(&text[..text.len().min(longest * 16)]);
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let is_long = line.chars().nth(longest).is_some();
    let shown = line.chars().take(longest).map(visible).collect::<String>();
    if is_long { shown + "…" } else { shown }
}

/// A character as it is shown: escaped where nothing would be seen of it.
fn visible(c: char) -> String {
    // What combines with a letter is seen after one.
    let escaped: String = format!("a{c}").escape_debug().skip(1).collect();
    // Quotes and backslashes are seen.
    if escaped.starts_with("\\u") { escaped } else { c.to_string() }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::testing::{self, FakeHttp, Reply};
    use crate::{Failure, FailureKind};

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the shape matters")]
    struct Issue {
        id: i64,
        user: Option<User>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the shape matters")]
    struct User {
        login: String,
    }

    fn failure_of(body: &str) -> Failure {
        let reply = Reply::text(200, "application/json", body);
        let http = FakeHttp::serve(move |_| reply.clone());
        let client = testing::context(&http, serde_json::json!({})).http();
        let failure =
            client.get("/list").query("a", 1).send().unwrap().json::<Vec<Issue>>().unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
        assert!(failure.message.starts_with("GET https://api.example.org/list?a=1: "), "{failure}");
        failure
    }

    #[test]
    fn html_says_that_it_is_html() {
        let message = failure_of("\n<!DOCTYPE html>\n<html>").message;
        assert!(
            message.ends_with("a page of HTML where JSON was expected: <!DOCTYPE html> <html>")
        );
    }

    #[test]
    fn half_a_document_is_not_a_short_list() {
        let message = failure_of(r#"[{"id": 1, "user": null}, {"id""#).message;
        assert!(message.contains("breaks off after 31 bytes"), "{message}");
        assert!(failure_of("").message.contains("an empty body"));
        assert!(failure_of("  ").message.contains("an empty body"));
    }

    #[test]
    fn an_error_object_is_not_an_empty_list() {
        let message = failure_of(r#"{"message": "Server Error"}"#).message;
        assert!(message.contains(r#"it begins with {"message": "Server Error"}"#), "{message}");
    }

    #[test]
    fn a_wrong_value_is_named_by_its_place() {
        for (body, place) in [
            ("[{\"id\": 1},\n {\"id\": \"x\"}]", " at [1].id: "),
            (r#"[{"id": 1, "user": {"login": null}}]"#, " at [0].user.login: "),
            (r#"[{"id": 1, "t": "a\"]}", "user": {"login": [1]}}]"#, " at [0].user.login"),
            (r#"[{"user": null}]"#, " at [0]"),
        ] {
            let message = failure_of(body).message;
            assert!(message.contains(place), "{message}");
        }
    }

    #[test]
    fn only_the_begin_of_a_long_body_is_shown() {
        let message = failure_of(&format!("Maintenance {}", "🐞".repeat(200))).message;
        assert!(message.ends_with('…'));
        assert!(message.chars().count() < 300, "{message}");
    }

    fn read(body: &[u8]) -> Result<String, Failure> {
        let body = body.to_vec();
        let http = FakeHttp::serve(move |_| Reply::text(200, "application/json", body.clone()));
        let client = testing::context(&http, serde_json::json!({})).http();
        client.get("/x").send().unwrap().json()
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_answer() {
        assert_eq!(read("\u{feff}\"a\"".as_bytes()).as_deref(), Ok("a"));
        let message = read("\u{feff}\u{feff}\u{200b}x\u{301}\"".as_bytes()).unwrap_err().message;
        assert!(message.ends_with("it begins with \\u{feff}\\u{200b}x\u{301}\""), "{message}");
    }

    #[test]
    fn what_no_text_can_hold_is_replaced_and_told() {
        for (body, text) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\uDC1E!""#, "\u{fffd}!"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\ud83d\udc1e""#, "\u{fffd}🐞"),
            (r#""\udc1e\ud83d""#, "\u{fffd}\u{fffd}"),
        ] {
            testing::take_log();
            assert_eq!(read(body.as_bytes()).as_deref(), Ok(text), "{body}");
            let log = testing::take_log();
            assert!(log[0].1.contains("replaced by U+FFFD"), "{log:?}");
        }
        assert_eq!(read(b"\"a\xff\"").as_deref(), Ok("a\u{fffd}"));
    }

    #[test]
    fn what_only_looks_like_half_a_pair_is_kept() {
        testing::take_log();
        for (body, text) in [
            (r#""\ud83d\udc1e""#, "🐞"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\\\ud83d\udc1e""#, "\\🐞"),
            (r#""ud83d \ud7ff""#, "ud83d \u{d7ff}"),
        ] {
            assert_eq!(read(body.as_bytes()).as_deref(), Ok(text), "{body}");
        }
        assert!(testing::take_log().is_empty());
        assert!(read(br#""\ud8""#).is_err() && read(br#""\"#).is_err());
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! JSON that does not parse: saying where, and what came instead.

use super::Response;
use crate::Failure;

/// How much of a body is shown.
const SHOWN: usize = 80;

pub(super) fn failure(answer: &Response, error: &serde_json::Error) -> Failure {
    let body = answer.body();
    let url = answer.shown_url();
    let begin = excerpt(body, SHOWN);
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let message = match first {
        None => format!("GET {url}: an empty body where JSON was expected"),
        Some(b'{' | b'[') if error.is_eof() => format!(
            "GET {url}: the JSON breaks off after {} bytes; it begins with {begin}",
            body.len()
        ),
        Some(b'{' | b'[') => {
            let path = json_path(body, error);
            let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
            format!("GET {url}: not the expected JSON{place}: {error}; it begins with {begin}")
        }
        Some(b'<') => format!("GET {url}: a page of HTML where JSON was expected: {begin}"),
        Some(_) => format!("GET {url}: not the expected JSON: {error}; it begins with {begin}"),
    };
    let mut failure = Failure::unexpected_response(message);
    failure.status = Some(answer.status());
    failure
}

/// The first `longest` characters of a text, on one line.
pub(super) fn excerpt(text: &[u8], longest: usize) -> String {
    // A character has at most four bytes, and white space is squeezed.
    let text = String::from_utf8_lossy(&text[..text.len().min(longest * 16)]);
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Where in a document an error lies, as `[3].user.login`; empty at its top.
///
/// Found by walking the text up to the error, so that parsing itself pays nothing for it.
pub(crate) fn json_path(document: &[u8], error: &serde_json::Error) -> String {
    enum Step {
        Index(usize),
        Key(String),
    }
    let mut path = Vec::new();
    let mut rest = &document[..offset(document, error)];
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' => path.push(Step::Key(String::new())),
            b'[' => path.push(Step::Index(0)),
            b'}' | b']' => drop(path.pop()),
            b',' => match path.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                Some(Step::Key(key)) => key.clear(),
                None => {}
            },
            b'"' => {
                let end = end_of_string(rest);
                if let Some(Step::Key(key)) = path.last_mut()
                    && key.is_empty()
                {
                    *key = String::from_utf8_lossy(&rest[..end]).into_owned();
                }
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            _ => {}
        }
    }
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) if key.is_empty() => {}
            Step::Key(key) if text.is_empty() => text = key,
            Step::Key(key) => text.push_str(&format!(".{key}")),
        }
    }
    text
}

/// Where serde_json's line and column (from 1, in bytes) lie. It reports an error after the
/// value it is about, so the last byte is left out: it may already close what holds the value.
fn offset(document: &[u8], error: &serde_json::Error) -> usize {
    let lines = document.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    (before + error.column().saturating_sub(1)).min(document.len())
}

fn end_of_string(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
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
}

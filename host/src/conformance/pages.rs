// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which answers name a next page, and whether it was asked for.
//!
//! A next page is named by a header `Link: <URL>; rel="next"`, or by a field of a JSON answer
//! that is neither null, false, zero nor empty. The field is one of [`NAMES`], and stands in
//! the answer itself or in an object there that is one of [`CONTAINERS`] (`paging.next`,
//! `_links.next`, `response_metadata.next_cursor`).
//!
//! It counts as followed when a later request is for that address, or for another address
//! with the same query (GitHub links to `/repositories/ID/…`, whatever the path was that was
//! asked), or with another number in it where the page is (a plugin may reckon its pages
//! itself); or when it hands the token back: as a value of the query, as a segment of the
//! path, or in the body.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::rehearsal::{Answer, Exchange};

/// The fields that name a next page.
pub const NAMES: &[&str] = &[
    "next",
    "next_page",
    "nextPage",
    "next_url",
    "nextUrl",
    "next_page_url",
    "nextPageUrl",
    "next_page_token",
    "nextPageToken",
    "next_token",
    "nextToken",
    "next_cursor",
    "nextCursor",
    "next_link",
    "nextLink",
    "@odata.nextLink",
    "continuation",
    "continuation_token",
    "continuationToken",
];

/// The objects in which such a field may stand.
pub const CONTAINERS: &[&str] = &[
    "_links",
    "links",
    "paging",
    "pagination",
    "page",
    "pages",
    "cursor",
    "cursors",
    "meta",
    "metadata",
    "response_metadata",
];

/// Shorter tokens are looked for as whole values only, never inside of a body.
const SHORTEST_IN_BODY: usize = 6;

/// What an answer says of the next page: an address or a token.
pub fn next_of(exchange: &Exchange) -> Option<String> {
    let Answer::Whole(response) = &exchange.answer else { return None };
    let links = response.headers().get_all("link").iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|value| value.split(',')).find_map(next_link).or_else(|| {
        let body = response.body().strip_prefix(b"\xEF\xBB\xBF").unwrap_or(response.body());
        let body: Value = serde_json::from_slice(body).ok()?;
        let inner = CONTAINERS.iter().filter_map(|name| body.get(name));
        std::iter::once(&body).chain(inner).find_map(next_field)
    })
}

fn next_link(link: &str) -> Option<String> {
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        let parameter: String = parameter.chars().filter(|c| !c.is_whitespace()).collect();
        matches!(parameter.to_ascii_lowercase().as_str(), "rel=\"next\"" | "rel=next")
    });
    is_next.then(|| address.to_string())
}

fn next_field(object: &Value) -> Option<String> {
    NAMES.iter().find_map(|name| match object.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.as_f64() != Some(0.0) => Some(number.to_string()),
        // As HAL writes it: `{"next": {"href": "…"}}`.
        Value::Object(link) => link.get("href").and_then(Value::as_str).map(str::to_string),
        _ => None,
    })
}

/// Whether `later` asks for the page that `exchange` names as the next.
pub fn follows(exchange: &Exchange, next: &str, later: &Exchange) -> bool {
    is_address_of(exchange, next, &later.url) || hands_back(next, later)
}

fn is_address_of(exchange: &Exchange, next: &str, later: &Url) -> bool {
    if !next.contains(['/', '?']) {
        return false;
    }
    let Ok(address) = exchange.url.join(next) else { return false };
    let now = pieces(exchange.url.query());
    let asked = pieces(later.query());
    is_further(&now, &pieces(address.query()), &asked)
        // TestRail's addresses have the path behind their `?`, and what it names has no `?`.
        || is_further(&now, &pieces(Some(next)), &asked)
        || is_same(&address, later)
}

/// Whether a query asks for the page that is named, or for one that a plugin has reckoned
/// itself: where the named page differs from the present one, it has that value or another
/// number, and else the same values.
fn is_further(now: &Pieces, named: &Pieces, asked: &Pieces) -> bool {
    let fits = |(name, value): (&&str, &&str)| {
        let Some(asked) = asked.get(name) else { return false };
        let differs_now = now.get(name) != Some(value);
        let is_another_number = now.get(name) != Some(asked) && asked.parse::<u64>().is_ok();
        asked == value || (differs_now && is_another_number)
    };
    !named.is_empty() && named.iter().all(fits)
}

/// For addresses that end in the page (`/items/page/2`).
fn is_same(a: &Url, b: &Url) -> bool {
    a.query().is_none() && a.origin() == b.origin() && a.path() == b.path()
}

/// The parts of a query by name; one without a value has an empty one.
type Pieces<'a> = BTreeMap<&'a str, &'a str>;

fn pieces(query: Option<&str>) -> Pieces<'_> {
    let pieces = query.unwrap_or_default().split(['?', '&']).filter(|piece| !piece.is_empty());
    pieces.map(|piece| piece.split_once('=').unwrap_or((piece, ""))).collect()
}

fn hands_back(token: &str, later: &Exchange) -> bool {
    let in_query = later.url.query_pairs().any(|(_, value)| value == token);
    let in_path = || later.url.path_segments().is_some_and(|mut path| path.any(|s| s == token));
    let in_body =
        || token.len() >= SHORTEST_IN_BODY && String::from_utf8_lossy(&later.body).contains(token);
    in_query || in_path() || in_body()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Method, Response};

    use super::*;

    fn exchange(url: &str, link: Option<&str>, body: &str) -> Exchange {
        let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
        if let Some(link) = link {
            response.headers_mut().insert("link", link.parse().unwrap());
        }
        Exchange {
            method: Method::GET,
            url: url.parse().unwrap(),
            body: Bytes::new(),
            answer: Answer::Whole(response),
            fault: None,
        }
    }

    fn next(body: &str) -> Option<String> {
        next_of(&exchange("https://a.example.com/x", None, body))
    }

    #[test]
    fn a_next_page_is_named_by_a_link_or_by_a_field() {
        let link = r#"<https://a.example.com/x?page=1>; rel="prev", <https://a.example.com/x?page=3>; rel="next""#;
        let linked = exchange("https://a.example.com/x", Some(link), "[]");
        assert_eq!(next_of(&linked).as_deref(), Some("https://a.example.com/x?page=3"));
        for (body, named) in [
            (
                r#"{"_links": {"next": "/api/v2/get_cases/1&offset=250"}}"#,
                "/api/v2/get_cases/1&offset=250",
            ),
            (r#"{"_links": {"next": {"href": "/x?p=2"}}}"#, "/x?p=2"),
            (r#"{"paging": {"next": "518e869d56f2adfd"}}"#, "518e869d56f2adfd"),
            (r#"{"continuationToken": "abc"}"#, "abc"),
            (r#"{"response_metadata": {"next_cursor": "dGVhbQ=="}}"#, "dGVhbQ=="),
            (r#"{"next_page": 2}"#, "2"),
        ] {
            assert_eq!(next(body).as_deref(), Some(named), "{body}");
        }
    }

    #[test]
    fn the_last_page_names_none() {
        for body in [
            r#"{"_links": {"next": null, "prev": "/x"}}"#,
            r#"{"paging": {"total_item_count": 2}}"#,
            r#"{"response_metadata": {"next_cursor": ""}}"#,
            r#"{"next_page": 0, "next": false}"#,
            r#"{"items": [{"next": "of an item, not of the page"}]}"#,
            "[]",
            "no JSON",
        ] {
            assert_eq!(next(body), None, "{body}");
        }
        let last = exchange("https://a.example.com/x", Some("</x?page=1>; rel=\"first\""), "");
        assert_eq!(next_of(&last), None);
    }

    #[test]
    fn a_page_is_followed_by_its_address_by_its_query_or_by_its_token() {
        let ask = |url: &str| exchange(url, None, "");
        let github = ask("https://api.github.com/repos/a/b/issues?per_page=100");
        let named = "https://api.github.com/repositories/7/issues?per_page=100&page=2";
        for (later, followed) in [
            (named, true),
            ("https://api.github.com/repos/a/b/issues?page=2&per_page=100&state=all", true),
            ("https://api.github.com/repos/a/b/issues?page=3&per_page=100", true),
            ("https://api.github.com/repos/a/b/issues?page=2&per_page=50", false),
            ("https://api.github.com/repos/a/b/issues?per_page=100", false),
            ("https://api.github.com/repos/a/b/issues?page=last&per_page=100", false),
            ("https://api.github.com/repos/a/b", false),
        ] {
            assert_eq!(follows(&github, named, &ask(later)), followed, "{later}");
        }
        let testrail = ask("https://t.example.com/index.php?/api/v2/get_cases/1&limit=250");
        let named = "/api/v2/get_cases/1&limit=250&offset=250";
        let later = "https://t.example.com/index.php?/api/v2/get_cases/1&offset=250&limit=250";
        assert!(follows(&testrail, named, &ask(later)));
        let overlapping = later.replace("offset=250", "offset=249");
        assert!(follows(&testrail, named, &ask(&overlapping)));
        assert!(!follows(&testrail, named, &ask(&later.replace("cases/1", "cases/2"))));
        assert!(!follows(&testrail, named, &testrail));
        let token = ask("https://b.example.com/builds?limit=50");
        assert!(follows(&token, "a+b=", &ask("https://b.example.com/builds?next=a%2Bb%3D")));
        assert!(!follows(&token, "2", &ask("https://b.example.com/builds?limit=20")));
        let body =
            Exchange { body: Bytes::from_static(b"{\"after\": \"cursor-9\"}"), ..token.clone() };
        assert!(follows(&token, "cursor-9", &body));
        let path = ask("https://b.example.com/pages/3");
        assert!(follows(&token, "/pages/3", &path) && !follows(&token, "/pages/4", &path));
    }
}

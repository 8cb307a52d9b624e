// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Lists that come in pages.

use std::collections::HashSet;

use super::{Pending, RequestBuilder, Response, reference, shown};
use crate::Failure;

/// A list whose pages name the next one in a `Link: <…>; rel="next"` header, followed as it
/// is. Only a good answer without such a link ends the list.
///
/// The next page is on its way while the current one is being used, also across calls of
/// [`Source::fill`](crate::Source::fill). A list that is often left before its end is better
/// read [`lazily`](Self::lazily).
#[derive(Debug)]
pub struct LinkPages {
    request: RequestBuilder,
    next: Option<Next>,
    next_url: Option<String>,
    visited: HashSet<String>,
    is_lazy: bool,
}

/// The page that comes next.
#[derive(Debug)]
enum Next {
    /// On its way.
    Started(Result<Pending, Failure>),
    /// Not asked for yet.
    Wanted(RequestBuilder),
}

impl LinkPages {
    /// Starts with the first page. The pages after it are asked for with the same headers.
    pub fn start(first: RequestBuilder) -> Self {
        LinkPages::new(first, false)
    }

    /// The same, but a page is asked for only when it is wanted: for a list that is often left
    /// before its end, where a request for the page after would be one too many.
    pub fn lazily(first: RequestBuilder) -> Self {
        LinkPages::new(first, true)
    }

    fn new(first: RequestBuilder, is_lazy: bool) -> Self {
        let visited = HashSet::from([first.url().to_owned()]);
        let next_url = Some(first.url().to_owned());
        let next = Some(Next::of(first.clone(), is_lazy));
        LinkPages { request: first, next, next_url, visited, is_lazy }
    }

    /// The next page, or none after the last.
    ///
    /// # Errors
    ///
    /// When a page does not come or is no good answer, or when it names as the next page one
    /// that was there already. Afterwards the list is over.
    pub fn next_page(&mut self) -> Result<Option<Response>, Failure> {
        let Some(next) = self.next.take() else { return Ok(None) };
        self.next_url = None;
        let page = match next {
            Next::Started(pending) => pending?.wait()?,
            Next::Wanted(request) => request.send()?,
        };
        self.visited.insert(page.url().to_owned());
        if let Some(next) = next_link(&page)? {
            if !self.visited.insert(next.clone()) {
                return Err(Failure::unexpected_response(format!(
                    "GET {}: it names as the next page one that was read already, {}",
                    page.shown_url(),
                    shown(&next)
                )));
            }
            self.next = Some(Next::of(self.request.to(&next), self.is_lazy));
            self.next_url = Some(next);
        }
        Ok(Some(page))
    }

    /// Where the next page is, as the last one named it: whether a service pages by a cursor
    /// or by numbers shows in it. None at the end of the list.
    pub fn next_url(&self) -> Option<&str> {
        self.next_url.as_deref()
    }
}

impl Next {
    fn of(request: RequestBuilder, is_lazy: bool) -> Self {
        if is_lazy { Next::Wanted(request) } else { Next::Started(request.start()) }
    }
}

/// The target of `rel="next"`, made absolute.
fn next_link(page: &Response) -> Result<Option<String>, Failure> {
    let headers = page.raw.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
    for (_, value) in headers {
        if let Some(target) = next_target(value) {
            return reference::resolve(page.url(), target).map(Some);
        }
    }
    Ok(None)
}

/// Reads a `Link` header (RFC 8288): `<target>; name="value"; …, <target>; …`.
fn next_target(mut header: &str) -> Option<&str> {
    loop {
        let (target, rest) = header.split_once('<')?.1.split_once('>')?;
        // Parameters go on to the comma before the next target; one within quotes may stay,
        // because only whole parameters are compared.
        let end = rest.find('<').unwrap_or(rest.len());
        let parameters = rest[..end].trim_end().trim_end_matches(',');
        if parameters.split(';').any(is_rel_next) {
            return Some(target);
        }
        header = &rest[end..];
    }
}

fn is_rel_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel")
        && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

/// Counts the offset of a list whose pages say at which offset the next one begins, and
/// refuses one that does not advance: following it would never end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OffsetPages {
    offset: u64,
}

impl OffsetPages {
    /// The offset to ask for.
    pub fn offset(self) -> u64 {
        self.offset
    }

    /// Moves to the offset that a page names as the next one.
    ///
    /// # Errors
    ///
    /// When it is not beyond the present one.
    pub fn advance(&mut self, page: &Response, next: u64) -> Result<(), Failure> {
        if next <= self.offset {
            return Err(Failure::unexpected_response(format!(
                "GET {}: the page at offset {} names {next} as the next offset, which does not advance",
                page.shown_url(),
                self.offset
            )));
        }
        self.offset = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureKind;
    use crate::testing::{self, FakeHttp, Reply};

    fn pages(http: &FakeHttp) -> LinkPages {
        let client = testing::context(http, serde_json::json!({})).http();
        LinkPages::start(client.get("/list").query("per_page", 2).header("accept", "a/b"))
    }

    fn read(http: &FakeHttp) -> Result<Vec<i64>, Failure> {
        let mut pages = pages(http);
        let mut read = Vec::new();
        while let Some(page) = pages.next_page()? {
            read.extend(page.json::<Vec<i64>>()?);
        }
        Ok(read)
    }

    const BASE: &str = "https://api.example.org";

    #[test]
    fn links_are_followed_as_they_are_to_the_end() {
        let first = "<https://api.example.org/n/7?after=Y3%3D%3D&page=2>; rel=\"next\", <https://api.example.org/last>; rel=\"last\"";
        let second = "<https://api.example.org/prev>; rel=\"prev\", </n/7?page=3>; title=\"a, b; c\"; REL=\"last next\"";
        let http = FakeHttp::script([
            (format!("{BASE}/list?per_page=2"), Reply::json(200, "[1,2]").header("Link", first)),
            (
                format!("{BASE}/n/7?after=Y3%3D%3D&page=2"),
                Reply::json(200, "[]").header("link", second),
            ),
            (
                format!("{BASE}/n/7?page=3"),
                Reply::json(200, "[5]").header("link", "<https://x.org/1>; rel=\"first\""),
            ),
        ]);
        assert_eq!(read(&http), Ok(vec![1, 2, 5]));
        http.assert_all_used();
    }

    #[test]
    fn the_next_page_is_asked_for_while_this_one_is_used() {
        let http = FakeHttp::serve(|request| match request.url.contains("?page=2") {
            false => Reply::json(200, "[1]").header("link", "<?page=2>; rel=next"),
            true => {
                assert_eq!(request.headers, [("accept".into(), "a/b".into())]);
                Reply::json(200, "[2]")
            }
        });
        let mut pages = pages(&http);
        pages.next_page().unwrap();
        assert_eq!(http.requests().len(), 2);
        assert_eq!(pages.next_url(), Some("https://api.example.org/list?page=2"));
        pages.next_page().unwrap();
        assert_eq!(pages.next_url(), None);
    }

    #[test]
    fn a_lazy_list_asks_for_no_page_that_nobody_wants() {
        let http = FakeHttp::serve(|request| match request.url.contains("?page=2") {
            false => Reply::json(200, "[1]").header("link", "<?page=2>; rel=next"),
            true => Reply::json(200, "[2]"),
        });
        let client = testing::context(&http, serde_json::json!({})).http();
        let mut pages = LinkPages::lazily(client.get("/list"));
        assert_eq!(http.requests().len(), 0);
        pages.next_page().unwrap();
        assert_eq!(http.requests().len(), 1);
        assert_eq!(pages.next_url(), Some("https://api.example.org/list?page=2"));
        let page = pages.next_page().unwrap().unwrap();
        assert_eq!(page.json::<Vec<i64>>(), Ok(vec![2]));
        assert!(pages.next_page().unwrap().is_none());
        assert_eq!(http.requests().len(), 2);
    }

    #[test]
    fn a_page_that_was_there_already_is_refused() {
        let http =
            FakeHttp::serve(|_| Reply::json(200, "[1]").header("link", "<?page=2>; rel=\"next\""));
        let failure = read(&http).unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
        assert!(failure.message.contains("read already, https://api.example.org/list?page=2"));
    }

    #[test]
    fn a_page_that_fails_does_not_end_the_list_quietly_nor_take_back_the_one_before() {
        let http = FakeHttp::serve(|request| match request.url.contains("?page=2") {
            false => Reply::json(200, "[1]").header("link", "<?page=2>; rel=\"next\""),
            true => Reply::json(403, "{}"),
        });
        let mut pages = pages(&http);
        assert!(pages.next_page().unwrap().is_some());
        assert_eq!(pages.next_page().unwrap_err().kind, FailureKind::Auth);
    }

    #[test]
    fn headers_without_a_next_page_end_the_list() {
        for header in
            ["", "<https://x.org>", "<a>; rel=\"prev\"", "<a>; rev=\"next\"", "<a; rel=next", ">"]
        {
            assert_eq!(next_target(header), None, "{header}");
        }
    }

    #[test]
    fn an_offset_has_to_advance() {
        let http = FakeHttp::serve(|_| Reply::json(200, "[]"));
        let page = pages(&http).next_page().unwrap().unwrap();
        let mut offset = OffsetPages::default();
        offset.advance(&page, 250).unwrap();
        assert_eq!(offset.offset(), 250);
        assert!(offset.advance(&page, 250).is_err());
    }
}

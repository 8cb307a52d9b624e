// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Lists, whole, whichever way the server pages them.
//!
//! A server since 6.7 (for suites since 9.3.1) answers an envelope that links to the next
//! page; an older one answers a bare array, which does not say whether more follows. What is
//! neither, such as an error body, is a failure and never an empty list.
//!
//! A list of n items takes ⌈n ÷ 250⌉ requests, and at least one. A steady one, whose pages
//! each begin with the last item of the one before, takes pages(n) = ⌈(n − 1) ÷ 249⌉, and at
//! least one.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use test_dashboard_sdk::http::{OffsetPages, Pending, RequestBuilder, Response};
use test_dashboard_sdk::{Answer, Failure, Lenient};

use crate::api::{self, About};

/// The most that a page can hold, and what it holds when nothing else is asked for.
pub const LIMIT: usize = 250;

/// How often a steady list is begun again.
const MAX_RESTARTS: u32 = 3;

/// What stands in a list.
pub trait Listed: DeserializeOwned {
    /// The list's key in the envelope.
    const KEY: &'static str;

    /// The number that tells it from every other.
    fn id(&self) -> i64;
}

impl<T: Listed + Answer> Listed for Lenient<T> {
    const KEY: &'static str = T::KEY;

    fn id(&self) -> i64 {
        T::id(self)
    }
}

/// A list, page by page. The next page is on its way while the current one is being used.
pub struct Pages<T> {
    about: About,
    first: RequestBuilder,
    offset: OffsetPages,
    next: Option<Result<Pending, Failure>>,
    seen: HashSet<i64>,
    is_steady: bool,
    /// Whether the next page begins with the last item of the page before it.
    overlaps: bool,
    restarts: u32,
    kind: PhantomData<T>,
}

impl<T: Listed> Pages<T> {
    /// Starts with the first page, which needs no parameters: servers that do not page this
    /// list yet may not know them.
    pub fn start(about: About, first: RequestBuilder) -> Self {
        Pages {
            about,
            next: Some(first.clone().start()),
            first,
            offset: OffsetPages::default(),
            seen: HashSet::new(),
            is_steady: false,
            overlaps: false,
            restarts: 0,
            kind: PhantomData,
        }
    }

    /// Notices when something before the page to come was removed while the list was read,
    /// and what followed moved up, past the page's begin: each page is asked for from the last
    /// item of the one before it, and when that does not begin with an item that was seen, the
    /// list is begun again. What was handed out already is not handed out again.
    #[must_use]
    pub fn steady(self) -> Self {
        Pages { is_steady: true, ..self }
    }

    /// The next page, or none after the last. What a page before it held is left out: rows
    /// that are added while a list is read push others to the next page.
    ///
    /// # Errors
    ///
    /// When a page does not come, or is not a list. Never is that taken for the end.
    pub fn next_page(&mut self) -> Result<Option<Vec<T>>, Failure> {
        let Some(pending) = self.next.take() else { return Ok(None) };
        let answer = api::good(pending?.wait_for_any()?, self.about)?;
        let Page { mut items, next } = api::decode::<Page<T>>(&answer)?;
        let length = items.len();
        let moved_up =
            self.overlaps && items.first().is_none_or(|item| !self.seen.contains(&item.id()));
        items.retain(|item| self.seen.insert(item.id()));
        if moved_up {
            self.begin_again(&answer)?;
            return Ok(Some(items));
        }
        let offset = match next {
            Next::Link(link) => Some(offset_of(&answer, &link)?),
            Next::End => None,
            // Without a link a full page may be the last. A server that does not page sends
            // the same again, which ends the list here.
            Next::Unknown => {
                (length == LIMIT && !items.is_empty()).then(|| self.offset.offset() + LIMIT as u64)
            }
        };
        if let Some(offset) = offset {
            self.ask_from(&answer, offset)?;
        }
        Ok(Some(items))
    }

    /// Asks for the page that begins at `offset`; for a steady list one item earlier, unless
    /// that is no progress.
    fn ask_from(&mut self, page: &Response, offset: u64) -> Result<(), Failure> {
        let before = self.offset.offset();
        self.offset.advance(page, offset)?;
        self.overlaps = self.is_steady && offset > before + 1;
        if self.overlaps {
            self.offset = OffsetPages::default();
            self.offset.advance(page, offset - 1)?;
        }
        let offset = self.offset.offset();
        let request = self.first.clone().query("limit", LIMIT).query("offset", offset);
        self.next = Some(request.start());
        Ok(())
    }

    fn begin_again(&mut self, page: &Response) -> Result<(), Failure> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(Failure::transient(format!(
                "GET {}: the list lost items each of the {MAX_RESTARTS} times that it was read; try again later",
                page.shown_url()
            )));
        }
        self.offset = OffsetPages::default();
        self.overlaps = false;
        self.next = Some(self.first.clone().start());
        Ok(())
    }

    /// All that is left, in one piece.
    ///
    /// # Errors
    ///
    /// As [`next_page`](Self::next_page).
    pub fn all(mut self) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        while let Some(page) = self.next_page()? {
            items.extend(page);
        }
        Ok(items)
    }
}

/// The offset in a link such as `/api/v2/get_cases/1&limit=250&offset=250`. The rest of it is
/// not used: it is only like a path, and this server's address may have a prefix.
fn offset_of(answer: &Response, link: &str) -> Result<u64, Failure> {
    let offset = link.split(['&', '?']).find_map(|parameter| parameter.strip_prefix("offset="));
    offset.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        Failure::unexpected_response(format!(
            "GET {}: the link to the next page, {link:?}, names no offset",
            answer.shown_url()
        ))
    })
}

/// One page as it arrives.
struct Page<T> {
    items: Vec<T>,
    next: Next,
}

enum Next {
    /// The envelope links to it.
    Link(String),
    /// The envelope says that there is none.
    End,
    /// A bare array does not say.
    Unknown,
}

impl<'de, T: Listed> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PageVisitor(PhantomData))
    }
}

struct PageVisitor<T>(PhantomData<T>);

impl<'de, T: Listed> Visitor<'de> for PageVisitor<T> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array, or an object with the array {:?}", T::KEY)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Page<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = array.next_element()? {
            items.push(item);
        }
        Ok(Page { items, next: Next::Unknown })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Page<T>, A::Error> {
        #[derive(Deserialize)]
        struct Links {
            next: Option<String>,
        }
        let (mut items, mut links) = (None, None);
        while let Some(key) = object.next_key::<String>()? {
            match key.as_str() {
                "_links" => links = object.next_value::<Option<Links>>()?,
                "error" => {
                    let error: String = object.next_value()?;
                    return Err(A::Error::custom(format!("an error instead of a list: {error}")));
                }
                key if key == T::KEY => items = Some(object.next_value()?),
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        let items = items.ok_or_else(|| A::Error::custom(format!("no {:?} in it", T::KEY)))?;
        let next = match links {
            Some(Links { next: Some(link) }) => Next::Link(link),
            Some(Links { next: None }) => Next::End,
            None => Next::Unknown,
        };
        Ok(Page { items, next })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use test_dashboard_sdk::FailureKind;
    use test_dashboard_sdk::testing::{self, FakeHttp, Reply};

    use super::*;
    use crate::api::Api;

    const PROJECT: About = About::Project(59);
    const FIRST: &str = "https://api.example.org/index.php?/api/v2/get_things/59&color=red";

    #[derive(Debug, Deserialize)]
    struct Thing {
        id: i64,
    }

    impl Listed for Thing {
        const KEY: &'static str = "things";

        fn id(&self) -> i64 {
            self.id
        }
    }

    fn next(offset: usize) -> String {
        format!("{FIRST}&limit=250&offset={offset}")
    }

    fn things(ids: impl IntoIterator<Item = i64>) -> Value {
        ids.into_iter().map(|id| json!({"id": id, "name": "🦊", "size": 1.5})).collect()
    }

    fn envelope(ids: impl IntoIterator<Item = i64>, next: Option<&str>) -> Reply {
        let body = json!({
            "offset": 0, "limit": 250, "size": 1,
            "_links": {"next": next, "prev": null},
            "things": things(ids),
        });
        Reply::json(200, &body.to_string())
    }

    fn bare(ids: impl IntoIterator<Item = i64>) -> Reply {
        Reply::json(200, &things(ids).to_string())
    }

    fn read(http: &FakeHttp) -> Result<Vec<i64>, Failure> {
        let api = Api::new(&testing::context(http, json!({})));
        let request = api.method("get_things", 59).query("color", "red");
        let things = api.list::<Thing>(PROJECT, request).all()?;
        Ok(things.into_iter().map(|thing| thing.id).collect())
    }

    fn read_script<const N: usize>(lines: [(String, Reply); N]) -> Result<Vec<i64>, Failure> {
        let http = FakeHttp::script(lines);
        let read = read(&http)?;
        http.assert_all_used();
        Ok(read)
    }

    fn failure_of(reply: Reply) -> Failure {
        read(&FakeHttp::serve(move |_| reply.clone())).unwrap_err()
    }

    #[test]
    fn an_envelope_is_followed_to_its_last_page_by_its_offset_alone() {
        let elsewhere = "/other/api/v2/get_everything/1&limit=9&offset=2";
        let read = read_script([
            (FIRST.into(), envelope([1, 2], Some(elsewhere))),
            (next(2), envelope([3], Some("/api/v2/get_things/59?limit=250&offset=250"))),
            (next(250), envelope([], None)),
        ]);
        assert_eq!(read, Ok(vec![1, 2, 3]));
    }

    #[test]
    fn a_full_page_with_a_link_is_not_the_end() {
        let read = read_script([
            (FIRST.into(), envelope(0..250, Some("/api/v2/get_things/59&limit=250&offset=250"))),
            (next(250), envelope(250..260, None)),
        ]);
        assert_eq!(read.map(|ids| ids.len()), Ok(260));
    }

    #[test]
    fn a_full_page_without_a_link_is_the_end_of_an_envelope() {
        assert_eq!(
            read_script([(FIRST.into(), envelope(0..250, None))]).map(|ids| ids.len()),
            Ok(250)
        );
    }

    #[test]
    fn a_bare_array_that_is_full_is_not_the_end() {
        let read = read_script([
            (FIRST.into(), bare(0..250)),
            (next(250), bare(250..500)),
            (next(500), bare([])),
        ]);
        assert_eq!(read.map(|ids| ids.len()), Ok(500));
        assert_eq!(read_script([(FIRST.into(), bare([7, 8]))]), Ok(vec![7, 8]));
    }

    #[test]
    fn a_server_that_does_not_page_is_not_asked_for_ever() {
        let read = read_script([(FIRST.into(), bare(0..250)), (next(250), bare(0..250))]);
        assert_eq!(read.map(|ids| ids.len()), Ok(250));
        assert_eq!(read_script([(FIRST.into(), bare(0..700))]).map(|ids| ids.len()), Ok(700));
    }

    #[test]
    fn what_a_page_shifted_is_not_read_twice() {
        let read = read_script([
            (FIRST.into(), envelope([3, 2], Some("&offset=2"))),
            (next(2), envelope([2, 1], None)),
        ]);
        assert_eq!(read, Ok(vec![3, 2, 1]));
    }

    fn read_steadily<const N: usize>(lines: [(String, Reply); N]) -> Result<Vec<i64>, Failure> {
        let http = FakeHttp::script(lines);
        let api = Api::new(&testing::context(&http, json!({})));
        let request = api.method("get_things", 59).query("color", "red");
        let things = api.steady_list::<Thing>(PROJECT, request).all()?;
        http.assert_all_used();
        Ok(things.into_iter().map(|thing| thing.id).collect())
    }

    #[test]
    fn a_steady_list_asks_from_the_last_item_on() {
        let read = read_steadily([
            (FIRST.into(), envelope([9, 8, 7], Some("&offset=3"))),
            (next(2), envelope([7, 6, 5], Some("&offset=5"))),
            (next(4), envelope([5], None)),
        ]);
        assert_eq!(read, Ok(vec![9, 8, 7, 6, 5]));
        let read = read_steadily([(FIRST.into(), bare(0..250)), (next(249), bare(249..260))]);
        assert_eq!(read.map(|ids| ids.len()), Ok(260));
        let read = read_steadily([(FIRST.into(), bare(0..250)), (next(249), bare([249]))]);
        assert_eq!(read.map(|ids| ids.len()), Ok(250));
        let read = read_steadily([
            (FIRST.into(), envelope([1], Some("&offset=1"))),
            (next(1), envelope([2], None)),
        ]);
        assert_eq!(read, Ok(vec![1, 2]));
    }

    #[test]
    fn a_steady_list_from_which_items_are_removed_is_begun_again() {
        // 9 and 8 were removed after the first page: 6 would have been skipped.
        let read = read_steadily([
            (FIRST.into(), envelope([9, 8, 7], Some("&offset=3"))),
            (next(2), envelope([5, 4], None)),
            (FIRST.into(), envelope([7, 6, 5], Some("&offset=3"))),
            (next(2), envelope([5, 4], None)),
        ]);
        assert_eq!(read, Ok(vec![9, 8, 7, 5, 4, 6]));
        // Nothing is left where the next page should be.
        let read = read_steadily([
            (FIRST.into(), envelope([9, 8, 7], Some("&offset=3"))),
            (next(2), envelope([], None)),
            (FIRST.into(), envelope([7, 6], None)),
        ]);
        assert_eq!(read, Ok(vec![9, 8, 7, 6]));
    }

    #[test]
    fn a_steady_list_to_which_items_are_added_goes_on() {
        let read = read_steadily([
            (FIRST.into(), envelope([9, 8, 7], Some("&offset=3"))),
            (next(2), envelope([8, 7, 6], None)),
        ]);
        assert_eq!(read, Ok(vec![9, 8, 7, 6]));
    }

    #[test]
    fn a_steady_list_that_never_rests_is_given_up() {
        let page = std::cell::Cell::new(0);
        let http = FakeHttp::serve(move |_| {
            page.set(page.get() + 2);
            envelope([page.get(), page.get() + 1], Some("&offset=2"))
        });
        let api = Api::new(&testing::context(&http, json!({})));
        let failure =
            api.steady_list::<Thing>(PROJECT, api.method("get_things", 59)).all().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Transient);
        assert!(failure.message.contains("try again later"), "{failure}");
    }

    #[test]
    fn a_400_is_about_a_number_only_where_it_names_it() {
        let failure = |about, status, kind: &str, body: &str| {
            let reply = Reply::text(status, kind, body);
            let http = FakeHttp::serve(move |_| reply.clone());
            let api = Api::new(&testing::context(&http, json!({})));
            api.list::<Thing>(about, api.method("get_things", 59)).all().unwrap_err()
        };
        let json = |about, body| failure(about, 400, "application/json", body);
        let run = r#"{"error": "Field :run_id is not a valid test run."}"#;
        let project = r#"{"error": "Field :project_id is not a valid or accessible project."}"#;
        let suite = r#"{"error": "Field :suite_id is not a valid test suite."}"#;
        for (about, known) in [(About::Run, run), (PROJECT, project)] {
            for body in [run, project, suite] {
                let failure = json(about, body);
                let expected = match body == known {
                    true => FailureKind::NotFound,
                    false => FailureKind::UnexpectedResponse,
                };
                assert_eq!(failure.kind, expected, "{about:?}: {failure}");
                assert!(failure.message.contains("/api/v2/get_things/59: answered 400"));
                let said = body.split('"').nth(3).unwrap();
                assert_eq!(failure.message.matches(said).count(), 1, "{failure}");
                let is_named = failure.message.contains("has no project 59");
                assert_eq!(is_named, about == PROJECT && body == project, "{failure}");
            }
            assert_eq!(json(About::Instance, known).kind, FailureKind::UnexpectedResponse);
            let proxy = failure(about, 400, "text/html", "<h1>:run_id :project_id");
            assert_eq!(proxy.kind, FailureKind::UnexpectedResponse);
            assert_eq!(failure(about, 404, "text/html", "<h1>").kind, FailureKind::NotFound);
        }
    }

    #[test]
    fn a_link_that_does_not_advance_is_refused() {
        for link in ["/api/v2/get_things/59&limit=250&offset=0", "&offset=-250", "&limit=250", ""] {
            let failure = failure_of(envelope([1], Some(link)));
            assert_eq!(failure.kind, FailureKind::UnexpectedResponse, "{link}");
        }
    }

    #[test]
    fn an_error_is_never_an_empty_list() {
        let failure = failure_of(Reply::json(200, r#"{"error": "No access."}"#));
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
        assert!(failure.message.contains("an error instead of a list: No access."), "{failure}");
        let failure = failure_of(Reply::json(200, r#"{"offset": 0, "cases": []}"#));
        assert!(failure.message.contains("no \"things\" in it"), "{failure}");
        for body in
            ["", "null", "{}", "\"\"", "{\"things\": null}", "{\"things\": [{}]}", "[{\"id\": 1}"]
        {
            let failure = failure_of(Reply::json(200, body));
            assert_eq!(failure.kind, FailureKind::UnexpectedResponse, "{body}");
        }
        let failure = failure_of(Reply::text(200, "text/html", "<html>Log in</html>"));
        assert!(failure.message.contains("HTML"), "{failure}");
    }

    #[test]
    fn an_error_on_a_later_page_is_a_failure_too() {
        let read = read(&FakeHttp::script([
            (String::from(FIRST), envelope([1], Some("&offset=1"))),
            (next(1), Reply::json(200, r#"{"error": "Out of memory."}"#)),
        ]));
        assert!(read.is_err_and(|failure| failure.message.contains("Out of memory.")));
    }

    #[test]
    fn the_kind_of_a_failure_follows_from_the_status() {
        let error = |status| Reply::json(status, r#"{"error": "Because."}"#);
        assert_eq!(failure_of(error(401)).kind, FailureKind::Auth);
        assert_eq!(failure_of(error(403)).kind, FailureKind::Auth);
        assert_eq!(failure_of(error(429).header("Retry-After", "30")).retry_after, Some(30));
        assert_eq!(failure_of(error(500)).kind, FailureKind::Transient);
        assert_eq!(failure_of(error(400)).kind, FailureKind::UnexpectedResponse);
        let maintenance = failure_of(error(409));
        assert_eq!(maintenance.kind, FailureKind::Transient);
        assert!(maintenance.message.contains("maintenance"), "{maintenance}");
        assert!(maintenance.message.contains("Because."), "{maintenance}");
    }

    #[test]
    fn the_banner_of_old_servers_is_skipped() {
        let banner = "\r\nUSER AUTHENTICATION SUCCESSFUL!\n";
        let read = |body: &str| {
            let reply = Reply::json(200, &format!("{banner}{body}"));
            read(&FakeHttp::serve(move |_| reply.clone()))
        };
        assert_eq!(read(r#"[{"id": 4}]"#), Ok(vec![4]));
        let failure = read(r#"{"error": "No."}"#).unwrap_err();
        assert!(failure.message.contains("an error instead of a list: No."), "{failure}");
        assert!(read("").is_err());
    }

    #[test]
    fn requests_have_a_content_type_and_keep_the_prefix_of_the_address() {
        let http = FakeHttp::serve(|request| {
            let json = |name: &str| (name.into(), "application/json".into());
            assert_eq!(request.headers, [json("content-type"), json("accept")]);
            Reply::json(200, "[]")
        });
        let mut context = testing::context(&http, json!({}));
        context.base_url = "https://intern.example.org/tools/testrail".into();
        let api = Api::new(&context);
        api.list::<Thing>(About::Project(1), api.method("get_things", 1)).all().unwrap();
        assert_eq!(
            http.requests(),
            ["https://intern.example.org/tools/testrail/index.php?/api/v2/get_things/1"]
        );
    }

    /// Bodies that TestRail Cloud sent: every one of them a bare array.
    #[test]
    fn recorded_bare_arrays_are_read() {
        for file in ["statuses.json", "case-types.json", "templates.json", "case-fields.json"] {
            let Some(body) = crate::shared::body(file) else { continue };
            let things: Vec<Thing> = serde_json::from_str(&body).unwrap();
            let ids: Vec<i64> = things.iter().map(Listed::id).collect();
            assert!(!ids.is_empty(), "{file}");
            assert_eq!(read_script([(FIRST.into(), Reply::json(200, &body))]), Ok(ids), "{file}");
        }
    }
}

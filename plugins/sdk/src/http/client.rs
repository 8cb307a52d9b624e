// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Building requests, sending them, and following redirects.

use std::fmt;

use super::{InFlight, RawResponse, Request, Response, SharedTransport, reference, status};
use crate::Failure;

/// How many redirects of one request are followed.
const MAX_REDIRECTS: usize = 5;

/// Sends requests below one base URL. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    transport: SharedTransport,
    base_url: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn new(transport: SharedTransport, base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').into();
        Client { transport, base_url, headers: Vec::new() }
    }

    /// Puts a header on every request of this client. Not `authorization`, `cookie` or
    /// `host`: the host stops a plugin that sets those.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// A GET of a path below the base URL (`/repos/o/r`), or of an absolute URL. Escape what
    /// you put into a path with [`segment`](Self::segment). It asks for JSON unless it has an
    /// `accept` of its own, so that the host tries again when a page of HTML comes instead.
    pub fn get(&self, path_or_url: &str) -> RequestBuilder {
        let url = if path_or_url.starts_with('/') {
            format!("{}{path_or_url}", self.base_url)
        } else {
            path_or_url.into()
        };
        RequestBuilder { client: self.clone(), url, headers: Vec::new() }
    }

    /// Percent-encodes a text for use as one segment of a path, or as a part of a query.
    pub fn segment(text: &str) -> String {
        reference::encode(text).to_string()
    }
}

/// A request being built.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent or started"]
pub struct RequestBuilder {
    client: Client,
    url: String,
    headers: Vec<(String, String)>,
}

impl RequestBuilder {
    /// Adds a parameter to the query, percent-encoded: after `?` when it is the first, after
    /// `&` otherwise.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        let value = value.to_string();
        self.url.push_str(&format!("{}={}", reference::encode(name), reference::encode(&value)));
        self
    }

    /// Adds a parameter to the query where there is a value for it.
    pub fn query_opt(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The URL so far.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same request to another URL.
    pub(super) fn to(&self, url: &str) -> Self {
        RequestBuilder { url: url.into(), ..self.clone() }
    }

    /// Sends the request and waits for a good answer.
    ///
    /// # Errors
    ///
    /// When no answer came, or one whose status is not of the 200s; see
    /// [`Response::success`].
    pub fn send(self) -> Result<Response, Failure> {
        self.start()?.wait()
    }

    /// Sends the request and does not wait.
    ///
    /// # Errors
    ///
    /// When it cannot even be sent.
    pub fn start(self) -> Result<Pending, Failure> {
        let in_flight = self.dispatch()?;
        Ok(Pending { request: self, in_flight })
    }

    fn dispatch(&self) -> Result<Box<dyn InFlight>, Failure> {
        let mut headers: Vec<_> =
            self.client.headers.iter().chain(&self.headers).cloned().collect();
        if !headers.iter().any(|(name, _)| name == "accept") {
            headers.push(("accept".into(), "application/json".into()));
        }
        self.client.transport.start(&Request { url: self.url.clone(), headers })
    }
}

/// A request whose answer is on its way. Dropping it gives the answer up.
#[must_use = "the answer is lost when nobody waits for it"]
pub struct Pending {
    request: RequestBuilder,
    in_flight: Box<dyn InFlight>,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("request", &self.request).finish_non_exhaustive()
    }
}

impl Pending {
    /// Waits for a good answer.
    ///
    /// # Errors
    ///
    /// As [`RequestBuilder::send`].
    pub fn wait(self) -> Result<Response, Failure> {
        self.wait_for_any()?.success()
    }

    /// Waits for an answer of any status, redirects followed.
    ///
    /// # Errors
    ///
    /// When no answer came, or too many redirects did.
    pub fn wait_for_any(self) -> Result<Response, Failure> {
        let Pending { mut request, mut in_flight } = self;
        for _ in 0..=MAX_REDIRECTS {
            let answer = Response::new(request.url.clone(), in_flight.wait()?);
            let Some(target) = redirect_target(&answer)? else { return Ok(answer) };
            request = request.to(&target);
            in_flight = request.dispatch()?;
        }
        Err(Failure::unexpected_response(format!(
            "GET {}: still redirected after {MAX_REDIRECTS} redirects",
            reference::shown(&request.url)
        )))
    }
}

fn redirect_target(answer: &Response) -> Result<Option<String>, Failure> {
    if !matches!(answer.status(), 301 | 302 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = answer.header("location") else {
        return Err(status::failure(answer).retold(
            crate::FailureKind::UnexpectedResponse,
            format!("GET {}: a redirect that does not say where to", answer.shown_url()),
        ));
    };
    reference::resolve(answer.url(), location).map(Some)
}

impl Response {
    pub(super) fn new(url: String, raw: RawResponse) -> Self {
        Response { url, raw }
    }
}

#[cfg(test)]
mod tests {
    use crate::FailureKind;
    use crate::testing::{self, FakeHttp, Reply};

    const BASE: &str = "https://api.example.org";

    #[test]
    fn a_request_has_the_headers_of_its_client_and_an_encoded_query() {
        let http = FakeHttp::serve(|request| {
            assert_eq!(
                request.url,
                "https://api.example.org/list?labels=%F0%9F%90%9E%20bug%26x&page=2"
            );
            assert_eq!(
                request.headers,
                [("user-agent".into(), "t".into()), ("accept".into(), "a/b".into())]
            );
            Reply::json(200, "[]")
        });
        let client =
            testing::context(&http, serde_json::json!({})).http().header("User-Agent", "t");
        let request = client.get("/list").query("labels", "🐞 bug&x").query("page", 2);
        request.query_opt("since", None::<u8>).header("Accept", "a/b").send().unwrap();
    }

    #[test]
    fn a_request_asks_for_json_unless_it_says_something_else() {
        let http = FakeHttp::serve(|_| Reply::json(200, "[]"));
        get(&http, "/").unwrap();
        let headers = http.requests_with_headers().remove(0).headers;
        assert_eq!(headers, [("accept".into(), "application/json".into())]);
    }

    fn get(http: &FakeHttp, path: &str) -> Result<super::Response, crate::Failure> {
        testing::context(http, serde_json::json!({})).http().get(path).send()
    }

    #[test]
    fn redirects_are_followed_wherever_they_point() {
        for (location, target) in [
            ("https://other.example.org/x?a=1", "https://other.example.org/x?a=1"),
            ("/repositories/7", "https://api.example.org/repositories/7"),
            ("r2", "https://api.example.org/repos/r2"),
            ("//cdn.example.org/y", "https://cdn.example.org/y"),
        ] {
            for status in [301, 302, 307, 308] {
                let http = FakeHttp::script([
                    (format!("{BASE}/repos/r1"), Reply::empty(status).header("Location", location)),
                    (target.into(), Reply::json(200, "{}")),
                ]);
                assert_eq!(get(&http, "/repos/r1").unwrap().url(), target);
                http.assert_all_used();
            }
        }
    }

    #[test]
    fn redirects_without_end_or_target_are_failures() {
        let http = FakeHttp::serve(|_| Reply::empty(302).header("location", "/again"));
        let failure = get(&http, "/start").unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
        assert_eq!(http.requests().len(), 7);
        let http = FakeHttp::serve(|_| Reply::empty(301));
        let failure = get(&http, "/start").unwrap_err();
        assert!(failure.message.contains("does not say where"), "{failure}");
        let http = FakeHttp::serve(|_| Reply::empty(301).header("location", "http://[bad"));
        let failure = get(&http, "/start").unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
    }

    #[test]
    fn several_requests_are_in_flight_at_once() {
        let http = FakeHttp::serve(|request| Reply::json(200, &format!("{:?}", request.url)));
        let client = testing::context(&http, serde_json::json!({})).http();
        let first = client.get("/1").start().unwrap();
        let second = client.get("/2").start().unwrap();
        assert_eq!(http.requests().len(), 2);
        let url = |pending: super::Pending| pending.wait().unwrap().json::<String>().unwrap();
        assert_eq!(url(second), format!("{BASE}/2"));
        assert_eq!(url(first), format!("{BASE}/1"));
    }

    #[test]
    fn a_status_of_any_kind_can_be_asked_for() {
        let http = FakeHttp::serve(|_| Reply::json(404, "{}"));
        let client = testing::context(&http, serde_json::json!({})).http();
        let answer = client.get("/x").start().unwrap().wait_for_any().unwrap();
        assert_eq!(answer.status(), 404);
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin's request may look like, and what becomes of its headers.
//!
//! A [`Permitted`] request has passed everything that can be decided without the network;
//! only such a request can be sent or replayed.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, header};
use url::Url;

use crate::error::shown;
use crate::{AddressPolicy, AllowList, GateError};

/// A request that the policy lets through.
#[derive(Debug, Clone)]
pub struct Permitted {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Permitted {
    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL that was checked, which is the one that is sent.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The plugin's headers, without those that the client writes itself.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// What decides about the requests of one datasource.
#[derive(Debug)]
pub struct RequestPolicy {
    /// The datasource's name, for messages.
    pub datasource: String,
    /// The origins that may be asked.
    pub allow: AllowList,
    /// The addresses that may be connected to.
    pub addresses: AddressPolicy,
    /// The header that carries the operator's credential.
    pub credential_header: Option<HeaderName>,
}

impl RequestPolicy {
    /// Decides about one request.
    ///
    /// # Errors
    ///
    /// The rule that it breaks; always a violation.
    pub fn permit(&self, request: Request<Bytes>) -> Result<Permitted, GateError> {
        let (parts, body) = request.into_parts();
        // Parsed once: what is checked here is, byte for byte, what the client is given.
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|_| self.bad_request(parts.uri.path(), "which is not an absolute URL"))?;
        self.check_url(&url)?;
        self.check_method(&parts.method, &url, &parts.headers)?;
        self.check_headers(&url, &parts.headers)?;
        let mut headers = parts.headers;
        // The client computes the length, and decides which encodings it can undo.
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::ACCEPT_ENCODING);
        Ok(Permitted { method: parts.method, url, headers, body })
    }

    fn check_url(&self, url: &Url) -> Result<(), GateError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(self.bad_request(&shown(url), "whose scheme is neither https nor http"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.bad_request(&shown(url), "with a user name or a password in the URL"));
        }
        if !self.allow.allows(url) {
            return Err(GateError::NotAllowed {
                datasource: self.datasource.clone(),
                url: shown(url),
                origin: url.origin().ascii_serialization(),
                allowed: self.allow.to_string(),
            });
        }
        self.addresses
            .check_url(url)
            .map_err(|refused| GateError::address(&self.datasource, &refused))
    }

    /// A pump reads. Whoever serves it must not take a request for another than it is, either.
    fn check_method(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<(), GateError> {
        let refuse = |asked: String| {
            Err(GateError::NotReading {
                datasource: self.datasource.clone(),
                url: shown(url),
                asked,
            })
        };
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refuse(format!("with the method {method}"));
        }
        if let Some(name) = headers.keys().find(|name| names_a_method(name.as_str())) {
            return refuse(format!("with the header {name}, which stands for another method"));
        }
        match url.query_pairs().find(|(name, _)| names_a_method(name)) {
            Some((name, _)) => {
                refuse(format!("with the parameter {name:?}, which stands for another method"))
            }
            None => Ok(()),
        }
    }

    fn check_headers(&self, url: &Url, headers: &HeaderMap) -> Result<(), GateError> {
        match headers.keys().find(|name| self.is_forbidden(name)) {
            None => Ok(()),
            Some(name) => Err(GateError::ForbiddenHeader {
                datasource: self.datasource.clone(),
                url: shown(url),
                header: name.to_string(),
            }),
        }
    }

    fn is_forbidden(&self, name: &HeaderName) -> bool {
        // Credentials are the host's to add; the others say where a request goes or where it
        // ends, which a plugin could use to get past what was checked.
        const FORBIDDEN: &[&str] = &[
            "authorization",
            "connection",
            "cookie",
            "cookie2",
            "host",
            "http2-settings",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ];
        FORBIDDEN.contains(&name.as_str())
            || name.as_str().starts_with("proxy-")
            || self.credential_header.as_ref() == Some(name)
    }

    fn bad_request(&self, url: &str, reason: &'static str) -> GateError {
        GateError::BadRequest { datasource: self.datasource.clone(), url: url.to_owned(), reason }
    }
}

/// Whether a header or parameter makes some services take a request for one of another method:
/// `X-HTTP-Method-Override` (Google), `X-HTTP-Method` (Microsoft), `X-Method-Override` (IBM),
/// `_method` (Rails, Symfony, Laravel), in any case and with any separators.
fn names_a_method(name: &str) -> bool {
    let letters: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    letters.contains("methodoverride")
        || letters.ends_with("httpmethod")
        || letters == "xmethod"
        || letters == "method" && !name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RequestPolicy {
        RequestPolicy {
            datasource: "github".into(),
            allow: AllowList::new(&[
                "https://api.github.com",
                "http://169.254.169.254",
                "https://x.org",
            ])
            .unwrap(),
            addresses: AddressPolicy::default(),
            credential_header: Some(HeaderName::from_static("x-api-key")),
        }
    }

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::new()).unwrap()
    }

    #[test]
    fn a_request_off_the_list_is_refused_with_the_setting_and_the_way_out() {
        let error = policy().permit(request("https://evil.org/x?token=1", &[])).unwrap_err();
        let message = error.to_string();
        for part in
            ["github", "https://evil.org/x", "datasources.github.allow", "https://api.github.com,"]
        {
            assert!(message.contains(part), "{message}");
        }
        assert!(error.is_violation());
    }

    #[test]
    fn a_url_with_a_user_name_is_refused_without_showing_it() {
        for uri in ["https://me:hush@api.github.com/", "https://me@api.github.com/"] {
            let error = policy().permit(request(uri, &[])).unwrap_err();
            assert!(matches!(error, GateError::BadRequest { .. }), "{error}");
            assert!(
                !error.to_string().contains("me:") && !error.to_string().contains("hush"),
                "{error}"
            );
        }
        let error = policy().permit(request("https://api.github.com@evil.org/", &[])).unwrap_err();
        assert!(error.to_string().contains("https://evil.org"), "{error}");
    }

    #[test]
    fn other_schemes_and_relative_urls_are_refused() {
        for uri in ["ftp://api.github.com/", "ws://api.github.com/", "/repos"] {
            let error = policy().permit(request(uri, &[])).unwrap_err();
            assert!(matches!(error, GateError::BadRequest { .. }), "{uri}: {error}");
        }
    }

    #[test]
    fn what_does_not_read_is_refused_however_it_is_spelt() {
        for method in
            ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PURGE", "get"]
        {
            let mut asked = request("https://x.org/a", &[]);
            *asked.method_mut() = method.parse().unwrap();
            let error = policy().permit(asked).unwrap_err();
            assert!(matches!(error, GateError::NotReading { .. }), "{method}: {error}");
            assert!(error.is_violation() && error.to_string().contains(method), "{error}");
        }
        for header in [
            "X-HTTP-Method-Override",
            "X-HTTP-Method",
            "X-Method-Override",
            "X_HTTP_METHOD_OVERRIDE",
            "X-Method",
            "_method",
        ] {
            let error = policy().permit(request("https://x.org/", &[(header, "DELETE")]));
            assert!(matches!(error, Err(GateError::NotReading { .. })), "{header}");
        }
        for query in [
            "_method=DELETE",
            "a=1&_Method=put",
            "%5Fmethod=x",
            "x-http-method-override=PUT",
            "$httpMethod=PUT",
        ] {
            let error = policy().permit(request(&format!("https://x.org/?{query}"), &[]));
            assert!(matches!(error, Err(GateError::NotReading { .. })), "{query}");
        }
    }

    #[test]
    fn what_reads_is_let_through_with_any_parameter_of_its_own() {
        for uri in [
            "https://x.org/?method=flickr.photos.search",
            "https://x.org/_method/1",
            "https://x.org/?methods=1",
        ] {
            policy().permit(request(uri, &[("x-payment-methods", "1")])).unwrap();
        }
        let mut head = request("https://x.org/", &[]);
        *head.method_mut() = Method::HEAD;
        assert_eq!(policy().permit(head).unwrap().method(), Method::HEAD);
    }

    #[test]
    fn an_allowed_address_still_has_to_be_public() {
        let error = policy().permit(request("http://169.254.169.254/latest/", &[])).unwrap_err();
        assert!(error.to_string().contains("cloud metadata service"), "{error}");
        assert!(error.to_string().contains("datasources.github.allow-addresses"), "{error}");
    }

    #[test]
    fn headers_that_are_the_hosts_are_refused_by_name() {
        for name in [
            "authorization",
            "Authorization",
            "proxy-authorization",
            "proxy-connection",
            "cookie",
            "cookie2",
            "host",
            "connection",
            "transfer-encoding",
            "upgrade",
            "te",
            "x-api-key",
            "X-API-Key",
        ] {
            let error = policy().permit(request("https://x.org/", &[(name, "1")])).unwrap_err();
            assert!(matches!(error, GateError::ForbiddenHeader { .. }), "{error}");
            assert!(error.to_string().contains(&name.to_lowercase()), "{error}");
        }
    }

    #[test]
    fn the_clients_own_headers_are_dropped_and_the_rest_is_kept() {
        let permitted = policy()
            .permit(request(
                "https://x.org/",
                &[("content-length", "99"), ("accept-encoding", "br"), ("accept", "text/plain")],
            ))
            .unwrap();
        assert_eq!(permitted.headers().len(), 1);
        assert_eq!(permitted.headers()["accept"], "text/plain");
    }
}

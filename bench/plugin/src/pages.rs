// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Pages in the envelope of TestRail: `{offset, limit, size, _links: {next, prev}, KEY: […]}`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use test_dashboard_sdk::Failure;
use test_dashboard_sdk::http::{OffsetPages, Pending, RequestBuilder, Response};

/// How many rows a page has: the most that TestRail gives.
const LIMIT: u64 = 250;

#[derive(Deserialize)]
struct Page<T> {
    #[serde(rename = "_links")]
    links: Links,
    rows: Vec<T>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

/// A list of envelopes. The next page is on its way while the current one is being used.
pub struct EnvelopePages {
    first: RequestBuilder,
    offset: OffsetPages,
    next: Option<Result<Pending, Failure>>,
}

impl EnvelopePages {
    /// Starts with the first page of `list`.
    pub fn start(list: RequestBuilder) -> Self {
        let first = list.query("limit", LIMIT);
        let next = Some(first.clone().query("offset", 0).start());
        EnvelopePages { first, offset: OffsetPages::default(), next }
    }

    /// The rows of the next page, or none after the last.
    ///
    /// # Errors
    ///
    /// When a page does not come or is no such envelope, or when its link does not advance.
    pub fn next_page<T: DeserializeOwned>(&mut self) -> Result<Option<Vec<T>>, Failure> {
        let Some(pending) = self.next.take() else { return Ok(None) };
        let answer = pending?.wait()?;
        let Page { links, rows } = answer.json::<Page<T>>()?;
        if let Some(link) = links.next {
            self.offset.advance(&answer, offset_of(&answer, &link)?)?;
            self.next = Some(self.first.clone().query("offset", self.offset.offset()).start());
        }
        Ok(Some(rows))
    }
}

/// The offset in a link such as `/original/envelope?limit=250&offset=250`.
fn offset_of(answer: &Response, link: &str) -> Result<u64, Failure> {
    let offset = link.split(['&', '?']).find_map(|parameter| parameter.strip_prefix("offset="));
    offset.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        Failure::unexpected_response(format!(
            "GET {}: the link to the next page, {link:?}, names no offset",
            answer.shown_url()
        ))
    })
}

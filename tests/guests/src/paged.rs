// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A paged service, `BASE/items?page=1` and on, and a reader that reads it well. The guests
//! that read it badly change one step and leave the rest as it is.
//!
//! An answer is `{"items": [{"id": 1, "label": "one"}], "next": 2}`; on the last page `next`
//! is null. The checkpoint is the number of the page to be read next.

use crate::http::{Response, get};
use crate::{Batch, Failure, FailureKind, Reading, Value, batch, failure, row};

/// One page.
#[derive(Default)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<Vec<Value>>,
    /// The number of the next one.
    pub next: Option<i64>,
}

/// What [`fetch`] got: an answer, or what the host said in its place.
pub type Fetched = Result<Response, String>;

/// Asks for a page.
pub fn fetch(reading: &Reading, number: i64) -> Fetched {
    get(&format!("{}/items?page={number}", reading.request.context.base_url), &[])
}

/// Makes a page of an answer, or the failure that fits it.
///
/// # Errors
///
/// The failure.
pub fn page(fetched: Fetched) -> Result<Page, Failure> {
    let response = fetched.map_err(|message| failure(FailureKind::Transient, message))?;
    let kind = match response.status {
        200 => return parse(&response.body),
        401 | 403 => FailureKind::Auth,
        404 => FailureKind::NotFound,
        429 => FailureKind::RateLimited,
        500.. => FailureKind::Transient,
        _ => FailureKind::UnexpectedResponse,
    };
    Err(failure(kind, format!("the service answered {}", response.status)))
}

fn parse(body: &[u8]) -> Result<Page, Failure> {
    let unexpected = |message: String| failure(FailureKind::UnexpectedResponse, message);
    let answer: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| unexpected(error.to_string()))?;
    let items = answer["items"].as_array().ok_or_else(|| unexpected("no items".into()))?;
    let item = |item: &serde_json::Value| Some(row(item["id"].as_i64()?, item["label"].as_str()?));
    let rows: Option<Vec<_>> = items.iter().map(item).collect();
    let rows = rows.ok_or_else(|| unexpected("an item has no id or no label".into()))?;
    Ok(Page { rows, next: answer["next"].as_i64() })
}

/// The next rows, page after page, with a checkpoint behind every page but the last.
/// `read` is how a page is come by.
///
/// # Errors
///
/// As `read`.
pub fn next_batch(
    reading: &Reading,
    max_rows: u32,
    read: impl Fn(i64) -> Result<Page, Failure>,
) -> Result<Option<Batch>, Failure> {
    if reading.buffer.borrow().is_empty() {
        if reading.is_over.get() {
            return Ok(None);
        }
        let Page { rows, next } = read(reading.position())?;
        reading.go_to(next.unwrap_or(reading.position()));
        reading.is_over.set(next.is_none());
        reading.buffer.replace(rows);
    }
    let mut buffer = reading.buffer.borrow_mut();
    let count = buffer.len().min(max_rows as usize);
    let rows = buffer.drain(..count).collect();
    let is_whole = buffer.is_empty() && !reading.is_over.get();
    Ok(Some(Batch { checkpoint: is_whole.then(|| reading.position().to_string()), ..batch(rows) }))
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The plainest of HTTP clients over wasi:http: it asks for whatever it is told.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingBody, IncomingResponse, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

use crate::{Batch, Failure, FailureKind, Reading, failure, seen};

/// An answer, read to its end.
pub struct Response {
    /// The status.
    pub status: u16,
    /// The header `location`.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// GETs a URL with these headers.
///
/// # Errors
///
/// What the host answered in the place of a response, as text.
pub fn get(url: &str, headers: &[(&str, &str)]) -> Result<Response, String> {
    read(&send(url, headers)?)
}

/// GETs a URL with these headers, and leaves the answer unread.
///
/// # Errors
///
/// As [`get`].
pub fn send(url: &str, headers: &[(&str, &str)]) -> Result<IncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").ok_or(format!("{url:?} has no scheme"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    };
    let fields = Fields::new();
    for (name, value) in headers {
        fields
            .append(name, value.as_bytes())
            .map_err(|error| format!("the header {name} was refused: {error:?}"))?;
    }
    let refused = |()| format!("the URL {url:?} was refused");
    let request = OutgoingRequest::new(fields);
    request.set_scheme(Some(&scheme)).map_err(refused)?;
    request.set_authority(Some(authority)).map_err(refused)?;
    request.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(refused)?;

    let failed = |error| format!("GET {url} failed: {error:?}");
    let promise = outgoing_handler::handle(request, None).map_err(failed)?;
    promise.subscribe().block();
    match promise.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(error))) => Err(failed(error)),
        Some(Err(())) | None => Err(format!("GET {url} gave no answer")),
    }
}

fn read(response: &IncomingResponse) -> Result<Response, String> {
    let location = response.headers().get("location").into_iter().next();
    let gone = |()| String::from("the body was taken twice");
    let incoming: IncomingBody = response.consume().map_err(gone)?;
    let stream = incoming.stream().map_err(gone)?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(bytes) => body.extend(bytes),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(format!("the body broke off: {error:?}")),
        }
    }
    Ok(Response {
        status: response.status(),
        location: location.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        body,
    })
}

/// GETs a URL and tells in a row what came of it. A request that failed is the partition's
/// failure, or with the setting `swallow` a row as well: a host that stops a guest must not
/// need its consent.
///
/// # Errors
///
/// What the host answered in the place of a response.
pub fn ask(reading: &Reading, url: &str, headers: &[(&str, &str)]) -> Result<Batch, Failure> {
    let swallow = reading.setting("swallow") == Some(serde_json::Value::Bool(true));
    match get(url, headers) {
        Ok(response) => Ok(seen([format!(
            "GET {url} answered {} and {} bytes",
            response.status,
            response.body.len()
        )])),
        Err(message) if swallow => Ok(seen([message])),
        Err(message) => Err(failure(FailureKind::UnexpectedResponse, message)),
    }
}

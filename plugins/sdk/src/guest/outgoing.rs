// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Requests over `wasi:http`.

use fluent_uri::Uri;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, OutgoingRequest,
    Scheme, http_error_code,
};
use wasip2::io::streams::{InputStream, StreamError};

use crate::Failure;
use crate::http::{InFlight, RawResponse, Request, Transport, shown};

/// What is asked for at a time: each call crosses to the host and back.
const CHUNK: u64 = 1024 * 1024;

/// The host's gate.
#[derive(Debug)]
pub(super) struct Outgoing;

struct Sent {
    url: String,
    response: FutureIncomingResponse,
}

impl Transport for Outgoing {
    fn start(&self, request: &Request) -> Result<Box<dyn InFlight>, Failure> {
        let url = request.url.clone();
        let response = outgoing_handler::handle(outgoing_request(request)?, None)
            .map_err(|code| from_error_code(&url, &code))?;
        Ok(Box::new(Sent { url, response }))
    }
}

fn outgoing_request(request: &Request) -> Result<OutgoingRequest, Failure> {
    let refused = |what: &str| {
        Failure::internal(format!("GET {}: the host does not take its {what}", shown(&request.url)))
    };
    let uri = Uri::parse(request.url.as_str()).map_err(|error| {
        Failure::config(format!("GET {}: not an absolute URL: {error}", shown(&request.url)))
    })?;
    let scheme = match uri.scheme().as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.into()),
    };
    let path = match (uri.path().as_str(), uri.query()) {
        (path, None) => path.to_owned(),
        (path, Some(query)) => format!("{path}?{}", query.as_str()),
    };
    let headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let headers = Fields::from_list(&headers).map_err(|error| {
        Failure::internal(format!(
            "GET {}: the host does not take its headers: {error}",
            shown(&request.url)
        ))
    })?;
    let outgoing = OutgoingRequest::new(headers);
    outgoing.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    let authority = uri.authority().map(|authority| authority.as_str());
    outgoing.set_authority(authority).map_err(|()| refused("host"))?;
    outgoing.set_path_with_query(Some(&path)).map_err(|()| refused("path"))?;
    Ok(outgoing)
}

impl InFlight for Sent {
    fn wait(self: Box<Self>) -> Result<RawResponse, Failure> {
        let Sent { url, response } = *self;
        response.subscribe().block();
        match response.get() {
            Some(Ok(Ok(answer))) => read(&url, answer),
            Some(Ok(Err(code))) => Err(from_error_code(&url, &code)),
            Some(Err(())) | None => Err(Failure::internal(format!(
                "GET {}: the host gave no answer after it said that there is one",
                shown(&url)
            ))),
        }
    }
}

fn read(url: &str, answer: IncomingResponse) -> Result<RawResponse, Failure> {
    let text = |value: Vec<u8>| match String::from_utf8(value) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    let headers = answer.headers().entries();
    let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name, text(value))).collect();
    let taken = || Failure::internal(format!("GET {}: the body was taken before", shown(url)));
    let body = answer.consume().map_err(|()| taken())?;
    let bytes = read_body(url, &body, &headers)?;
    Ok(RawResponse { status: answer.status(), headers, body: bytes })
}

fn read_body(
    url: &str,
    body: &IncomingBody,
    headers: &[(String, String)],
) -> Result<Vec<u8>, Failure> {
    let stream = body
        .stream()
        .map_err(|()| Failure::internal(format!("GET {}: the body has no stream", shown(url))))?;
    let announced = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    // Announced by whoever answers, so only believed up to a point.
    let capacity = announced.and_then(|(_, length)| length.parse().ok()).unwrap_or(0_usize);
    let mut bytes = Vec::with_capacity(capacity.min(1024 * 1024));
    read_to_end(url, &stream, &mut bytes)?;
    Ok(bytes)
}

fn read_to_end(url: &str, stream: &InputStream, bytes: &mut Vec<u8>) -> Result<(), Failure> {
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(chunk) if bytes.is_empty() => *bytes = chunk,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match http_error_code(&error) {
                    Some(code) => from_error_code(url, &code),
                    None => Failure::transient(format!(
                        "GET {}: the answer broke off after {} bytes: {}",
                        shown(url),
                        bytes.len(),
                        error.to_debug_string()
                    )),
                });
            }
        }
    }
}

/// The host's gate refuses for good, with one of the first codes and its reason; what is
/// between the host and the service may pass by itself.
fn from_error_code(url: &str, code: &ErrorCode) -> Failure {
    let url = shown(url);
    match code {
        ErrorCode::HttpRequestDenied => Failure::config(format!(
            "GET {url}: the host refused the request: the operator's allowlist does not have it"
        )),
        ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::ConfigurationError => {
            Failure::internal(format!("GET {url}: the host refused: {code:?}"))
        }
        ErrorCode::InternalError(Some(reason)) => {
            Failure::internal(format!("GET {url}: the host refused: {reason}"))
        }
        ErrorCode::HttpResponseIncomplete => {
            Failure::transient(format!("GET {url}: the answer broke off"))
        }
        other => Failure::transient(format!("GET {url}: no answer: {other:?}")),
    }
}

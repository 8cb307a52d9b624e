//! One GET over `wasi:http`, to its last byte.
//!
//! The host adds the credential, waits for the rate limit and tries again: what arrives here as
//! a failure has been tried as often as the operator allows.

use crate::bindings::testops::datasource::types::{Failure, FailureKind};
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, OutgoingRequest, Scheme,
};
use crate::bindings::wasi::io::streams::StreamError;

/// How many bytes are asked for at a time.
const CHUNK: u64 = 1024 * 1024;

/// A good answer.
pub struct Answer {
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, wanted: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The failure of an answer that the service's documentation does not allow.
    pub fn unexpected(&self, problem: impl std::fmt::Display) -> Failure {
        failure(FailureKind::UnexpectedResponse, format!("GET {}: {problem}", self.url))
    }
}

/// A failure without a time after which to try again.
pub fn failure(kind: FailureKind, message: String) -> Failure {
    Failure { kind, message, retry_after: None }
}

/// Asks for an absolute URL; an answer that is not of the 200s is a failure.
pub fn get(url: &str) -> Result<Answer, Failure> {
    let broken = |code: ErrorCode| failure(kind_of_error(&code), format!("GET {url}: {code:?}"));
    let pending = outgoing_handler::handle(request(url)?, None).map_err(broken)?;
    pending.subscribe().block();
    let response = match pending.get() {
        Some(Ok(answered)) => answered.map_err(broken)?,
        _ => return Err(failure(FailureKind::Internal, format!("GET {url}: no answer came"))),
    };
    if !(200..300).contains(&response.status()) {
        return Err(bad_status(url, &response));
    }
    let headers = response.headers().entries();
    Ok(Answer { url: url.into(), headers, body: read(url, &response)? })
}

fn request(url: &str) -> Result<OutgoingRequest, Failure> {
    let bad = || failure(FailureKind::Config, format!("{url} is no https:// or http:// address"));
    let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(bad()),
    };
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&scheme)).map_err(|()| bad())?;
    request.set_authority(Some(authority)).map_err(|()| bad())?;
    request.set_path_with_query(Some(path)).map_err(|()| bad())?;
    Ok(request)
}

fn read(url: &str, response: &IncomingResponse) -> Result<Vec<u8>, Failure> {
    let internal = |()| failure(FailureKind::Internal, format!("GET {url}: the body is not there"));
    let body: IncomingBody = response.consume().map_err(internal)?;
    let stream = body.stream().map_err(internal)?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            // Half an answer is no answer: what came of it is not used.
            Err(StreamError::LastOperationFailed(error)) => {
                let message = format!("GET {url}: it broke off: {}", error.to_debug_string());
                return Err(failure(FailureKind::Transient, message));
            }
        }
    }
}

/// A refusal of the host's gate is for a person to mend; anything else may pass by itself.
fn kind_of_error(code: &ErrorCode) -> FailureKind {
    match code {
        ErrorCode::HttpRequestDenied => FailureKind::Config,
        _ => FailureKind::Transient,
    }
}

fn bad_status(url: &str, response: &IncomingResponse) -> Failure {
    let status = response.status();
    let kind = match status {
        401 | 403 => FailureKind::Auth,
        404 | 410 => FailureKind::NotFound,
        429 => FailureKind::RateLimited,
        500..=599 => FailureKind::Transient,
        _ => FailureKind::UnexpectedResponse,
    };
    let wait = response.headers().get("retry-after").into_iter().next();
    let wait = wait.and_then(|value| String::from_utf8(value).ok()?.trim().parse().ok());
    Failure { kind, message: format!("GET {url}: answered {status}"), retry_after: wait }
}

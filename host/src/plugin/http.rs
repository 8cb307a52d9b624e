// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Passes a plugin's `wasi:http` requests through the egress gate.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use test_dashboard_egress::{Gate, GateError, Held, Session};
use wasmtime_wasi_http::{
    Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::objects::BODY_PIECE;

/// The most bytes of a request's body.
const MAX_REQUEST_BODY: usize = 4 << 20;
/// The most bytes of an answer's body that a plugin reads at once: they are copied.
const PIECE: usize = 1 << 20;
/// How many failed requests are remembered: more than a plugin has under way at once.
const REMEMBERED: usize = 64;

type Answer = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), HttpError>> + Send>);

/// The hooks of one instance.
pub struct GateHooks {
    gate: Option<(Gate, Session)>,
    refused_offline: Arc<Mutex<bool>>,
    failures: Arc<Mutex<Failures>>,
}

/// The newest failed requests.
#[derive(Default)]
struct Failures {
    recent: VecDeque<GateError>,
    /// Whether the very newest request is the last of them.
    is_newest: bool,
}

impl Failures {
    fn note(&mut self, error: Option<&GateError>) {
        self.is_newest = error.is_some();
        if let Some(error) = error {
            self.recent.truncate(REMEMBERED - 1);
            self.recent.push_front(error.clone());
        }
    }
}

impl GateHooks {
    /// Hooks that send through `gate`; without one, every request is refused.
    pub fn new(gate: Option<(Gate, Session)>) -> Self {
        GateHooks { gate, refused_offline: Arc::default(), failures: Arc::default() }
    }

    /// The rule that a request broke, if one did: the plugin is stopped with it, whatever it
    /// makes of the refusal itself.
    pub fn violation(&self) -> Option<GateError> {
        self.gate.as_ref().and_then(|(_, session)| session.violation())
    }

    /// The datasource, where its service is asked without a credential. A recording says nothing of
    /// what was asked with.
    pub fn without_credential(&self) -> Option<&str> {
        let (gate, session) = self.gate.as_ref()?;
        if session.is_replay() { None } else { gate.without_credential() }
    }

    /// Whether a request was made where none is allowed.
    pub fn was_refused_offline(&self) -> bool {
        lock(&self.refused_offline, |refused| *refused)
    }

    /// The failed request that a plugin's failure is about: the one that its message quotes,
    /// because others may have been under way beside it and ended well since; else the newest
    /// request, if that failed.
    pub fn error_behind(&self, message: &str) -> Option<GateError> {
        lock(&self.failures, |failures| {
            let quoted = failures.recent.iter().find(|error| message.contains(&error.to_string()));
            let newest = failures.recent.front().filter(|_| failures.is_newest);
            quoted.or(newest).cloned()
        })
    }
}

fn lock<T, R>(mutex: &Mutex<T>, use_it: impl FnOnce(&mut T) -> R) -> R {
    // The data is a plain value: a panic elsewhere cannot have left it half changed.
    use_it(&mut mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

impl WasiHttpHooks for GateHooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // The gate refuses them itself, so that the refusal is on record as a violation.
        Arc::new(|_| false)
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn default_scheme(&mut self) -> Option<http::uri::Scheme> {
        None
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_PIECE
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _errors: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answer, HttpError>> + Send> {
        let Some((gate, session)) = self.gate.clone() else {
            lock(&self.refused_offline, |refused| *refused = true);
            return Box::new(async { Err(HttpError::HttpRequestDenied) });
        };
        let failures = Arc::clone(&self.failures);
        Box::new(async move {
            // Held until it was sent.
            let mut held = session.account().nothing();
            let request = collect(request, &mut held).await?;
            let outcome = gate.send(request, &session).await;
            lock(&failures, |failures| failures.note(outcome.as_ref().err()));
            let response = outcome.map_err(|error| to_wasi(&error))?;
            let response = response.map(in_pieces);
            let nothing_left = Box::new(async { Ok(()) });
            Ok((response, nothing_left as Box<dyn Future<Output = _> + Send>))
        })
    }
}

async fn collect(
    request: http::Request<WasiBody>,
    held: &mut Held,
) -> Result<http::Request<Bytes>, HttpError> {
    let too_large = || HttpError::HttpRequestBodySize(Some(MAX_REQUEST_BODY as u64));
    let (parts, mut body) = request.into_parts();
    held.grow(size_of_head(&parts)).await.map_err(|_| too_large())?;
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        if collected.len() + piece.len() > MAX_REQUEST_BODY
            || held.grow(piece.len() as u64).await.is_err()
        {
            return Err(too_large());
        }
        collected.extend_from_slice(&piece);
    }
    Ok(http::Request::from_parts(parts, collected.freeze()))
}

/// The bytes of the URL and of all headers.
fn size_of_head(parts: &http::request::Parts) -> u64 {
    let uri = &parts.uri;
    let texts =
        [uri.authority().map(|text| text.as_str()), uri.path_and_query().map(|p| p.as_str())];
    let url: usize = texts.into_iter().flatten().map(str::len).sum();
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    (url + headers.sum::<usize>()) as u64
}

/// The body, of which every piece keeps the whole: what it holds comes back with the last one.
fn in_pieces(body: Bytes) -> WasiBody {
    let pieces = (0..body.len()).step_by(PIECE).map(move |start| {
        let end = body.len().min(start + PIECE);
        Ok(Frame::data(body.slice(start..end)))
    });
    StreamBody::new(stream::iter(pieces)).boxed_unsync()
}

fn to_wasi(error: &GateError) -> HttpError {
    if error.is_violation() {
        HttpError::HttpRequestDenied
    } else {
        HttpError::InternalError(Some(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(url: &str) -> GateError {
        GateError::Timeout {
            datasource: "github".into(),
            url: url.into(),
            timeout: std::time::Duration::from_secs(60),
            attempts: 5,
        }
    }

    #[test]
    fn a_failure_is_traced_to_the_request_that_it_quotes_or_to_the_newest() {
        let hooks = GateHooks::new(None);
        let note =
            |error: Option<&GateError>| lock(&hooks.failures, |failures| failures.note(error));
        let (first, second) =
            (timeout("https://a.example.com/1"), timeout("https://a.example.com/2"));
        assert_eq!(hooks.error_behind("no idea"), None);
        note(Some(&first));
        note(Some(&second));
        assert_eq!(hooks.error_behind("no idea"), Some(second.clone()));
        assert_eq!(hooks.error_behind(&format!("GET /1: {first}")), Some(first.clone()));
        // Another request, under way at the same time, has ended well in the meantime.
        note(None);
        assert_eq!(hooks.error_behind("an answer makes no sense"), None);
        assert_eq!(hooks.error_behind(&format!("GET /1: {first}")), Some(first.clone()));
        for _ in 0..REMEMBERED {
            note(Some(&second));
        }
        assert_eq!(lock(&hooks.failures, |failures| failures.recent.len()), REMEMBERED);
        assert_eq!(hooks.error_behind(&first.to_string()), Some(second));
    }
}

//! Leads a plugin's `wasi:http` requests through the egress gate.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use test_dashboard_egress::{Gate, GateError, Session};
use wasmtime_wasi_http::{
    Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

/// The most bytes of a request's body.
const MAX_REQUEST_BODY: usize = 4 << 20;

type Answer = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), HttpError>> + Send>);

/// The hooks of one instance.
pub struct GateHooks {
    gate: Option<(Gate, Session)>,
    refused_offline: Arc<Mutex<bool>>,
    last_error: Arc<Mutex<Option<GateError>>>,
}

impl GateHooks {
    /// Hooks that send through `gate`; without one, every request is refused.
    pub fn new(gate: Option<(Gate, Session)>) -> Self {
        GateHooks { gate, refused_offline: Arc::default(), last_error: Arc::default() }
    }

    /// The rule that a request broke, if one did: the plugin is stopped with it, whatever it
    /// makes of the refusal itself.
    pub fn violation(&self) -> Option<GateError> {
        self.gate.as_ref().and_then(|(_, session)| session.violation())
    }

    /// Whether a request was made where none is allowed.
    pub fn was_refused_offline(&self) -> bool {
        lock(&self.refused_offline, |refused| *refused)
    }

    /// Why the newest request failed, if it did.
    pub fn last_error(&self) -> Option<GateError> {
        lock(&self.last_error, |error| error.clone())
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
        let last_error = Arc::clone(&self.last_error);
        Box::new(async move {
            let request = collect(request).await?;
            let outcome = gate.send(request, &session).await;
            lock(&last_error, |last| *last = outcome.as_ref().err().cloned());
            let response = outcome.map_err(|error| to_wasi(&error))?;
            let response =
                response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync());
            let nothing_left = Box::new(async { Ok(()) });
            Ok((response, nothing_left as Box<dyn Future<Output = _> + Send>))
        })
    }
}

async fn collect(request: http::Request<WasiBody>) -> Result<http::Request<Bytes>, HttpError> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_REQUEST_BODY)
        .collect()
        .await
        .map_err(|_| HttpError::HttpRequestBodySize(Some(MAX_REQUEST_BODY as u64)))?
        .to_bytes();
    Ok(http::Request::from_parts(parts, body))
}

fn to_wasi(error: &GateError) -> HttpError {
    if error.is_violation() {
        HttpError::HttpRequestDenied
    } else {
        HttpError::InternalError(Some(error.to_string()))
    }
}

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The pooled HTTP client: sends one request and reads its whole answer.
//!
//! It follows no redirects, keeps no cookies, uses no proxy and repeats nothing by itself.
//! Its resolver is where a host's addresses are checked, so that what was checked is what is
//! connected to.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Response, header};
use reqwest::Certificate;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::runtime::Runtime;
use tokio_util::task::AbortOnDropHandle;

use crate::address::AddressRefused;
use crate::intake::{Intake, size_of};
use crate::request::Permitted;
use crate::retry::{TransportError, TransportErrorKind};
use crate::session::UsedUp;
use crate::{AddressPolicy, Credential};

/// How long one connection may take to be made. Below any sensible `request-timeout`, so that
/// a host which does not answer is told apart from one that answers slowly.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The most bytes of an answer's headers: several times what servers send.
const MAX_HEADERS: u64 = 64 << 10;

/// A pooled client for one datasource.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    network: Network,
}

/// The thread that connections are read and written on. A service can keep it busy without end, by
/// informational answers (`100 Continue`) one after the other, and holds up nobody but itself.
#[derive(Debug)]
struct Network(Option<Runtime>);

impl Network {
    fn start() -> std::io::Result<Network> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("network").enable_all().build()?;
        Ok(Network(Some(runtime)))
    }

    /// Runs this there. It ends when whoever waits for it goes away.
    async fn run<F>(&self, task: F) -> Result<F::Output, String>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let Some(runtime) = &self.0 else { return Err("the network is closed".to_owned()) };
        let task = AbortOnDropHandle::new(runtime.spawn(task));
        task.await.map_err(|error| error.to_string())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, which is not allowed within another one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Why no whole answer came.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The host has no address that may be connected to.
    Address(AddressRefused),
    /// The answer is larger than what may be received.
    UsedUp(UsedUp),
    /// The network failed.
    Failed(TransportError),
}

impl Client {
    /// A client that connects to what `addresses` permits and trusts the system's
    /// certificate authorities and `extra`.
    pub fn new(
        addresses: AddressPolicy,
        user_agent: HeaderValue,
        extra: &[Certificate],
    ) -> Result<Client, String> {
        // The client takes the process's provider. Another one may be installed already, by
        // who embeds this crate; that is theirs to choose.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .dns_resolver(CheckedResolver(addresses.clone()))
                .default_headers(HeaderMap::from_iter([(USER_AGENT, user_agent.clone())]))
                .connect_timeout(CONNECT_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .referer(false)
        };
        let client = builder().tls_certs_merge(extra.iter().cloned()).build().or_else(|error| {
            // A bare container has no certificate authorities. Plain http on loopback works
            // there none the less, and so does https with the operator's own authority.
            tracing::warn!(
                "the system's certificate authorities cannot be used ({}); only those of \
                 `extra-root-certificates` are trusted",
                chain(&error)
            );
            builder().tls_certs_only(extra.iter().cloned()).build()
        });
        let http = client.map_err(|error| chain(&error))?;
        let network = Network::start().map_err(|error| chain(&error))?;
        Ok(Client { http, network })
    }

    /// Sends a request, with its credential if it is for the request's origin, and reads the
    /// answer whole. `intake` is told of each piece of the body, decompressed, and may
    /// refuse it.
    pub(crate) async fn send(
        &self,
        request: &Permitted,
        credential: Option<&Credential>,
        intake: &mut Intake<'_>,
    ) -> Result<Response<Bytes>, SendError> {
        let mut headers = request.headers().clone();
        if let Some(credential) = credential {
            credential.apply(request.url(), &mut headers);
        }
        let sending = self
            .http
            .request(request.method().clone(), request.url().clone())
            .headers(headers)
            .body(request.body().clone())
            .send();
        let broken =
            |reason| SendError::Failed(TransportError { kind: TransportErrorKind::Broken, reason });
        let mut answer = self.network.run(sending).await.map_err(broken)?.map_err(failed)?;

        let headers = size_of(answer.headers());
        if headers > MAX_HEADERS {
            let reason =
                format!("its headers have {headers} bytes; at most {MAX_HEADERS} are allowed");
            return Err(broken(reason));
        }
        intake.headers(answer.headers()).await.map_err(SendError::UsedUp)?;
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            intake.piece(piece.len()).await.map_err(SendError::UsedUp)?;
            body.extend_from_slice(&piece);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.version_mut() = answer.version();
        *response.headers_mut() = for_the_plugin(answer.headers_mut());
        Ok(response)
    }
}

/// Reads the certificates of PEM files.
///
/// # Errors
///
/// The file that cannot be read, or holds no certificate.
pub(crate) fn certificates(files: &[PathBuf]) -> Result<Vec<Certificate>, String> {
    let mut certificates = Vec::new();
    for file in files {
        certificates.extend(read_certificates(file).map_err(|reason| {
            format!("{}: {reason}; expected a PEM file with certificates", file.display())
        })?);
    }
    Ok(certificates)
}

fn read_certificates(file: &Path) -> Result<Vec<Certificate>, String> {
    let pem = test_dashboard_files::read(file, test_dashboard_files::WRITTEN_BY_HAND)
        .map_err(|error| error.to_string())?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| chain(&error))?;
    if certificates.is_empty() { Err("no certificate in it".to_owned()) } else { Ok(certificates) }
}

/// What a plugin sees of an answer's headers: no cookies, no grants, and nothing that was between
/// this client and the server only (RFC 9110, 7.6.1).
fn for_the_plugin(headers: &mut HeaderMap) -> HeaderMap {
    const DROPPED: &[&str] = &[
        "set-cookie",
        "set-cookie2",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in DROPPED {
        headers.remove(*name);
    }
    for name in named {
        headers.remove(name);
    }
    // GitHub's address for single sign-on has a grant in its query.
    if let Some(sign_on) = headers.get_mut("x-github-sso")
        && let Some(query) = sign_on.as_bytes().iter().position(|byte| *byte == b'?')
        && let Ok(address) = HeaderValue::from_bytes(&sign_on.as_bytes()[..query])
    {
        *sign_on = address;
    }
    std::mem::take(headers)
}

/// Resolves names and keeps the addresses that may be connected to.
struct CheckedResolver(AddressPolicy);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            // Port 0 stands for the URL's.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let permitted = policy.permitted(host, found)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

fn failed(error: reqwest::Error) -> SendError {
    if let Some(refused) = find::<AddressRefused>(&error) {
        return SendError::Address(refused.clone());
    }
    let kind = if find::<rustls::Error>(&error).is_some() {
        TransportErrorKind::Tls
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else {
        TransportErrorKind::Broken
    };
    SendError::Failed(TransportError { kind, reason: chain(&error.without_url()) })
}

/// The first error of this type among an error and its causes.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    if let Some(found) = error.downcast_ref::<E>() {
        return Some(found);
    }
    // An I/O error that wraps another error passes over it when asked for its source.
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => find(wrapped),
        None => error.source().and_then(find),
    }
}

/// An error and its causes in one line, without those that only repeat what was said.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut current = error.source();
    while let Some(cause) = current {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        current = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;

// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::LazyConfigAcceptor;

use super::*;
use crate::testing::{get, options, session};
use crate::{CredentialKind, Gate, GateError, GateOptions, Secret};

/// The protocols that a client offered, and what it sent.
type Seen = (Vec<String>, String);

/// A server with a certificate of its own authority.
struct TlsServer {
    origin: String,
    /// The authority's certificate, as PEM.
    authority: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl TlsServer {
    async fn new() -> TlsServer {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::default());
        let task = tokio::spawn(serve(listener, Arc::new(config), Arc::clone(&seen)));
        TlsServer { origin, authority: authority.pem(), seen, task }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, config: Arc<ServerConfig>, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(start) = LazyConfigAcceptor::new(Default::default(), stream).await else { continue };
        let hello = start.client_hello();
        let alpn = hello.alpn().into_iter().flatten();
        let alpn = alpn.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let Ok(mut stream) = start.into_stream(Arc::clone(&config)).await else { continue };
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap_or(0);
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        seen.lock().unwrap().push((alpn, request));
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
        let _ = stream.write_all(answer).await;
        let _ = stream.shutdown().await;
    }
}

#[tokio::test]
async fn the_authority_that_the_operator_names_is_trusted() {
    let server = TlsServer::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &server.authority).unwrap();
    let secret = Secret::new("ghp_hushhushhush".into());
    let gate = Gate::new(GateOptions {
        credential: Some(Credential::new(CredentialKind::Bearer, secret, &server.origin).unwrap()),
        extra_root_certificates: vec![file.path().to_owned()],
        ..options(&[&server.origin])
    })
    .unwrap();
    let response = gate.send(get(&server.origin), &session()).await.unwrap();
    assert_eq!(response.body().as_ref(), b"hi");
    let (alpn, request) = server.seen.lock().unwrap().remove(0);
    assert_eq!(alpn, ["h2", "http/1.1"]);
    assert!(request.contains("authorization: Bearer ghp_hushhushhush\r\n"), "{request}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused_at_once_and_told_nothing() {
    let server = TlsServer::new().await;
    let gate = Gate::new(options(&[&server.origin])).unwrap();
    let session = session();
    let error = gate.send(get(&server.origin), &session).await.unwrap_err();
    assert!(matches!(error, GateError::Tls { .. }) && !error.is_violation(), "{error}");
    assert!(error.to_string().contains("`extra-root-certificates`"), "{error}");
    assert_eq!(session.requests(), 1, "it is not tried again");
    assert!(server.seen.lock().unwrap().is_empty());
}

#[test]
fn the_grant_in_githubs_address_for_single_sign_on_is_cut_off() {
    let sign_on = "required; url=https://github.com/orgs/o/sso?authorization_request=hush";
    let mut headers =
        HeaderMap::from_iter([("x-github-sso".parse().unwrap(), sign_on.parse().unwrap())]);
    let seen = for_the_plugin(&mut headers);
    assert_eq!(seen["x-github-sso"], "required; url=https://github.com/orgs/o/sso");
}

#[test]
fn a_file_without_certificates_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "not a certificate").unwrap();
    let reason = certificates(&[file.path().to_owned()]).unwrap_err();
    assert!(reason.contains(&file.path().display().to_string()), "{reason}");
    assert!(reason.contains("no certificate in it"), "{reason}");
}

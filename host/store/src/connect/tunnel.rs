// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! TLS to a server that has to prove itself with a certificate of a named authority.
//!
//! The driver takes a CA file in addition to the authorities that the machine trusts, and in
//! its `verify-ca` looks at no name: any certificate that anybody bought for any name would
//! do. So with a CA file the server is verified here, by that file alone, as libpq and MySQL's
//! own client do it.
//!
//! ```text
//! driver ── Unix socket, TLS of no account ── tunnel ── TCP, TLS as configured ── server
//! ```
//!
//! Both protocols begin in clear text and then ask for TLS. That beginning is passed on as it
//! is, so driver and server agree on what was said; then both sides are encrypted, each with
//! its own keys. The socket lies in a folder that only this user can enter, and is gone when
//! the driver has connected.

use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    ServerConfig, SignatureScheme,
};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::error::{ConnectError, rustls_error};
use super::login::Options;

/// Bytes that are read at a time, in each direction.
const BUFFER: usize = 64 << 10;

/// How long the driver may take to come.
const PATIENCE: Duration = Duration::from_secs(15);

/// How the server is verified, and what is presented to it.
#[derive(Clone)]
pub(crate) struct Verified(Arc<ClientConfig>);

impl Verified {
    /// From PEM: the authorities, and the client's certificates and key. With `full` the
    /// certificate has to be for the host, too.
    pub(crate) fn new(
        ca: &[u8],
        identity: Option<(Vec<u8>, Vec<u8>)>,
        full: bool,
    ) -> Result<Verified, ConnectError> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("tls", error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier(ca, full)?);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates("tls-cert", &certificate)?;
                let key = PrivateKeyDer::from_pem_slice(&key)
                    .map_err(|error| unusable("tls-key", error))?;
                config
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| unusable("tls-cert and tls-key", error))?
            }
        };
        Ok(Verified(Arc::new(config)))
    }
}

fn verifier(ca: &[u8], full: bool) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("tls-ca", ca)? {
        roots.add(certificate).map_err(|error| unusable("tls-ca", error))?;
    }
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| unusable("tls-ca", error))?;
    Ok(if full { verifier } else { Arc::new(AnyName(verifier)) })
}

fn certificates(setting: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(found) if found.is_empty() => Err(unusable(setting, "it holds no certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(setting, error)),
    }
}

fn unusable(setting: &str, reason: impl std::fmt::Display) -> ConnectError {
    ConnectError::Tls {
        reason: format!("{setting} is not usable: {reason}"),
        advice: String::from("a PEM file is wanted, which begins with -----BEGIN"),
    }
}

/// One connection's way to the server.
pub(crate) struct Tunnel {
    socket: PathBuf,
    failure: Arc<OnceLock<TunnelError>>,
    _folder: tempfile::TempDir,
}

/// Why the way broke off.
#[derive(Debug)]
pub(crate) enum TunnelError {
    NoTls,
    Io(io::Error),
}

impl From<io::Error> for TunnelError {
    fn from(error: io::Error) -> TunnelError {
        TunnelError::Io(error)
    }
}

impl Tunnel {
    /// Begins to listen for the driver. The way goes on when this is dropped; it ends with the
    /// driver's connection.
    pub(crate) fn open<O: Options>(
        host: &str,
        port: u16,
        verified: Verified,
    ) -> Result<Tunnel, ConnectError> {
        let failed = |error| ConnectError::Driver(sqlx::Error::Io(error));
        let acceptor = DRIVERS_SIDE.clone().map_err(|reason| unusable("tls", reason))?;
        let folder = tempfile::Builder::new().prefix("test-dashboard").tempdir().map_err(failed)?;
        let socket = folder.path().join(format!(".s.PGSQL.{port}"));
        let listener = UnixListener::bind(&socket).map_err(failed)?;
        let failure = Arc::new(OnceLock::new());
        let way = Way::<O> { engine: PhantomData, host: host.to_owned(), port, verified, acceptor };
        tokio::spawn(way.serve(listener, failure.clone()));
        Ok(Tunnel { socket, failure, _folder: folder })
    }

    /// Where the driver connects.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Why the driver could not get through, where the way is the reason.
    pub(crate) fn failure(&self) -> Option<ConnectError> {
        let error = match self.failure.get()? {
            TunnelError::NoTls => return Some(ConnectError::of_tls(None)),
            TunnelError::Io(error) => error,
        };
        Some(match rustls_error(error) {
            Some(error) => ConnectError::of_tls(Some(error)),
            None => {
                let again = io::Error::new(error.kind(), error.to_string());
                ConnectError::Driver(sqlx::Error::Io(again))
            }
        })
    }
}

struct Way<O> {
    engine: PhantomData<O>,
    host: String,
    port: u16,
    verified: Verified,
    acceptor: TlsAcceptor,
}

impl<O: Options> Way<O> {
    async fn serve(self, listener: UnixListener, failure: Arc<OnceLock<TunnelError>>) {
        let Ok(Ok((mut driver, _))) = tokio::time::timeout(PATIENCE, listener.accept()).await
        else {
            return; // It never came.
        };
        drop(listener);
        if let Err(error) = self.carry(&mut driver).await {
            // Before `driver` is dropped, by which the driver learns that the way has ended.
            let _ = failure.set(error);
        }
    }

    async fn carry(&self, driver: &mut UnixStream) -> Result<(), TunnelError> {
        let mut server = TcpStream::connect((self.host.as_str(), self.port)).await?;
        server.set_nodelay(true)?;
        if !O::agree_on_tls(driver, &mut server).await? {
            return Ok(()); // The server has refused, and the driver has heard why.
        }
        // A name that cannot be one in a certificate is refused only where names count.
        let name = ServerName::try_from(self.host.clone())
            .or_else(|_| ServerName::try_from("invalid"))
            .map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.verified.0.clone());
        let mut server = connector.connect(name, server).await?;
        let mut driver = self.acceptor.accept(driver).await?;
        copy_bidirectional_with_sizes(&mut driver, &mut server, BUFFER, BUFFER).await?;
        Ok(())
    }
}

/// The driver's side of the way: it takes any certificate, so this is one of no account.
static DRIVERS_SIDE: LazyLock<Result<TlsAcceptor, String>> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(|error| error.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
});

/// Verifies as the other does, but for the names in the certificate.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        // Names are looked at last: who gets there has passed everything else.
        match self.0.verify_server_cert(certificate, chain, name, ocsp, now) {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    #[test]
    fn a_file_that_holds_no_certificate_is_named_by_its_setting() {
        let error = Verified::new(b"", None, false).err();
        let Some(ConnectError::Tls { reason, .. }) = error else { panic!("{error:?}") };
        assert!(reason.starts_with("tls-ca is not usable: it holds no certificate"), "{reason}");
    }

    /// An authority, as PEM, and what it has issued to a server.
    fn issued(params: CertificateParams) -> (String, CertificateDer<'static>) {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        (authority.pem(), params.signed_by(&key, &authority).unwrap().der().clone())
    }

    /// As Cloud SQL's: no name but one that no host can have.
    fn of_cloud_sql() -> CertificateParams {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "project:instance");
        params
    }

    fn verify(ca: &str, full: bool, certificate: &CertificateDer<'_>) -> Result<(), TlsError> {
        let verifier = verifier(ca.as_bytes(), full).unwrap();
        let name = ServerName::try_from("10.1.2.3").unwrap();
        verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()).map(drop)
    }

    #[test]
    fn without_names_the_authority_and_the_time_still_count() {
        let (ca, certificate) = issued(of_cloud_sql());
        verify(&ca, false, &certificate).unwrap();
        let of_another = verify(&issued(of_cloud_sql()).0, false, &certificate);
        assert!(matches!(of_another, Err(TlsError::InvalidCertificate(_))), "{of_another:?}");

        let mut params = of_cloud_sql();
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let (ca, certificate) = issued(params);
        let error = verify(&ca, false, &certificate).unwrap_err().to_string();
        assert!(error.contains("expired"), "{error}");
    }

    #[test]
    fn with_names_a_certificate_has_to_be_for_the_host() {
        let (ca, certificate) = issued(of_cloud_sql());
        let error = verify(&ca, true, &certificate).unwrap_err().to_string();
        assert!(error.contains("not valid for name"), "{error}");
        let (ca, certificate) = issued(CertificateParams::new(["10.1.2.3".into()]).unwrap());
        verify(&ca, true, &certificate).unwrap();
    }
}

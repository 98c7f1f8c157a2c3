//! TLS to an endpoint: the stack that the HTTP client for Pinterest brings, with the machine's root certificates.

use std::sync::Arc;

use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::Error;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::domain::webhook::address::EndpointHost;

/// The only protocol that the sender speaks.
const HTTP_1_1: &[u8] = b"http/1.1";

/// Reads the machine's root certificates.
///
/// # Errors
/// When the machine has none.
pub fn connector() -> Result<TlsConnector, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that the certificate must have, which TLS also sends (SNI) unless it is an address.
pub fn server_name(host: &EndpointHost) -> Option<ServerName<'static>> {
    match host {
        EndpointHost::Name(name) => ServerName::try_from(name.clone()).ok(),
        EndpointHost::Address(ip) => Some(ServerName::from(*ip)),
    }
}

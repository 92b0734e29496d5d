//! A certificate that is made as the tests start, who trusts it, and who shows it.

use std::sync::{Arc, LazyLock};

use rcgen::CertifiedKey;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

const NAME: &str = "green.example";

static CONFIGS: LazyLock<(Arc<ClientConfig>, Arc<ServerConfig>)> = LazyLock::new(|| {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut server = server.with_single_cert(vec![cert.der().clone()], key).unwrap();
    // Who only writes would never read them, and a TCP socket that is closed with something unread resets the connection.
    server.send_tls13_tickets = 0;
    (client_that_trusts([cert.der().clone()]), Arc::new(server))
});

pub(super) fn client_that_trusts(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    certificates.into_iter().for_each(|certificate| roots.add(certificate).unwrap());
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let client = client.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    Arc::new(client.with_no_client_auth())
}

pub(super) fn client_config() -> Arc<ClientConfig> {
    Arc::clone(&CONFIGS.0)
}

pub(super) fn server_config() -> Arc<ServerConfig> {
    Arc::clone(&CONFIGS.1)
}

pub(super) fn server_name() -> ServerName<'static> {
    NAME.try_into().unwrap()
}

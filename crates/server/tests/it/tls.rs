//! TLS, with an identity that is known to everyone and trusted by nobody else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::Trial;
use offshoot_server::TlsFiles;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use crate::rig::{Rig, trial_with};

pub fn trials() -> Vec<Trial> {
    let with_tls = |config: &mut offshoot_server::ServerConfig| {
        config.tls = Some(TlsFiles {
            certificate: file("cert.pem"),
            key: file("key.pem"),
        });
    };
    vec![trial_with(
        "under_tls_the_cookie_is_bound_to_the_host",
        with_tls,
        under_tls,
    )]
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/tls")
        .join(name)
}

/// Sends one request over TLS and returns the whole answer.
async fn ask(rig: &Rig, request: String) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("cert.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(rig.addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn under_tls(rig: Arc<Rig>) {
    let port = rig.addr.port();
    let body = format!(r#"{{"code":"{}"}}"#, rig.engine.credentials().issue_code());
    let sign_in = |origin: &str| {
        format!(
            "POST /api/auth/sign-in HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let refused = ask(&rig, sign_in(&format!("http://localhost:{port}"))).await;
    assert!(
        refused.starts_with("HTTP/1.1 403"),
        "a plain page is another site: {refused}"
    );
    let answer = ask(&rig, sign_in(&format!("https://localhost:{port}"))).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let cookie = answer
        .lines()
        .find(|line| line.starts_with("set-cookie: "))
        .unwrap();
    assert!(
        cookie.contains("__Host-offshoot=") && cookie.contains("; Secure"),
        "{cookie}"
    );
    let pair = cookie
        .trim_start_matches("set-cookie: ")
        .split(';')
        .next()
        .unwrap();
    for (pair, status) in [(pair, "200"), (pair.trim_start_matches("__Host-"), "401")] {
        let me = format!(
            "GET /api/auth/me HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {pair}\r\nConnection: close\r\n\r\n"
        );
        let answer = ask(&rig, me).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{pair}: {answer}"
        );
    }
}

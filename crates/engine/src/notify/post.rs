//! One request to an address that a person typed in.
//!
//! Owns what may be reached: by name the addresses are looked up once, judged, and exactly the judged
//! one is connected to. No redirect is followed, no proxy is asked, nothing is kept open.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_util::task::AbortOnDropHandle;

/// A receiver has so long for everything.
const LIMIT: Duration = Duration::from_secs(10);

/// What is read of an answer; it is only shown.
const ANSWER_BYTES: usize = 4096;

/// Longest address.
const URL_BYTES: usize = 2000;

/// What may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Addresses of the public network, encrypted.
    Public,
    /// Any address, also without encryption.
    Any,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    uri: Uri,
    host: String,
    port: u16,
    is_tls: bool,
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// It will be the same the next time.
    #[error("{0}")]
    Refused(String),
    /// Nothing was sent: the address is none that may be reached.
    #[error("{0}")]
    NotAllowed(String),
    /// It may go another time.
    #[error("{0}")]
    Passing(String),
}

impl Target {
    /// Reads an address. The error is for people.
    pub(super) fn parse(url: &str, reach: Reach) -> Result<Self, String> {
        if url.len() > URL_BYTES {
            return Err(format!("an address has at most {URL_BYTES} characters"));
        }
        let uri: Uri = url
            .parse()
            .map_err(|err| format!("this is no address: {err}"))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if reach == Reach::Any => false,
            _ => return Err("the address must begin with https://".to_owned()),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = uri.host().unwrap_or_default();
        if host.is_empty() || authority.contains('@') {
            return Err("the address must name a host, and no user".to_owned());
        }
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if reach == Reach::Public && host.parse().is_ok_and(|ip: IpAddr| !is_public(ip)) {
            return Err(private(&host));
        }
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self {
            uri,
            host,
            port,
            is_tls,
        })
    }

    /// Looks the host up and returns an address that may be reached.
    async fn address(&self, reach: Reach) -> Result<SocketAddr, PostError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found = found.map_err(|err| PostError::Passing(format!("{}: {err}", self.host)))?;
        let mut allowed = found.filter(|at| reach == Reach::Any || is_public(at.ip()));
        allowed
            .next()
            .ok_or_else(|| PostError::NotAllowed(private(&self.host)))
    }
}

/// Says why an address is not reached.
fn private(host: &str) -> String {
    format!(
        "{host} is on this machine or in a private network, which webhooks reach only with the setting \
         webhooks_private"
    )
}

/// Sends a JSON body.
pub(super) async fn post(
    target: &Target,
    reach: Reach,
    headers: &[(&'static str, String)],
    body: Bytes,
) -> Result<(), PostError> {
    match tokio::time::timeout(LIMIT, post_now(target, reach, headers, body)).await {
        Ok(posted) => posted,
        Err(_) => Err(PostError::Passing(format!(
            "{} did not answer within {} s",
            target.host,
            LIMIT.as_secs()
        ))),
    }
}

async fn post_now(
    target: &Target,
    reach: Reach,
    headers: &[(&'static str, String)],
    body: Bytes,
) -> Result<(), PostError> {
    let passing = |err: std::io::Error| PostError::Passing(format!("{}: {err}", target.host));
    let address = target.address(reach).await?;
    let stream = TcpStream::connect(address).await.map_err(passing)?;
    if !target.is_tls {
        return exchange(stream, target, headers, body).await;
    }
    let name = ServerName::try_from(target.host.clone());
    let name = name.map_err(|err| PostError::Refused(err.to_string()))?;
    let stream = TLS.connect(name, stream).await.map_err(passing)?;
    exchange(stream, target, headers, body).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
    headers: &[(&'static str, String)],
    body: Bytes,
) -> Result<(), PostError> {
    let passing = |err: hyper::Error| PostError::Passing(format!("{}: {err}", target.host));
    let path = target
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let authority = target
        .uri
        .authority()
        .map_or("", |authority| authority.as_str());
    let mut request = Request::post(path)
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "Offshoot")
        .header(header::CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request
        .body(Full::new(body))
        .map_err(|err| PostError::Refused(err.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(passing)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender.send_request(request).await.map_err(passing)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let said = Limited::new(answer.into_body(), ANSWER_BYTES)
        .collect()
        .await;
    let said = said
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let said: String = String::from_utf8_lossy(&said).chars().take(200).collect();
    let text = format!("{} answered {status} {}", target.host, said.trim());
    if status.is_redirection() {
        return Err(PostError::Refused(format!(
            "{text}; redirects are not followed"
        )));
    }
    // Too early, too many and too slow pass; what else is the sender's fault does not.
    let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Err(if passes {
        PostError::Passing(text)
    } else {
        PostError::Refused(text)
    })
}

/// TLS with the certificate authorities that browsers know.
static TLS: LazyLock<TlsConnector> = LazyLock::new(|| {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
});

/// Whether an address is of the public network.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => {
            let segments = ip.segments();
            let low = |high: u16, low: u16| {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                is_public_v4(Ipv4Addr::new(a, b, c, d))
            };
            match segments {
                // ::, ::1, and addresses of the older network inside newer ones
                [0, 0, 0, 0, 0, 0 | 0xffff, a, b] => low(a, b),
                [0x64, 0xff9b, .., a, b] => low(a, b),
                [0x2002, a, b, ..] => low(a, b),
                [0x2001, 0 | 0xdb8, ..] => false,
                // Only this block is given out.
                [first, ..] => first & 0xe000 == 0x2000,
            }
        }
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] | [192, 0, 0 | 2, _] => true,
        [100, b, ..] => (64..128).contains(&b),
        [172, b, ..] => (16..32).contains(&b),
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        [first, ..] => first >= 224,
    };
    !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_network_is_public() {
        for ip in [
            "1.1.1.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn addresses_are_read_strictly() {
        for url in [
            "https://example.org/x?y=1",
            "https://[2606:4700::1111]:8443/",
        ] {
            assert!(Target::parse(url, Reach::Public).is_ok(), "{url}");
        }
        assert!(Target::parse("http://127.0.0.1:1/x", Reach::Any).is_ok());
        for url in [
            "",
            "x",
            "/x",
            "http://example.org",
            "ftp://x/",
            "https://",
            "https://u:p@h/",
            "file:///etc/passwd",
            "https://h/a b",
            "https://h/\r\nX: y",
        ] {
            assert!(Target::parse(url, Reach::Public).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn private_addresses_are_refused_by_name_and_by_number() {
        for url in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/",
        ] {
            let refused = Target::parse(url, Reach::Public).unwrap_err();
            assert!(refused.contains("private network"), "{url} {refused}");
        }
        // Also looked up: 127.1 is no address to us, but one to the system.
        for url in ["https://localhost/", "https://127.1/"] {
            let target = Target::parse(url, Reach::Public).unwrap();
            let refused = post(&target, Reach::Public, &[], Bytes::new()).await;
            assert!(
                matches!(refused, Err(PostError::NotAllowed(_))),
                "{url} {refused:?}"
            );
        }
    }
}

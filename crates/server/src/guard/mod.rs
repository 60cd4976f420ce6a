//! Who may ask this server anything.
//!
//! Owns one decision, as a pure function of a request's facts: first the host (against DNS
//! rebinding), then the page (against other sites and other ports of this machine), then the
//! credential. It is the same for HTTP and sockets, also on loopback. `layer` collects the facts
//! and `attempts` slows down guessing. Refusals name the one thing that was wrong.

pub(crate) mod attempts;
mod authority;
pub(crate) mod layer;
#[cfg(test)]
mod table;

use http::Method;
use offshoot_protocol::ErrorCode;

pub(crate) use authority::{Authority, Host, Origin, Scheme};

use crate::config::{BindError, ServerConfig};

/// What a server believes about hosts and pages; fixed when it is bound.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Hosts besides the loopback ones. One without a port stands for every port.
    hosts: Vec<Authority>,
    /// Origins besides the server's own.
    origins: Vec<Origin>,
    /// The scheme of the server's own pages.
    scheme: OwnScheme,
    /// Whether pages of every loopback port are believed.
    dev: bool,
}

/// How the scheme of the server's own pages is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnScheme {
    Fixed(Scheme),
    /// A proxy in front decides, and says so in `X-Forwarded-Proto`, or says nothing.
    Forwarded,
}

/// What is asked for, as far as access is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The UI's files, `/health` and the sign-in: no credential.
    Public,
    /// Everything else over HTTP.
    Protected,
    /// A WebSocket.
    Socket,
}

/// The facts of one request that the decision depends on.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) method: &'a Method,
    pub(crate) access: Access,
    /// The host; `None` when there is none, or two that differ.
    pub(crate) host: Option<&'a str>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) fetch_site: Option<&'a str>,
    /// `X-Forwarded-Proto`.
    pub(crate) forwarded_scheme: Option<&'a str>,
}

/// What a request brings to prove who sent it, once that has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    Absent,
    Invalid,
    Cookie,
    Token,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `Host` names no host of this server.
    Host,
    /// The page that sent the request is not one of this server's.
    Origin,
    /// A socket by cookie must say which page opens it.
    NoOrigin,
    /// There is no credential.
    NoCredential,
    /// The credential is unknown or no longer valid.
    BadCredential,
}

impl Refusal {
    /// The stable word and the sentence for people.
    pub(crate) fn words(self) -> (ErrorCode, &'static str) {
        match self {
            Self::Host => (
                ErrorCode::HostNotAllowed,
                "this server does not answer for that host name; add it with --allow-host",
            ),
            Self::Origin => (
                ErrorCode::OriginNotAllowed,
                "the page that sent this request is not one of this server's; add its origin with --allow-origin",
            ),
            Self::NoOrigin => (
                ErrorCode::OriginNotAllowed,
                "a socket without an Origin header needs a bearer token",
            ),
            Self::NoCredential => (
                ErrorCode::Unauthenticated,
                "sign in first, or send a token as Authorization: Bearer",
            ),
            Self::BadCredential => (
                ErrorCode::Unauthenticated,
                "the sign-in or token is not valid any more; sign in again",
            ),
        }
    }
}

impl Policy {
    /// Reads the policy from the configuration.
    pub(crate) fn new(config: &ServerConfig) -> Result<Self, BindError> {
        let mut hosts = parse_all(&config.allowed_hosts, "host name")?;
        if !config.listen.ip().is_unspecified() {
            let host = Host::Address(config.listen.ip());
            hosts.push(Authority { host, port: None });
        }
        Ok(Self {
            hosts,
            origins: parse_all(&config.allowed_origins, "origin (scheme://host[:port])")?,
            scheme: match (&config.tls, config.behind_proxy) {
                (Some(_), _) => OwnScheme::Fixed(Scheme::Https),
                (None, true) => OwnScheme::Forwarded,
                (None, false) => OwnScheme::Fixed(Scheme::Http),
            },
            dev: config.dev,
        })
    }

    /// Tells whether the browser reaches this server over TLS, so that a cookie may say so.
    pub(crate) fn is_secure(&self, forwarded_scheme: Option<&str>) -> bool {
        match self.scheme {
            OwnScheme::Fixed(scheme) => scheme == Scheme::Https,
            OwnScheme::Forwarded => forwarded_scheme == Some("https"),
        }
    }

    /// Judges host and page: everything that can be told before a credential is looked up.
    pub(crate) fn judge_page(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let host = facts.host.and_then(|host| host.parse().ok());
        let host: Authority = host
            .filter(|host| self.allows_host(host))
            .ok_or(Refusal::Host)?;
        if let Some(text) = facts.origin {
            let origin = text.parse().map_err(|_| Refusal::Origin)?;
            if self.origins.contains(&origin) {
                return Ok(());
            }
            if !self.is_own(&origin, &host, facts.forwarded_scheme) {
                return Err(Refusal::Origin);
            }
        }
        let changes = facts.access == Access::Socket || !is_read(facts.method);
        match facts.fetch_site {
            Some(site) if changes && site != "same-origin" && site != "none" => {
                match self.dev && facts.origin.is_some() {
                    true => Ok(()),
                    false => Err(Refusal::Origin),
                }
            }
            _ => Ok(()),
        }
    }

    /// Judges the credential, after [`Policy::judge_page`].
    pub(crate) fn judge_credential(
        facts: &Facts<'_>,
        credential: Credential,
    ) -> Result<(), Refusal> {
        match (facts.access, credential) {
            (Access::Public, _) | (_, Credential::Token) => Ok(()),
            (_, Credential::Absent) => Err(Refusal::NoCredential),
            (_, Credential::Invalid) => Err(Refusal::BadCredential),
            (Access::Socket, Credential::Cookie) if facts.origin.is_none() => {
                Err(Refusal::NoOrigin)
            }
            (_, Credential::Cookie) => Ok(()),
        }
    }

    fn allows_host(&self, host: &Authority) -> bool {
        host.host.is_loopback()
            || self.hosts.iter().any(|allowed| {
                allowed.host == host.host && (allowed.port.is_none() || allowed.port == host.port)
            })
    }

    fn is_own(&self, origin: &Origin, host: &Authority, forwarded: Option<&str>) -> bool {
        if self.dev && origin.authority.host.is_loopback() {
            return true;
        }
        match (self.scheme, forwarded.map(str::parse)) {
            (OwnScheme::Fixed(scheme), _) | (OwnScheme::Forwarded, Some(Ok(scheme))) => {
                origin.is(scheme, host)
            }
            (OwnScheme::Forwarded, Some(Err(_))) => false,
            (OwnScheme::Forwarded, None) => {
                origin.is(Scheme::Https, host) || origin.is(Scheme::Http, host)
            }
        }
    }
}

/// Tells whether a method changes nothing.
pub(crate) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn parse_all<T: std::str::FromStr>(
    texts: &[String],
    what: &'static str,
) -> Result<Vec<T>, BindError> {
    let parse = |value: &String| {
        value.parse().map_err(|_| BindError::Invalid {
            value: value.clone(),
            what,
        })
    };
    texts.iter().map(parse).collect()
}

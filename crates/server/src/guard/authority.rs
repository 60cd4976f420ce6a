//! Hosts and origins as values that can be compared.
//!
//! Owns the parsing of `Host` and `Origin`. Numbers are read by the strict address parsers of the
//! standard library, so that `127.evil.example` or `0x7f.1` is a name like any other.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A host with an optional port, as in `Host` and in addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
}

/// A host: an address or a name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    Name(String),
}

/// A page's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
}

/// The two schemes a page of ours can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// The text is no host or no origin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Host {
    /// Tells whether the host names this machine and no other one can make it do otherwise.
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost",
        }
    }
}

impl FromStr for Authority {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(Malformed)?;
            let address: Ipv6Addr = address.parse().map_err(|_| Malformed)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(parse_port(port)?),
                None if rest.is_empty() => None,
                None => return Err(Malformed),
            };
            let host = Host::Address(IpAddr::V6(address));
            return Ok(Self { host, port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_name) {
            return Err(Malformed);
        }
        let host = match host.parse() {
            Ok(address) => Host::Address(IpAddr::V4(address)),
            Err(_) => Host::Name(host.to_ascii_lowercase()),
        };
        Ok(Self { host, port })
    }
}

fn parse_port(text: &str) -> Result<u16, Malformed> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(Malformed)
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl FromStr for Scheme {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(Malformed),
        }
    }
}

impl Origin {
    /// Tells whether a page of this origin was loaded from the given host under the given scheme.
    pub(crate) fn is(&self, scheme: Scheme, authority: &Authority) -> bool {
        let port = |authority: &Authority| authority.port.unwrap_or(scheme.default_port());
        self.scheme == scheme
            && self.authority.host == authority.host
            && port(&self.authority) == port(authority)
    }
}

impl FromStr for Origin {
    type Err = Malformed;

    /// Parses an origin; `null` is none.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (scheme, authority) = text.split_once("://").ok_or(Malformed)?;
        Ok(Self {
            scheme: scheme.parse()?,
            authority: authority.parse()?,
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_loopback_is_loopback() {
        for (text, loopback) in [
            ("127.0.0.1:7171", true),
            ("127.8.9.10", true),
            ("[::1]:7171", true),
            ("LOCALHOST:1", true),
            ("127.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("localhost.", false),
            ("2130706433", false),
            ("0x7f.0.0.1", false),
            ("127.1", false),
            ("0.0.0.0", false),
            ("[::]", false),
            ("[::ffff:127.0.0.1]", false),
        ] {
            let authority: Authority = text.parse().expect(text);
            assert_eq!(authority.host.is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn malformed_hosts_are_refused() {
        for text in [
            "",
            ":80",
            "a b",
            "a@b",
            "a/b",
            "a:b",
            "a:",
            "a:99999",
            "a:+1",
            "::1",
            "[::1",
            "[::1]x",
            "[x]",
            "user:pw@host",
            "a:1:2",
            "a\\b",
            "ä",
        ] {
            assert_eq!(text.parse::<Authority>(), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn origins_equal_hosts_by_scheme_host_and_port() {
        for (origin, scheme, host, same) in [
            (
                "http://localhost:7171",
                Scheme::Http,
                "localhost:7171",
                true,
            ),
            ("https://a.example", Scheme::Https, "A.example:443", true),
            ("http://a.example:80", Scheme::Http, "a.example", true),
            ("https://a.example", Scheme::Http, "a.example", false),
            (
                "http://localhost:3000",
                Scheme::Http,
                "localhost:7171",
                false,
            ),
            (
                "http://127.0.0.1:7171",
                Scheme::Http,
                "localhost:7171",
                false,
            ),
        ] {
            let origin: Origin = origin.parse().expect(origin);
            assert_eq!(
                origin.is(scheme, &host.parse().expect(host)),
                same,
                "{origin:?} {host}"
            );
        }
        for text in [
            "null",
            "",
            "file://",
            "chrome-extension://abc",
            "http://a/b",
            "http:/a",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(Malformed), "{text}");
        }
    }
}

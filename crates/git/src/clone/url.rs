//! Addresses that may be cloned. Nothing else reaches a command line, and no part of one can become
//! an option or a command.

use std::fmt;
use std::path::Path;

use crate::remote::is_component;

/// Longest address; no forge has any near it.
const URL_BYTES_MAX: usize = 2000;

/// From this length on, a user's name in an `https` address is a token.
const TOKEN_BYTES_MIN: usize = 32;

/// An address that may be cloned: `https`, `ssh` or `user@host:path`. Holds no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneUrl {
    text: String,
    /// Whether it is a folder of this machine.
    is_local: bool,
}

/// A text that is no address one clones from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is empty, too long, or holds a space or a control character.
    #[error("an address has no spaces and no control characters, and is not empty")]
    Text,
    /// It begins with a dash and would read as an option, or a part of it does.
    #[error("no part of an address begins with a dash")]
    LeadingDash,
    /// It is neither `https`, nor `ssh`, nor `user@host:path`.
    #[error("only https, ssh and user@host:path addresses are cloned")]
    Scheme,
    /// The host is missing or holds a character that no host has.
    #[error("the address names no host")]
    Host,
    /// The path is missing, or names no folder.
    #[error("the address names no repository")]
    Path,
    /// It holds a password or a token, which everybody on the machine could read. Use a key or a
    /// credential helper.
    #[error("the address holds a password; use a key or a credential helper of git instead")]
    Password,
}

/// Checks an address that somebody wants cloned.
pub fn valid_clone_url(url: &str) -> Result<CloneUrl, InvalidUrl> {
    let is_bad = |c: char| c.is_control() || c.is_whitespace();
    if url.is_empty() || url.len() > URL_BYTES_MAX || url.contains(is_bad) {
        return Err(InvalidUrl::Text);
    }
    if url.starts_with('-') {
        return Err(InvalidUrl::LeadingDash);
    }
    let path = match url.split_once("://") {
        Some((scheme @ ("https" | "ssh"), rest)) => {
            let (authority, path) = rest.split_once('/').ok_or(InvalidUrl::Path)?;
            check_authority(scheme, authority)?;
            path
        }
        Some(_) => return Err(InvalidUrl::Scheme),
        // `helper::address` runs a program.
        None if url.contains("::") => return Err(InvalidUrl::Scheme),
        None => {
            let (authority, path) = url.split_once(':').ok_or(InvalidUrl::Scheme)?;
            // A path on this machine that holds a colon; or a host with a port, which this form
            // cannot say.
            if authority.contains('/') {
                return Err(InvalidUrl::Scheme);
            }
            check_authority("scp", authority)?;
            path
        }
    };
    if path.starts_with('-') {
        return Err(InvalidUrl::LeadingDash);
    }
    if path.trim_matches('/').is_empty() {
        return Err(InvalidUrl::Path);
    }
    Ok(CloneUrl {
        text: url.to_owned(),
        is_local: false,
    })
}

/// Checks `user@host:port`.
fn check_authority(scheme: &str, authority: &str) -> Result<(), InvalidUrl> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if let Some(user) = user {
        if user.contains(':') || (scheme == "https" && user.len() >= TOKEN_BYTES_MIN) {
            return Err(InvalidUrl::Password);
        }
        check_name(user)?;
    }
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        // An address of IP version 6.
        Some((host, rest)) if scheme != "scp" => {
            let is_address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            if host.is_empty() || !host.bytes().all(is_address) {
                return Err(InvalidUrl::Host);
            }
            (
                "host",
                rest.strip_prefix(':').or(rest.is_empty().then_some("1")),
            )
        }
        _ => match host.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, Some("1")),
        },
    };
    check_name(host)?;
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|n| n > 0) && !port.starts_with('+');
    match port.is_some_and(is_port) {
        true => Ok(()),
        false => Err(InvalidUrl::Host),
    }
}

/// Checks a user's or a host's name: nothing that ssh or a shell would read as something else.
fn check_name(name: &str) -> Result<(), InvalidUrl> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.starts_with('-') {
        return Err(InvalidUrl::LeadingDash);
    }
    match !name.is_empty() && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(InvalidUrl::Host),
    }
}

impl CloneUrl {
    /// Takes a folder of this machine as the address: for tests, and for who trusts all of them. No
    /// text from outside leads here.
    pub fn local(path: &Path) -> Self {
        Self {
            text: path.display().to_string(),
            is_local: true,
        }
    }

    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Returns the name that the folder of the clone usually has: the last part of the path without
    /// `.git`. None when that is no plain name.
    pub fn folder_name(&self) -> Option<&str> {
        let path = self.text.trim_end_matches('/');
        let name = path.rsplit(['/', ':']).next()?;
        let name = name.strip_suffix(".git").unwrap_or(name);
        is_component(name).then_some(name)
    }
}

impl fmt::Display for CloneUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_addresses_of_other_machines_are_taken() {
        use InvalidUrl::{Host, LeadingDash, Password, Path, Scheme, Text};
        let table = [
            ("https://github.com/a/b", Ok("b")),
            ("https://github.com/a/b.git/", Ok("b")),
            ("https://user@h.example:8443/a/b.git", Ok("b")),
            ("https://[::1]:443/a/b", Ok("b")),
            ("ssh://git@h:22/a/b", Ok("b")),
            ("git@github.com:a/b.git", Ok("b")),
            ("h:b", Ok("b")),
            ("", Err(Text)),
            ("https://h/a b", Err(Text)),
            ("https://h/a\nb", Err(Text)),
            ("https://h/a\0b", Err(Text)),
            ("--upload-pack=touch x", Err(Text)),
            ("--upload-pack=x:y", Err(LeadingDash)),
            ("-x", Err(LeadingDash)),
            ("ext::sh", Err(Scheme)),
            ("ext::https://h/a", Err(Scheme)),
            ("fd::17/x", Err(Scheme)),
            ("file:///srv/a", Err(Scheme)),
            ("/srv/a", Err(Scheme)),
            ("./a:b", Err(Scheme)),
            ("a", Err(Scheme)),
            ("http://h/a", Err(Scheme)),
            ("git://h/a", Err(Scheme)),
            ("HTTPS://h/a", Err(Scheme)),
            ("ftp://h/a", Err(Scheme)),
            ("https://h", Err(Path)),
            ("https://h/", Err(Path)),
            ("git@h:", Err(Path)),
            ("git@h:-x", Err(LeadingDash)),
            ("ssh://-oProxyCommand=x/a", Err(LeadingDash)),
            ("ssh://x@-oProxyCommand=x/a", Err(LeadingDash)),
            ("-oProxyCommand=x@h:a", Err(LeadingDash)),
            ("ssh://%2doProxyCommand=x/a", Err(Host)),
            ("ssh://h;x/a", Err(Host)),
            ("$(x)@h:a", Err(Host)),
            ("ssh://@h/a", Err(Host)),
            ("https:///a", Err(Host)),
            ("https://h:x/a", Err(Host)),
            ("https://h:/a", Err(Host)),
            ("https://[::1/a", Err(Host)),
            ("https://[x]/a", Err(Host)),
            ("https://u:p@h/a", Err(Password)),
            (
                "https://ghp_0123456789012345678901234567890123456789@h/a",
                Err(Password),
            ),
            // Read as the host `u`, as git does.
            ("u:p@h:a", Ok("a")),
        ];
        for (url, expected) in table {
            let found = valid_clone_url(url);
            let found = found.as_ref().map(|url| url.folder_name().unwrap());
            assert_eq!(found, expected.as_ref().copied(), "{url:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_becomes_an_option_or_a_helper(url in "(https://|ssh://)?[-a-c:/@%. \\[\\]]{0,12}") {
            if let Ok(url) = valid_clone_url(&url) {
                let url = url.as_str();
                // What git hands to ssh, or to the program of a protocol.
                let (authority, path) = match url.split_once("://") {
                    Some((scheme, rest)) => {
                        prop_assert!(scheme == "https" || scheme == "ssh");
                        rest.split_once('/').unwrap()
                    }
                    None => url.split_once(':').unwrap(),
                };
                prop_assert!(authority.split('@').all(|part| !part.starts_with('-')));
                prop_assert!(!path.starts_with('-'));
                prop_assert!(url.contains("://") || !url.contains("::"));
            }
        }
    }
}

//! Addresses of remotes: whose repository it is, without secrets.

/// Where a remote repository lives, by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteName {
    /// The host, without user and port.
    pub host: String,
    /// The component before the last: an organisation, a user, a group.
    pub owner: String,
    /// The last component, without `.git`.
    pub repo: String,
}

/// Finds host, owner and repository in the address of a remote.
///
/// Knows `https`, `http`, `git` and `ssh` addresses and `user@host:path`. None for local paths and
/// when a part could not be the name of a directory: both parts are safe as single path components.
pub fn parse_remote(url: &str) -> Option<RemoteName> {
    let (host, path) = match url.split_once("://") {
        Some((scheme, rest)) => {
            if !["https", "http", "ssh", "git", "git+ssh", "ssh+git"].contains(&scheme) {
                return None;
            }
            rest.split_once('/')?
        }
        // The short form of ssh: the colon comes before any slash.
        None => url
            .split_once(':')
            .filter(|(host, _)| !host.contains('/'))?,
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (rest, repo) = path.rsplit_once('/')?;
    let owner = rest.rsplit('/').next()?;
    let safe = !host.is_empty() && is_component(owner) && is_component(repo);
    safe.then(|| RemoteName {
        host: host.to_owned(),
        owner: owner.to_owned(),
        repo: repo.to_owned(),
    })
}

impl RemoteName {
    /// Returns the address of the repository's page, if it is on GitHub.
    pub fn github_page(&self) -> Option<String> {
        let is_github = self.host.eq_ignore_ascii_case("github.com");
        is_github.then(|| format!("https://github.com/{}/{}", self.owner, self.repo))
    }
}

/// Takes user and password out of an `http(s)` address, where tokens are often kept.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme @ ("http" | "https"), rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Whether a name is one plain path component everywhere.
pub(crate) fn is_component(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && !name.starts_with('-')
        && name.len() <= 200
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '/' | '\\' | ':' | '~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_give_owner_and_repository() {
        let table = [
            ("https://github.com/a/b", Some(("github.com", "a", "b"))),
            (
                "https://github.com/a/b.git/",
                Some(("github.com", "a", "b")),
            ),
            (
                "https://u:p@h.example:8443/a/b.git",
                Some(("h.example", "a", "b")),
            ),
            ("git@github.com:a/b.git", Some(("github.com", "a", "b"))),
            ("github.com:a/b", Some(("github.com", "a", "b"))),
            ("ssh://git@h:22/group/sub/b.git", Some(("h", "sub", "b"))),
            (
                "https://github.com/a/.github",
                Some(("github.com", "a", ".github")),
            ),
            ("https://github.com/b", None),
            ("https://github.com/a/..", None),
            ("https://github.com/../b", None),
            ("git@h:a/..git", None),
            ("git@h:a/-x", None),
            ("https://h/a/b\nc", None),
            ("https://h/a\\b/c", None),
            ("/srv/git/a/b.git", None),
            ("../a/b", None),
            ("./a:b/c", None),
            ("file:///srv/a/b.git", None),
            ("ext::sh -c touch% x/y", None),
            ("", None),
            ("https:///a/b", None),
        ];
        for (url, expected) in table {
            let found = parse_remote(url);
            let found = found
                .as_ref()
                .map(|name| (name.host.as_str(), name.owner.as_str(), name.repo.as_str()));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn only_github_has_a_page() {
        let table = [
            ("git@github.com:a/b.git", Some("https://github.com/a/b")),
            ("https://GitHub.com/a/b", Some("https://github.com/a/b")),
            ("git@github.com.evil:a/b", None),
            ("git@gitlab.com:a/b", None),
        ];
        for (url, expected) in table {
            let page = parse_remote(url).unwrap().github_page();
            assert_eq!(page.as_deref(), expected);
        }
    }

    #[test]
    fn credentials_are_taken_out() {
        let table = [
            ("https://u:p@h/a/b", "https://h/a/b"),
            ("https://tok@en@h/a@b", "https://h/a@b"),
            ("http://h/a", "http://h/a"),
            ("https://u:p@h", "https://h"),
            ("git@h:a/b", "git@h:a/b"),
            ("ssh://git@h/a", "ssh://git@h/a"),
        ];
        for (url, expected) in table {
            assert_eq!(without_credentials(url), expected);
        }
    }
}

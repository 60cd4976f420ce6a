//! What a repository's remote and GitHub say: fetches, commit counts, pull requests, issues.
//!
//! GitHub is asked through its own program `gh`, which holds the credentials; it is given names that
//! were checked and never a directory, so that no repository can tell it what to run.

use std::path::Path;
use std::time::Duration;

use offshoot_git::{FetchError, OpenError, RemoteName};
use offshoot_protocol::hosting::{CommitInfo, GitHubIssue, PrLink, RemoteStatus};
use offshoot_protocol::view::{Branches, SessionKind};
use offshoot_protocol::{RepositoryId, SessionId};

use super::repositories::branches_of;
use super::sessions::invalid;
use crate::program::{Question, find};
use crate::{Engine, EngineError};

/// A pull request is looked up each time a menu opens.
const PR_TIME: Duration = Duration::from_secs(5);

/// An issue is fetched because somebody asked for it.
const ISSUE_TIME: Duration = Duration::from_secs(15);

/// `gh` as a program that nobody sits in front of.
const GH_SETTINGS: &[(&str, &str)] = &[
    ("GH_PROMPT_DISABLED", "1"),
    ("GH_NO_UPDATE_NOTIFIER", "1"),
    ("GH_SPINNER_DISABLED", "1"),
    ("NO_COLOR", "1"),
    ("CLICOLOR_FORCE", "0"),
];

/// The one host whose pages are linked to.
const GITHUB: &str = "github.com";

/// Longest branch name that is suggested.
const SUGGESTION_BYTES: usize = 200;

impl Engine {
    /// Lists the branches of a session's repository; none where there is no repository.
    ///
    /// # Errors
    /// There is no such session, or git fails.
    pub async fn session_branches(&self, id: SessionId) -> Result<Branches, EngineError> {
        let session = self.session(id)?;
        let opened = match offshoot_git::open(Path::new(&session.location_path)).await {
            Ok(opened) => opened,
            Err(OpenError::NotFound(_) | OpenError::NotARepository(_)) => {
                return Ok(Branches {
                    local: Vec::new(),
                    remote: Vec::new(),
                    default_branch: None,
                });
            }
            Err(err) => return Err(EngineError::Git(err.to_string())),
        };
        branches_of(&opened).await
    }

    /// Lists the commits of a session's directory on top of a base, newest first; none for a base
    /// that names no commit.
    ///
    /// # Errors
    /// There is no such session, or no base is named.
    pub async fn session_commits(
        &self,
        id: SessionId,
        base: &str,
    ) -> Result<Vec<CommitInfo>, EngineError> {
        let session = self.session(id)?;
        if base.trim().is_empty() {
            return Err(invalid("base", "is required"));
        }
        let dir = Path::new(&session.location_path);
        let commits = offshoot_git::commits(dir, base.trim()).await;
        // What is no base of anything has no commits after it.
        let commits = commits
            .inspect_err(|err| tracing::debug!(%err, session = %id, "list commits"))
            .unwrap_or_default();
        let info = |commit: offshoot_git::Commit| CommitInfo {
            hash: commit.hash,
            short_hash: commit.short_hash,
            message: commit.subject,
            author: commit.author,
            date: commit.date,
        };
        Ok(commits.into_iter().map(info).collect())
    }

    /// Looks up the pull request of a session's branch. Without `gh`, or when it fails, there is none.
    ///
    /// # Errors
    /// There is no such session, or it is not in a worktree.
    pub async fn pr_link(&self, id: SessionId) -> Result<PrLink, EngineError> {
        let session = self.session(id)?;
        if session.kind != SessionKind::Worktree {
            let text = "Pull requests are available only for worktree sessions";
            return Err(EngineError::WrongState(text.to_owned()));
        }
        let branch = session.worktree_id.unwrap_or_default();
        let remote = self.remote_of(Path::new(&session.location_path)).await;
        let pr_url = match &remote {
            Some(remote) => self.pull_request(remote, &branch).await,
            None => None,
        };
        Ok(PrLink {
            pr_url,
            branch_name: branch,
            org_repo: remote.map(|remote| format!("{}/{}", remote.owner, remote.repo)),
        })
    }

    async fn remote_of(&self, dir: &Path) -> Option<RemoteName> {
        let opened = offshoot_git::open(dir).await.ok()?;
        let url = opened.remote_url().await.ok()??;
        plain_remote(&url)
    }

    async fn pull_request(&self, remote: &RemoteName, branch: &str) -> Option<String> {
        offshoot_git::valid_branch_name(branch).ok()?;
        let repository = format!("{}/{}/{}", remote.host, remote.owner, remote.repo);
        let args = ["pr", "view", branch, "--repo", &repository, "--json", "url"];
        match self.gh(&args, PR_TIME).await {
            Ok(answer) => {
                let url = answer["url"].as_str()?;
                url.starts_with("https://").then(|| url.to_owned())
            }
            Err(err) => {
                tracing::debug!(%err, branch, "look up a pull request");
                None
            }
        }
    }

    /// Asks `gh` for a JSON value.
    async fn gh(&self, args: &[&str], limit: Duration) -> Result<serde_json::Value, EngineError> {
        let config = &self.inner.config;
        let failed = |text: String| EngineError::WrongState(format!("gh: {text}"));
        let Some(program) = find(&config.environment, "gh") else {
            let text = "GitHub's command line program gh is not installed; install it and run `gh auth login`";
            return Err(EngineError::WrongState(text.to_owned()));
        };
        let question = Question {
            program: &program,
            args,
            cwd: &config.user_home,
            environment: &config.environment,
            settings: GH_SETTINGS,
            limit,
        };
        let answer = question
            .ask()
            .await
            .map_err(|err| failed(err.to_string()))?;
        if !answer.success {
            return Err(failed(answer.stderr));
        }
        serde_json::from_slice(&answer.stdout).map_err(|err| failed(err.to_string()))
    }

    /// Returns the page of a repository on GitHub.
    ///
    /// # Errors
    /// There is no such repository, or it is not on GitHub.
    pub async fn github_page(&self, id: RepositoryId) -> Result<String, EngineError> {
        let url = self.open_registered(id).await?.remote_url().await;
        let url = url.map_err(EngineError::git)?;
        let refused = |text: &str| EngineError::WrongState(text.to_owned());
        let url = url.ok_or_else(|| refused("The repository has no remote `origin`"))?;
        let remote = plain_remote(&url).filter(|remote| remote.host == GITHUB);
        let remote = remote.ok_or_else(|| refused("The repository's remote is not on GitHub"))?;
        Ok(format!("https://{GITHUB}/{}/{}", remote.owner, remote.repo))
    }

    /// Fetches everything from a repository's remote.
    ///
    /// # Errors
    /// There is no such repository, or git fails.
    pub async fn fetch_repository(&self, id: RepositoryId) -> Result<(), EngineError> {
        let opened = self.open_registered(id).await?;
        opened
            .fetch(None)
            .await
            .map_err(remote_error("fetch remote"))
    }

    /// Asks a repository's remote for its default branch and notes it.
    ///
    /// # Errors
    /// There is no such repository, or git fails.
    pub async fn refresh_default_branch(&self, id: RepositoryId) -> Result<String, EngineError> {
        let opened = self.open_registered(id).await?;
        let refreshed = opened.refresh_default_branch().await;
        refreshed.map_err(remote_error("refresh default branch"))
    }

    /// Fetches a branch and counts what either side lacks. A branch that is only there has no counts.
    ///
    /// # Errors
    /// There is no such repository, or the branch cannot be fetched.
    pub async fn remote_status(
        &self,
        id: RepositoryId,
        branch: &str,
    ) -> Result<RemoteStatus, EngineError> {
        let opened = self.open_registered(id).await?;
        let fetched = opened.fetch(Some(branch)).await;
        fetched.map_err(remote_error("get remote status"))?;
        let counts = opened
            .ahead_behind(branch, &format!("origin/{branch}"))
            .await;
        let (ahead, behind) = counts.unwrap_or_default();
        Ok(RemoteStatus { behind, ahead })
    }

    /// Fetches an issue from GitHub: by its address, as `org/repo#1`, or `#1` of the repository.
    ///
    /// # Errors
    /// There is no such repository, the reference cannot be understood, or `gh` fails.
    pub async fn github_issue(
        &self,
        id: RepositoryId,
        reference: &str,
    ) -> Result<GitHubIssue, EngineError> {
        let path = self.repository_path(id)?;
        let own = self.remote_of(&path).await;
        let Reference { remote, number } = Reference::parse(reference.trim(), own)?;
        let what = format!("repos/{}/{}/issues/{number}", remote.owner, remote.repo);
        let answer = if remote.host == GITHUB {
            self.gh(&["api", &what], ISSUE_TIME).await?
        } else {
            let args = ["api", "--hostname", &remote.host, &what];
            self.gh(&args, ISSUE_TIME).await?
        };
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let title = text("title");
        let url = match text("html_url") {
            url if url.starts_with("https://") => url,
            _ => {
                let (host, owner, repo) = (&remote.host, &remote.owner, &remote.repo);
                format!("https://{host}/{owner}/{repo}/issues/{number}")
            }
        };
        Ok(GitHubIssue {
            suggested_branch: suggested_branch(&title, number),
            org: remote.owner,
            repo: remote.repo,
            number,
            title,
            body: text("body"),
            url,
        })
    }
}

fn remote_error(what: &'static str) -> impl FnOnce(FetchError) -> EngineError {
    move |err| EngineError::Remote {
        what,
        reason: err.to_string(),
    }
}

/// Reads the address of a remote whose names mean the same in a URL and on a command line.
fn plain_remote(url: &str) -> Option<RemoteName> {
    let mut remote = offshoot_git::parse_remote(url)?;
    remote.host.make_ascii_lowercase();
    let plain = is_name(&remote.owner) && is_name(&remote.repo) && is_name(&remote.host);
    plain.then_some(remote)
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !matches!(name, "" | "." | "..") && !name.starts_with('-') && name.bytes().all(fits)
}

/// An issue that somebody named.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    remote: RemoteName,
    number: u64,
}

impl Reference {
    fn parse(text: &str, own: Option<RemoteName>) -> Result<Self, EngineError> {
        let refused = || {
            let message = "name an issue by its address, as org/repo#1, or as #1";
            invalid("reference", message)
        };
        let (remote, number) = match text.split_once("://") {
            Some(_) => Self::of_address(text, own.as_ref()).ok_or_else(refused)?,
            None => {
                let (place, number) = text.split_once('#').ok_or_else(refused)?;
                let remote = match place.split_once('/') {
                    None if place.is_empty() => own.ok_or_else(|| {
                        let text =
                            "The repository has no remote on GitHub; name the issue by its address";
                        EngineError::WrongState(text.to_owned())
                    })?,
                    Some((owner, repo)) => RemoteName {
                        host: GITHUB.to_owned(),
                        owner: owner.to_owned(),
                        repo: repo.to_owned(),
                    },
                    None => return Err(refused()),
                };
                (remote, number)
            }
        };
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|number| digits && *number > 0);
        let number = number.ok_or_else(refused)?;
        if !is_name(&remote.owner) || !is_name(&remote.repo) {
            return Err(refused());
        }
        Ok(Self { remote, number })
    }

    /// Takes an address apart. Only GitHub and the repository's own host are believed: the address
    /// decides where credentials go.
    fn of_address<'a>(text: &'a str, own: Option<&RemoteName>) -> Option<(RemoteName, &'a str)> {
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.split(['?', '#']).next()?;
        let mut parts = rest.trim_end_matches('/').split('/');
        let (host, owner, repo) = (parts.next()?, parts.next()?, parts.next()?);
        let (kind, number) = (parts.next()?, parts.next()?);
        let host = host.to_ascii_lowercase();
        let host = host.strip_prefix("www.").unwrap_or(&host);
        let known = host == GITHUB || own.is_some_and(|own| own.host == host);
        let fits = matches!(scheme, "https" | "http")
            && matches!(kind, "issues" | "pull")
            && known
            && parts.next().is_none();
        let remote = RemoteName {
            host: host.to_owned(),
            owner: owner.to_owned(),
            repo: repo.to_owned(),
        };
        fits.then_some((remote, number))
    }
}

/// Makes a branch name from an issue's title.
fn suggested_branch(title: &str, number: u64) -> String {
    let mut name = String::new();
    for c in title.to_lowercase().chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(SUGGESTION_BYTES);
    match name.trim_end_matches('-') {
        "" => format!("issue-{number}"),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(host: &str) -> RemoteName {
        RemoteName {
            host: host.to_owned(),
            owner: "acme".to_owned(),
            repo: "shop".to_owned(),
        }
    }

    #[test]
    fn issues_are_named_in_three_ways() {
        let ghe = || Some(own("git.acme.example"));
        for (text, own, expected) in [
            ("#7", ghe(), Some("git.acme.example/acme/shop#7")),
            ("o/r.js#12", None, Some("github.com/o/r.js#12")),
            (
                "https://github.com/o/r/issues/3",
                None,
                Some("github.com/o/r#3"),
            ),
            (
                "https://GitHub.com/o/r/issues/3/?x=1#c",
                None,
                Some("github.com/o/r#3"),
            ),
            (
                "https://git.acme.example/o/r/issues/3",
                ghe(),
                Some("git.acme.example/o/r#3"),
            ),
            ("https://evil.example/o/r/issues/3", ghe(), None),
            ("https://github.com/o/r/issues/3/4", None, None),
            ("https://github.com/o/../issues/3", None, None),
            ("file://github.com/o/r/issues/3", None, None),
            ("#7", None, None),
            ("#0", ghe(), None),
            ("#-1", ghe(), None),
            ("#+1", ghe(), None),
            ("7", ghe(), None),
            ("o#7", ghe(), None),
            ("o/r/x#7", ghe(), None),
            ("--help/r#7", ghe(), None),
            ("o/r\n#7", ghe(), None),
            ("", ghe(), None),
        ] {
            let found = Reference::parse(text, own).ok().map(|found| {
                let RemoteName { host, owner, repo } = found.remote;
                format!("{host}/{owner}/{repo}#{}", found.number)
            });
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn branches_are_made_from_titles() {
        for (title, expected) in [
            ("Fix the Cart: total!", "fix-the-cart-total"),
            ("  ---  ", "issue-4"),
            ("日本", "issue-4"),
            ("a  b", "a-b"),
        ] {
            assert_eq!(suggested_branch(title, 4), expected);
        }
        assert!(suggested_branch(&"x".repeat(900), 1).len() <= SUGGESTION_BYTES);
    }
}

//! The setup command of a repository, run in each new worktree.
//!
//! Owns what it is started with and how its end is told. Its failure is a result, not an error: the
//! worktree is made all the same.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use offshoot_protocol::worktree::SetupCommandResult;
use tokio_util::sync::CancellationToken;

use super::placeholders::{Facts, expand_command};
use super::program::{self, How, Program};

/// A setup command to run.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// The command, with placeholders.
    pub(crate) command: &'a str,
    /// What its placeholders and variables stand for.
    pub(crate) facts: Facts<'a>,
    /// The environment that workers start from.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// How long it may run.
    pub(crate) limit: Duration,
    /// The job it belongs to.
    pub(crate) job: &'a str,
}

/// Runs a setup command. None when it was no longer wanted.
pub(crate) async fn run(
    setup: Setup<'_>,
    cancel: &CancellationToken,
    on_line: impl FnMut(&str),
) -> Option<SetupCommandResult> {
    let Setup { facts, limit, .. } = setup;
    let mut environment = setup.environment.to_vec();
    let own = [
        ("WORKTREE_NUM", facts.index.to_string()),
        ("BRANCH", facts.branch.to_owned()),
        ("REPO", facts.repo.to_owned()),
        ("WORKTREE_PATH", facts.path.to_owned()),
    ];
    for (name, value) in own {
        environment.retain(|(known, _)| known != name);
        environment.push((name.into(), value.into()));
    }
    let line = expand_command(setup.command, facts);
    let program = Program {
        argv: vec!["/bin/sh".into(), "-c".into(), line.into()],
        environment,
        cwd: Path::new(facts.path),
        limit,
        job: setup.job,
    };
    let ended = match program::run(program, cancel, on_line).await {
        Ok(ended) => ended,
        Err(err) => return Some(failure(None, format!("Could not run the command: {err}"))),
    };
    let output = Some(ended.stdout).filter(|text| !text.is_empty());
    let complaint = |otherwise: String| match ended.stderr.trim().is_empty() {
        true => otherwise,
        false => ended.stderr.clone(),
    };
    Some(match ended.how {
        How::Cancelled => return None,
        How::Exited(0) => SetupCommandResult {
            success: true,
            output,
            error: None,
        },
        How::Exited(code) => failure(
            output,
            complaint(format!("Command exited with code {code}")),
        ),
        How::Signalled(number) => failure(
            output,
            complaint(format!("Command was ended by signal {number}")),
        ),
        How::TimedOut => {
            let seconds = limit.as_secs();
            let text = format!("Command did not end within {seconds} s and was killed");
            failure(output, format!("{}{text}", with_break(&ended.stderr)))
        }
    })
}

/// Ends a text with a line break, unless it is empty.
fn with_break(text: &str) -> String {
    match text {
        "" => String::new(),
        text if text.ends_with('\n') => text.to_owned(),
        text => format!("{text}\n"),
    }
}

fn failure(output: Option<String>, error: String) -> SetupCommandResult {
    SetupCommandResult {
        success: false,
        output,
        error: Some(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run_in(dir: &Path, command: &str, limit: Duration) -> SetupCommandResult {
        let path = dir.to_str().unwrap();
        let setup = Setup {
            command,
            facts: Facts {
                index: 2,
                branch: "fix/it",
                repo: "shop",
                path,
            },
            environment: &[
                ("PATH".into(), std::env::var_os("PATH").unwrap()),
                ("BRANCH".into(), "another".into()),
            ],
            limit,
            job: &uuid::Uuid::new_v4().to_string(),
        };
        run(setup, &CancellationToken::new(), |_| {}).await.unwrap()
    }

    #[tokio::test]
    async fn ends_are_told_as_documented() {
        let dir = tempfile::tempdir().unwrap();
        let result = |success, output: Option<&str>, error: Option<&str>| SetupCommandResult {
            success,
            output: output.map(str::to_owned),
            error: error.map(str::to_owned),
        };
        let table = [
            (
                "echo {{WORKTREE_NUM + 3000}} $BRANCH",
                result(true, Some("3002 fix/it\n"), None),
            ),
            ("true", result(true, None, None)),
            ("true >&2", result(true, None, None)),
            (
                "echo a; echo no network >&2; exit 4",
                result(false, Some("a\n"), Some("no network\n")),
            ),
            (
                "exit 4",
                result(false, None, Some("Command exited with code 4")),
            ),
            (
                "kill -9 $$",
                result(false, None, Some("Command was ended by signal 9")),
            ),
            (
                "echo $WORKTREE_NUM $REPO",
                result(true, Some("2 shop\n"), None),
            ),
        ];
        for (command, expected) in table {
            let got = run_in(dir.path(), command, Duration::from_secs(20)).await;
            assert_eq!(got, expected, "{command}");
        }
        let here = run_in(
            dir.path(),
            "pwd; echo $WORKTREE_PATH",
            Duration::from_secs(20),
        )
        .await;
        let path = dir.path().display();
        assert_eq!(here.output.unwrap(), format!("{path}\n{path}\n"));
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let script = "echo begun; echo slow >&2; sleep 1000";
        let ended = run_in(dir.path(), script, Duration::from_millis(300)).await;
        assert_eq!(ended.output.as_deref(), Some("begun\n"));
        assert_eq!(
            ended.error.as_deref(),
            Some("slow\nCommand did not end within 0 s and was killed")
        );
    }
}

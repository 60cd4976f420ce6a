//! A branch name and a title for a task, asked from an agent without a terminal.
//!
//! Owns the question and how an answer is read. Never fails: without a usable answer the branch is
//! `task-<time>`, and the reason is told.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use offshoot_protocol::view::Agent;
use tokio_util::sync::CancellationToken;

use super::program::{self, Ended, How, Program};
use crate::template::{self, Values};

/// An agent has so long to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Branches that are shown as examples of style.
const EXAMPLES: usize = 10;

/// Characters of the task that are shown: enough to name it, short enough for an argument.
const TASK_CHARS: usize = 8_000;

/// Bytes of names to avoid that are listed; more would not fit an argument. What is taken is found
/// out later all the same.
const AVOIDED_BYTES: usize = 32 << 10;

/// Longest branch that is taken over from an answer.
const BRANCH_CHARS: usize = 100;

/// Longest title that is taken over from an answer.
const TITLE_CHARS: usize = 200;

/// What an agent suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suggestion {
    pub(crate) branch: String,
    pub(crate) title: Option<String>,
}

/// What is asked, and of whom.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) task: &'a str,
    /// All branches there are.
    pub(crate) branches: &'a [String],
    /// The repository's directory.
    pub(crate) repository: &'a Path,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) job: &'a str,
}

/// Asks an agent for a branch name. The error is the reason for doing without.
pub(crate) async fn ask(
    question: Question<'_>,
    cancel: &CancellationToken,
) -> Result<Suggestion, String> {
    let agent = question.agent;
    let template = agent.headless_template.as_deref().unwrap_or_default();
    if template.trim().is_empty() {
        return Err(format!(
            "Agent \"{}\" does not support headless mode (headlessTemplate not configured)",
            agent.name
        ));
    }
    let prompt = instruction(question.task, question.branches);
    let values = Values {
        prompt: Some(&prompt),
        cwd: question.repository,
    };
    let mut environment = question.environment;
    let colours = ["TERM", "COLORTERM", "FORCE_COLOR"];
    environment.retain(|(name, _)| colours.iter().all(|colour| name != colour));
    environment.push(("TERM".into(), "dumb".into()));
    let program = Program {
        argv: template::argv(template, values),
        environment,
        cwd: question.repository,
        limit: LIMIT,
        job: question.job,
    };
    let ended = program::run(program, cancel, |_| {}).await;
    let ended = ended.map_err(|err| format!("Agent command failed: {err}"))?;
    read(&answer(ended)?)
}

/// Returns what a program printed, if it ended well.
fn answer(ended: Ended) -> Result<String, String> {
    let why = match ended.how {
        How::Exited(0) => return Ok(ended.stdout),
        How::TimedOut => format!("no answer within {} s", LIMIT.as_secs()),
        How::Cancelled => "cancelled".to_owned(),
        How::Exited(code) => said_or(&ended.stderr, &format!("exit code {code}")),
        How::Signalled(number) => said_or(&ended.stderr, &format!("ended by signal {number}")),
    };
    Err(format!("Agent command failed: {why}"))
}

fn said_or(stderr: &str, otherwise: &str) -> String {
    let said = stderr.trim();
    if said.is_empty() { otherwise } else { said }.to_owned()
}

/// Finds branch and title in an answer.
fn read(answer: &str) -> Result<Suggestion, String> {
    let missing = || "Failed to extract JSON from response".to_owned();
    let (start, end) = answer
        .find('{')
        .zip(answer.rfind('}'))
        .ok_or_else(missing)?;
    let json = answer.get(start..=end).ok_or_else(missing)?;
    let parsed: serde_json::Value =
        serde_json::from_str(json).map_err(|_| "Failed to parse JSON response".to_owned())?;
    let branch = parsed["branch"].as_str().and_then(branch_of);
    let branch = branch.ok_or("Failed to generate branch name: missing branch in response")?;
    let title = parsed["title"].as_str().map(str::trim);
    let title = title.filter(|title| !title.is_empty());
    Ok(Suggestion {
        branch,
        title: title.map(|title| title.chars().take(TITLE_CHARS).collect()),
    })
}

/// Makes a suggested name one that git takes. None when nothing is left of it.
fn branch_of(suggested: &str) -> Option<String> {
    let mut branch = String::new();
    for c in suggested.trim().to_lowercase().chars() {
        let c = match c {
            'a'..='z' | '0'..='9' | '/' => c,
            _ => '-',
        };
        if c != '-' || !branch.ends_with('-') {
            branch.push(c);
        }
    }
    branch.truncate(BRANCH_CHARS);
    let branch = branch.strip_prefix('-').unwrap_or(&branch);
    let branch = branch.strip_suffix('-').unwrap_or(branch);
    offshoot_git::valid_branch_name(branch).ok()?;
    Some(branch.to_owned())
}

/// Words the question.
fn instruction(task: &str, branches: &[String]) -> String {
    let task: String = task.chars().take(TASK_CHARS).collect();
    let examples: Vec<_> = branches.iter().take(EXAMPLES).map(String::as_str).collect();
    let mut n_bytes = 0;
    let avoided: BTreeSet<&str> = branches
        .iter()
        .take_while(|branch| {
            n_bytes += branch.len() + 2;
            n_bytes <= AVOIDED_BYTES
        })
        .map(String::as_str)
        .collect();
    let avoided: Vec<_> = avoided.into_iter().collect();
    let list = |names: &[&str]| match names {
        [] => "(none)".to_owned(),
        names => names.join(", "),
    };
    format!(
        "Suggest a git branch name and a short title for the task below. Do not work on the task.\n\
         \n\
         <task>\n{task}\n</task>\n\
         \n\
         Branches that show the style of this repository: {}\n\
         Names that are taken and must not be used: {}\n\
         \n\
         The branch name: lower case letters, digits and hyphens, with a prefix such as `fix/` or \
         `feat/` where the style has them; at most 50 characters; in English.\n\
         The title: at most 60 characters, in the language of the task.\n\
         \n\
         Answer with exactly one JSON object and nothing else: {{\"branch\": \"…\", \"title\": \"…\"}}\n",
        list(&examples),
        list(&avoided),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_suggestions() {
        let table = [
            ("fix/cart-total", Some("fix/cart-total")),
            ("  Fix Cart\tTotal ", Some("fix-cart-total")),
            ("feat: größe!", Some("feat-gr-e")),
            ("--a---b--", Some("a-b")),
            ("a..b@{1}", Some("a-b-1")),
            ("日本", None),
            ("", None),
            ("/", None),
            ("a//b", None),
        ];
        for (suggested, expected) in table {
            assert_eq!(branch_of(suggested).as_deref(), expected, "{suggested}");
        }
        assert_eq!(branch_of(&"x".repeat(500)).unwrap().len(), BRANCH_CHARS);
    }

    #[test]
    fn answers_are_read_from_the_first_brace_to_the_last() {
        let good = "Sure!\n```json\n{\"branch\":\"Fix It\",\"title\":\" T \"}\n```\n";
        let suggestion = Suggestion {
            branch: "fix-it".to_owned(),
            title: Some("T".to_owned()),
        };
        assert_eq!(read(good), Ok(suggestion));
        let table = [
            ("no json", "Failed to extract JSON from response"),
            ("} {", "Failed to extract JSON from response"),
            ("{not json}", "Failed to parse JSON response"),
            ("{\"a\":1} {\"b\":2}", "Failed to parse JSON response"),
            (
                "{\"title\":\"x\"}",
                "Failed to generate branch name: missing branch in response",
            ),
            (
                "{\"branch\":7}",
                "Failed to generate branch name: missing branch in response",
            ),
            (
                "{\"branch\":\"…\"}",
                "Failed to generate branch name: missing branch in response",
            ),
        ];
        for (answer, reason) in table {
            assert_eq!(read(answer), Err(reason.to_owned()), "{answer}");
        }
        assert_eq!(
            read("{\"branch\":\"b\",\"title\":\"\"}").unwrap().title,
            None
        );
    }

    fn agent(headless: Option<&str>) -> Agent {
        Agent {
            name: "FA".to_owned(),
            headless_template: headless.map(str::to_owned),
            ..crate::agents::claude_code()
        }
    }

    async fn ask_with(headless: Option<&str>, task: &str) -> Result<Suggestion, String> {
        let question = Question {
            agent: &agent(headless),
            task,
            branches: &["main".to_owned(), "fix/old".to_owned()],
            repository: Path::new("/"),
            environment: vec![
                ("PATH".into(), std::env::var_os("PATH").unwrap()),
                ("FORCE_COLOR".into(), "1".into()),
            ],
            job: &uuid::Uuid::new_v4().to_string(),
        };
        ask(question, &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn every_failure_has_its_reason() {
        let table = [
            (
                None,
                "Agent \"FA\" does not support headless mode (headlessTemplate not configured)",
            ),
            (
                Some("sh -c 'echo not logged in >&2; exit 1' {{prompt}}"),
                "Agent command failed: not logged in",
            ),
            (
                Some("sh -c 'exit 3' {{prompt}}"),
                "Agent command failed: exit code 3",
            ),
            (Some("echo nothing"), "Failed to extract JSON from response"),
        ];
        for (template, reason) in table {
            assert_eq!(
                ask_with(template, "t").await,
                Err(reason.to_owned()),
                "{template:?}"
            );
        }
        let gone = ask_with(Some("/no/such/agent {{prompt}}"), "t")
            .await
            .unwrap_err();
        assert!(gone.starts_with("Agent command failed: "), "{gone}");
    }

    #[tokio::test]
    async fn the_task_reaches_the_agent_as_data_and_the_terminal_is_dumb() {
        let task = "it's \"$(exit 9)\" `exit 9`; exit 9";
        // Answers only when the question holds the task as it was given.
        let script = r#"case "$1" in *'$(exit 9)'*'`exit 9`; exit 9'*fix/old*) ;; *) exit 5;; esac;
            printf '{"branch":"term %s %s","title":"T"}' "$TERM" "$FORCE_COLOR""#;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent");
        std::fs::write(&file, script).unwrap();
        let template = format!("sh {} {{{{prompt}}}}", file.display());
        let suggestion = ask_with(Some(&template), task).await.unwrap();
        assert_eq!(suggestion.branch, "term-dumb");
        let in_shell = format!("sh {} {{{{prompt}}}} | cat", file.display());
        assert_eq!(
            ask_with(Some(&in_shell), task).await.unwrap().branch,
            "term-dumb"
        );
    }

    #[test]
    fn a_huge_task_and_many_branches_still_fit_an_argument() {
        let branches: Vec<_> = (0..20_000).map(|n| format!("feature/number-{n}")).collect();
        let text = instruction(&"界".repeat(100_000), &branches);
        assert!(text.len() < 100_000, "{}", text.len());
    }
}

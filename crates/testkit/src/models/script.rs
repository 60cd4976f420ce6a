//! Reads the script in a prompt: which step is next.

use super::conversation::{Said, Who};

/// What the model does in one request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Answers.
    Say(String),
    /// Streams words for a while, then answers.
    Slow { seconds: f64, then: String },
    /// Is silent for a while, then answers.
    Think { seconds: f64 },
    /// Streams words and waits at a gate.
    Hold { gate: String, text: String },
    /// Answers this many lines.
    Lines(u32),
    /// Calls the shell.
    Shell { command: String, place: Place },
    /// Writes a file.
    Write { path: String, content: String },
    /// Asks the person.
    Ask {
        question: String,
        options: Vec<String>,
    },
    /// Calls a tool by its name.
    Tool { name: String, arguments: String },
    /// Fails with a status, always or the first times.
    Error { status: u16, times: Option<u32> },
    /// A mistake in the script.
    Unknown(String),
}

impl Step {
    /// The word a script has for it.
    pub(super) fn verb(&self) -> &str {
        match self {
            Self::Say(_) => "say",
            Self::Slow { .. } => "slow",
            Self::Think { .. } => "think",
            Self::Hold { .. } => "hold",
            Self::Lines(_) => "lines",
            Self::Shell { .. } => "shell",
            Self::Write { .. } => "write",
            Self::Ask { .. } => "ask",
            Self::Tool { .. } => "tool",
            Self::Error { .. } => "error",
            Self::Unknown(verb) => verb,
        }
    }
}

/// Where a command wants to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Wherever the agent runs commands.
    Usual,
    /// Outside the agent's sandbox.
    Outside,
}

/// Begins a script.
const BEGIN: &str = "@@";

/// Divides its steps.
const DIVIDE: &str = ";;";

/// What ends a script when the prompt goes on: our word, or the tag an agent wraps a prompt in.
const ENDS: [&str; 3] = ["@end", "</", "\n\n<"];

/// The next step of a conversation, and the script it is of.
pub(super) fn next(talk: &[Said]) -> (Step, &str) {
    let has_script = |said: &Said| said.who == Who::User && said.text.contains(BEGIN);
    let Some(at) = talk.iter().rposition(has_script) else {
        return (Step::Say("No script in the prompt.".to_owned()), "");
    };
    let script = script_of(&talk[at].text);
    let done = talk[at..].iter().filter(|said| said.who == Who::Tool);
    let mut steps = script
        .split(DIVIDE)
        .map(str::trim)
        .filter(|s| !s.is_empty());
    match steps.nth(done.count()) {
        Some(step) => (parse(step), script),
        None => (Step::Say("All steps are done.".to_owned()), script),
    }
}

fn script_of(prompt: &str) -> &str {
    let begin = prompt.rfind(BEGIN).map_or(0, |at| at + BEGIN.len());
    let rest = &prompt[begin..];
    let end = ENDS.iter().filter_map(|end| rest.find(end)).min();
    &rest[..end.unwrap_or(rest.len())]
}

fn parse(step: &str) -> Step {
    let (verb, rest) = step.split_once(char::is_whitespace).unwrap_or((step, ""));
    let rest = rest.trim();
    match verb.to_ascii_lowercase().as_str() {
        "say" => Step::Say(unescape(rest)),
        "slow" => {
            let (seconds, then) = rest.split_once(' ').unwrap_or((rest, "finished."));
            Step::Slow {
                seconds: seconds.parse().unwrap_or(5.0),
                then: unescape(then),
            }
        }
        "think" => Step::Think {
            seconds: rest.parse().unwrap_or(5.0),
        },
        "hold" => {
            let (gate, text) = rest.split_once(' ').unwrap_or((rest, "holding\\n\\n"));
            Step::Hold {
                gate: gate.to_owned(),
                text: unescape(text),
            }
        }
        "lines" => Step::Lines(rest.parse().unwrap_or(50)),
        "shell" => shell(rest, Place::Usual),
        "shellesc" => shell(rest, Place::Outside),
        "write" => {
            let (path, content) = rest.split_once('|').unwrap_or((rest, ""));
            Step::Write {
                path: path.trim().to_owned(),
                content: unescape(content) + "\n",
            }
        }
        "ask" => ask(rest),
        "tool" => {
            let (name, arguments) = rest.split_once(' ').unwrap_or((rest, "{}"));
            Step::Tool {
                name: name.to_owned(),
                arguments: arguments.trim().to_owned(),
            }
        }
        "error" => {
            let (status, times) = rest.split_once(' ').unwrap_or((rest, ""));
            Step::Error {
                status: status.parse().unwrap_or(500),
                times: times.trim().parse().ok(),
            }
        }
        _ => Step::Unknown(verb.to_owned()),
    }
}

fn shell(command: &str, place: Place) -> Step {
    Step::Shell {
        command: command.to_owned(),
        place,
    }
}

fn ask(text: &str) -> Step {
    let mut parts = text.split('|').map(|part| part.trim().to_owned());
    let question = parts.next().unwrap_or_default();
    let mut options: Vec<String> = parts.collect();
    if options.is_empty() {
        options = vec!["Yes".to_owned(), "No".to_owned()];
    }
    Step::Ask { question, options }
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(who: Who, text: &str) -> Said {
        Said {
            who,
            text: text.to_owned(),
        }
    }

    fn step_of(talk: &[Said]) -> Step {
        next(talk).0
    }

    #[test]
    fn each_tool_result_moves_on_by_one_step() {
        let mut talk = vec![said(
            Who::User,
            "Do.\n@@ shell ls ;; ask Which?|A|B ;; say bye",
        )];
        let expected = [
            shell("ls", Place::Usual),
            Step::Ask {
                question: "Which?".to_owned(),
                options: vec!["A".to_owned(), "B".to_owned()],
            },
            Step::Say("bye".to_owned()),
            Step::Say("All steps are done.".to_owned()),
        ];
        for step in expected {
            assert_eq!(step_of(&talk), step);
            talk.push(said(Who::Agent, "calls"));
            talk.push(said(Who::Tool, "result"));
        }
    }

    #[test]
    fn the_last_prompt_with_a_script_counts_and_begins_at_its_first_step() {
        let talk = [
            said(Who::User, "@@ shell ls"),
            said(Who::Tool, "result"),
            said(Who::User, "@@ say first @@ say second"),
            said(Who::Agent, "@@ say mine"),
            said(Who::User, "go on"),
        ];
        assert_eq!(step_of(&talk), Step::Say("second".to_owned()));
    }

    #[test]
    fn wrapping_of_the_agent_is_no_part_of_the_script() {
        let wrapped = "<pasted_content id=1>\n@@ say a\\nb\n</pasted_content>";
        assert_eq!(
            step_of(&[said(Who::User, wrapped)]),
            Step::Say("a\nb".to_owned())
        );
        let followed = "@@ error 529 2\n\n<system>be kind</system>";
        let error = Step::Error {
            status: 529,
            times: Some(2),
        };
        assert_eq!(step_of(&[said(Who::User, followed)]), error);
    }

    #[test]
    fn mistakes_are_told_apart_from_silence() {
        assert_eq!(
            step_of(&[said(Who::User, "@@ dance")]),
            Step::Unknown("dance".to_owned())
        );
        assert_eq!(
            step_of(&[said(Who::User, "hello")]),
            Step::Say("No script in the prompt.".to_owned())
        );
    }
}

//! Requests: what an agent asks, read from its screen, its hook and its status report.
//!
//! Owns the reading ([`Reader`]): by the answer rules of the agent's definition, else by what menus
//! and questions have in common. Pure: no clock, no I/O. Whether the agent waits at all is judged by
//! `attention`; the worker's task (`worker::asking`) types the answer, once.
//!
//! An answer names the request it is for. A request's id is made from its picture on the screen, which
//! is all that stands between the dialog's upper edge and its options, the beginning of the wait and
//! the number of answers that had an effect, so an answer to a question that has changed meanwhile
//! names no request, and a second answer to the same finds it answered. A question that a server left
//! open keeps its id when the next one finds the same picture ([`Recalled`]).

pub(crate) mod commands;
mod recalled;

use offshoot_protocol::request::{Request, RequestOption};
use offshoot_protocol::view::{Activity, WaitKind};
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub(crate) use self::recalled::Recalled;
use crate::credentials::hex;
use crate::definitions::{self, AnswerRule, Definition, Region};
use crate::prompts::composer::squeeze;

/// Lines from the bottom in which questions of undescribed programs stand.
const GENERIC_LINES: u16 = 24;

/// Longest text, label or command that is shown.
const TEXT_CHARS: usize = 500;

/// So many dashes in a row are the upper edge of a dialog.
const EDGE: usize = 10;

/// Stand before the option that Enter takes.
const MARKS: [char; 3] = ['❯', '›', '●'];

/// Reads the questions of one kind of agent.
#[derive(Debug)]
pub(crate) struct Reader {
    rules: Vec<Rule>,
    numbered: Regex,
    yes_or_no: Regex,
}

/// An answer rule, compiled. Patterns that do not compile find nothing; the linter tells of them.
#[derive(Debug)]
struct Rule {
    rule: AnswerRule,
    text: Option<Regex>,
    option: Option<Regex>,
    command: Option<Regex>,
    file: Option<Regex>,
}

/// A question with the keys that answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) view: Request,
    /// Names what stands on the screen: equal pictures have equal names, also in another server.
    pub(crate) picture: String,
    /// The keys of each option, each in a write of its own.
    keys: Vec<Vec<String>>,
    /// The option on which the mark of a menu stands.
    marked: Option<usize>,
}

/// What the terminal shows and the agent has said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) rows: &'a [String],
    pub(crate) activity: &'a Activity,
    /// The input of the tool that the agent wants to use, from its hook.
    pub(crate) tool_input: Option<&'a Value>,
    /// So many answers had an effect: a question that looks like an answered one is another.
    pub(crate) n_answered: u64,
}

/// An option while it is read.
#[derive(Debug)]
struct Found {
    id: String,
    label: String,
    keys: Vec<String>,
    marked: bool,
    /// Where it begins in the text that was read.
    at: usize,
}

impl Reader {
    /// Compiles the rules of a definition.
    pub(crate) fn of(definition: &Definition) -> Self {
        let pattern = |text: &str| pattern(text).expect("a pattern of ours");
        Self {
            rules: definition.answers.iter().map(Rule::of).collect(),
            numbered: pattern(
                r"^\W*?(?<mark>[❯›>●*]?)\W*?(?<key>\d{1,2})[.)]\s+(?<label>\S[^\n]*?)[\s│┃|]*$",
            ),
            yes_or_no: pattern(r"(?i)[\[(](?<yes>y|yes)\s*/\s*(?<no>n|no)\b[^\])\n]*[\])]\W*$"),
        }
    }

    /// Reads what is asked now.
    pub(crate) fn read(&self, seen: Seen<'_>) -> Asked {
        let mut rules = self.rules.iter();
        let kind = seen.activity.kind;
        let read = rules.find_map(|rule| rule.read(seen.rows, kind));
        let mut part = read.unwrap_or_else(|| self.read_generic(seen.rows));
        let reason = seen.activity.reason.clone().unwrap_or_default();
        if part.text.is_empty() && part.options.is_empty() {
            part.text.clone_from(&reason);
        }
        let body = part.body(seen.rows);
        let picture = part.picture(&body);
        if part.text.is_empty() {
            part.text.clone_from(&reason);
        }
        let input = |names: &[&str]| {
            let found = names
                .iter()
                .find_map(|name| seen.tool_input?.get(name)?.as_str());
            found.map(str::to_owned)
        };
        let reported = reason.strip_prefix("approve Bash: ").map(str::to_owned);
        let told = input(&["command"]).or(reported);
        let body = squeeze(&body);
        part.command = whole(part.command, told, |told, seen, is_cut| {
            body.contains(told) || is_cut && told.starts_with(seen)
        });
        let told = input(&["file_path", "path"]);
        part.file = whole(part.file, told, |told, seen, _| told.ends_with(seen));
        part.into_asked(picture, &seen)
    }

    fn read_generic(&self, rows: &[String]) -> Part {
        let text = region(rows, Region::Bottom(GENERIC_LINES));
        let mut part = Part::default();
        if let Some(found) = self.yes_or_no.captures_iter(&text).last() {
            let end = found.get(0).map_or(0, |all| all.end());
            let line_at = line_start(&text, end);
            part.text = text[line_at..end].trim().to_owned();
            part.options = ["yes", "no"]
                .map(|name| typed(&found[name], name, line_at))
                .into();
            part.takes_text = true;
            part.read = text;
            return part;
        }
        part.options = options(&self.numbered, &text);
        // The number of the option that is marked already moves nothing.
        for option in part.options.iter_mut().filter(|option| option.marked) {
            option.keys = vec!["\r".to_owned()];
        }
        // Without a mark it is a list that wants its number and Enter.
        if !part.options.iter().any(|option| option.marked) {
            let enter = |option: &mut Found| option.keys.push("\r".to_owned());
            part.options.iter_mut().for_each(enter);
        }
        part.takes_text = part.options.is_empty();
        let firsts = self.numbered.captures_iter(&text);
        let firsts = firsts.filter(|found| &found["key"] == "1");
        let begin = firsts.filter_map(|found| found.get(0)).last();
        let begin = begin.map_or(text.len(), |first| first.start());
        let above = text[..begin].lines().rev();
        let question = above
            .take(6)
            .find(|line| line.trim_end().ends_with(['?', ':']));
        part.text = question.map(bare).unwrap_or_default();
        part.read = text;
        part
    }
}

/// What was read, before it is a request.
#[derive(Debug, Default)]
struct Part {
    text: String,
    options: Vec<Found>,
    takes_text: bool,
    command: Option<String>,
    file: Option<String>,
    /// The lines it was read from, without the empty ones.
    read: String,
}

impl Part {
    /// The lines of the dialog above its options, up to its upper edge or that of the screen. What
    /// turns there to show that time passes is left out.
    fn body(&self, rows: &[String]) -> String {
        let first = self.options.iter().map(|option| option.at).min();
        let Some(first) = first else {
            return String::new();
        };
        let from_end = self.read[first..].lines().count();
        let all = filled_lines(rows);
        let above = &all[..all.len().saturating_sub(from_end)];
        let begin = above
            .iter()
            .rposition(|line| is_edge(line))
            .map_or(0, |edge| edge + 1);
        let lines = above[begin..].iter().filter(|line| !turns(line));
        lines
            .map(|line| line.trim_end())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Names what was read from the screen. The mark is no part of it: people move it.
    fn picture(&self, body: &str) -> String {
        let options = self
            .options
            .iter()
            .map(|option| (&option.id, &option.label));
        let read = (
            &self.text,
            options.collect::<Vec<_>>(),
            &self.command,
            &self.file,
            body,
        );
        digest(&serde_json::json!(read).to_string())
    }

    fn into_asked(self, picture: String, seen: &Seen<'_>) -> Asked {
        let Activity { kind, since, .. } = *seen.activity;
        let marked = self.options.iter().position(|option| option.marked);
        let view = |option: &Found| RequestOption {
            id: option.id.clone(),
            label: cut(&option.label),
        };
        let request = Request {
            id: digest(&format!(
                "{picture} {} {}",
                since.as_millisecond(),
                seen.n_answered
            )),
            kind,
            text: cut(&self.text),
            options: self.options.iter().map(view).collect(),
            takes_text: self.takes_text,
            command: self.command.as_deref().map(cut),
            file: self.file.as_deref().map(cut),
            since,
        };
        Asked {
            view: request,
            picture,
            keys: self.options.into_iter().map(|option| option.keys).collect(),
            marked,
        }
    }
}

impl Asked {
    /// The keys of an option, each to be typed in a write of its own.
    pub(crate) fn keys(&self, option: &str) -> Option<Vec<Vec<u8>>> {
        let at = self.position(option)?;
        let keys = self.keys[at].iter().map(|key| key.clone().into_bytes());
        Some(keys.collect())
    }

    /// Whether the mark of the menu stands on an option.
    pub(crate) fn is_marked(&self, option: &str) -> bool {
        self.marked.is_some() && self.marked == self.position(option)
    }

    fn position(&self, option: &str) -> Option<usize> {
        self.view.options.iter().position(|one| one.id == option)
    }
}

impl Rule {
    fn of(rule: &AnswerRule) -> Self {
        Self {
            text: pattern(&rule.text),
            option: pattern(&rule.option),
            command: pattern(&rule.command),
            file: pattern(&rule.file),
            rule: rule.clone(),
        }
    }

    /// Reads by this rule; none when it does not fit what is shown.
    fn read(&self, rows: &[String], kind: Option<WaitKind>) -> Option<Part> {
        if kind.is_some_and(|kind| kind != wait_kind(self.rule.kind)) {
            return None;
        }
        let text = region(rows, self.rule.region);
        let asked = self
            .text
            .as_ref()
            .map(|pattern| last_group(pattern, &text, "text"));
        if matches!(asked, Some(None)) {
            return None;
        }
        let mut found = match &self.option {
            Some(pattern) => options(pattern, &text),
            None => Vec::new(),
        };
        for option in &mut found {
            option.keys.extend(self.rule.confirm.iter().cloned());
        }
        for choice in &self.rule.choices {
            let Some(at) = text.rfind(&choice.label) else {
                continue;
            };
            let line = text[line_start(&text, at)..].trim_start();
            let marked = line.starts_with(MARKS);
            // The mark stands on it already: the keys that move it there would move it away.
            let enter = || vec!["\r".to_owned()];
            found.push(Found {
                id: choice.label.clone(),
                label: choice.label.clone(),
                keys: if marked { enter() } else { choice.keys.clone() },
                marked,
                at,
            });
        }
        if found.is_empty() {
            return None;
        }
        let denies = !self.rule.deny.is_empty() && self.rule.choices.is_empty();
        if denies && !found.iter().any(|option| option.keys == self.rule.deny) {
            found.push(Found {
                id: "esc".to_owned(),
                label: "Cancel (Esc)".to_owned(),
                keys: self.rule.deny.clone(),
                marked: false,
                at: text.len(),
            });
        }
        let group = |pattern: &Option<Regex>, name| last_group(pattern.as_ref()?, &text, name);
        Some(Part {
            text: asked.flatten().unwrap_or_default(),
            options: found,
            takes_text: self.rule.free_text,
            command: group(&self.command, "command"),
            file: group(&self.file, "file"),
            read: text,
        })
    }
}

/// Finds the options, of the last menu when several are shown.
fn options(pattern: &Regex, text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for captures in pattern.captures_iter(text) {
        let (Some(key), Some(label)) = (captures.name("key"), captures.name("label")) else {
            continue;
        };
        let id = key.as_str().to_owned();
        if id == "1" {
            found.clear();
        }
        let says_esc = label.as_str().trim_end().ends_with("(esc)");
        let at = line_start(text, key.start());
        let before = &text[at..key.start().max(label.start())];
        found.push(Found {
            // Where Esc does the same, it is plain to all that the person refuses.
            keys: vec![if id == "esc" || says_esc {
                "\u{1b}".to_owned()
            } else {
                id.clone()
            }],
            id,
            label: bare(label.as_str()),
            marked: before.contains(MARKS) || before.trim_start().starts_with('>'),
            at,
        });
    }
    found.dedup_by(|one, other| one.id == other.id);
    found
}

/// A word that is typed and confirmed.
fn typed(word: &str, id: &str, at: usize) -> Found {
    let label = if id == "yes" { "Yes" } else { "No" };
    Found {
        id: word.to_ascii_lowercase(),
        label: label.to_owned(),
        keys: vec![format!("{}\r", word.to_ascii_lowercase())],
        marked: false,
        at,
    }
}

fn last_group(pattern: &Regex, text: &str, name: &str) -> Option<String> {
    let last = pattern.captures_iter(text).last()?;
    let found = last.name(name)?.as_str();
    Some(found.lines().map(bare).collect::<Vec<_>>().join("\n"))
}

/// Tells whether a line is the upper edge of a dialog.
fn is_edge(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix('╭').unwrap_or(line);
    let dashes = line.chars().take_while(|c| matches!(c, '─' | '━' | '▔'));
    dashes.count() >= EDGE
}

/// Tells whether a line changes while nothing happens.
fn turns(line: &str) -> bool {
    line.contains(|c| ('\u{2800}'..='\u{28ff}').contains(&c)) || line.contains("esc to ")
}

fn pattern(text: &str) -> Option<Regex> {
    if text.is_empty() {
        return None;
    }
    RegexBuilder::new(text).multi_line(true).build().ok()
}

/// Where the line begins in which something stands.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// The lines that are not empty.
fn filled_lines(rows: &[String]) -> Vec<&str> {
    let rows = rows.iter().map(String::as_str);
    rows.filter(|row| !row.trim().is_empty()).collect()
}

/// The lines of a region that are not empty.
fn region(rows: &[String], region: Region) -> String {
    let lines = filled_lines(rows);
    let begin = match region {
        Region::Bottom(n) => lines.len().saturating_sub(usize::from(n)),
        Region::Screen | Region::AfterLastRule | Region::PromptBox => 0,
    };
    lines[begin..].join("\n")
}

fn bare(text: &str) -> String {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '│' | '┃' | '|'))
        .to_owned()
}

/// Without what a terminal would obey, and no longer than is shown.
fn cut(text: &str) -> String {
    let shown = |c: &char| *c == '\n' || !c.is_control();
    let mut all = text.chars().filter(shown);
    let mut text: String = all.by_ref().take(TEXT_CHARS).collect();
    if all.next().is_some() {
        text.push('…');
    }
    text
}

/// Chooses between what the screen shows and what the agent told: the latter is whole, but may be
/// about another question than the one that stands there. `agrees` compares what was told with what
/// is seen, both without blanks, and learns whether the screen says that it is cut.
fn whole(
    seen: Option<String>,
    told: Option<String>,
    agrees: impl Fn(&str, &str, bool) -> bool,
) -> Option<String> {
    let (Some(seen), Some(told)) = (&seen, &told) else {
        return told.or(seen);
    };
    let shown = squeeze(seen);
    let is_cut = shown.ends_with('…') || shown.ends_with("...");
    let shown = shown.trim_end_matches(['…', '.']);
    let same = agrees(&squeeze(told), shown, is_cut);
    Some(if same { told.clone() } else { seen.clone() })
}

/// Names a text: equal texts have equal names, in any version of this program.
fn digest(text: &str) -> String {
    hex(&Sha256::digest(text)[..8])
}

fn wait_kind(kind: definitions::WaitKind) -> WaitKind {
    match kind {
        definitions::WaitKind::Approval => WaitKind::Approval,
        definitions::WaitKind::Question => WaitKind::Question,
        definitions::WaitKind::Plan => WaitKind::Plan,
        definitions::WaitKind::Auth => WaitKind::Auth,
        definitions::WaitKind::Trust => WaitKind::Trust,
    }
}

#[cfg(test)]
mod tests;

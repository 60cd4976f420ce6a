//! One look at the screen: which rule fits, where, and whether it is only quoted there.
//!
//! A transcript can hold any text, also that of a dialog. A real dialog takes the place of the
//! composer; so what stands above a line that shows the agent at work or at rest is a quotation,
//! and what stands in the composer was typed.

use std::ops::Range;

use regex::Regex;

use super::evidence::{Claim, Moment, Source};
use super::limit::Told;
use super::rules::{OnScreen, Rules};
use crate::definitions::{Region, Says, ScreenRule, WaitKind};

/// The rendered screen, without its empty lines.
pub(super) struct Sight<'a> {
    lines: Vec<&'a str>,
    /// The line with the cursor, when that is visible.
    cursor: Option<usize>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) says: Says,
    pub(super) kind: Option<WaitKind>,
    pub(super) rule: String,
    pub(super) region: String,
    pub(super) text: String,
    pub(super) blocker: bool,
    pub(super) first_run: bool,
    /// The text is the question itself, found by a rule of its own.
    pub(super) asked: bool,
}

impl<'a> Sight<'a> {
    /// Takes the rows of a screen and the row of its cursor, if that is visible.
    pub(super) fn new(rows: &[&'a str], cursor: Option<usize>) -> Self {
        let filled = |(_, line): &(usize, &&str)| !line.trim().is_empty();
        let kept: Vec<_> = rows.iter().enumerate().filter(filled).collect();
        Self {
            cursor: kept.iter().position(|(row, _)| Some(*row) == cursor),
            lines: kept.into_iter().map(|(_, line)| *line).collect(),
        }
    }

    /// Returns the lines of a region.
    fn range(&self, region: Region) -> Range<usize> {
        let end = self.lines.len();
        let is_rule = |line: &&str| is_rule(line);
        match region {
            Region::Screen => 0..end,
            Region::Bottom(n) => end.saturating_sub(usize::from(n))..end,
            Region::AfterLastRule => {
                let last = self.lines.iter().rposition(is_rule);
                last.map_or(0, |at| at + 1)..end
            }
            Region::PromptBox => {
                let Some(low) = self.lines.iter().rposition(is_rule) else {
                    return end..end;
                };
                let high = self.lines[..low].iter().rposition(is_rule);
                high.map_or(low..low, |at| at + 1..low)
            }
        }
    }

    /// Tries one rule within a range. Returns the lowest line of what was found.
    fn fits(&self, rule: &OnScreen, range: Range<usize>) -> Option<usize> {
        if range.is_empty() || (rule.all.is_empty() && rule.any.is_empty()) {
            return None;
        }
        let text = self.lines[range.clone()].join("\n");
        let lowest = |pattern: &Regex| pattern.find_iter(&text).last().map(|at| at.end());
        if rule.none.iter().any(|pattern| pattern.is_match(&text)) {
            return None;
        }
        let mut end = 0;
        for pattern in &rule.all {
            end = end.max(lowest(pattern)?);
        }
        if !rule.any.is_empty() {
            end = end.max(rule.any.iter().filter_map(lowest).max()?);
        }
        Some(range.start + text[..end].matches('\n').count())
    }

    /// Tells whether a dialog that ends at a line is only quoted there.
    fn is_quoted(&self, rules: &Rules, at: usize) -> bool {
        if let Some(composer) = &rules.composer
            && self.cursor == Some(at)
            && composer.is_match(self.lines[at])
        {
            return true;
        }
        let shows_itself = |rule: &&OnScreen| matches!(rule.rule.says, Says::Working | Says::Idle);
        let mut own = rules.screen.iter().filter(shows_itself);
        own.any(|rule| {
            let range = self.range(rule.rule.region);
            // What stands in the agent's own composer was typed, or put there by the agent.
            let boxed = rule.rule.region == Region::PromptBox && range.contains(&at);
            if boxed && self.fits(rule, range.clone()).is_some() {
                return true;
            }
            let below = range.start.max(at + 1)..range.end;
            !below.is_empty() && self.fits(rule, below).is_some()
        })
    }

    /// Returns what the best rule that fits says: that of the highest priority; of equals that
    /// whose text stands lowest, which is the newest.
    pub(super) fn find(&self, rules: &Rules) -> Option<Found> {
        let mut best: Option<(usize, &ScreenRule)> = None;
        for rule in &rules.screen {
            if best.is_some_and(|(_, best)| best.priority > rule.rule.priority) {
                break;
            }
            let Some(at) = self.fits(rule, self.range(rule.rule.region)) else {
                continue;
            };
            let rule = &rule.rule;
            let quoted = rule.blocker && rules.described && self.is_quoted(rules, at);
            if !quoted && best.is_none_or(|(lowest, _)| at > lowest) {
                best = Some((at, rule));
            }
        }
        let (at, rule) = best?;
        let line = tidy(self.lines[at]);
        let asked = self.question(rules, rule.kind, at).filter(|_| rule.blocker);
        Some(Found {
            says: rule.says,
            kind: rule.kind,
            rule: rule.id.clone(),
            region: rule.region.to_string(),
            asked: asked.is_some(),
            text: asked.unwrap_or_else(|| line.to_owned()),
            blocker: rule.blocker,
            first_run: rule.first_run,
        })
    }

    /// Returns the last text that the patterns a person wrote find.
    pub(super) fn asking(&self, rules: &Rules) -> Option<Found> {
        let patterns = rules.asking.as_ref()?;
        // The lines from the bottom that a person thinks of when writing such a pattern.
        let region = Region::Bottom(12);
        let lines = &self.lines[self.range(region)];
        if !patterns.is_match(&lines.join("\n")) {
            return None;
        }
        let line = lines.iter().rev().find(|line| patterns.is_match(line));
        Some(Found {
            says: Says::Waiting,
            kind: Some(WaitKind::Question),
            rule: "asking-patterns".to_owned(),
            region: region.to_string(),
            text: line.map(|line| line.trim().to_owned()).unwrap_or_default(),
            blocker: true,
            first_run: false,
            asked: true,
        })
    }

    /// Returns what is asked, in words, at or above a line.
    fn question(&self, rules: &Rules, kind: Option<WaitKind>, at: usize) -> Option<String> {
        let mut fitting = rules.questions.iter();
        fitting.find_map(|question| {
            if Some(question.kind) != kind {
                return None;
            }
            let range = self.range(question.region);
            let text = self.lines.get(range.start..=at)?.join("\n");
            let last = question.text.captures_iter(&text).last()?;
            Some(tidy(last.name("text")?.as_str()).to_owned())
        })
    }

    /// Returns the newest message about a limit, and how many there are on the whole screen.
    pub(super) fn limits(&self, rules: &Rules, at: Moment) -> (Option<Told>, usize) {
        let mut newest = None;
        let mut count = 0;
        let text = self.lines.join("\n");
        for (rule, pattern) in &rules.limits {
            let Some(last) = pattern.captures_iter(&text).inspect(|_| count += 1).last() else {
                continue;
            };
            let line = last
                .get(0)
                .map_or(0, |found| text[..found.end()].matches('\n').count());
            let mut claim = Claim::new(at, Source::Screen, Says::Limited, &rule.id).text(&last[0]);
            claim.region = Some(rule.region.to_string());
            newest.get_or_insert_with(|| Told {
                claim,
                reset: last.name("reset").map(|at| at.as_str().trim().to_owned()),
                in_region: self.range(rule.region).contains(&line),
            });
        }
        (newest, count)
    }
}

/// Takes blanks and the borders of boxes off a line.
fn tidy(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || ('\u{2500}'..='\u{259f}').contains(&c))
}

/// Tells whether a line is a horizontal rule, also as the border of a box.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    let drawn = |c: char| matches!(c, '─' | '━' | '═' | '╌' | '▀' | '▄' | '▔' | '▁' | '-');
    let corner = |c: char| {
        matches!(
            c,
            '╭' | '╮' | '╰' | '╯' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '╹' | '╻'
        )
    };
    line.chars().count() >= 8
        && line.chars().filter(|&c| drawn(c)).count() * 10 >= line.chars().count() * 8
        && line.chars().all(|c| drawn(c) || corner(c) || c == ' ')
}

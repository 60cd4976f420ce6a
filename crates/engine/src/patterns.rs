//! The patterns that tell an agent's question on its screen.
//!
//! They come from people, written for JavaScript. Most are regular in the narrow sense and matched
//! together in linear time; those that look around or refer back are matched one by one by an engine
//! that gives up after a bounded number of steps, which counts as no match.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use regex::RegexSet;

/// Steps after which a pattern that looks around counts as not found: milliseconds.
const STEPS_MAX: usize = 100_000;

/// Compiled patterns. All ignore case.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    regular: RegexSet,
    looking: Vec<fancy_regex::Regex>,
}

impl Patterns {
    /// Returns the compiled patterns, shared by all agents that have the same ones: compiling takes
    /// milliseconds, and the result more than a megabyte. Invalid patterns are left out.
    pub(crate) fn shared(patterns: &[String]) -> Arc<Self> {
        static SETS: LazyLock<Mutex<HashMap<Vec<String>, Weak<Patterns>>>> =
            LazyLock::new(Mutex::default);
        let mut sets = SETS.lock();
        if let Some(set) = sets.get(patterns).and_then(Weak::upgrade) {
            return set;
        }
        let set = Arc::new(Self::compile(patterns));
        sets.retain(|_, set| set.strong_count() > 0);
        sets.insert(patterns.to_vec(), Arc::downgrade(&set));
        set
    }

    fn compile(patterns: &[String]) -> Self {
        let (regular, others): (Vec<_>, Vec<_>) = patterns
            .iter()
            .partition(|pattern| regex::Regex::new(pattern).is_ok());
        let regular = regex::RegexSetBuilder::new(regular)
            .case_insensitive(true)
            .build();
        Self {
            regular: regular.unwrap_or_default(),
            looking: others
                .into_iter()
                .filter_map(|pattern| looking(pattern).ok())
                .collect(),
        }
    }

    /// Tells whether one of the patterns is in the text.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regular.is_match(text)
            || self
                .looking
                .iter()
                .any(|pattern| pattern.is_match(text).unwrap_or(false))
    }
}

/// Says why a pattern is none.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    match regex::Regex::new(pattern) {
        Ok(_) => Ok(()),
        Err(_) => looking(pattern).map(drop).map_err(|err| err.to_string()),
    }
}

fn looking(pattern: &str) -> Result<fancy_regex::Regex, Box<fancy_regex::Error>> {
    fancy_regex::RegexBuilder::new(pattern)
        .case_insensitive(true)
        .backtrack_limit(STEPS_MAX)
        .build()
        .map_err(Box::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(patterns: &[&str]) -> Patterns {
        let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        Patterns::compile(&patterns)
    }

    #[test]
    fn regular_and_looking_patterns_are_found_in_any_case() {
        let patterns = patterns(&["do you want", r"(?<!no )question\?(?! yet)", "(unclosed"]);
        assert!(patterns.is_match("DO YOU WANT tea"));
        assert!(patterns.is_match("A Question?"));
        assert!(!patterns.is_match("no question?"));
        assert!(!patterns.is_match("question? yet"));
        assert!(!patterns.is_match("(unclosed"));
    }

    #[test]
    fn a_pattern_that_explodes_is_not_found() {
        let patterns = patterns(&[r"^(?=(a|aa)+$)(?!a)x"]);
        assert!(!patterns.is_match(&"a".repeat(500)));
    }

    #[test]
    fn patterns_of_javascript_are_accepted() {
        for pattern in [
            r"\[y\]\/\[n\]",
            r"a(?=b)",
            r"(?<word>x)\k<word>",
            r"❯\s+\d+\.\s",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
        for pattern in ["(", "[a", "*a"] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
    }
}

//! The result of a run: one line per stage, in the order they ran.

use anyhow::Result;

/// What became of the tests of one stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that were not run, by their own decision.
    pub(crate) skipped: u64,
}

impl Counts {
    /// The counts of a stage that is one question, answered by its exit status.
    pub(crate) fn one(passed: bool) -> Self {
        Self {
            passed: u64::from(passed),
            failed: u64::from(!passed),
            skipped: 0,
        }
    }
}

/// The stages run so far.
#[derive(Default)]
pub(crate) struct Report {
    stages: Vec<(String, Counts, String)>,
    missing: Vec<String>,
}

impl Report {
    /// Runs a stage and notes its counts; a stage that cannot be run counts as one failure.
    pub(crate) fn stage(&mut self, name: &str, stage: impl FnOnce() -> Result<Counts>) -> bool {
        println!("\n== {name}");
        let begin = std::time::Instant::now();
        let (counts, why) = match stage() {
            Ok(counts) => (counts, String::new()),
            Err(err) => (Counts::one(false), format!("  {err:#}")),
        };
        let note = format!("{:.0} s{why}", begin.elapsed().as_secs_f64());
        self.stages.push((name.to_owned(), counts, note));
        counts.failed == 0
    }

    /// Notes something that could not be brought; it fails the run, with its reason in the end.
    pub(crate) fn missing(&mut self, what: impl Into<String>) {
        self.missing.push(what.into());
    }

    /// Notes a stage that this machine cannot run, loudly; it fails nothing.
    pub(crate) fn not_run(&mut self, name: &str, why: &str) {
        println!("\n== {name}\nNOT RUN: {why}");
        let counts = Counts {
            skipped: 1,
            ..Counts::default()
        };
        self.stages
            .push((name.to_owned(), counts, format!("NOT RUN: {why}")));
    }

    /// Prints the summary and tells whether all passed.
    pub(crate) fn finish(self) -> bool {
        println!("\n== summary");
        let mut total = Counts::default();
        for (name, counts, note) in &self.stages {
            println!("{name:<22} {}  ({note})", plain(*counts));
            total.passed += counts.passed;
            total.failed += counts.failed;
            total.skipped += counts.skipped;
        }
        for what in &self.missing {
            println!("could not bring: {what}");
        }
        total.failed += self.missing.len() as u64;
        println!("{:<22} {}", "total", plain(total));
        total.failed == 0
    }
}

fn plain(counts: Counts) -> String {
    let mut text = format!("{} passed, {} failed", counts.passed, counts.failed);
    if counts.skipped > 0 {
        text += &format!(", {} skipped", counts.skipped);
    }
    text
}

/// Reads the counts out of the lines test programs end with.
#[derive(Default)]
pub(crate) struct Reader {
    /// The sum of all summaries seen.
    pub(crate) counts: Counts,
}

impl Reader {
    /// Reads one line of cargo test, cargo nextest, vitest or Playwright.
    pub(crate) fn read(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        let is_summary = line.starts_with("test result:")
            || line.starts_with("Summary [")
            || line.starts_with("Tests ")
            || is_playwright(line);
        if !is_summary {
            return;
        }
        if line.starts_with("Summary [") {
            // What came before are quotations of single tests, also of those that passed when tried again.
            self.counts = Counts::default();
        }
        let words: Vec<&str> = line
            .split(|c: char| c.is_whitespace() || ",;:|()[]".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else {
                continue;
            };
            match pair[1] {
                "passed" => self.counts.passed += number,
                "failed" | "timed" => self.counts.failed += number,
                "skipped" | "ignored" | "todo" => self.counts.skipped += number,
                _ => {}
            }
        }
    }
}

/// Playwright ends with lines such as `3 passed (12.1s)`, one per outcome.
fn is_playwright(line: &str) -> bool {
    let mut words = line.split(' ');
    let number = words.next().is_some_and(|word| word.parse::<u64>().is_ok());
    let outcome = matches!(words.next(), Some("passed" | "failed" | "skipped"));
    let rest = words.next();
    number && outcome && rest.is_none_or(|word| word.starts_with('('))
}

fn without_colours(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> (u64, u64, u64) {
        let mut reader = Reader::default();
        lines.iter().for_each(|line| reader.read(line));
        let counts = reader.counts;
        (counts.passed, counts.failed, counts.skipped)
    }

    #[test]
    fn summaries_of_all_runners_are_read() {
        let nextest =
            "     Summary [   3.104s] 12 tests run: 10 passed (1 slow), 2 failed, 3 skipped";
        assert_eq!(read(&[nextest]), (10, 2, 3));
        let quoted =
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 53 filtered out";
        assert_eq!(read(&[quoted, nextest]), (10, 2, 3));
        let cargo = "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(read(&[cargo, cargo]), (8, 0, 2));
        let vitest =
            "\x1b[2m      Tests \x1b[22m \x1b[31m1 failed\x1b[39m | \x1b[32m30 passed\x1b[39m (31)";
        assert_eq!(read(&["Test Files  2 passed (2)", vitest]), (30, 1, 0));
        let playwright = [
            "  1 failed",
            "    [chromium] › story.spec.ts:3:1 › 9 passed",
            "  5 passed (12.1s)",
        ];
        assert_eq!(read(&playwright), (5, 1, 0));
    }
}

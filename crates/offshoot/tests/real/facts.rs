//! What was measured of an agent, against what was promised.

use std::fmt::Write as _;

/// The facts of one agent's test.
#[derive(Default)]
pub(crate) struct Facts(Vec<Fact>);

struct Fact {
    what: String,
    /// Seconds it took; none when it never came true.
    took: Option<f64>,
    limit: f64,
}

impl Fact {
    fn is_kept(&self) -> bool {
        self.took.is_some_and(|took| took <= self.limit)
    }
}

impl Facts {
    /// Notes how long something took, and how long it may.
    pub(crate) fn time(&mut self, what: &str, took: Option<f64>, limit: f64) {
        self.0.push(Fact {
            what: what.to_owned(),
            took,
            limit,
        });
    }

    /// Notes whether something is so.
    pub(crate) fn holds(&mut self, what: &str, holds: bool) {
        self.time(what, holds.then_some(0.0), 0.0);
    }

    /// Whether the last fact is not as promised.
    pub(crate) fn last_is_broken(&self) -> bool {
        self.0.last().is_some_and(|fact| !fact.is_kept())
    }

    /// Adds what helps to understand a fact that is not as promised.
    pub(crate) fn note(&mut self, text: &str) {
        if let Some(fact) = self.0.last_mut() {
            fact.what += &format!(" [{text}]");
        }
    }

    /// Prints all facts.
    ///
    /// # Panics
    /// One of them is not as promised.
    pub(crate) fn settle(mut self, agent: &str) {
        let (table, broken) = self.table();
        let table = format!("{agent}:\n{table}");
        #[expect(
            clippy::print_stderr,
            reason = "the measurements are what the test is for"
        )]
        {
            eprintln!("{table}");
        }
        self.0.clear();
        assert_eq!(broken, 0, "not as promised:\n{table}");
    }

    /// The facts in words, and how many are not as promised.
    fn table(&self) -> (String, usize) {
        let mut table = String::new();
        let mut broken = 0;
        for fact in &self.0 {
            let kept = fact.is_kept();
            let Fact { what, took, limit } = fact;
            broken += usize::from(!kept);
            let took = took.map_or("never".to_owned(), |took| format!("{took:.2} s"));
            let mark = if kept { "  " } else { "✗ " };
            let _ = writeln!(table, "{mark}{what}: {took} (at most {limit} s)");
        }
        (table, broken)
    }
}

impl Drop for Facts {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.0.is_empty() {
            #[expect(clippy::print_stderr, reason = "the reader of a failed test needs it")]
            {
                eprintln!("--- until then:\n{}", self.table().0);
            }
        }
    }
}

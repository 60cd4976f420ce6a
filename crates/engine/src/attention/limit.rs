//! Which message about a limit still holds.
//!
//! It stays in the transcript long after the limit has ended, so that only one counts which came
//! since the last turn began: one more of them on the screen than before, or another one.

use std::time::Duration;

use super::evidence::{Claim, Moment};

/// A message that is out of sight for so long is not merely drawn anew.
const FORGOTTEN: Duration = Duration::from_secs(2);

/// What one look at the screen tells of limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) claim: Claim,
    /// When it ends, in the agent's words.
    pub(super) reset: Option<String>,
    /// Whether it stands where messages count.
    pub(super) in_region: bool,
}

/// The limits of one agent.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// The newest message, and whether it holds.
    last: Option<(Told, bool)>,
    /// So many of them are on the screen.
    count: usize,
    /// Since when there are fewer.
    fewer_since: Option<Moment>,
}

impl Limits {
    /// Takes the newest message on the screen and how many there are. Returns it when it is new.
    pub(super) fn look(&mut self, at: Moment, told: Option<Told>, count: usize) -> Option<&Claim> {
        let same = |old: &Told, new: &Told| old.claim.text == new.claim.text;
        let other = match (&self.last, &told) {
            (Some((old, _)), Some(new)) => !same(old, new),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let is_new = told.is_some() && (other || count > self.count);
        let fewer = count < self.count;
        if !fewer || at >= *self.fewer_since.get_or_insert(at) + FORGOTTEN {
            (self.count, self.fewer_since) = (count, None);
        }
        match (told, &mut self.last) {
            (Some(told), _) if is_new => self.last = Some((told, true)),
            (Some(told), Some((known, _))) => known.in_region = told.in_region,
            (None, Some((known, _))) => known.in_region = false,
            (_, None) => {}
        }
        self.last
            .as_ref()
            .filter(|_| is_new)
            .map(|(told, _)| &told.claim)
    }

    /// A turn begins: what was said before is over.
    pub(super) fn on_turn(&mut self) {
        if let Some((_, holds)) = &mut self.last {
            *holds = false;
        }
    }

    /// The message that holds.
    pub(super) fn current(&self) -> Option<&Told> {
        let (told, holds) = self.last.as_ref()?;
        (*holds && told.in_region).then_some(told)
    }
}

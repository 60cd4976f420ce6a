//! Where a v2 client is in the output, and what it should be sent next.
//!
//! ```text
//!        base          acked            cursor                    end
//!   ──────┴──────────────┴────────────────┴────────────────────────┴──►  output of one epoch
//!     last snapshot        on its way         not sent yet
//! ```
//! Pure: offsets in, a decision out. A client may leave [`TERMINAL_WINDOW_BYTES`] unacknowledged.
//! One that asked for everything gets everything, however late. One that watches live is brought up
//! by a snapshot when it has drained and the output is further ahead than the window, but not before
//! it has acknowledged something since the snapshot before: a stalled client costs one window.

use offshoot_protocol::limits::{
    TERMINAL_ACK_EVERY_BYTES, TERMINAL_OUTPUT_FRAME_BYTES, TERMINAL_WINDOW_BYTES,
};
use offshoot_protocol::terminal::{DeliveryMode, Resume};

/// A client's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    mode: DeliveryMode,
    standing: Standing,
    epoch: u32,
    /// The next byte to send.
    cursor: u64,
    /// Where the client began: its resumed offset or the last snapshot's.
    base: u64,
    /// What it has processed; below `base` until it acknowledges something after a snapshot.
    acked: u64,
}

/// What the client holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing yet.
    New,
    /// Everything before the cursor is sent.
    Following,
    /// It fell behind, or asked for a fresh snapshot.
    Lost,
}

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Up to so many bytes of output at the cursor.
    Output { offset: u64, max: usize },
    /// A snapshot of what is now.
    Snapshot,
    /// The beginning of a new epoch: nothing, at offset 0.
    Beginning,
    /// Nothing, until the client acknowledges or more is printed.
    Wait,
}

impl Flow {
    /// Takes up a client where it is, if that can be continued.
    pub(super) fn new(mode: DeliveryMode, resume: Option<Resume>, epoch: u32, end: u64) -> Self {
        let known = resume.filter(|resume| match resume.epoch == epoch {
            true => resume.offset <= end,
            // Who wants every byte gets the present life from its beginning.
            false => mode == DeliveryMode::Complete,
        });
        let standing = match known {
            None => Standing::New,
            Some(_) if mode == DeliveryMode::Complete => Standing::Following,
            Some(resume) if end - resume.offset <= TERMINAL_WINDOW_BYTES => Standing::Following,
            Some(_) => Standing::Lost,
        };
        let offset = known.map_or(end, |resume| resume.offset);
        let epoch = known.map_or(epoch, |resume| resume.epoch);
        Self {
            mode,
            standing,
            epoch,
            cursor: offset,
            base: offset,
            acked: offset,
        }
    }

    /// Decides what to send while the output of `epoch` reaches to `end`.
    pub(super) fn step(&self, epoch: u32, end: u64) -> Step {
        if self.standing != Standing::Following {
            return Step::Snapshot;
        }
        if epoch != self.epoch {
            return match self.mode {
                DeliveryMode::Live => Step::Snapshot,
                DeliveryMode::Complete => Step::Beginning,
            };
        }
        let ahead = end.saturating_sub(self.cursor);
        let on_its_way = self.cursor - self.acked.max(self.base);
        let has_answered = self.acked >= self.base;
        if self.mode == DeliveryMode::Live && ahead > TERMINAL_WINDOW_BYTES && has_answered {
            return match on_its_way < TERMINAL_ACK_EVERY_BYTES {
                true => Step::Snapshot,
                false => Step::Wait,
            };
        }
        let room = TERMINAL_WINDOW_BYTES.saturating_sub(on_its_way);
        match ahead.min(room) {
            0 => Step::Wait,
            sendable => Step::Output {
                offset: self.cursor,
                max: TERMINAL_OUTPUT_FRAME_BYTES
                    .min(usize::try_from(sendable).unwrap_or(usize::MAX)),
            },
        }
    }

    /// Notes that output, or a gap in it, was sent up to an offset.
    pub(super) fn sent_to(&mut self, offset: u64) {
        self.cursor = self.cursor.max(offset);
    }

    /// Notes that a snapshot was sent, and returns how many bytes the client was not sent.
    pub(super) fn jumped_to(&mut self, epoch: u32, offset: u64) -> u64 {
        let skipped = match self.standing {
            Standing::Following | Standing::Lost if epoch == self.epoch => {
                offset.saturating_sub(self.cursor)
            }
            _ => 0,
        };
        *self = Self {
            mode: self.mode,
            standing: Standing::Following,
            epoch,
            cursor: offset,
            base: offset,
            acked: 0,
        };
        skipped
    }

    /// Notes what the client has processed.
    pub(super) fn acknowledge(&mut self, offset: u64) {
        self.acked = self.acked.max(offset.min(self.cursor));
    }

    /// Makes the next step a snapshot.
    pub(super) fn lose(&mut self) {
        if self.standing == Standing::Following {
            self.standing = Standing::Lost;
        }
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = TERMINAL_WINDOW_BYTES;
    const FRAME: u64 = TERMINAL_OUTPUT_FRAME_BYTES as u64;

    fn resume(epoch: u32, offset: u64) -> Option<Resume> {
        Some(Resume { epoch, offset })
    }

    /// Sends output until the flow says something else, which is returned.
    fn drain(flow: &mut Flow, end: u64) -> Step {
        loop {
            match flow.step(flow.epoch(), end) {
                Step::Output { offset, max } => {
                    assert_eq!(offset, flow.cursor());
                    assert!(max as u64 <= FRAME && max > 0);
                    flow.sent_to(offset + max as u64);
                }
                other => return other,
            }
        }
    }

    #[test]
    fn a_client_is_continued_only_where_that_is_true_and_cheap() {
        let end = 10 * WINDOW;
        for (mode, resume, first) in [
            (DeliveryMode::Live, None, Step::Snapshot),
            (DeliveryMode::Live, resume(1, end), Step::Wait),
            (
                DeliveryMode::Live,
                resume(1, end - 1),
                Step::Output {
                    offset: end - 1,
                    max: 1,
                },
            ),
            (
                DeliveryMode::Live,
                resume(1, end - WINDOW - 1),
                Step::Snapshot,
            ),
            (DeliveryMode::Live, resume(1, end + 1), Step::Snapshot),
            (DeliveryMode::Live, resume(2, end), Step::Snapshot),
            (DeliveryMode::Complete, None, Step::Snapshot),
            (
                DeliveryMode::Complete,
                resume(1, 0),
                Step::Output {
                    offset: 0,
                    max: 65536,
                },
            ),
            (DeliveryMode::Complete, resume(2, 0), Step::Beginning),
            (DeliveryMode::Complete, resume(1, end + 1), Step::Snapshot),
        ] {
            assert_eq!(
                Flow::new(mode, resume, 1, end).step(1, end),
                first,
                "{mode:?} {resume:?}"
            );
        }
    }

    #[test]
    fn a_stalled_live_client_costs_one_window_and_is_told_what_it_skipped() {
        let mut flow = Flow::new(DeliveryMode::Live, resume(1, 0), 1, 0);
        assert_eq!(drain(&mut flow, WINDOW / 2), Step::Wait);
        let far = 50 * WINDOW;
        assert_eq!(
            drain(&mut flow, far),
            Step::Wait,
            "what is on its way must drain first"
        );
        assert_eq!(flow.cursor(), WINDOW / 2);
        flow.acknowledge(WINDOW / 2);
        assert_eq!(flow.step(1, far), Step::Snapshot);
        assert_eq!(flow.jumped_to(1, far), far - WINDOW / 2);
        // It stalls again at once: one more window and no snapshot after snapshot.
        assert_eq!(drain(&mut flow, 100 * WINDOW), Step::Wait);
        assert_eq!(flow.cursor(), far + WINDOW);
        flow.acknowledge(far + WINDOW);
        assert_eq!(flow.step(1, 100 * WINDOW), Step::Snapshot);
    }

    #[test]
    fn a_client_that_never_acknowledges_its_snapshot_still_gets_output() {
        let mut flow = Flow::new(DeliveryMode::Live, None, 1, 500);
        assert_eq!(flow.jumped_to(1, 700), 0, "a new client has missed nothing");
        assert_eq!(
            flow.step(1, 710),
            Step::Output {
                offset: 700,
                max: 10
            }
        );
        assert_eq!(drain(&mut flow, 700 + 3 * WINDOW), Step::Wait);
        assert_eq!(flow.cursor(), 700 + WINDOW);
    }

    #[test]
    fn a_complete_client_gets_every_byte_at_its_pace() {
        let mut flow = Flow::new(DeliveryMode::Complete, resume(1, 0), 1, 0);
        let end = 20 * WINDOW;
        while flow.cursor() < end {
            assert_eq!(drain(&mut flow, end), Step::Wait);
            flow.acknowledge(flow.cursor());
        }
        assert_eq!(flow.step(2, 5), Step::Beginning);
        assert_eq!(flow.jumped_to(2, 0), 0);
        assert_eq!(flow.step(2, 5), Step::Output { offset: 0, max: 5 });
    }

    #[test]
    fn acknowledging_the_future_gains_nothing() {
        let mut flow = Flow::new(DeliveryMode::Complete, resume(1, 0), 1, 0);
        flow.acknowledge(u64::MAX);
        assert_eq!(drain(&mut flow, 5 * WINDOW), Step::Wait);
        assert_eq!(flow.cursor(), WINDOW);
    }

    #[test]
    fn asking_for_a_snapshot_gives_one_and_counts_what_it_jumps_over() {
        let mut flow = Flow::new(DeliveryMode::Live, resume(1, 10), 1, 10);
        flow.lose();
        assert_eq!(flow.step(1, 30), Step::Snapshot);
        assert_eq!(flow.jumped_to(1, 30), 20);
    }
}

//! What must survive a lost connection: the position in the output, and input not yet accepted.
//!
//! Pure. One INPUT frame is under way at a time; what is typed meanwhile waits and goes together.
//! The frame under way keeps its number until the server says what became of it, over any number
//! of connections, so that it is typed once: never lost, never twice.

use bytes::{Bytes, BytesMut};
use offshoot_protocol::limits::TERMINAL_ACK_EVERY_BYTES;
use offshoot_protocol::terminal::{ClientFrame, ClientId, InputResult, Resume};

/// Typed bytes kept while nothing takes them. When full, the keyboard is no longer read.
const WAITING_BYTES: usize = 1 << 20;

/// Largest payload of one INPUT frame.
const INPUT_BYTES: usize = 64 * 1024;

/// The input under way.
#[derive(Debug)]
struct UnderWay {
    seq: u64,
    bytes: Bytes,
    stage: Stage,
}

/// Where the input under way is.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// To be sent, again or for the first time.
    ToSend,
    /// Sent on this connection.
    Sent,
    /// Refused since the program does not read; it is offered again after a pause.
    Refused,
}

/// The state of an attachment that outlives its connections.
#[derive(Debug)]
pub(crate) struct Link {
    client: ClientId,
    position: Option<Resume>,
    acknowledged: u64,
    last_seq: u64,
    under_way: Option<UnderWay>,
    waiting: BytesMut,
}

impl Link {
    /// A link of a client with this number.
    pub(crate) fn new(client: u64) -> Self {
        Self {
            client: ClientId(client),
            position: None,
            acknowledged: 0,
            last_seq: 0,
            under_way: None,
            waiting: BytesMut::new(),
        }
    }

    /// The client's number.
    pub(crate) fn client(&self) -> ClientId {
        self.client
    }

    /// Where to go on, when this terminal shows anything.
    pub(crate) fn position(&self) -> Option<Resume> {
        self.position
    }

    /// What the terminal shows is no longer the program's screen: a snapshot is wanted next.
    pub(crate) fn forget_position(&mut self) {
        self.position = None;
    }

    /// The offset of the next byte wanted.
    pub(crate) fn offset(&self) -> u64 {
        self.position.map_or(0, |position| position.offset)
    }

    /// A snapshot set the position.
    pub(crate) fn at(&mut self, epoch: u32, offset: u64) {
        self.position = Some(Resume { epoch, offset });
        self.acknowledged = offset;
    }

    /// Bytes were lost before they came here.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        if let Some(position) = &mut self.position {
            position.offset = position.offset.max(offset);
        }
    }

    /// Takes output at an offset and returns the part not seen before.
    pub(crate) fn fresh(&mut self, offset: u64, mut bytes: Bytes) -> Bytes {
        let Some(position) = &mut self.position else {
            return Bytes::new();
        };
        let seen = position.offset.saturating_sub(offset);
        let seen = usize::try_from(seen).unwrap_or(usize::MAX).min(bytes.len());
        let fresh = bytes.split_off(seen);
        position.offset = position
            .offset
            .max(offset + seen as u64 + fresh.len() as u64);
        fresh
    }

    /// Tells which offset to acknowledge after everything before `painted` is on the terminal.
    pub(crate) fn acknowledge(&mut self, painted: u64) -> Option<u64> {
        let due = painted.saturating_sub(self.acknowledged) >= TERMINAL_ACK_EVERY_BYTES / 2;
        due.then(|| {
            self.acknowledged = painted;
            painted
        })
    }

    /// Whether more may be typed now.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_BYTES
    }

    /// Whether everything typed has reached the server.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_none() && self.waiting.is_empty()
    }

    /// The user typed.
    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// A connection is new: what was sent on the last one may be lost and goes again.
    pub(crate) fn reconnected(&mut self) {
        self.acknowledged = self.offset();
        if let Some(under_way) = &mut self.under_way {
            under_way.stage = Stage::ToSend;
        }
    }

    /// The frame to send now, if any.
    pub(crate) fn next_input(&mut self) -> Option<ClientFrame> {
        if self.under_way.is_none() && !self.waiting.is_empty() {
            let length = self.waiting.len().min(INPUT_BYTES);
            self.last_seq += 1;
            self.under_way = Some(UnderWay {
                seq: self.last_seq,
                bytes: self.waiting.split_to(length).freeze(),
                stage: Stage::ToSend,
            });
        }
        let under_way = self.under_way.as_mut()?;
        if under_way.stage != Stage::ToSend {
            return None;
        }
        under_way.stage = Stage::Sent;
        Some(ClientFrame::Input {
            seq: under_way.seq,
            bytes: under_way.bytes.clone(),
        })
    }

    /// The server says what became of an input.
    pub(crate) fn on_ack(&mut self, seq: u64, result: InputResult) {
        let Some(under_way) = self.under_way.as_mut().filter(|input| input.seq == seq) else {
            return;
        };
        match result {
            InputResult::Full => under_way.stage = Stage::Refused,
            // Without a process there is nobody to type to, also later.
            InputResult::Accepted | InputResult::Duplicate | InputResult::NotRunning => {
                self.under_way = None;
            }
        }
    }

    /// Whether an input waits to be offered again.
    pub(crate) fn is_refused(&self) -> bool {
        let stage = self.under_way.as_ref().map(|input| &input.stage);
        stage == Some(&Stage::Refused)
    }

    /// Offers the refused input again.
    pub(crate) fn offer_again(&mut self) {
        if let Some(under_way) = &mut self.under_way {
            under_way.stage = Stage::ToSend;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(link: &mut Link) -> Option<(u64, String)> {
        match link.next_input()? {
            ClientFrame::Input { seq, bytes } => {
                Some((seq, String::from_utf8(bytes.to_vec()).unwrap()))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn typing_goes_one_frame_at_a_time_and_gathers_meanwhile() {
        let mut link = Link::new(1);
        link.type_bytes(b"a");
        assert_eq!(input(&mut link), Some((1, "a".into())));
        link.type_bytes(b"b");
        link.type_bytes(b"c");
        assert_eq!(input(&mut link), None);
        link.on_ack(1, InputResult::Accepted);
        assert_eq!(input(&mut link), Some((2, "bc".into())));
    }

    #[test]
    fn input_without_an_answer_goes_again_under_its_number() {
        let mut link = Link::new(1);
        link.type_bytes(b"rm");
        assert_eq!(input(&mut link), Some((1, "rm".into())));
        link.type_bytes(b" x");
        link.reconnected();
        assert_eq!(input(&mut link), Some((1, "rm".into())));
        link.on_ack(1, InputResult::Duplicate);
        link.on_ack(1, InputResult::Accepted);
        assert_eq!(input(&mut link), Some((2, " x".into())));
    }

    #[test]
    fn input_a_full_queue_refused_is_offered_again_in_order() {
        let mut link = Link::new(1);
        link.type_bytes(b"1");
        input(&mut link);
        link.type_bytes(b"2");
        link.on_ack(1, InputResult::Full);
        assert!(link.is_refused());
        assert_eq!(input(&mut link), None);
        link.offer_again();
        assert_eq!(input(&mut link), Some((1, "1".into())));
        link.on_ack(1, InputResult::Accepted);
        assert_eq!(input(&mut link), Some((2, "2".into())));
    }

    #[test]
    fn output_seen_before_is_not_painted_again() {
        let mut link = Link::new(1);
        assert_eq!(link.fresh(0, Bytes::from_static(b"early")), "");
        link.at(2, 10);
        assert_eq!(link.fresh(8, Bytes::from_static(b"abcd")), "cd");
        assert_eq!(
            link.position(),
            Some(Resume {
                epoch: 2,
                offset: 12
            })
        );
        assert_eq!(link.fresh(9, Bytes::from_static(b"bc")), "");
        link.skip_to(20);
        assert_eq!(link.fresh(20, Bytes::from_static(b"z")), "z");
        assert_eq!(link.offset(), 21);
    }

    #[test]
    fn acknowledgements_come_before_the_window_closes() {
        let mut link = Link::new(1);
        link.at(1, 1000);
        assert_eq!(link.acknowledge(1001), None);
        let far = 1000 + TERMINAL_ACK_EVERY_BYTES;
        assert_eq!(link.acknowledge(far), Some(far));
        assert_eq!(link.acknowledge(far), None);
    }
}

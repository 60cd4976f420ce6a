//! Cuts output into text, controls and escape sequences, whatever the chunking.
//!
//! Owns the bytes of a sequence or character that is not complete yet, so that a snapshot can end
//! with them. Knows nothing of what a sequence means. Never grows beyond [`MAX_STRING`]: a longer
//! string is skipped to its end and reported to nobody.

/// The longest string (OSC, DCS, …) kept. A longer one, such as an inline image, is skipped.
pub(crate) const MAX_STRING: usize = 8 * 1024;

/// The longest CSI or ESC sequence kept; no meaningful one comes near. A longer one is skipped.
const MAX_SEQUENCE: usize = 1024;

/// The most parameters of a CSI sequence; more are dropped, as xterm.js does.
const MAX_PARAMS: usize = 32;

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const BEL: u8 = 0x07;

/// Receives the parts of the output in order. `at` counts the bytes of the current chunk up to the
/// end of the part.
pub(crate) trait Sink {
    /// Text without controls. Not necessarily valid UTF-8, but never cut inside of a character.
    fn text(&mut self, bytes: &[u8]);
    /// A control below 0x20 other than ESC, CAN and SUB.
    fn control(&mut self, byte: u8);
    /// `ESC`, at most one intermediate (0 if none), final byte.
    fn escape(&mut self, intermediate: u8, last: u8);
    /// A CSI sequence.
    fn csi(&mut self, csi: &Csi, at: usize);
    /// The content of an OSC, and whether BEL ended it.
    fn osc(&mut self, content: &[u8], bell: bool, at: usize);
    /// The content of a DCS, from after `ESC P`.
    fn dcs(&mut self, content: &[u8], at: usize);
}

/// A CSI sequence taken apart.
#[derive(Debug, Default, Clone)]
pub(crate) struct Csi {
    params: [u16; MAX_PARAMS],
    /// Bit i: parameter i was joined to the one before by a colon.
    joined: u32,
    len: usize,
    /// One of `<=>?`, or 0.
    pub(crate) prefix: u8,
    /// The intermediate byte, or 0.
    pub(crate) intermediate: u8,
    /// The final byte.
    pub(crate) last: u8,
}

impl Csi {
    /// The parameter, or `default` when absent or 0.
    pub(crate) fn or(&self, index: usize, default: u16) -> usize {
        match self.params[..self.len].get(index) {
            None | Some(0) => usize::from(default),
            Some(&value) => usize::from(value),
        }
    }

    /// The parameters with whether each is joined to the one before by a colon.
    pub(crate) fn params(&self) -> &[u16] {
        &self.params[..self.len]
    }

    /// Whether the parameter was joined to the one before by a colon.
    pub(crate) fn is_joined(&self, index: usize) -> bool {
        index < MAX_PARAMS && self.joined & (1 << index) != 0
    }

    /// Parses what is between `ESC [` and the end, final byte included.
    /// None when it has no defined form.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut csi = Self::default();
        let (&last, body) = body.split_last()?;
        csi.last = last;
        let mut value: u32 = 0;
        let mut full = false;
        for (index, &byte) in body.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    value = (value * 10 + u32::from(byte - b'0')).min(u32::from(u16::MAX));
                }
                b';' | b':' => {
                    full |= !csi.push(value, full);
                    value = 0;
                    if byte == b':' && csi.len < MAX_PARAMS {
                        csi.joined |= 1 << csi.len;
                    }
                }
                b'<'..=b'?' if index == 0 => csi.prefix = byte,
                b'<'..=b'?' => return None,
                0x20..=0x2f if csi.intermediate == 0 => csi.intermediate = byte,
                0x20..=0x2f => return None,
                _ => {}
            }
        }
        csi.push(value, full);
        Some(csi)
    }

    fn push(&mut self, value: u32, full: bool) -> bool {
        if full || self.len == MAX_PARAMS {
            return false;
        }
        self.params[self.len] = u16::try_from(value).unwrap_or(u16::MAX);
        self.len += 1;
        true
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi,
    /// A CSI sequence too long or malformed: skipped to its final byte.
    CsiIgnore,
    Osc,
    Dcs,
    /// SOS, PM, APC: skipped to the terminator.
    Other,
    /// ESC inside of a string: `\` ends it, anything else starts a new sequence.
    StringEscape,
}

/// The cutter.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    state: State,
    /// The string that `StringEscape` is in.
    string: State,
    /// In `Ground` the first bytes of a character, otherwise the sequence from its ESC on.
    pending: Vec<u8>,
    /// The pending string is longer than the cap; `pending` holds a harmless stand-in.
    overflow: bool,
}

/// The length of the longest prefix of text: no byte below 0x20, no DEL.
pub(crate) fn text_len(bytes: &[u8]) -> usize {
    const LANES: usize = 32;
    let mut done = 0;
    for chunk in bytes.chunks_exact(LANES) {
        let hit = chunk
            .iter()
            .fold(false, |hit, &byte| hit | (byte < 0x20) | (byte == 0x7f));
        if hit {
            break;
        }
        done += LANES;
    }
    let rest = &bytes[done..];
    let tail = rest.iter().position(|&byte| byte < 0x20 || byte == 0x7f);
    done + tail.unwrap_or(rest.len())
}

/// How many bytes at the end begin a character that is not complete.
fn incomplete_tail(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    for back in 1..=bytes.len() - start {
        let at = bytes.len() - back;
        if bytes[at] >= 0xc0 {
            let error = std::str::from_utf8(&bytes[at..]).err();
            return match error {
                Some(error) if error.error_len().is_none() => back,
                _ => 0,
            };
        }
        if bytes[at] < 0x80 {
            return 0;
        }
    }
    0
}

impl Parser {
    /// The bytes that begin what is not complete yet: feeding them to a terminal in its ground
    /// state brings it to where this parser is.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Whether nothing is pending: the next byte starts something new.
    pub(crate) fn is_ground(&self) -> bool {
        self.state == State::Ground && self.pending.is_empty()
    }

    /// Takes a chunk.
    pub(crate) fn advance(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        let mut at = 0;
        while at < bytes.len() {
            at = match self.state {
                State::Ground if !self.pending.is_empty() => self.character(bytes, at, sink),
                State::Ground => self.ground(bytes, at, sink),
                State::Escape | State::Csi | State::CsiIgnore => self.sequence(bytes, at, sink),
                State::Osc | State::Dcs | State::Other => self.string(bytes, at, sink),
                State::StringEscape => self.string_escape(bytes, at, sink),
            };
        }
    }

    /// Text and controls up to the next ESC.
    fn ground(&mut self, bytes: &[u8], at: usize, sink: &mut impl Sink) -> usize {
        let len = text_len(&bytes[at..]);
        let end = at + len;
        if len > 0 {
            let open = if end == bytes.len() {
                incomplete_tail(&bytes[at..end])
            } else {
                0
            };
            if len > open {
                sink.text(&bytes[at..end - open]);
            }
            self.pending.extend_from_slice(&bytes[end - open..end]);
        }
        match bytes.get(end) {
            None => end,
            Some(&ESC) => self.start(bytes, end, sink),
            Some(&(CAN | SUB | 0x7f)) => end + 1,
            Some(&byte) => {
                sink.control(byte);
                end + 1
            }
        }
    }

    /// The rest of a character whose first bytes came in an earlier chunk.
    fn character(&mut self, bytes: &[u8], at: usize, sink: &mut impl Sink) -> usize {
        let mut at = at;
        while at < bytes.len() {
            let byte = bytes[at];
            if byte & 0xc0 != 0x80 {
                break;
            }
            self.pending.push(byte);
            match std::str::from_utf8(&self.pending) {
                Ok(_) => {
                    at += 1;
                    break;
                }
                Err(error) if error.error_len().is_none() => at += 1,
                Err(_) => {
                    // This byte starts something new, and so does what it makes invalid.
                    self.pending.pop();
                    break;
                }
            }
            if at == bytes.len() {
                return at;
            }
        }
        let character = std::mem::take(&mut self.pending);
        sink.text(&character);
        self.pending = character;
        self.pending.clear();
        at
    }

    /// A sequence that starts at `at` with ESC. The common case, one that ends in this chunk, is
    /// taken without a copy.
    fn start(&mut self, bytes: &[u8], at: usize, sink: &mut impl Sink) -> usize {
        if bytes.get(at + 1) == Some(&b'[') {
            let body = &bytes[at + 2..bytes.len().min(at + MAX_SEQUENCE)];
            let plain = body.iter().position(|byte| !(0x20..0x40).contains(byte));
            if let Some(len) = plain
                && (0x40..0x7f).contains(&body[len])
            {
                let end = at + 3 + len;
                if let Some(csi) = Csi::parse(&body[..=len]) {
                    sink.csi(&csi, end);
                }
                return end;
            }
        }
        self.pending.clear();
        self.pending.push(ESC);
        self.overflow = false;
        self.state = State::Escape;
        at + 1
    }

    /// One more byte of an ESC or CSI sequence.
    fn sequence(&mut self, bytes: &[u8], at: usize, sink: &mut impl Sink) -> usize {
        let byte = bytes[at];
        match byte {
            ESC => {
                self.abort();
                return self.start(bytes, at, sink);
            }
            CAN | SUB | 0x80.. => {
                self.abort();
                return at + 1;
            }
            0x7f => return at + 1,
            _ => {}
        }
        if byte < 0x20 {
            // A control inside of a sequence has its effect at once.
            sink.control(byte);
            return at + 1;
        }
        self.pending.push(byte);
        match self.state {
            State::Escape => self.escape_byte(byte, sink),
            State::Csi if byte >= 0x40 => {
                let sequence = self.finish();
                if let Some(csi) = Csi::parse(&sequence[2..]) {
                    sink.csi(&csi, at + 1);
                }
                self.reuse(sequence);
            }
            State::CsiIgnore if byte >= 0x40 => self.abort(),
            _ => self.limit_sequence(),
        }
        at + 1
    }

    fn escape_byte(&mut self, byte: u8, sink: &mut impl Sink) {
        let first = self.pending.len() == 2;
        match byte {
            b'[' if first => self.state = State::Csi,
            b']' if first => self.state = State::Osc,
            b'P' if first => self.state = State::Dcs,
            b'X' | b'^' | b'_' if first => self.state = State::Other,
            0x20..=0x2f => self.limit_sequence(),
            _ => {
                let sequence = self.finish();
                let mut visible = sequence[1..].iter();
                let (intermediate, last, extra) = (visible.next(), visible.next(), visible.next());
                match (intermediate, last, extra) {
                    (Some(&last), None, _) => sink.escape(0, last),
                    (Some(&intermediate), Some(&last), None) => sink.escape(intermediate, last),
                    _ => {}
                }
                self.reuse(sequence);
            }
        }
    }

    /// Turns a sequence that exceeds the cap into one to be skipped.
    fn limit_sequence(&mut self) {
        if self.pending.len() < MAX_SEQUENCE {
            return;
        }
        let sequence = std::mem::take(&mut self.pending);
        self.reuse(sequence);
        // A private marker after a parameter sends any VT500 parser to its ignoring state.
        self.pending.extend_from_slice(b"\x1b[0<");
        self.state = State::CsiIgnore;
    }

    /// A string up to its terminator or the end of the chunk.
    fn string(&mut self, bytes: &[u8], at: usize, sink: &mut impl Sink) -> usize {
        let len = text_len(&bytes[at..]);
        self.append(&bytes[at..at + len]);
        let end = at + len;
        match bytes.get(end) {
            None => end,
            Some(&ESC) => {
                self.append(&[ESC]);
                self.string = self.state;
                self.state = State::StringEscape;
                end + 1
            }
            Some(&BEL) if self.state == State::Osc => {
                let sequence = self.finish();
                if !self.overflow {
                    sink.osc(&sequence[2..], true, end + 1);
                }
                self.reuse(sequence);
                end + 1
            }
            Some(&(CAN | SUB)) => {
                self.finish();
                end + 1
            }
            Some(_) => end + 1,
        }
    }

    fn string_escape(&mut self, bytes: &[u8], at: usize, sink: &mut impl Sink) -> usize {
        let mut sequence = self.finish();
        if sequence.last() == Some(&ESC) {
            sequence.pop();
        }
        let ended = bytes[at] == b'\\';
        let end = if ended { at + 1 } else { at };
        if !self.overflow {
            match self.string {
                State::Osc => sink.osc(&sequence[2..], false, end),
                State::Dcs => sink.dcs(&sequence[2..], end),
                _ => {}
            }
        }
        self.reuse(sequence);
        if !ended {
            self.pending.push(ESC);
            self.overflow = false;
            self.state = State::Escape;
        }
        end
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.overflow {
            // Only the state matters from here on: keep the stand-in, and an ESC at its end.
            let escape = bytes == [ESC];
            if escape {
                self.pending.push(ESC);
            }
            return;
        }
        if self.pending.len() + bytes.len() > MAX_STRING {
            self.overflow = true;
            self.pending.clear();
            let osc = self.state == State::Osc;
            self.pending
                .extend_from_slice(if osc { b"\x1b]7999;" } else { b"\x1b_" });
            self.pending.shrink_to(MAX_SEQUENCE);
            if bytes == [ESC] {
                self.pending.push(ESC);
            }
            return;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// Takes the pending bytes and goes back to the ground state.
    fn finish(&mut self) -> Vec<u8> {
        self.state = State::Ground;
        std::mem::take(&mut self.pending)
    }

    /// Keeps the buffer for the next sequence.
    fn reuse(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MAX_SEQUENCE && self.pending.is_empty() {
            buffer.clear();
            self.pending = buffer;
        }
    }

    fn abort(&mut self) {
        let sequence = self.finish();
        self.reuse(sequence);
    }
}

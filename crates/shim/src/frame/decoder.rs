//! From bytes off the wire to frames.

use super::{Frame, FrameError, MAX_FRAME_BYTES};

/// Cuts a byte stream into frames of one direction.
#[derive(Debug)]
pub struct Decoder<F> {
    buffer: Vec<u8>,
    /// How much of the front of `buffer` is already decoded.
    used: usize,
    frame: std::marker::PhantomData<fn() -> F>,
}

impl<F> Default for Decoder<F> {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            used: 0,
            frame: std::marker::PhantomData,
        }
    }
}

impl<F: Frame> Decoder<F> {
    /// An empty decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes off the wire.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.used == self.buffer.len() {
            self.buffer.clear();
            self.used = 0;
            // One huge frame must not keep its memory for the life of the connection.
            self.buffer.shrink_to(16 << 10);
        } else if self.used > 0 {
            self.buffer.drain(..self.used);
            self.used = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// When the stream is not of this protocol; the decoder is of no use then.
    #[expect(
        clippy::should_implement_trait,
        reason = "fails, and `None` does not mean the end"
    )]
    pub fn next(&mut self) -> Result<Option<F>, FrameError> {
        let Some((len, rest)) = self
            .buffer
            .get(self.used..)
            .and_then(|rest| rest.split_first_chunk::<4>())
        else {
            return Ok(None);
        };
        let len = u32::from_le_bytes(*len);
        let size = usize::try_from(len).unwrap_or(usize::MAX);
        if size == 0 || size > MAX_FRAME_BYTES {
            return Err(FrameError::Length(len));
        }
        let Some((kind, payload)) = rest.get(..size).and_then(|frame| frame.split_first()) else {
            return Ok(None);
        };
        let frame = F::decode(*kind, payload)?;
        self.used = self.used.saturating_add(4).saturating_add(size);
        Ok(Some(frame))
    }
}

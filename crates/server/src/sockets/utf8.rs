//! Where a piece of text may be cut without splitting a character.

/// Returns how many bytes of a piece come before an incomplete character at its end. Bytes that
/// can never become a character count as complete, so that they are not waited for.
pub(super) fn complete_len(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    for (at, byte) in bytes.iter().enumerate().skip(tail).rev() {
        let needed = match byte {
            0x00..=0x7f => return bytes.len(),
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return bytes.len(),
        };
        let has_all = bytes.len() - at >= needed;
        // Two bytes suffice to tell that some sequences are invalid, for example 0xe0 0x80.
        let is_hopeful =
            std::str::from_utf8(&bytes[at..]).is_err_and(|err| err.error_len().is_none());
        return if has_all || !is_hopeful {
            bytes.len()
        } else {
            at
        };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_cut_anywhere_loses_no_character() {
        let text = "aé€😀z\u{1b}[0m—日本語 é😀";
        for cut in 0..=text.len() {
            let whole = complete_len(&text.as_bytes()[..cut]);
            assert!(text.is_char_boundary(whole), "{cut}");
            assert!(cut - whole < 4);
            let next = (cut..=text.len()).find(|at| text.is_char_boundary(*at));
            assert!(
                next == Some(cut) || whole < cut,
                "{cut}: an incomplete character is held back"
            );
            assert!(
                next != Some(cut) || whole == cut,
                "{cut}: nothing is held back for nothing"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_not_waited_for() {
        for bytes in [
            &b"a\xff"[..],
            b"\x80\x80\x80\x80",
            b"\xc0",
            b"a\xe0\x80",
            b"\xf5",
            b"\xed\xa0",
        ] {
            assert_eq!(complete_len(bytes), bytes.len(), "{bytes:?}");
        }
        assert_eq!(complete_len(b"\xf0\x9f\x98"), 0);
        assert_eq!(complete_len(b""), 0);
    }
}

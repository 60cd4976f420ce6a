//! Plain text: lines without their colours.

use super::lines::Form;
use super::looks::{Part, parts};

/// Writes plain text.
pub(super) struct Text;

impl Form for Text {
    fn begin(&self, _title: &str, _begins: &str, _out: &mut Vec<u8>) {}

    fn text(&self, text: &str, out: &mut Vec<u8>) {
        for part in parts(text) {
            if let Part::Text(text) = part {
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }

    fn remark(&self, text: &str, out: &mut Vec<u8>) {
        out.extend(format!("[{text}]\n").bytes());
    }

    fn end(&self, _out: &mut Vec<u8>) {}
}

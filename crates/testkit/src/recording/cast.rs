//! The files of a recording: asciicast v3, its truth, and screens of it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::json;

/// Something that happened on a recorded terminal.
#[derive(Debug, Clone)]
pub struct Happening {
    /// Since the beginning.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The program wrote.
    Output(Vec<u8>),
    /// Somebody typed.
    Input(String),
    /// The terminal got so many columns and rows.
    Resize(u16, u16),
    /// The program ended with this status.
    Exit(i32),
}

/// What an agent did for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is not ready for a prompt.
    Starting,
    /// It waits for a prompt.
    Idle,
    /// It does what it was asked.
    Working,
    /// It waits for an answer: an approval, a question, trust.
    WaitingApproval,
    /// It is gone.
    Exited,
}

/// A time in one state.
#[derive(Debug, Clone, Serialize)]
pub struct Interval {
    /// Its beginning in seconds; at the latest.
    pub t0: f64,
    /// Its end.
    pub t1: f64,
    /// The state.
    pub state: State,
    /// Its beginning at the earliest, where it is only known from the screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<f64>,
}

/// The truth about a recording.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// The agent's id.
    pub agent: String,
    /// Its version.
    pub version: String,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// What it did, without a hole.
    pub intervals: Vec<Interval>,
}

/// Writes a recording, compressed.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, truth: &Truth, happenings: &[Happening]) -> Result<()> {
    let mut file = GzEncoder::new(File::create(path)?, Compression::best());
    let head = json!({
        "version": 3,
        "term": {"cols": truth.cols, "rows": truth.rows, "type": "xterm-256color"},
        "title": format!("{} {}", truth.agent, truth.version),
    });
    writeln!(file, "{head}")?;
    let mut last_ms = 0;
    let mut held = Vec::new();
    for Happening { at, what } in happenings {
        let at_ms = u64::try_from(at.as_millis())?;
        let (code, data) = match what {
            What::Output(bytes) => {
                held.extend_from_slice(bytes);
                ("o", take_text(&mut held))
            }
            What::Input(text) => ("i", text.clone()),
            What::Resize(cols, rows) => ("r", format!("{cols}x{rows}")),
            What::Exit(status) => ("x", status.to_string()),
        };
        let since_ms = at_ms.saturating_sub(last_ms);
        last_ms = last_ms.max(at_ms);
        let (seconds, ms) = (since_ms / 1000, since_ms % 1000);
        writeln!(file, "[{seconds}.{ms:03}, \"{code}\", {}]", json!(data))?;
    }
    file.finish()?;
    Ok(())
}

/// Takes what is text so far; the beginning of a character stays until its rest comes.
fn take_text(held: &mut Vec<u8>) -> String {
    let cut = match std::str::from_utf8(held) {
        Err(err) if err.error_len().is_none() => err.valid_up_to(),
        _ => held.len(),
    };
    let rest = held.split_off(cut);
    let text = String::from_utf8_lossy(held).into_owned();
    *held = rest;
    text
}

/// Writes the truth beside a recording.
///
/// # Errors
/// The file cannot be written.
pub fn write_truth(path: &Path, truth: &Truth) -> Result<()> {
    let mut text = String::from("{\n");
    text += &format!("  \"agent\": {},\n", json!(truth.agent));
    text += &format!("  \"version\": {},\n", json!(truth.version));
    text += &format!("  \"cols\": {},\n  \"rows\": {},\n", truth.cols, truth.rows);
    let intervals: Result<Vec<String>, _> =
        truth.intervals.iter().map(serde_json::to_string).collect();
    text += &format!(
        "  \"intervals\": [\n    {}\n  ]\n}}\n",
        intervals?.join(",\n    ")
    );
    Ok(std::fs::write(path, text)?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn characters_cut_by_a_read_stay_whole_and_times_are_relative() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("a.cast.gz");
        let truth = Truth {
            agent: "a".to_owned(),
            version: "1".to_owned(),
            cols: 80,
            rows: 24,
            intervals: Vec::new(),
        };
        let at = Duration::from_millis;
        let what = |at, what| Happening { at, what };
        let happenings = [
            what(at(5), What::Output(b"x\xc3".to_vec())),
            what(at(5), What::Input("\r".to_owned())),
            what(at(1105), What::Output(b"\xa9\xff".to_vec())),
            what(at(1200), What::Exit(129)),
        ];
        write(&path, &truth, &happenings)?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(File::open(&path)?).read_to_string(&mut text)?;
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let expected = [
            "[0.005, \"o\", \"x\"]",
            "[0.000, \"i\", \"\\r\"]",
            "[1.100, \"o\", \"é\u{fffd}\"]",
            "[0.095, \"x\", \"129\"]",
        ];
        assert_eq!(lines, expected);
        Ok(())
    }
}

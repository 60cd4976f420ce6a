//! What git says while it clones.

/// What a clone is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloneStep {
    /// It asks the other side, which prepares.
    Connecting,
    /// It loads.
    Receiving,
    /// It puts together what it loaded.
    Resolving,
    /// It writes the working tree.
    CheckingOut,
}

/// How far a clone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneProgress {
    /// What it is doing.
    pub step: CloneStep,
    /// How much of the step is done, when git says so.
    pub percent: Option<u8>,
    /// git's own words, in one line without control characters.
    pub text: String,
}

/// Longest line that is looked at; git's are shorter, another side's words may not be.
const LINE_BYTES_MAX: usize = 1000;

/// Cuts git's words into lines and finds progress in them.
pub(super) struct Lines<F> {
    on_progress: F,
    line: Vec<u8>,
    last: Option<(CloneStep, Option<u8>)>,
}

impl<F: FnMut(CloneProgress)> Lines<F> {
    pub(super) fn new(on_progress: F) -> Self {
        Self {
            on_progress,
            line: Vec::new(),
            last: None,
        }
    }

    /// Takes the next bytes; tells of progress when a step or its percentage has changed.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !matches!(byte, b'\r' | b'\n') {
                if self.line.len() < LINE_BYTES_MAX {
                    self.line.push(*byte);
                }
                continue;
            }
            let progress = parse(&String::from_utf8_lossy(&self.line));
            self.line.clear();
            if let Some(progress) = progress
                && self.last != Some((progress.step, progress.percent))
            {
                self.last = Some((progress.step, progress.percent));
                (self.on_progress)(progress);
            }
        }
    }
}

/// Reads `Receiving objects:  45% (450/1000), 1.20 MiB | 2.00 MiB/s`.
fn parse(line: &str) -> Option<CloneProgress> {
    let text: String = line.chars().filter(|c| !c.is_control()).collect();
    let words = text.strip_prefix("remote: ").unwrap_or(&text);
    let is_from_remote = words.len() < text.len();
    let (what, rest) = words.split_once(':').unwrap_or((words, ""));
    let step = match what {
        "Enumerating objects" | "Counting objects" | "Compressing objects" => CloneStep::Connecting,
        _ if is_from_remote => return None,
        "Receiving objects" => CloneStep::Receiving,
        "Resolving deltas" => CloneStep::Resolving,
        "Updating files" | "Checking out files" | "Filtering content" => CloneStep::CheckingOut,
        _ if what.starts_with("Cloning into ") => CloneStep::Connecting,
        _ => return None,
    };
    let percent = rest.split_once('%').map(|(number, _)| number.trim());
    let percent = percent.and_then(|number| number.parse().ok());
    let text = match what.starts_with("Cloning into ") {
        // It names the hidden folder.
        true => "Connecting".to_owned(),
        false => text.trim().to_owned(),
    };
    Some(CloneProgress {
        step,
        percent: percent.filter(|percent| *percent <= 100),
        text,
    })
}

/// Leaves of git's words what is no progress.
pub(super) fn without_progress(stderr: &str) -> String {
    let lines = stderr.split(['\r', '\n']).map(str::trim);
    let words: Vec<_> = lines
        .filter(|line| !line.is_empty() && parse(line).is_none())
        .collect();
    words.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_found_however_the_bytes_come() {
        let output = "Cloning into '/x/.y.offshoot-clone'...\nremote: Enumerating objects: 9, done.\n\
            remote: Counting objects:  50% (1/2)\rremote: Counting objects: 100% (2/2)\r\
            remote: hello: 7%\n\
            Receiving objects:   7% (1/14)\rReceiving objects:   7% (1/14), 1 KiB | 2 KiB/s\r\
            Resolving deltas: 100% (1/1), done.\nUpdating files:  12% (5/40)\r";
        for size in [1, 7, 1000] {
            let mut found = Vec::new();
            let mut lines = Lines::new(|progress: CloneProgress| {
                found.push((progress.step, progress.percent));
            });
            for bytes in output.as_bytes().chunks(size) {
                lines.add(bytes);
            }
            let expected = [
                (CloneStep::Connecting, None),
                (CloneStep::Connecting, Some(50)),
                (CloneStep::Connecting, Some(100)),
                (CloneStep::Receiving, Some(7)),
                (CloneStep::Resolving, Some(100)),
                (CloneStep::CheckingOut, Some(12)),
            ];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn words_are_left() {
        let stderr = "Cloning into 'x'...\nReceiving objects:  1% (1/99)\rfatal: the end\n";
        assert_eq!(without_progress(stderr), "fatal: the end");
    }
}

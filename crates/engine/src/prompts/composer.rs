//! The input line of an agent, as far as its screen shows one. Pure.
//!
//! Agents draw it in their own ways, but most mark its start with an arrow and keep it below all
//! else; of others the definition tells the frame. Where neither is found, only the text before the
//! cursor says what stands there.

use offshoot_vt::{Cursor, Screen};
use regex::Regex;

use super::Typing;
use crate::definitions::Frame;

/// Marks before the text of an input line.
const MARKS: [char; 3] = ['❯', '›', '>'];

/// So many characters of a prompt's beginning and end are looked for; more may be wrapped, folded or
/// cut by the agent.
const PIECE: usize = 24;

/// What the screen shows at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    rows: Vec<String>,
    cursor: Cursor,
    composer: Composer,
}

/// What is known of the input line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Composer {
    /// None is recognised.
    Unknown,
    /// It is there and holds nothing, or a hint of what could be typed.
    Empty,
    /// It holds a text; it begins in this row, and the one after its last is named too.
    Holds { from: usize, to: usize },
}

impl Sight {
    /// Looks at a screen.
    pub(crate) fn of(screen: &Screen, typing: &Typing) -> Self {
        let hints = &typing.hints;
        let rows = screen.rows();
        let cursor = screen.cursor();
        let first = screen.line_range().1;
        let is_hint = |row: usize| {
            let at = first + row as u64;
            let line = screen.lines(at..at + 1);
            line.first().is_some_and(|line| is_faint(&line.text))
                || rows
                    .get(row)
                    .and_then(|line| marked_text(line))
                    .is_some_and(|(_, text)| hints.iter().any(|hint| hint.is_match(text)))
        };
        let composer = match &typing.frame {
            Some(frame) => find_framed(&rows, cursor, frame, hints),
            None => find(&rows, cursor, is_hint),
        };
        Self {
            rows,
            cursor,
            composer,
        }
    }

    #[cfg(test)]
    pub(crate) fn of_rows(rows: &[&str], cursor: Cursor) -> Self {
        let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        let composer = find(&rows, cursor, |_| false);
        Self {
            rows,
            cursor,
            composer,
        }
    }

    /// Returns what is known of the input line.
    pub(crate) fn composer(&self) -> &Composer {
        &self.composer
    }

    /// Tells whether a prompt stands where text is typed.
    pub(crate) fn holds(&self, prompt: &str) -> bool {
        let (head, tail) = pieces(prompt);
        match self.composer {
            Composer::Holds { from, to } => {
                let text = squeeze(&self.rows[from..to].concat());
                text.contains(&tail) || text.contains(&head) || is_folded(&text)
            }
            Composer::Empty => false,
            Composer::Unknown => self.before_cursor().ends_with(&tail),
        }
    }

    /// Tells whether a prompt stands before the cursor with up to so many characters behind it, where
    /// no input line is recognised.
    pub(crate) fn holds_before(&self, prompt: &str, n_more: usize) -> bool {
        let before = match self.composer {
            Composer::Unknown => self.before_cursor(),
            Composer::Empty | Composer::Holds { .. } => return false,
        };
        let tail = pieces(prompt).1;
        let more = before
            .rfind(&tail)
            .map(|at| before[at + tail.len()..].chars().count());
        more.is_some_and(|more| more <= n_more)
    }

    /// Tells whether a prompt and nothing else stands where text is typed, as far as that shows it.
    pub(crate) fn holds_only(&self, prompt: &str) -> bool {
        let (from, to) = match self.composer {
            Composer::Holds { from, to } => (from, to),
            Composer::Empty => return false,
            Composer::Unknown => return self.holds(prompt),
        };
        let text = squeeze(&self.rows[from..to].concat());
        let text = text.trim_start_matches(MARKS);
        !text.is_empty() && squeeze(prompt).ends_with(text)
    }

    /// Tells whether a prompt's beginning stands anywhere but in the input line.
    pub(crate) fn shows_elsewhere(&self, prompt: &str) -> bool {
        let end = match self.composer {
            Composer::Holds { from, .. } => from,
            Composer::Empty | Composer::Unknown => self.rows.len(),
        };
        squeeze(&self.rows[..end].concat()).contains(&pieces(prompt).0)
    }

    /// The text before the cursor, in its row and the ones above.
    fn before_cursor(&self) -> String {
        let row = usize::from(self.cursor.row).min(self.rows.len().saturating_sub(1));
        let line = self.rows.get(row).map_or("", String::as_str);
        let before: String = line.chars().take(usize::from(self.cursor.col)).collect();
        if before.trim().is_empty() {
            // A line was ended: what is above it was sent.
            return String::new();
        }
        squeeze(&(self.rows[row.saturating_sub(8)..row].concat() + &before))
    }
}

fn find(rows: &[String], cursor: Cursor, is_hint: impl Fn(usize) -> bool) -> Composer {
    let at = usize::from(cursor.row);
    let marked = rows.iter().enumerate().rev();
    let Some((from, (lead, text))) = marked
        .filter_map(|(row, line)| Some((row, marked_text(line)?)))
        .next()
    else {
        return Composer::Unknown;
    };
    let below = rows[from + 1..].iter().position(|line| is_rule(line));
    let to = below.map_or(rows.len(), |below| from + 1 + below);
    if cursor.visible && !(from..to).contains(&at) {
        return Composer::Unknown;
    }
    let at_start = cursor.visible && at == from && usize::from(cursor.col) <= lead;
    let hint = is_hint(from);
    let second = rows[from + 1..to]
        .first()
        .is_some_and(|line| !bare(line).is_empty());
    let more = cursor.visible && at > from && second;
    if (text.is_empty() || at_start || hint) && !more {
        Composer::Empty
    } else {
        Composer::Holds { from, to }
    }
}

/// Finds an input line in its frame: the rows with a bar above the row that closes it.
fn find_framed(rows: &[String], cursor: Cursor, frame: &Frame, hints: &[Regex]) -> Composer {
    let begins = |row: &String, with: &str| row.trim_start().starts_with(with);
    let Some(end) = rows.iter().rposition(|row| begins(row, &frame.end)) else {
        return Composer::Unknown;
    };
    let above = rows[..end].iter().rev();
    let height = above.take_while(|row| begins(row, &frame.side)).count();
    let (from, to) = (end - height, end.saturating_sub(frame.footer));
    if from >= to || cursor.visible && !(from..to).contains(&usize::from(cursor.row)) {
        return Composer::Unknown;
    }
    let mut texts = rows[from..to].iter().map(|row| bare(row));
    let Some(text) = texts.find(|text| !text.is_empty()) else {
        return Composer::Empty;
    };
    let is_hint = hints.iter().any(|hint| hint.is_match(text));
    if is_hint && texts.all(str::is_empty) {
        Composer::Empty
    } else {
        Composer::Holds { from, to }
    }
}

/// The text after the mark of an input line, and the column it begins in.
fn marked_text(line: &str) -> Option<(usize, &str)> {
    let mut lead = 0;
    let mut rest = line;
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        lead += 1;
        if MARKS.contains(&c) {
            break;
        }
        if !(c.is_whitespace() || is_border(c)) {
            return None;
        }
    }
    if !rest.is_empty() && !rest.starts_with([' ', '\u{a0}']) {
        return None;
    }
    let text = rest.trim_start();
    lead += rest.chars().count() - text.chars().count();
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || is_border(c));
    (!is_choice(text)).then_some((lead.max(2), text))
}

/// A numbered option of a menu, which has the same mark.
fn is_choice(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    digits.len() < text.len() && (digits.starts_with(". ") || digits.starts_with(") "))
}

fn is_border(c: char) -> bool {
    matches!(c, '│' | '┃' | '|' | '║' | '▌' | '▐')
}

/// A line that ends a box.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    let n_rule = line
        .chars()
        .filter(|c| matches!(c, '─'..='╿' | '▀' | '▄' | '-' | '='))
        .count();
    n_rule >= 4 && n_rule * 2 > line.chars().count()
}

fn bare(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || is_border(c))
}

/// Whether a paste is shown as a note instead of itself.
fn is_folded(squeezed: &str) -> bool {
    squeezed.to_ascii_lowercase().contains("[pasted")
}

/// The beginning and the end of a prompt, as they are looked for.
fn pieces(prompt: &str) -> (String, String) {
    let text = squeeze(prompt);
    let head: String = text.chars().take(PIECE).collect();
    let n_chars = text.chars().count();
    let tail = text.chars().skip(n_chars.saturating_sub(PIECE)).collect();
    (head, tail)
}

/// Without blanks and borders: agents wrap and indent as they like.
pub(crate) fn squeeze(text: &str) -> String {
    let keeps = |c: &char| !c.is_whitespace() && !is_border(*c) && *c != '\u{200b}';
    text.chars().filter(keeps).collect()
}

/// Tells whether most of what follows the mark is faint or grey, as hints are.
fn is_faint(line: &str) -> bool {
    let (mut faint, mut marked) = (false, false);
    let (mut n_faint, mut n_all) = (0, 0);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\x1b[") {
            let end = sequence.find(|c: char| c.is_ascii_alphabetic());
            let end = end.unwrap_or(sequence.len().saturating_sub(1));
            if sequence[end..].starts_with('m') {
                faint = looks_faint(&sequence[..end], faint);
            }
            rest = sequence.get(end + 1..).unwrap_or_default();
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if marked && !c.is_whitespace() && !is_border(c) {
            n_all += 1;
            n_faint += usize::from(faint);
        }
        marked |= MARKS.contains(&c);
    }
    n_all > 0 && n_faint * 5 >= n_all * 3
}

fn looks_faint(parameters: &str, before: bool) -> bool {
    if parameters.contains("38;5;2") && parameters.contains("38;5;24")
        || parameters.contains("38;5;8")
    {
        return true;
    }
    let mut faint = before;
    let mut words = parameters.split([';', ':']);
    while let Some(word) = words.next() {
        match word {
            "" | "0" | "22" | "39" => faint = false,
            "2" | "90" => faint = true,
            // The parameters of a colour are no attributes.
            "38" | "48" | "58" => {
                let skip = if words.next() == Some("2") { 3 } else { 1 };
                for _ in 0..skip {
                    words.next();
                }
            }
            _ => {}
        }
    }
    faint
}

#[cfg(test)]
mod tests {
    use offshoot_protocol::AgentId;

    use super::*;
    use crate::definitions::Definitions;

    fn cursor(row: u16, col: u16) -> Cursor {
        Cursor {
            row,
            col,
            visible: true,
        }
    }

    fn typing(id: &str) -> Typing {
        let all = Definitions::built_in();
        let known = all.get(&AgentId(id.to_owned()));
        Typing::of(known.unwrap_or_else(|| all.generic()))
    }

    fn screen(bytes: &str) -> Sight {
        screen_of("any", bytes)
    }

    fn screen_of(agent: &str, bytes: &str) -> Sight {
        let size = offshoot_vt::Size { cols: 60, rows: 12 };
        let mut screen = Screen::new(size, offshoot_vt::Options::default());
        screen.feed(bytes.as_bytes());
        Sight::of(&screen, &typing(agent))
    }

    #[test]
    fn an_input_line_in_a_frame_is_found() {
        let with = |text: &str| {
            let lines = format!("  ┃  said before\r\n\r\n   answer\r\n\r\n  ┃\r\n  ┃  {text}\r\n");
            let end = "  ┃\r\n  ┃  Build · fake-model\r\n  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀\r\n  ctrl+p commands";
            screen_of("opencode", &(lines + end + "\x1b[6;6H"))
        };
        assert_eq!(*with("").composer(), Composer::Empty);
        assert_eq!(
            *with("Ask anything... \"Fix it\"").composer(),
            Composer::Empty
        );
        let full = with("my draft\r\n  ┃  goes on");
        assert!(full.holds("my draft\ngoes on") && !full.holds("said before"));
        assert!(full.holds_only("my draft\ngoes on") && !full.holds_only("my draft"));
        assert!(full.shows_elsewhere("said before"));
    }

    #[test]
    fn an_input_line_is_empty_or_holds_a_text() {
        let empty = [
            "> old prompt",
            "answer",
            "────────",
            "❯ ",
            "────────",
            "? for shortcuts",
        ];
        let sight = Sight::of_rows(&empty, cursor(3, 2));
        assert_eq!(*sight.composer(), Composer::Empty);
        assert!(sight.shows_elsewhere("old prompt") && !sight.holds("old prompt"));

        let full = [
            "answer",
            "────────",
            "❯ say",
            "  hello",
            "────────",
            "hints",
        ];
        let sight = Sight::of_rows(&full, cursor(3, 7));
        assert!(sight.holds("say\nhello") && !sight.holds("other"));
        assert!(!sight.shows_elsewhere("say\nhello"));
    }

    #[test]
    fn a_hint_is_no_text() {
        let hint = ["› Ask Codex to do anything"];
        let sight = Sight::of_rows(&hint, cursor(0, 2));
        assert_eq!(*sight.composer(), Composer::Empty);
        let sight = screen("\x1b[?25l❯ \x1b[7mT\x1b[27;2mry \"edit\"\x1b[0m");
        assert_eq!(*sight.composer(), Composer::Empty);
        let sight = screen("\x1b[?25l❯ my draft\x1b[7m \x1b[0m");
        assert!(sight.holds("my draft"));
    }

    #[test]
    fn without_an_input_line_the_cursor_tells() {
        let rows = ["AGENT ready", "tell me: please look at this"];
        let sight = Sight::of_rows(&rows, cursor(1, 28));
        assert_eq!(*sight.composer(), Composer::Unknown);
        assert!(sight.holds("please look\nat this"));
        let rows = ["tell me: please look at thisabc"];
        let sight = Sight::of_rows(&rows, cursor(0, 31));
        assert!(!sight.holds("please look\nat this"));
        assert!(sight.holds_before("please look\nat this", 3));
        assert!(!sight.holds_before("please look\nat this", 2));
        let rows = ["tell me: please", "got:please", ""];
        assert!(!Sight::of_rows(&rows, cursor(2, 0)).holds("please"));
    }

    #[test]
    fn a_menu_is_no_input_line_and_a_folded_paste_stands_in_one() {
        let menu = ["Do you want to?", "❯ 1. Yes", "  2. No"];
        assert_eq!(
            *Sight::of_rows(&menu, cursor(1, 0)).composer(),
            Composer::Unknown
        );
        let folded = ["│ > [Pasted text #1 +300 lines] │", "╰──────────╯"];
        let sight = Sight::of_rows(&folded, cursor(0, 30));
        assert!(sight.holds("anything\nof many lines"));
    }
}

//! The window title and the ones set aside; and cleaning what programs write.

/// The most characters of a title kept.
const MAX_TITLE: usize = 256;

/// The most titles a program may set aside; the oldest go first.
const MAX_STACK: usize = 16;

/// The window title.
#[derive(Debug, Default)]
pub(crate) struct Title {
    title: String,
    stack: Vec<String>,
}

impl Title {
    pub(crate) fn get(&self) -> &str {
        &self.title
    }

    /// Sets the title from untrusted bytes; true when it changed.
    pub(crate) fn set(&mut self, bytes: &[u8]) -> bool {
        let title = clean(bytes, MAX_TITLE);
        self.replace(title.trim().to_owned())
    }

    pub(crate) fn push(&mut self) {
        if self.stack.len() == MAX_STACK {
            self.stack.remove(0);
        }
        self.stack.push(self.title.clone());
    }

    /// Takes the title set aside last; true when the title changed.
    pub(crate) fn pop(&mut self) -> bool {
        self.stack.pop().is_some_and(|title| self.replace(title))
    }

    /// Forgets all; true when the title changed.
    pub(crate) fn reset(&mut self) -> bool {
        self.stack.clear();
        self.replace(String::new())
    }

    fn replace(&mut self, title: String) -> bool {
        let changed = self.title != title;
        self.title = title;
        changed
    }

    /// Writes what brings a fresh terminal to this title.
    pub(crate) fn write(&self, out: &mut String) {
        for title in &self.stack {
            *out += &format!("\x1b]2;{title}\x1b\\\x1b[22;0t");
        }
        if !self.title.is_empty() || !self.stack.is_empty() {
            *out += &format!("\x1b]2;{}\x1b\\", self.title);
        }
    }
}

/// Text without control, direction-changing and other invisible characters, cut to `max`
/// characters.
pub(crate) fn clean(bytes: &[u8], max: usize) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .filter(|&c| !is_unsafe(c))
        .take(max)
        .collect()
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

//! A page with colours that needs nothing else: no script, no other file, nothing unescaped.

use std::fmt::Write as _;

use super::lines::Form;
use super::looks::{Colour, Look, Part, parts};

/// Colours 0 to 15, as they look on the page's dark ground.
const BASE: [&str; 16] = [
    "#2e3436", "#e05561", "#8cc265", "#d18f52", "#4aa5f0", "#c162de", "#42b3c2", "#d7dae0",
    "#6b727d", "#ff616e", "#a5e075", "#f0a45d", "#4dc4ff", "#de73ff", "#4cd1e0", "#ffffff",
];

const HEAD: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
     style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
     <style>body{margin:0;background:#141518;color:#e6e6e6}header,pre{margin:0;padding:.5rem 1rem;\
     font:13px/1.4 ui-monospace,Menlo,Consolas,monospace}header,.note{color:#9aa0a8}\
     a{color:inherit}</style>\n";

/// Writes a page.
pub(super) struct Html;

impl Form for Html {
    fn begin(&self, title: &str, begins: &str, out: &mut Vec<u8>) {
        let title = escape(title);
        let head = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             {HEAD}<header>{title} · {begins}</header>\n<pre>\n"
        );
        out.extend(head.bytes());
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) {
        let mut look = Look::default();
        let mut link = None;
        for part in parts(text) {
            match part {
                Part::Look(parameters) => look.apply(parameters),
                Part::Link(uri) => link = Some(uri).filter(|uri| leads_to_a_page(uri)),
                Part::Text(text) => out.extend(span(look, link, text).bytes()),
            }
        }
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }

    fn remark(&self, text: &str, out: &mut Vec<u8>) {
        out.extend(format!("<span class=\"note\">[{}]</span>\n", escape(text)).bytes());
    }

    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</pre>\n</html>\n");
    }
}

/// Whether a link may be followed from a page that anybody may open: programs can print any.
fn leads_to_a_page(uri: &str) -> bool {
    let uri = uri.to_ascii_lowercase();
    uri.starts_with("https://") || uri.starts_with("http://")
}

fn span(look: Look, link: Option<&str>, text: &str) -> String {
    let mut html = escape(text);
    if look != Look::default() {
        html = format!("<span style=\"{}\">{html}</span>", style(look));
    }
    if let Some(uri) = link {
        let uri = escape(uri);
        html = format!("<a href=\"{uri}\" rel=\"noopener noreferrer\">{html}</a>");
    }
    html
}

fn style(look: Look) -> String {
    let mut style = String::new();
    let (mut foreground, mut background) = (
        look.foreground.map(|colour| colour_of(colour, look.bold)),
        look.background.map(|colour| colour_of(colour, false)),
    );
    if look.inverse {
        let text = foreground.unwrap_or_else(|| "#e6e6e6".to_owned());
        foreground = Some(background.unwrap_or_else(|| "#141518".to_owned()));
        background = Some(text);
    }
    for (property, colour) in [("color", foreground), ("background", background)] {
        if let Some(colour) = colour {
            let _ = write!(style, "{property}:{colour};");
        }
    }
    for (is_on, declaration) in [
        (look.bold, "font-weight:bold;"),
        (look.dim, "opacity:.6;"),
        (look.italic, "font-style:italic;"),
        (look.hidden, "visibility:hidden;"),
    ] {
        if is_on {
            style.push_str(declaration);
        }
    }
    match (look.underline, look.strikeout) {
        (true, true) => style.push_str("text-decoration:underline line-through;"),
        (true, false) => style.push_str("text-decoration:underline;"),
        (false, true) => style.push_str("text-decoration:line-through;"),
        (false, false) => {}
    }
    style
}

fn colour_of(colour: Colour, bold: bool) -> String {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    let hex = |r: u8, g: u8, b: u8| format!("#{r:02x}{g:02x}{b:02x}");
    match colour {
        Colour::Rgb(r, g, b) => hex(r, g, b),
        Colour::Indexed(index @ 0..=7) if bold => BASE[usize::from(index) + 8].to_owned(),
        Colour::Indexed(index @ 0..=15) => BASE[usize::from(index)].to_owned(),
        Colour::Indexed(index @ 16..=231) => {
            let index = index - 16;
            hex(level(index / 36), level(index / 6 % 6), level(index % 6))
        }
        Colour::Indexed(index) => {
            let grey = 8 + 10 * (index - 232);
            hex(grey, grey, grey)
        }
    }
}

fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c.is_control() => html.push(' '),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let mut out = Vec::new();
        Html.text(text, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn nothing_a_program_prints_becomes_markup() {
        assert_eq!(
            line("<script>alert('1')</script>&amp;"),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;"
        );
        let link = "\x1b]8;;https://x.y/\"onclick=\"z\x1b\\go\x1b]8;;\x1b\\";
        assert_eq!(
            line(link),
            "<a href=\"https://x.y/&quot;onclick=&quot;z\" rel=\"noopener noreferrer\">go</a>"
        );
        let script = "\x1b]8;;javascript:alert(1)\x1b\\go\x1b]8;;\x1b\\";
        assert_eq!(line(script), "go");
        let mut head = Vec::new();
        Html.begin("</title><script>", "now", &mut head);
        assert!(!String::from_utf8(head).expect("text").contains("<script"));
    }

    #[test]
    fn colours_are_kept() {
        assert_eq!(
            line("\x1b[1;31mred\x1b[m plain \x1b[7;38;5;16;4mx"),
            "<span style=\"color:#ff616e;font-weight:bold;\">red</span> plain \
             <span style=\"color:#141518;background:#000000;text-decoration:underline;\">x</span>"
        );
    }
}

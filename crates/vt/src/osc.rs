//! OSC: titles, links, colours, and what programs and shells tell about themselves.

use alacritty_terminal::term::cell::Hyperlink;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::emulator::Emulator;
use crate::palette;
use crate::title::clean;
use crate::{Event, ProgramState, ProgressState, PromptMark};

/// The most characters of a message or notification.
const MAX_MESSAGE: usize = 2_048;

/// The most characters of a word such as a program's name.
const MAX_WORD: usize = 128;

/// The longest path taken as a working directory, as the kernel's.
const MAX_PATH: usize = 4_096;

/// The longest OSC 7501 report its specification allows.
const MAX_REPORT: usize = 4_096;

/// A notification that comes in parts (OSC 99).
#[derive(Debug, Default)]
pub(crate) struct Notice {
    id: Vec<u8>,
    title: String,
    body: String,
}

/// Runs the content of an OSC.
pub(crate) fn run(emulator: &mut Emulator, content: &[u8], bell: bool, at: usize) {
    let (number, rest) = split(content, b';');
    let Some(number) = number_of(number) else {
        return;
    };
    let rest = rest.unwrap_or_default();
    match number {
        0 | 2 => {
            let changed = emulator.title.set(rest);
            tell_title(emulator, changed);
        }
        4 => indexed_colors(emulator, rest, bell, at),
        7 => {
            if let Some(path) = path_of_url(rest) {
                emulator.outbox.event(Event::Cwd(path));
            }
        }
        8 => link(emulator, rest),
        9 => osc9(emulator, rest),
        10..=12 => dynamic_colors(emulator, number, rest, bell, at),
        99 => osc99(emulator, rest),
        104 if rest.is_empty() => emulator.palette.reset_all_indexed(),
        104 => {
            for index in rest.split(|&byte| byte == b';') {
                if let Some(index) = number_of(index).and_then(|index| u8::try_from(index).ok()) {
                    emulator.palette.reset_indexed(index);
                }
            }
        }
        110..=112 => emulator.palette.reset_dynamic(number - 100),
        133 => prompt_mark(emulator, rest),
        777 => osc777(emulator, rest),
        7501 if rest == b"?" => emulator.answer(at, "\x1b]7501;?\x1b\\".to_owned()),
        7501 => program_status(emulator, rest),
        _ => {}
    }
}

/// Tells the title when it changed.
pub(crate) fn tell_title(emulator: &mut Emulator, changed: bool) {
    if changed {
        let title = emulator.title.get().to_owned();
        emulator.outbox.event(Event::Title(title));
    }
}

fn split(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|&byte| byte == at) {
        Some(index) => (&bytes[..index], Some(&bytes[index + 1..])),
        None => (bytes, None),
    }
}

fn number_of(bytes: &[u8]) -> Option<u16> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// `8 ; params ; uri`
fn link(emulator: &mut Emulator, rest: &[u8]) {
    let (params, uri) = split(rest, b';');
    let uri = uri.and_then(|uri| std::str::from_utf8(uri).ok());
    let pen = &mut emulator.grid.cursor.template;
    let Some(uri) = uri.filter(|uri| !uri.is_empty() && !uri.chars().any(char::is_control)) else {
        pen.set_hyperlink(None);
        return;
    };
    let id = params
        .split(|&byte| byte == b':')
        .find_map(|param| param.strip_prefix(b"id="))
        .map(|id| clean(id, MAX_WORD))
        .filter(|id| !id.is_empty());
    // A snapshot brings numbers of its own; new ones must not meet them.
    if let Some(number) = id
        .as_deref()
        .and_then(|id| id.strip_prefix('~')?.parse().ok())
    {
        emulator.links = emulator.links.max(number);
    }
    let id = id.unwrap_or_else(|| {
        emulator.links = emulator.links.wrapping_add(1);
        format!("~{}", emulator.links)
    });
    let link = Hyperlink::new(Some(id), uri.to_owned());
    emulator.grid.cursor.template.set_hyperlink(Some(link));
}

fn terminator(bell: bool) -> &'static str {
    if bell { "\x07" } else { "\x1b\\" }
}

/// `4 ; index ; colour ; …`, where `?` asks.
fn indexed_colors(emulator: &mut Emulator, rest: &[u8], bell: bool, at: usize) {
    let mut parts = rest.split(|&byte| byte == b';');
    while let (Some(index), Some(color)) = (parts.next(), parts.next()) {
        let Some(index) = number_of(index).and_then(|index| u8::try_from(index).ok()) else {
            continue;
        };
        if color == b"?" {
            let color = palette::spec(emulator.palette.indexed(index));
            let end = terminator(bell);
            emulator.answer(at, format!("\x1b]4;{index};{color}{end}"));
        } else if let Some(color) = palette::parse(color) {
            emulator.palette.set_indexed(index, color);
        }
    }
}

/// `10 ; colour ; …`: more colours are for the next numbers.
fn dynamic_colors(emulator: &mut Emulator, first: u16, rest: &[u8], bell: bool, at: usize) {
    for (osc, color) in (first..=12).zip(rest.split(|&byte| byte == b';')) {
        if color == b"?" {
            let color = palette::spec(emulator.palette.dynamic(osc, &emulator.options));
            let end = terminator(bell);
            emulator.answer(at, format!("\x1b]{osc};{color}{end}"));
        } else if let Some(color) = palette::parse(color) {
            emulator.palette.set_dynamic(osc, color);
        }
    }
}

/// `file://host/path`, percent-encoded; other schemes are of no use.
fn path_of_url(url: &[u8]) -> Option<String> {
    let rest = url
        .strip_prefix(b"file://")
        .or_else(|| url.strip_prefix(b"kitty-shell-cwd://"))?;
    let slash = rest.iter().position(|&byte| byte == b'/')?;
    path(&percent_decoded(&rest[slash..]))
}

fn path(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let usable = !text.is_empty() && text.len() <= MAX_PATH && !text.chars().any(char::is_control);
    usable.then(|| text.to_owned())
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let code = (bytes[index] == b'%')
            .then(|| bytes.get(index + 1..index + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(bytes[index]));
        index += if code.is_some() { 3 } else { 1 };
    }
    out
}

/// ConEmu's and iTerm's uses of OSC 9.
fn osc9(emulator: &mut Emulator, rest: &[u8]) {
    if let Some(progress) = rest.strip_prefix(b"4;") {
        let (state, percent) = split(progress, b';');
        let state = match state {
            b"0" => ProgressState::None,
            b"1" => ProgressState::Normal,
            b"2" => ProgressState::Error,
            b"3" => ProgressState::Indeterminate,
            b"4" => ProgressState::Paused,
            _ => return,
        };
        let percent = percent.and_then(number_of).unwrap_or(0).min(100);
        let percent = u8::try_from(percent).unwrap_or(100);
        emulator.outbox.event(Event::Progress { state, percent });
        return;
    }
    if let Some(cwd) = rest.strip_prefix(b"9;") {
        if let Some(path) = path(cwd.trim_ascii()) {
            emulator.outbox.event(Event::Cwd(path));
        }
        return;
    }
    // Other numbers are commands of ConEmu, not texts.
    let (first, more) = split(rest, b';');
    let command = more.is_some() && number_of(first).is_some_and(|number| number <= 12);
    if !command && !rest.is_empty() {
        notify(emulator, String::new(), clean(rest, MAX_MESSAGE));
    }
}

fn notify(emulator: &mut Emulator, title: String, body: String) {
    if !title.is_empty() || !body.is_empty() {
        emulator.outbox.event(Event::Notification { title, body });
    }
}

/// `777 ; notify ; title ; body`
fn osc777(emulator: &mut Emulator, rest: &[u8]) {
    if let Some(rest) = rest.strip_prefix(b"notify;") {
        let (title, body) = split(rest, b';');
        let body = clean(body.unwrap_or_default(), MAX_MESSAGE);
        notify(emulator, clean(title, MAX_MESSAGE), body);
    }
}

/// kitty's notifications: `99 ; key=value : … ; payload`, possibly in parts.
fn osc99(emulator: &mut Emulator, rest: &[u8]) {
    let (metadata, payload) = split(rest, b';');
    let value = |key: &[u8]| {
        metadata
            .split(|&byte| byte == b':')
            .filter_map(|pair| pair.strip_prefix(key)?.strip_prefix(b"="))
            .next_back()
    };
    let decoded;
    let mut payload = payload.unwrap_or_default();
    if value(b"e") == Some(b"1") {
        decoded = base64_decoded(payload).unwrap_or_default();
        payload = &decoded;
    }
    let id = value(b"i").unwrap_or_default();
    if emulator.notice.id != id {
        emulator.notice = Notice {
            id: id[..id.len().min(MAX_WORD)].to_vec(),
            ..Notice::default()
        };
    }
    let part = match value(b"p") {
        None | Some(b"title") => &mut emulator.notice.title,
        Some(b"body") => &mut emulator.notice.body,
        _ => return,
    };
    let room = MAX_MESSAGE.saturating_sub(part.chars().count());
    part.push_str(&clean(payload, room));
    if value(b"d") != Some(b"0") {
        let notice = std::mem::take(&mut emulator.notice);
        notify(emulator, notice.title, notice.body);
    }
}

/// `133 ; A | B | C | D [; exit]`
fn prompt_mark(emulator: &mut Emulator, rest: &[u8]) {
    let (kind, options) = split(rest, b';');
    let mark = match kind {
        b"A" => PromptMark::PromptStart,
        b"B" => PromptMark::CommandStart,
        b"C" => PromptMark::OutputStart,
        b"D" => PromptMark::CommandEnd {
            exit: options.and_then(|options| {
                let (exit, _) = split(options, b';');
                std::str::from_utf8(exit).ok()?.parse().ok()
            }),
        },
        _ => return,
    };
    emulator.outbox.event(Event::PromptMark(mark));
}

/// `7501 ; state=… : app=… : kind=… : msg=base64 : id=…`
fn program_status(emulator: &mut Emulator, rest: &[u8]) {
    if rest.len() > MAX_REPORT {
        return;
    }
    let value = |key: &[u8]| {
        rest.split(|&byte| byte == b':')
            .find_map(|pair| pair.strip_prefix(key)?.strip_prefix(b"="))
    };
    let word = |key: &[u8]| clean(value(key).unwrap_or_default(), MAX_WORD);
    let state = match value(b"state") {
        Some(b"idle") => ProgramState::Idle,
        Some(b"working") => ProgramState::Working,
        Some(b"done") => ProgramState::Done,
        Some(b"blocked") => ProgramState::Blocked,
        Some(b"error") => ProgramState::Error,
        Some(b"clear") => ProgramState::Clear,
        _ => return,
    };
    let message = value(b"msg").and_then(base64_decoded).unwrap_or_default();
    let event = Event::ProgramStatus {
        state,
        kind: word(b"kind"),
        app: word(b"app"),
        message: clean(&message, MAX_MESSAGE),
        id: word(b"id"),
    };
    emulator.outbox.event(event);
}

fn base64_decoded(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .ok()
}

//! Numbers that both ends of a wire must agree on. Each comment says what reaching it means.

/// Largest terminal width and height. A resize beyond it is ignored (v1) or refused (v2, REST).
pub const TERMINAL_SIDE_MAX: u16 = 1000;

/// Size of a terminal nobody has sized yet.
pub const TERMINAL_SIZE_INITIAL: (u16, u16) = (120, 30);

/// Bytes a v2 client may leave unacknowledged before the server stops sending to it. When the
/// client drains and the output has run further ahead than this, it is brought up by a snapshot.
pub const TERMINAL_WINDOW_BYTES: u64 = 1024 * 1024;

/// A v2 client acknowledges at least every so many bytes.
pub const TERMINAL_ACK_EVERY_BYTES: u64 = 128 * 1024;

/// Largest payload of one OUTPUT frame; more output is sent in several frames.
pub const TERMINAL_OUTPUT_FRAME_BYTES: usize = 64 * 1024;

/// Scrollback lines in a snapshot unless the client asks for another number.
pub const SNAPSHOT_HISTORY_LINES: u32 = 500;

/// Most scrollback lines a snapshot or a first v1 history holds; older lines come by page.
pub const SNAPSHOT_HISTORY_LINES_MAX: u32 = 5000;

/// Largest frame a v2 client may send. A larger one closes the connection.
pub const SOCKET_FRAME_IN_BYTES: usize = 256 * 1024;

/// Largest frame a v1 client may send: it carries base64 images.
pub const V1_FRAME_IN_BYTES: usize = 16 * 1024 * 1024;

/// Largest JSON request body. A larger one is answered with 413.
pub const BODY_BYTES: usize = 1024 * 1024;

/// Largest text that `POST …/input` accepts. A larger one is answered with 413.
pub const INPUT_TEXT_BYTES: usize = 512 * 1024;

/// Largest title of a session, in characters. A longer one is refused.
pub const TITLE_CHARS: usize = 500;

/// Largest initial prompt, in bytes: it is one argument of a process, and the kernel refuses
/// single arguments of 128 KiB and more.
pub const PROMPT_BYTES: usize = 120 * 1024;

/// Largest setup command and largest environment of a repository, in bytes. A larger one is refused.
pub const REPOSITORY_TEXT_BYTES: usize = 32 * 1024;

/// Most files of one message. A message with more is refused.
pub const MESSAGE_FILES: usize = 10;

/// Most bytes of all files of one message. A message with more is refused and nothing of it kept.
pub const MESSAGE_FILES_BYTES: u64 = 10 * 1024 * 1024;

/// Longest text of a message, in UTF-16 units after trimming. A longer one is refused.
pub const MESSAGE_UTF16_UNITS: usize = 10_000;

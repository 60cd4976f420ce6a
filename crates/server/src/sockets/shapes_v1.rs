//! Values of the first dialect's terminal frames, to and from ours.

use offshoot_protocol::TerminalSize;
use offshoot_protocol::v1::TerminalFrame;
use offshoot_protocol::view::{Exit, ProcessState};

/// Says how a process ended. A signal's exit code is what a shell would say.
pub(super) fn exit_frame(exit: Option<Exit>, state: ProcessState) -> TerminalFrame {
    let (exit_code, signal) = match exit {
        Some(Exit {
            code: Some(code), ..
        }) => (code, None),
        Some(Exit {
            signal: Some(signal),
            ..
        }) => (128 + signal, Some(signal_name(signal))),
        _ if state == ProcessState::Stopped => (0, None),
        _ => (1, None),
    };
    TerminalFrame::Exit { exit_code, signal }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// Reads a size; anything but two whole numbers within the limits is none.
pub(super) fn size_of(cols: &serde_json::Value, rows: &serde_json::Value) -> Option<TerminalSize> {
    let side = |value: &serde_json::Value| u16::try_from(value.as_u64()?).ok();
    TerminalSize::new(side(cols)?, side(rows)?)
}

/// Reads an offset; what is absent, negative or no number asks for a screen from nothing.
pub(super) fn offset_of(value: &serde_json::Value) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates, which is what is wanted"
    )]
    let from_float = |value: f64| value as u64;
    value
        .as_u64()
        .or_else(|| value.as_f64().map(from_float))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use offshoot_protocol::v1::TerminalErrorCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_and_offsets_are_read_as_the_dialect_says() {
        for (cols, rows, accepted) in [
            (json!(80), json!(24), true),
            (json!(1), json!(1000), true),
            (json!(0), json!(24), false),
            (json!(80), json!(1001), false),
            (json!("80"), json!("24"), false),
            (json!(80.5), json!(24), false),
            (json!(-80), json!(24), false),
            (json!(null), json!(24), false),
        ] {
            assert_eq!(size_of(&cols, &rows).is_some(), accepted, "{cols}×{rows}");
        }
        for (value, offset) in [
            (json!(7), 7),
            (json!(7.0), 7),
            (json!(0), 0),
            (json!(-5), 0),
            (json!("7"), 0),
            (json!(null), 0),
            (json!(1e300), u64::MAX),
        ] {
            assert_eq!(offset_of(&value), offset, "{value}");
        }
    }

    #[test]
    fn frames_have_the_shapes_of_the_dialect() {
        let frame = |frame| serde_json::to_value::<TerminalFrame>(frame).expect("JSON");
        let ended = |code, signal| exit_frame(Some(Exit { code, signal }), ProcessState::Exited);
        assert_eq!(
            frame(ended(Some(7), None)),
            json!({"type": "exit", "exitCode": 7, "signal": null})
        );
        assert_eq!(
            frame(ended(None, Some(9))),
            json!({"type": "exit", "exitCode": 137, "signal": "SIGKILL"})
        );
        let history = TerminalFrame::History {
            data: "é".to_owned(),
            offset: 2,
            timed_out: false,
        };
        assert_eq!(
            frame(history),
            json!({"type": "history", "data": "é", "offset": 2})
        );
        let error = TerminalFrame::Error {
            message: "Worker not found".to_owned(),
            code: Some(TerminalErrorCode::WorkerNotFound),
        };
        assert_eq!(
            frame(error),
            json!({"type": "error", "message": "Worker not found", "code": "WORKER_NOT_FOUND"})
        );
    }
}

//! Failures that scripts may tell apart by the exit status.

use std::fmt;

use offshoot_protocol::{ErrorCode, Problem};

/// The exit statuses, as the manual page lists them.
pub(crate) const EXIT_STATUS_HELP: &str = "\
Exit status:
  0  done
  1  any failure that is none of these
  2  the arguments or the configuration are not valid
  3  no server answers
  4  the name means no session or worker, or several
  5  the server refused; its sentence says why
  `attach` and `logs --follow` end with the exit status of the program they showed,
  or 128 and the number of the signal that ended it.";

/// A failure with an exit status of its own.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is not valid.
    Config(String),
    /// No server answers.
    NoServer(String),
    /// A name means nothing, or several things.
    Name(String),
    /// The server refused.
    Refused(Problem),
}

impl Failure {
    fn exit_status(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::NoServer(_) => 3,
            Self::Name(_) => 4,
            Self::Refused(problem) => match problem.code {
                ErrorCode::SessionNotFound | ErrorCode::WorkerNotFound | ErrorCode::JobNotFound => {
                    4
                }
                _ => 5,
            },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(text) | Self::NoServer(text) | Self::Name(text) => f.write_str(text),
            Self::Refused(problem) => f.write_str(&problem.detail),
        }
    }
}

impl std::error::Error for Failure {}

/// The exit status of a failed command.
pub(crate) fn exit_status(err: &anyhow::Error) -> u8 {
    err.downcast_ref::<Failure>()
        .map_or(1, Failure::exit_status)
}

/// What went wrong, from the outside in. A cause that the text tells already is not told again.
pub(crate) fn sentence(err: &anyhow::Error) -> String {
    let mut text = err.to_string();
    for cause in err.chain().skip(1) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text += ": ";
            text += &cause;
        }
    }
    text
}

/// Tells whether the reader of our output went away, as `offshoot logs | head` does.
pub(crate) fn is_broken_pipe(err: &anyhow::Error) -> bool {
    err.chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|err| err.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_told_once() {
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "make the directory: {}", self.0)
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let full = || std::io::Error::other("it is full");
        let err = anyhow::Error::from(Outer(full())).context("start");
        assert_eq!(
            super::sentence(&err),
            "start: make the directory: it is full"
        );
        let err = Err::<(), _>(full()).context("read").unwrap_err();
        assert_eq!(super::sentence(&err), "read: it is full");
    }
}

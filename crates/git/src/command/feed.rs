//! Commands whose output is taken as it comes, because it may be larger than one wants to hold.

use std::io;
use std::ops::ControlFlow;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Git, GitError, Group, Output, read_tail};

/// Output that is handed on at once: as much as a pipe holds.
const PIECE_BYTES: usize = 64 << 10;

impl Git {
    /// Runs the command and hands its output on as it comes. When the taker breaks off, the command
    /// is ended, which is no error; any exit code but 0 is.
    pub(crate) async fn feed(
        mut self,
        mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), GitError> {
        let mut child = self.command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => GitError::NotInstalled,
            _ => self.io_error(source),
        })?;
        // Ends what is left of it, also when the taker has broken off.
        let mut group = Group::of(&child, self.kind);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let mut watch = None;
            let feeding = hand_on(stdout, &mut take);
            let complaining = read_tail(stderr, &mut watch);
            tokio::pin!(feeding, complaining);
            let (fed, stderr) = tokio::select! {
                biased;
                fed = &mut feeding => (fed?, None),
                stderr = &mut complaining => (feeding.await?, Some(stderr?)),
            };
            if fed.is_break() {
                return Ok(None);
            }
            let stderr = match stderr {
                Some(stderr) => stderr,
                None => complaining.await?,
            };
            Ok(Some((child.wait().await?, stderr)))
        };
        let ended = tokio::time::timeout(self.timeout, work).await;
        let ended = ended.map_err(|_| GitError::Timeout {
            command: self.subcommand.clone(),
            after: self.timeout,
        })?;
        let ended = ended.map_err(|source| self.io_error(source))?;
        let Some((status, stderr)) = ended else {
            return Ok(());
        };
        group.disarm();
        if status.success() {
            return Ok(());
        }
        let output = Output {
            code: status.code(),
            stdout: Vec::new(),
            stderr: String::from_utf8_lossy(&stderr).trim().to_owned(),
        };
        Err(output.into_error(self.subcommand))
    }
}

/// Hands on everything, piece by piece, unless the taker breaks off.
async fn hand_on(
    from: Option<impl AsyncRead + Unpin>,
    take: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    let Some(mut from) = from else {
        return Ok(ControlFlow::Continue(()));
    };
    while from.read_buf(&mut piece).await? > 0 {
        if take(&piece).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        piece.clear();
    }
    Ok(ControlFlow::Continue(()))
}

//! The one thread that touches the database, and the handle everybody else holds.
//!
//! Calls that wait together are run in one transaction, each in its own savepoint, and answered
//! after the commit: one flush of the disk serves them all, and a failing call takes no other with
//! it. When the transaction as a whole fails (a full disk), each call is run again alone, so that
//! those that need no room still succeed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

/// Calls that may wait. When it is full the disk is slower than the callers, who then wait for
/// their turn in `send`; nothing is dropped.
const QUEUE_CALLS: usize = 256;

/// Calls in one transaction at the most, which bounds how long the first of them waits.
const BATCH_CALLS: usize = 64;

/// A handle on the open database. Clones share one writer thread, which ends when the store is
/// closed or the last handle is dropped, after the calls that wait have been run.
#[derive(Debug, Clone)]
pub struct Store {
    sender: mpsc::Sender<Turn>,
    path: Arc<Path>,
}

/// What the writer is asked for.
enum Turn {
    Call(Box<dyn Call>),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// One caller's statements, and where the answer goes.
trait Call: Send {
    /// Runs the statements and keeps their result. May be run again after a rollback.
    fn run(&mut self, connection: &Connection) -> Ran;
    /// Tells the caller the kept result.
    fn answer(self: Box<Self>);
    /// Tells the caller that nothing was kept.
    fn fail(self: Box<Self>, err: rusqlite::Error);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ran {
    Kept,
    Failed,
}

struct Asked<F, T> {
    statements: F,
    result: Option<rusqlite::Result<T>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Call for Asked<F, T>
where
    F: Fn(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> Ran {
        let result = (self.statements)(connection);
        let ran = if result.is_ok() {
            Ran::Kept
        } else {
            Ran::Failed
        };
        self.result = Some(result);
        ran
    }

    fn answer(self: Box<Self>) {
        // Without a result the statements panicked; the caller sees a closed channel.
        if let Some(result) = self.result {
            // A caller that went away has no use for the answer; the change stands.
            let _ = self.reply.send(result.map_err(StoreError::from));
        }
    }

    fn fail(self: Box<Self>, err: rusqlite::Error) {
        // The statement's own error is the cause, the transaction's only what followed from it.
        let cause = self.result.and_then(Result::err).unwrap_or(err);
        let _ = self.reply.send(Err(cause.into()));
    }
}

impl Store {
    /// Starts the writer thread over a connection that is ready for use.
    pub(crate) fn start(connection: Connection, path: &Path) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel(QUEUE_CALLS);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || write(connection, receiver))
            .map_err(|source| StoreError::Io {
                verb: "start the writer thread of",
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            sender,
            path: path.into(),
        })
    }

    /// Returns where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs what still waits, folds the write-ahead log into the database and closes the file.
    ///
    /// Calls made afterwards, also on other handles, fail with [`StoreError::Closed`].
    pub async fn close(self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.sender
            .send(Turn::Close(reply))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Writes a complete copy of the database to a file that must not exist, with mode 0600.
    ///
    /// The copy is taken by a connection of its own: writers go on meanwhile.
    pub async fn back_up(&self, target: PathBuf) -> Result<(), StoreError> {
        let source = Arc::clone(&self.path);
        tokio::task::spawn_blocking(move || crate::open::copy(&source, &target))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// Runs statements on the writer thread, and answers when they are on the disk.
    pub(crate) async fn call<F, T>(&self, statements: F) -> Result<T, StoreError>
    where
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            statements,
            result: None,
            reply,
        };
        self.sender
            .send(Turn::Call(Box::new(asked)))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// The loop of the writer thread.
fn write(mut connection: Connection, mut receiver: mpsc::Receiver<Turn>) {
    let mut calls = Vec::with_capacity(BATCH_CALLS);
    while let Some(first) = receiver.blocking_recv() {
        let mut turn = Some(first);
        let mut closing = None;
        while let Some(next) = turn {
            match next {
                Turn::Call(call) => calls.push(call),
                Turn::Close(reply) => {
                    closing = Some(reply);
                    receiver.close();
                }
            }
            turn = (calls.len() < BATCH_CALLS)
                .then(|| receiver.try_recv().ok())
                .flatten();
        }
        run_batch(&mut connection, &mut calls);
        if let Some(reply) = closing {
            while let Some(turn) = receiver.blocking_recv() {
                if let Turn::Call(call) = turn {
                    run_batch(&mut connection, &mut vec![call]);
                }
            }
            let _ = reply.send(close(connection));
            return;
        }
    }
    if let Err(err) = close(connection) {
        tracing::warn!(error = &err as &dyn std::error::Error, "close the database");
    }
}

/// Runs the calls in one transaction; when that fails as a whole, each in its own.
fn run_batch(connection: &mut Connection, calls: &mut Vec<Box<dyn Call>>) {
    if calls.is_empty() {
        return;
    }
    if transact(connection, calls).is_ok() {
        calls.drain(..).for_each(Call::answer);
        return;
    }
    for mut call in calls.drain(..) {
        match transact(connection, std::slice::from_mut(&mut call)) {
            Ok(()) => call.answer(),
            Err(err) => call.fail(err),
        }
    }
}

/// Runs calls in one transaction, each in a savepoint, so that a failing one leaves no trace.
fn transact(connection: &mut Connection, calls: &mut [Box<dyn Call>]) -> rusqlite::Result<()> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for call in calls {
        run_in_savepoint(&mut transaction, call.as_mut())?;
    }
    transaction.commit()
}

fn run_in_savepoint(
    transaction: &mut Transaction<'_>,
    call: &mut dyn Call,
) -> rusqlite::Result<()> {
    let savepoint = transaction.savepoint()?;
    let ran = catch_unwind(AssertUnwindSafe(|| call.run(&savepoint))).unwrap_or(Ran::Failed);
    if ran == Ran::Kept {
        return savepoint.commit();
    }
    if savepoint.is_autocommit() {
        // A full disk rolls the whole transaction back by itself. Going on would run the rest
        // outside of it, so the batch ends here and goes to its second, one-by-one run.
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
            None,
        ));
    }
    savepoint.finish()
}

/// Closes the file. Folding the log in is a courtesy: an unfolded one is read at the next start.
fn close(connection: Connection) -> Result<(), StoreError> {
    if let Err(err) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::debug!(
            error = &err as &dyn std::error::Error,
            "fold the write-ahead log"
        );
    }
    connection.close().map_err(|(_, err)| err.into())
}

//! Messages: text and files that a person or a worker sends to a worker.
//!
//! A message to an agent is a prompt of its queue: the text and the files' paths, a line each. Into a
//! shell its parts are typed one after the other (the worker's `delivery`): the text, then each path
//! after an Enter, then Enter.

use std::path::PathBuf;

use jiff::Timestamp;
use offshoot_protocol::limits::MESSAGE_UTF16_UNITS;
use offshoot_protocol::message::{USER, WorkerMessage};
use offshoot_protocol::rest::InputReceipt;
use offshoot_protocol::view::WorkerKind;
use offshoot_protocol::{SessionId, WorkerId};

use super::sessions::invalid;
use crate::event::Event;
use crate::uploads::Uploads;
use crate::worker::WorkerHandle;
use crate::{Engine, EngineError};

/// A message to be delivered.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The worker it goes to, in the session that is named beside it.
    pub to: WorkerId,
    /// The worker that sends it, of any session; a person when absent.
    pub from: Option<WorkerId>,
    /// The text; may be empty when there are files.
    pub content: String,
    /// The same message is delivered once per key and worker.
    pub key: Option<String>,
}

impl Engine {
    /// Makes room for the files of a message.
    pub fn begin_uploads(&self) -> Uploads {
        Uploads::new(self.inner.home.uploads())
    }

    /// Tells whether a message to a worker would be delivered now, before its files are taken in.
    ///
    /// # Errors
    /// There is no such session, or no such worker with a running process.
    pub fn check_message_target(
        &self,
        session: SessionId,
        to: WorkerId,
    ) -> Result<(), EngineError> {
        self.message_target(session, to).map(drop)
    }

    fn message_target(
        &self,
        session: SessionId,
        to: WorkerId,
    ) -> Result<(WorkerHandle, String, WorkerKind), EngineError> {
        let state = self.state();
        let entry = state.session(session)?;
        let worker = entry.worker(to).map_err(|_| EngineError::NotDelivered)?;
        let handle = worker.handle.clone().ok_or(EngineError::NotDelivered)?;
        if !handle.head().is_alive() {
            return Err(EngineError::NotDelivered);
        }
        Ok((handle, worker.name.clone(), worker.kind))
    }

    /// Delivers a message. Returns when its first part is typed; the files' paths follow.
    ///
    /// # Errors
    /// There is nothing to send, the text is too long, there is no such session, or no such worker
    /// with a running process. Then the files are gone.
    pub async fn send_message(
        &self,
        session: SessionId,
        message: NewMessage,
        uploads: Uploads,
    ) -> Result<WorkerMessage, EngineError> {
        let send =
            |engine: Self| async move { engine.send_message_now(session, message, uploads).await };
        self.finish(send).await
    }

    async fn send_message_now(
        &self,
        session: SessionId,
        message: NewMessage,
        uploads: Uploads,
    ) -> Result<WorkerMessage, EngineError> {
        let content = message.content.trim();
        check_content(content, &uploads)?;
        let (handle, to_worker_name, kind) = self.message_target(session, message.to)?;
        let (from_worker_id, from_worker_name) = self.sender(message.from)?;
        let key = message.key.as_deref();
        let sent = if kind == WorkerKind::Agent {
            let text = prompt_of(content, uploads.paths());
            let queued = handle.queue_prompt(&text, key).await;
            queued.map(|(_, duplicate)| InputReceipt { duplicate })
        } else {
            handle
                .send_parts(parts_of(content, uploads.paths()), key)
                .await
        };
        let receipt = sent.map_err(|err| match err {
            EngineError::NotRunning | EngineError::WorkerNotFound(_) => EngineError::NotDelivered,
            err => err,
        })?;
        // Those of a message that was delivered before lie there already.
        let files = if receipt.duplicate {
            Vec::new()
        } else {
            uploads.keep()
        };
        let message = WorkerMessage {
            id: uuid::Uuid::new_v4().to_string(),
            session_id: session,
            from_worker_id,
            from_worker_name,
            to_worker_id: message.to,
            to_worker_name,
            content: content.to_owned(),
            files: files
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            timestamp: Timestamp::now(),
        };
        if !receipt.duplicate {
            let mut state = self.state();
            state.events.publish(Event::MessageSent(message.clone()));
        }
        Ok(message)
    }

    /// The id and the name of who sends.
    fn sender(&self, from: Option<WorkerId>) -> Result<(String, String), EngineError> {
        let Some(id) = from else {
            return Ok((USER.to_owned(), "User".to_owned()));
        };
        let state = self.state();
        let mut sessions = state.sessions.iter();
        let found = sessions.find_map(|session| session.worker(id).ok());
        let worker = found.ok_or_else(|| invalid("fromWorkerId", "there is no such worker"))?;
        Ok((id.to_string(), worker.name.clone()))
    }
}

fn check_content(content: &str, uploads: &Uploads) -> Result<(), EngineError> {
    if content.is_empty() && uploads.is_empty() {
        return Err(EngineError::WrongState(
            "Message must have content or at least one file".to_owned(),
        ));
    }
    if content.encode_utf16().count() > MESSAGE_UTF16_UNITS {
        let message = format!("a message has at most {MESSAGE_UTF16_UNITS} characters");
        return Err(invalid("content", &message));
    }
    if content.contains('\0') {
        return Err(invalid("content", "a message cannot hold a NUL character"));
    }
    Ok(())
}

/// A message as a prompt: the text, then each path in a line of its own.
fn prompt_of(content: &str, files: &[PathBuf]) -> String {
    let texts = Some(content.to_owned()).filter(|text| !text.is_empty());
    let paths = files.iter().map(|path| path.display().to_string());
    texts
        .into_iter()
        .chain(paths)
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is typed into a shell, piece by piece: the text, each path after an Enter, and a last Enter.
fn parts_of(content: &str, files: &[PathBuf]) -> Vec<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let texts = Some(content.as_bytes()).filter(|text| !text.is_empty());
    let paths = files.iter().map(|path| path.as_os_str().as_bytes());
    let mut parts: Vec<Vec<u8>> = texts.into_iter().chain(paths).map(<[u8]>::to_vec).collect();
    parts
        .iter_mut()
        .skip(1)
        .for_each(|part| part.insert(0, b'\r'));
    parts.push(b"\r".to_vec());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_text_paths_and_enter() {
        let files = [PathBuf::from("/u/1-a"), PathBuf::from("/u/2-b")];
        let typed = |content, files: &[PathBuf]| {
            let parts = parts_of(content, files).into_iter();
            let parts: Vec<_> = parts.map(|part| String::from_utf8(part).unwrap()).collect();
            parts
        };
        assert_eq!(typed("hi", &files), ["hi", "\r/u/1-a", "\r/u/2-b", "\r"]);
        assert_eq!(typed("hi", &[]), ["hi", "\r"]);
        assert_eq!(typed("", &files), ["/u/1-a", "\r/u/2-b", "\r"]);
    }
}

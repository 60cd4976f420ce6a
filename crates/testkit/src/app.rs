//! Clients of the application socket, in both dialects.

use anyhow::{Context as _, Result};
use futures_util::SinkExt as _;
use offshoot_protocol::app::{AppFrame, AppResume, SUBPROTOCOL};
use offshoot_protocol::v1;
use tokio_tungstenite::tungstenite::Message;

use crate::server::Access;
use crate::terminal::{Stream, next_text, open};

/// A client of `offshoot.app.v2`.
#[derive(Debug)]
pub struct App {
    stream: Stream,
}

impl App {
    /// Connects, from a position or for a snapshot.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn connect(access: &Access, resume: &AppResume) -> Result<Self> {
        let mut path = "/ws/app".to_owned();
        if let (Some(instance), Some(seq)) = (&resume.instance, resume.seq) {
            path += &format!("?instance={instance}&seq={seq}");
        }
        let stream = open(access, &path, Some(SUBPROTOCOL)).await?;
        Ok(Self { stream })
    }

    /// The next frame; `None` when the connection ended.
    ///
    /// # Errors
    /// Nothing comes for too long, or the frame is none of the protocol.
    pub async fn next(&mut self) -> Result<Option<AppFrame>> {
        match next_text(&mut self.stream).await? {
            Some(text) => Ok(Some(serde_json::from_str(&text).context(text)?)),
            None => Ok(None),
        }
    }
}

/// A client of the first dialect.
#[derive(Debug)]
pub struct AppV1 {
    stream: Stream,
}

impl AppV1 {
    /// Connects.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn connect(access: &Access) -> Result<Self> {
        let stream = open(access, "/ws/app", None).await?;
        Ok(Self { stream })
    }

    /// Asks for everything again.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn request_sync(&mut self) -> Result<()> {
        let text = serde_json::to_string(&v1::AppRequest::RequestSync)?;
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// The next frame; `None` when the connection ended.
    ///
    /// # Errors
    /// Nothing comes for too long, or the frame is none of the dialect.
    pub async fn next(&mut self) -> Result<Option<v1::AppFrame>> {
        match next_text(&mut self.stream).await? {
            Some(text) => Ok(Some(serde_json::from_str(&text).context(text)?)),
            None => Ok(None),
        }
    }
}

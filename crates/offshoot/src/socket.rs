//! A worker's terminal socket, seen from the client: frames in, frames out.
//!
//! Owns connecting with the credential and telling a refusal (which ends the command) from an
//! absence (which is waited out). What the frames mean is the caller's business.

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use offshoot_protocol::terminal::{ClientFrame, SUBPROTOCOL, ServerFrame};
use offshoot_protocol::{Problem, SessionId, WorkerId};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::client::Client;
use crate::failure::Failure;

/// One connection.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// How a try to connect ended.
pub(crate) enum Connected {
    /// It is open.
    Open(Box<Socket>),
    /// Nobody answers; trying again later may help.
    Away,
}

impl Socket {
    /// Connects to a worker's terminal.
    ///
    /// # Errors
    /// The server answers and refuses.
    pub(crate) async fn connect(
        client: &Client,
        session: SessionId,
        worker: WorkerId,
    ) -> Result<Connected> {
        let base = client.base();
        let base = match base.split_once("://") {
            Some(("https", rest)) => format!("wss://{rest}"),
            Some((_, rest)) => format!("ws://{rest}"),
            None => format!("ws://{base}"),
        };
        let address = format!("{base}/ws/session/{session}/worker/{worker}");
        let mut request = address.into_client_request()?;
        let headers = request.headers_mut();
        let protocol = HeaderValue::from_static(SUBPROTOCOL);
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        if let Some(token) = client.token() {
            let value = HeaderValue::try_from(format!("Bearer {token}"))?;
            headers.insert(header::AUTHORIZATION, value);
        }
        match tokio_tungstenite::connect_async_with_config(request, None, true).await {
            Ok((stream, _)) => Ok(Connected::Open(Box::new(Self { stream }))),
            Err(Error::Http(answer)) if answer.status().is_client_error() => {
                let body = answer.body().as_deref().unwrap_or_default();
                match serde_json::from_slice::<Problem>(body) {
                    Ok(problem) => Err(Failure::Refused(problem).into()),
                    Err(_) => {
                        anyhow::bail!("the server refused the connection: {}", answer.status())
                    }
                }
            }
            Err(Error::Url(err)) => Err(err.into()),
            Err(_) => Ok(Connected::Away),
        }
    }

    /// Sends a frame; `false` when the connection is gone.
    pub(crate) async fn send(&mut self, frame: &ClientFrame) -> bool {
        let message = Message::Binary(frame.encode());
        self.stream.send(message).await.is_ok()
    }

    /// The next frame; `None` when the connection is gone. Cancel safe.
    ///
    /// # Errors
    /// The frame is none of the protocol.
    pub(crate) async fn next(&mut self) -> Result<Option<ServerFrame>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    return Ok(Some(ServerFrame::decode(bytes)?));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
                // Pings are answered below us; text is not of this protocol.
                Some(Ok(_)) => {}
            }
        }
    }

    /// Says goodbye, so that the server need not find out by itself.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}

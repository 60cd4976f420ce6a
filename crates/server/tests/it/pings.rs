//! Clients that vanish without a word, on each socket in both dialects.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use libtest_mimic::Trial;
use offshoot_protocol::{app, terminal};
use offshoot_server::{Pings, ServerConfig};
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{PATIENCE, Rig, trial_with};

const PINGS: Pings = Pings {
    every: Duration::from_millis(100),
    silence_max: Duration::from_secs(2),
};

pub fn trials() -> Vec<Trial> {
    let often = |config: &mut ServerConfig| config.pings = PINGS;
    vec![
        trial_with("a_silent_client_is_reaped", often, silent_is_reaped),
        trial_with("a_client_that_answers_pings_stays", often, answering_stays),
    ]
}

/// The sockets: the application's in both dialects, a terminal's in both.
async fn sockets(rig: &Rig) -> [(String, Option<&'static str>); 4] {
    let (session, worker) = rig.script("while read -r line; do :; done").await;
    let terminal = format!("/ws/session/{session}/worker/{worker}");
    [
        ("/ws/app".to_owned(), None),
        ("/ws/app".to_owned(), Some(app::SUBPROTOCOL)),
        (terminal.clone(), None),
        (terminal, Some(terminal::SUBPROTOCOL)),
    ]
}

async fn silent_is_reaped(rig: Arc<Rig>) {
    for (path, dialect) in sockets(&rig).await {
        let mut socket = rig.socket(&path, dialect).await;
        // Bytes are read below the protocol, so that no ping is answered.
        let mut bytes = Vec::new();
        let end = socket.0.get_mut().read_to_end(&mut bytes);
        let end = tokio::time::timeout(PATIENCE, end).await;
        // An end or a reset: either way the server has let go.
        let _ = end.unwrap_or_else(|_| panic!("{path} {dialect:?} is kept"));
        let n_pings = bytes.windows(2).filter(|two| *two == [0x89, 0]).count();
        assert!(n_pings > 1, "{path} {dialect:?}: {n_pings} pings");
    }
}

async fn answering_stays(rig: Arc<Rig>) {
    for (path, dialect) in sockets(&rig).await {
        let mut socket = rig.socket(&path, dialect).await;
        let begin = Instant::now();
        let mut n_pings = 0;
        while n_pings < 10 || begin.elapsed() < PINGS.silence_max + Duration::from_secs(1) {
            let message = tokio::time::timeout(PATIENCE, socket.0.next()).await;
            match message.expect("the server pings") {
                Some(Ok(Message::Ping(_))) => n_pings += 1,
                Some(Ok(Message::Close(close))) => panic!("{path} {dialect:?}: {close:?}"),
                Some(Ok(_)) => {}
                other => panic!("{path} {dialect:?}: {other:?}"),
            }
        }
    }
}

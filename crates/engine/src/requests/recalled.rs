//! A request that was open when a server ended, and is still open when the next one looks.

use jiff::Timestamp;
use offshoot_protocol::request::Request;
use offshoot_store::RequestRow;

use super::Asked;

/// The request that the last server showed.
#[derive(Debug)]
pub(crate) struct Recalled {
    picture: String,
    request: Request,
    /// The wait it was found in again.
    wait: Option<Timestamp>,
}

impl Recalled {
    /// Reads what the last server wrote down; nothing when that was another version's.
    pub(crate) fn of(row: RequestRow) -> Option<Self> {
        Some(Self {
            request: serde_json::from_str(&row.request).ok()?,
            picture: row.picture,
            wait: None,
        })
    }

    /// Gives a question of the wait since `since` the name it had, if it is this one. While the
    /// agent's last output is still read anew, it may seem to wait several times.
    pub(crate) fn name(&mut self, asked: Asked, since: Timestamp, is_settled: bool) -> Asked {
        let same_wait = !is_settled || self.wait.is_none_or(|wait| wait == since);
        if !same_wait || asked.picture != self.picture {
            return asked;
        }
        self.wait = Some(since);
        Asked {
            view: self.request.clone(),
            ..asked
        }
    }
}

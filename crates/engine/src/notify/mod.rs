//! Notifications that leave the machine: Slack per repository, signed webhooks.
//!
//! ```text
//!  events ──► watch (rules per agent, 3 s) ──► jobs of type `notify` ──► post (one request, 10 s)
//! ```
//! `rules` decides what is worth telling, `watch` feeds it with events and the clock, `commands`
//! changes who is told, `deliver` makes and sends the request as a durable job, `post` is the one
//! place that connects to addresses that people typed in: no redirect is followed, and private
//! addresses are refused unless the configuration allows them.
//!
//! How it fails: a receiver that is away is asked again by the job's rules; one that refuses for good
//! leaves a stalled job with its words. What happens while the server is away is not told later.

mod commands;
mod deliver;
mod post;
mod rules;
mod watch;

pub(crate) use deliver::Notify;
pub(crate) use watch::start;

/// What notifications need to know of the surroundings.
#[derive(Debug, Clone, Default)]
pub struct NotificationConfig {
    /// Where people open the UI, without a trailing slash; links lead there.
    pub base_url: Option<String>,
    /// The beginning of Slack's addresses, when it is not Slack's own: for tests.
    pub slack_prefix: Option<String>,
    /// Whether webhooks may reach this machine and private networks.
    pub allow_private: bool,
}

impl NotificationConfig {
    /// The beginning that addresses of Slack must have.
    pub(crate) fn slack_prefix(&self) -> &str {
        self.slack_prefix
            .as_deref()
            .unwrap_or("https://hooks.slack.com/")
    }

    /// The page of a worker, when it is known where the UI is.
    fn page(
        &self,
        session: offshoot_protocol::SessionId,
        worker: offshoot_protocol::WorkerId,
    ) -> Option<String> {
        let base = self.base_url.as_deref()?;
        Some(format!("{base}/sessions/{session}?workerId={worker}"))
    }
}

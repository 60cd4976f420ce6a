//! `offshoot idle`.

use anyhow::Result;
use jiff::SignedDuration;
use offshoot_protocol::idle::{IdleAction, IdlePolicy, Settings};
use offshoot_protocol::rest::{RepositoryBody, SessionBody};
use serde_json::json;

use super::print;
use crate::args::Idle;
use crate::client::Client;
use crate::failure::Failure;
use crate::pick;
use crate::style;

/// Shows or sets a rule.
pub(crate) async fn run(client: &Client, args: &Idle) -> Result<()> {
    let change = args
        .after
        .as_deref()
        .map(|after| change(after, args.action.into()));
    let change = change.transpose()?;
    if let Some(name) = &args.session {
        let sessions = client.sessions().await?;
        let mut session = pick::find(&sessions, name)?.session.clone();
        if let Some(idle) = change {
            let path = format!("/api/sessions/{}", session.id);
            let body: SessionBody = client.patch(&path, &rule(idle)).await?;
            session = body.session;
        }
        let name = pick::session_name(&session);
        return print(&format!("{name}: {}\n", words(session.idle)));
    }
    if let Some(path) = &args.repository {
        let mut repository = client.repository_at(path).await?;
        if let Some(idle) = change {
            let path = format!("/api/repositories/{}", repository.id);
            let body: RepositoryBody = client.patch(&path, &rule(idle)).await?;
            repository = body.repository;
        }
        let name = style::printable(&repository.name);
        return print(&format!("{name}: {}\n", words(repository.idle)));
    }
    let settings: Settings = match change {
        Some(idle) => client.patch("/api/settings", &rule(idle)).await?,
        None => client.get("/api/settings").await?,
    };
    print(&format!("server: {}\n", words(Some(settings.idle))))
}

/// Reads what to set; `None` is the rule of the next larger thing.
fn change(after: &str, action: IdleAction) -> Result<Option<IdlePolicy>, Failure> {
    if after == "inherit" {
        return Ok(None);
    }
    let wrong = || {
        Failure::Config(format!(
            "`{after}` is no time: give one such as 30m or 2h, `off`, or `inherit`"
        ))
    };
    policy(after, action).map(Some).ok_or_else(wrong)
}

/// Reads a rule: `off` or a time.
pub(crate) fn policy(after: &str, action: IdleAction) -> Option<IdlePolicy> {
    if after == "off" {
        return Some(IdlePolicy::Off);
    }
    let time: SignedDuration = after.parse().ok()?;
    let after_seconds = u32::try_from(time.as_secs())
        .ok()
        .filter(|seconds| *seconds > 0)?;
    Some(match action {
        IdleAction::Pause => IdlePolicy::Pause { after_seconds },
        IdleAction::Stop => IdlePolicy::Stop { after_seconds },
    })
}

fn rule(idle: Option<IdlePolicy>) -> serde_json::Value {
    json!({ "idle": idle })
}

fn words(policy: Option<IdlePolicy>) -> String {
    let time = |seconds: u32| {
        let time = SignedDuration::from_secs(i64::from(seconds));
        format!("{time:#}")
    };
    match policy {
        None => "inherit".to_owned(),
        Some(IdlePolicy::Off) => "off".to_owned(),
        Some(IdlePolicy::Pause { after_seconds }) => {
            format!(
                "paused after {} without anything to do",
                time(after_seconds)
            )
        }
        Some(IdlePolicy::Stop { after_seconds }) => {
            format!(
                "stopped after {} without anything to do",
                time(after_seconds)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_said_in_words() {
        let pause = |text| policy(text, IdleAction::Pause);
        assert_eq!(
            pause("30m"),
            Some(IdlePolicy::Pause {
                after_seconds: 1800
            })
        );
        assert_eq!(pause("off"), Some(IdlePolicy::Off));
        for wrong in ["", "30", "-5m", "0s", "soon"] {
            assert_eq!(pause(wrong), None, "{wrong}");
        }
        assert_eq!(
            words(policy("90m", IdleAction::Stop)),
            "stopped after 1h 30m without anything to do"
        );
        assert_eq!(words(None), "inherit");
    }
}

//! `offshoot explain`: what a worker is thought to do, and why.

use std::fmt::Write as _;

use anyhow::Result;
use offshoot_protocol::explain::Explanation;

use super::{print, print_json};
use crate::args;
use crate::client::Client;
use crate::pick;
use crate::style::{self, Cell, Table};

/// Prints the state of a worker with its evidence, the newest first.
pub(crate) async fn run(client: &Client, args: &args::Explain) -> Result<()> {
    let sessions = client.sessions().await?;
    let worker = pick::find(&sessions, &args.name)?.worker()?.id;
    let path = format!("/api/workers/{worker}/explain");
    let told: Explanation = client.get(&path).await?;
    if args.output.json {
        return print_json(&told);
    }
    print(&text(&told)?)
}

fn text(told: &Explanation) -> Result<String> {
    let activity = &told.activity;
    let now = jiff::Timestamp::now();
    let mut out = String::new();
    let state = word(&activity.state)?;
    write!(out, "{state}")?;
    if let Some(kind) = &activity.kind {
        write!(out, " ({})", word(kind)?)?;
    }
    write!(out, " for {}", style::age(activity.since, now))?;
    if let Some(until) = activity.until {
        write!(out, ", until {until:.0}")?;
    }
    if let Some(reason) = &activity.reason {
        write!(out, ": {}", style::printable(reason))?;
    }
    write!(
        out,
        "\nby {}: {}",
        told.source,
        style::printable(&told.rule)
    )?;
    if let Some(region) = &told.region {
        write!(out, " in {region}")?;
    }
    out.push_str("\n\n");
    let mut table = Table::new(&["AGE", "SOURCE", "SAYS", "RULE", "REGION", "TEXT"]);
    for piece in told.evidence.iter().rev() {
        let says = match &piece.kind {
            Some(kind) => format!("{} ({})", piece.says, word(kind)?),
            None => piece.says.clone(),
        };
        let mark = if piece.counted { "* " } else { "  " };
        table.row(vec![
            Cell::from(seconds(piece.age_ms)),
            piece.source.clone().into(),
            (mark.to_owned() + &says).into(),
            style::printable(&piece.rule).into(),
            piece.region.clone().unwrap_or_default().into(),
            style::printable(&piece.text).into(),
        ]);
    }
    out += &table.render(style::stdout());
    if told.evidence.iter().any(|piece| piece.counted) {
        out.push_str("* the state followed it\n");
    }
    Ok(out)
}

fn seconds(age_ms: u64) -> String {
    let tenths = age_ms / 100;
    format!("{}.{}s", tenths / 10, tenths % 10)
}

/// Returns a word as it is on the wire.
fn word(value: &impl serde::Serialize) -> Result<String> {
    let value = serde_json::to_value(value)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

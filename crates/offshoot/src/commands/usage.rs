//! `offshoot usage`.

use anyhow::Result;
use offshoot_protocol::usage::{Usage, UsageBody};

use super::{print, print_json};
use crate::args::UsageArgs;
use crate::client::Client;
use crate::pick;
use crate::style::{self, Cell, Table};

/// Shows what agents used, by day, model and session.
pub(crate) async fn run(client: &Client, args: &UsageArgs) -> Result<()> {
    let used: UsageBody = client
        .get(&format!("/api/usage?days={}", args.days))
        .await?;
    if args.output.json {
        return print_json(&used);
    }
    if used.days.is_empty() {
        return print(
            "no agent reported any usage; Claude Code and Codex do, when `usage` is on\n",
        );
    }
    let sessions = client.sessions().await?;
    let days = used.days.iter().map(|day| (day.day.clone(), day.usage));
    let models = used.models.iter().map(|it| (it.model.clone(), it.usage));
    let names = used.sessions.iter().map(|it| {
        let known = sessions.iter().find(|session| session.id == it.session_id);
        let name = known.map_or_else(|| "(deleted)".to_owned(), pick::session_name);
        (name, it.usage)
    });
    let total = [("TOTAL".to_owned(), used.total)];
    let parts = [
        table("DAY", days.chain(total)),
        table("MODEL", models),
        table("SESSION", names),
    ];
    let style = style::stdout();
    print(&parts.map(|part| part.render(style)).join("\n"))
}

fn table(what: &'static str, rows: impl Iterator<Item = (String, Usage)>) -> Table {
    let mut table = Table::new(&[what, "REQUESTS", "IN", "CACHED", "OUT", "COST"]);
    for (name, usage) in rows {
        table.row(vec![
            Cell::from(name),
            Cell::from(usage.requests.to_string()),
            Cell::from(count(usage.input_tokens + usage.cache_write_tokens)),
            Cell::from(count(usage.cache_read_tokens)),
            Cell::from(count(usage.output_tokens)),
            Cell::from(cost(&usage)),
        ]);
    }
    table
}

/// A number of tokens, in three digits.
fn count(tokens: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let Some((unit, letter)) = UNITS.iter().find(|(unit, _)| tokens >= *unit) else {
        return tokens.to_string();
    };
    let (whole, tenth) = (tokens / unit, tokens % unit * 10 / unit);
    match whole {
        0..10 => format!("{whole}.{tenth}{letter}"),
        _ => format!("{whole}{letter}"),
    }
}

/// A price in dollars. `≥` where some requests came without one.
fn cost(usage: &Usage) -> String {
    let Some(micros) = usage.cost_micros else {
        return "-".to_owned();
    };
    let least = if usage.unpriced_requests > 0 {
        "≥"
    } else {
        ""
    };
    // Half a cent and more is a cent.
    let cents = micros.saturating_add(5_000) / 10_000;
    match cents {
        0 if micros > 0 => format!("{least}<$0.01"),
        _ => format!("{least}${}.{:02}", cents / 100, cents % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_three_digits() {
        let shown = [0, 999, 1_000, 9_999, 12_345, 1_500_000, 3_000_000_000].map(count);
        assert_eq!(shown, ["0", "999", "1.0k", "9.9k", "12k", "1.5M", "3.0G"]);
    }

    #[test]
    fn a_price_says_when_it_is_too_low() {
        let of = |cost_micros, unpriced_requests| {
            cost(&Usage {
                cost_micros,
                unpriced_requests,
                ..Usage::default()
            })
        };
        assert_eq!(of(None, 3), "-");
        assert_eq!(of(Some(1_234_567), 0), "$1.23");
        assert_eq!(of(Some(995_000), 2), "≥$1.00");
        assert_eq!(of(Some(140), 0), "<$0.01");
        assert_eq!(of(Some(0), 0), "$0.00");
    }
}

//! What agents use of their models: tokens and money, as they report it themselves.
//!
//! Agents that speak OTLP are told, by their environment or arguments, to send their log records here.
//! Nothing is scraped from a screen, and an agent that reports nothing has no usage. Owns the sums;
//! knows no agent but by the shape of its records. A report is counted once, however often it is sent.

mod ask;
mod otlp;

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use offshoot_protocol::WorkerId;
use offshoot_protocol::usage::{DayUsage, ModelUsage, SessionUsage, Usage, UsageBody};
use offshoot_store::{StoreError, UsageRecord, UsageRow};

use crate::{Engine, EngineError};

/// Days are kept so long.
const KEPT_DAYS: u16 = 400;

/// A report is sent again within seconds, so longer than this nothing is remembered of it.
const REPORT_LIFE: Duration = Duration::from_secs(2 * 24 * 3600);

/// How far from now the time of a report may be; else it belongs to today. Clocks of agents in
/// containers may be off.
const DRIFT_MAX: Duration = Duration::from_secs(24 * 3600);

/// Sums up what sessions used before this start.
pub(crate) async fn load(engine: &Engine) -> Result<(), StoreError> {
    let sums = engine.inner.store.usage_of_sessions().await?;
    engine.state().usage = sums.into_iter().collect();
    Ok(())
}

impl Engine {
    /// Counts what an agent reports: an OTLP export of log records, in JSON.
    ///
    /// # Errors
    /// There is no such worker, or the body is something else.
    pub async fn record_usage(&self, worker: WorkerId, body: &[u8]) -> Result<(), EngineError> {
        let session = self.state().worker(worker)?.0.row.id;
        let calls = otlp::calls(body).map_err(|err| EngineError::Invalid {
            field: "body",
            message: format!("no OTLP logs in JSON: {err}"),
        })?;
        if calls.is_empty() {
            return Ok(());
        }
        let now = Timestamp::now();
        let records = calls.into_iter().map(|call| UsageRecord {
            digest: call.digest,
            day: self.day(believable(call.at, now)),
            model: call.model,
            usage: call.usage,
        });
        let added = self
            .inner
            .store
            .add_usage(session, records.collect(), now)
            .await
            .map_err(|err| self.store_error("record what an agent used", err))?;
        if added != Usage::default() {
            let mut state = self.state();
            state.usage.entry(session).or_default().add(&added);
            state.publish_update(session);
        }
        Ok(())
    }

    /// Returns what was used on the last days; today is the first of them.
    ///
    /// # Errors
    /// The number of days is 0 or more than are kept, or the database fails.
    pub async fn usage(&self, days: u16) -> Result<UsageBody, EngineError> {
        if !(1..=KEPT_DAYS).contains(&days) {
            return Err(EngineError::Invalid {
                field: "days",
                message: format!("a number from 1 to {KEPT_DAYS}"),
            });
        }
        let since = days_before(self.day(Timestamp::now()), days - 1);
        let rows = self.inner.store.usage_since(since).await;
        let rows = rows.map_err(|err| self.store_error("read what agents used", err))?;
        Ok(summed(&rows))
    }

    pub(crate) async fn forget_old_usage(&self, now: Timestamp) {
        let oldest = days_before(self.day(now), KEPT_DAYS);
        let pruned = self
            .inner
            .store
            .prune_usage(oldest, now - REPORT_LIFE)
            .await;
        if let Err(err) = pruned {
            tracing::warn!(%err, "forget old usage");
        }
    }

    fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.inner.config.time_zone.clone()).date()
    }
}

fn believable(at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    at.filter(|at| at.duration_since(now).unsigned_abs() <= DRIFT_MAX)
        .unwrap_or(now)
}

fn days_before(day: Date, days: u16) -> Date {
    day.saturating_sub(i64::from(days).days())
}

fn summed(rows: &[UsageRow]) -> UsageBody {
    let mut total = Usage::default();
    rows.iter().for_each(|row| total.add(&row.usage));
    let mut days = sums(rows, |row| row.day);
    days.sort_by_key(|(day, _)| std::cmp::Reverse(*day));
    UsageBody {
        total,
        days: days
            .into_iter()
            .map(|(day, usage)| DayUsage {
                day: day.to_string(),
                usage,
            })
            .collect(),
        sessions: most_first(sums(rows, |row| row.session_id))
            .map(|(session_id, usage)| SessionUsage { session_id, usage })
            .collect(),
        models: most_first(sums(rows, |row| row.model.clone()))
            .map(|(model, usage)| ModelUsage { model, usage })
            .collect(),
    }
}

fn sums<K: Eq + Hash>(rows: &[UsageRow], key: impl Fn(&UsageRow) -> K) -> Vec<(K, Usage)> {
    let mut sums: HashMap<K, Usage> = HashMap::new();
    for row in rows {
        sums.entry(key(row)).or_default().add(&row.usage);
    }
    sums.into_iter().collect()
}

fn most_first<K: Ord>(mut sums: Vec<(K, Usage)>) -> impl Iterator<Item = (K, Usage)> {
    sums.sort_by(|(a, x), (b, y)| y.tokens().cmp(&x.tokens()).then_with(|| a.cmp(b)));
    sums.into_iter()
}

#[cfg(test)]
mod tests {
    use offshoot_protocol::SessionId;

    use super::*;

    fn row(day: &str, model: &str, input_tokens: u64, cost_micros: Option<u64>) -> UsageRow {
        UsageRow {
            day: day.parse().unwrap(),
            session_id: SessionId::random(),
            model: model.to_owned(),
            usage: Usage {
                requests: 1,
                input_tokens,
                cost_micros,
                ..Usage::default()
            },
        }
    }

    #[test]
    fn rows_are_summed_by_day_session_and_model() {
        let rows = [
            row("2026-11-23", "small", 1, None),
            row("2026-11-24", "large", 10, Some(7)),
            row("2026-11-24", "small", 2, None),
        ];
        let body = summed(&rows);
        assert_eq!(
            (body.total.input_tokens, body.total.cost_micros),
            (13, Some(7))
        );
        let days: Vec<_> = body
            .days
            .iter()
            .map(|day| (day.day.as_str(), day.usage.input_tokens))
            .collect();
        assert_eq!(days, [("2026-11-24", 12), ("2026-11-23", 1)]);
        let models: Vec<_> = body.models.iter().map(|it| it.model.as_str()).collect();
        assert_eq!(models, ["large", "small"]);
        assert_eq!(body.sessions.len(), 3);
        assert_eq!(body.sessions[0].session_id, rows[1].session_id);
    }

    #[test]
    fn a_report_from_another_age_belongs_to_today() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let at = |text: &str| believable(Some(text.parse().unwrap()), now);
        assert_eq!(at("1970-01-01T00:00:00Z"), now);
        assert_eq!(
            at("2026-11-24T11:00:00Z"),
            "2026-11-24T11:00:00Z".parse().unwrap()
        );
        assert_eq!(believable(None, now), now);
    }
}

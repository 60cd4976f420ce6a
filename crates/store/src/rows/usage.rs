//! What agents used of their models, summed by day, session and model.

use jiff::Timestamp;
use jiff::civil::Date;
use offshoot_protocol::SessionId;
use offshoot_protocol::usage::Usage;
use rusqlite::{Row, params};

use super::{all, change};
use crate::columns::{Bits, Millis, Text};
use crate::{Store, StoreError};

/// One report of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// A report with a digest that was counted before is not counted again.
    pub digest: u64,
    /// The day it belongs to.
    pub day: Date,
    /// The model's name.
    pub model: String,
    /// What was used.
    pub usage: Usage,
}

/// What one session used of one model on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The day.
    pub day: Date,
    /// The session; it may be gone.
    pub session_id: SessionId,
    /// The model's name.
    pub model: String,
    /// What was used.
    pub usage: Usage,
}

const COLUMNS: &str = "day, session_id, model, requests, input_tokens, output_tokens, \
     cache_read_tokens, cache_write_tokens, cost_micros, unpriced_requests";

/// Adds to what is there. Who reports bounds each number, so that no sum comes near 63 bits.
const ADD: &str = "INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
     ON CONFLICT (day, session_id, model) DO UPDATE SET \
         requests = requests + excluded.requests, \
         input_tokens = input_tokens + excluded.input_tokens, \
         output_tokens = output_tokens + excluded.output_tokens, \
         cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens, \
         cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens, \
         cost_micros = CASE WHEN excluded.cost_micros IS NULL THEN cost_micros \
             ELSE coalesce(cost_micros, 0) + excluded.cost_micros END, \
         unpriced_requests = unpriced_requests + excluded.unpriced_requests";

impl Store {
    /// Adds reports to a session, in one transaction, and returns what was new in them.
    pub async fn add_usage(
        &self,
        session_id: SessionId,
        records: Vec<UsageRecord>,
        now: Timestamp,
    ) -> Result<Usage, StoreError> {
        self.call(move |connection| {
            let mut added = Usage::default();
            for record in &records {
                let is_new = change(
                    connection,
                    "INSERT OR IGNORE INTO usage_reports (digest, at) VALUES (?1, ?2)",
                    params![Bits(record.digest), Millis(now)],
                )? == 1;
                if is_new {
                    add(connection, session_id, record)?;
                    added.add(&record.usage);
                }
            }
            Ok(added)
        })
        .await
    }

    /// Returns what was used since a day, oldest day first.
    pub async fn usage_since(&self, day: Date) -> Result<Vec<UsageRow>, StoreError> {
        self.call(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM usage WHERE day >= ?1 ORDER BY day");
            all(connection, &sql, params![Text(day)], read)
        })
        .await
    }

    /// Returns what each session used in all, for those that used anything.
    pub async fn usage_of_sessions(&self) -> Result<Vec<(SessionId, Usage)>, StoreError> {
        self.call(move |connection| {
            let sql = "SELECT max(day) AS day, session_id, '' AS model, sum(requests) AS requests, \
                 sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, \
                 sum(cache_read_tokens) AS cache_read_tokens, \
                 sum(cache_write_tokens) AS cache_write_tokens, sum(cost_micros) AS cost_micros, \
                 sum(unpriced_requests) AS unpriced_requests FROM usage GROUP BY session_id";
            let rows = all(connection, sql, [], read)?;
            Ok(rows
                .into_iter()
                .map(|row| (row.session_id, row.usage))
                .collect())
        })
        .await
    }

    /// Forgets days before one, and reports that were counted before a time.
    pub async fn prune_usage(&self, day: Date, before: Timestamp) -> Result<(), StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "DELETE FROM usage WHERE day < ?1",
                params![Text(day)],
            )?;
            let old = params![Millis(before)];
            change(connection, "DELETE FROM usage_reports WHERE at < ?1", old).map(drop)
        })
        .await
    }
}

fn add(
    connection: &rusqlite::Connection,
    session_id: SessionId,
    record: &UsageRecord,
) -> rusqlite::Result<()> {
    let usage = &record.usage;
    change(
        connection,
        ADD,
        params![
            Text(record.day),
            Text(session_id),
            record.model,
            Bits(usage.requests),
            Bits(usage.input_tokens),
            Bits(usage.output_tokens),
            Bits(usage.cache_read_tokens),
            Bits(usage.cache_write_tokens),
            usage.cost_micros.map(Bits),
            Bits(usage.unpriced_requests),
        ],
    )
    .map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<UsageRow> {
    let count = |name: &str| row.get::<_, Bits>(name).map(|bits| bits.0);
    Ok(UsageRow {
        day: row.get::<_, Text<Date>>("day")?.0,
        session_id: row.get::<_, Text<SessionId>>("session_id")?.0,
        model: row.get("model")?,
        usage: Usage {
            requests: count("requests")?,
            input_tokens: count("input_tokens")?,
            output_tokens: count("output_tokens")?,
            cache_read_tokens: count("cache_read_tokens")?,
            cache_write_tokens: count("cache_write_tokens")?,
            cost_micros: row
                .get::<_, Option<Bits>>("cost_micros")?
                .map(|bits| bits.0),
            unpriced_requests: count("unpriced_requests")?,
        },
    })
}

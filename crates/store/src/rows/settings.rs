//! Settings, and the counter of server epochs.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::change;
use crate::{Store, StoreError};

impl Store {
    /// Returns the value of a setting.
    pub async fn setting(&self, key: String) -> Result<Option<String>, StoreError> {
        self.call(move |connection| {
            connection
                .prepare_cached("SELECT value FROM settings WHERE key = ?1")?
                .query_row([&key], |row| row.get(0))
                .optional()
        })
        .await
    }

    /// Sets a setting.
    pub async fn set_setting(&self, key: String, value: String) -> Result<(), StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "INSERT INTO settings (key, value) VALUES (?1, ?2) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![key, value],
            )
            .map(drop)
        })
        .await
    }

    /// Deletes a setting; false when there is none.
    pub async fn delete_setting(&self, key: String) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM settings WHERE key = ?1", [&key]).map(|n| n == 1)
        })
        .await
    }

    /// Returns a number greater than every one it returned before, for the server that starts now.
    ///
    /// Shims refuse a server with a lower number than they have seen. It is at least the clock in
    /// milliseconds, so that it also grows over the loss of the database; only a lost database
    /// together with a clock that was set back needs [`raise_server_epoch`](Self::raise_server_epoch).
    pub async fn next_server_epoch(&self) -> Result<u64, StoreError> {
        let now_ms = Timestamp::now().as_millisecond();
        self.raise_epoch_counter(now_ms).await
    }

    /// Returns a number greater than `seen` and than every one returned before.
    pub async fn raise_server_epoch(&self, seen: u64) -> Result<u64, StoreError> {
        self.raise_epoch_counter(
            i64::try_from(seen)
                .unwrap_or(i64::MAX - 1)
                .saturating_add(1),
        )
        .await
    }

    async fn raise_epoch_counter(&self, at_least: i64) -> Result<u64, StoreError> {
        self.call(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO counters (name, value) VALUES ('server_epoch', ?1) \
                     ON CONFLICT (name) DO UPDATE SET value = max(value + 1, excluded.value) \
                     RETURNING value",
                )?
                .query_row([at_least], |row| row.get(0))
                .map(i64::cast_unsigned)
        })
        .await
    }
}

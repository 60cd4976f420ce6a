//! Tokens and sign-ins, by the hashes of their secrets. The secrets themselves are never stored.

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, Row, params};

use super::{all, change};
use crate::columns::Millis;
use crate::{Store, StoreError};

/// The SHA-256 of a 256-bit random secret. Such a secret cannot be guessed, so no salt is needed,
/// and finding it by its hash tells an attacker nothing by its timing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl ToSql for SecretHash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.0[..]))
    }
}

impl FromSql for SecretHash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

/// A bearer token of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// The token's id, shown in the list.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The hash of its secret; no two tokens share it.
    pub hash: SecretHash,
    /// When it was made, to the millisecond.
    pub created_at: Timestamp,
    /// When it was last used, as last touched.
    pub last_used_at: Option<Timestamp>,
}

/// A browser that signed in: the other half of its cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    /// The hash of the cookie's secret; no two sign-ins share it.
    pub hash: SecretHash,
    /// When it signed in, to the millisecond.
    pub created_at: Timestamp,
    /// When it was last seen, as last touched.
    pub last_seen_at: Timestamp,
    /// When the sign-in ends.
    pub expires_at: Timestamp,
}

const TOKEN_COLUMNS: &str = "id, name, hash, created_at, last_used_at";
const SIGN_IN_COLUMNS: &str = "hash, created_at, last_seen_at, expires_at";

impl Store {
    /// Adds a token. [`StoreError::Exists`] when its id or its hash is taken.
    pub async fn insert_token(&self, row: TokenRow) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO tokens ({TOKEN_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5)");
        self.call(move |connection| {
            let values = params![
                row.id,
                row.name,
                row.hash,
                Millis(row.created_at),
                row.last_used_at.map(Millis)
            ];
            change(connection, &sql, values).map(drop)
        })
        .await
    }

    /// Returns the token with this secret.
    pub async fn token(&self, hash: SecretHash) -> Result<Option<TokenRow>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE hash = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([hash], read_token)
                .optional()
        })
        .await
    }

    /// Notes that a token was used; false when there is none. Costs a write: once a minute will do.
    pub async fn touch_token(&self, id: String, at: Timestamp) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1",
                params![id, Millis(at)],
            )
            .map(|n| n == 1)
        })
        .await
    }

    /// Deletes a token; false when there is none.
    pub async fn delete_token(&self, id: String) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM tokens WHERE id = ?1", [&id]).map(|n| n == 1)
        })
        .await
    }

    /// Returns all tokens, oldest first.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM tokens ORDER BY created_at, id");
        self.call(move |connection| all(connection, &sql, [], read_token))
            .await
    }

    /// Adds a sign-in. [`StoreError::Exists`] when its hash is taken.
    pub async fn insert_sign_in(&self, row: SignInRow) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO sign_ins ({SIGN_IN_COLUMNS}) VALUES (?1, ?2, ?3, ?4)");
        self.call(move |connection| {
            let values = params![
                row.hash,
                Millis(row.created_at),
                Millis(row.last_seen_at),
                Millis(row.expires_at)
            ];
            change(connection, &sql, values).map(drop)
        })
        .await
    }

    /// Returns the sign-in with this secret, unless it has ended by `now`.
    pub async fn sign_in(
        &self,
        hash: SecretHash,
        now: Timestamp,
    ) -> Result<Option<SignInRow>, StoreError> {
        let sql =
            format!("SELECT {SIGN_IN_COLUMNS} FROM sign_ins WHERE hash = ?1 AND expires_at > ?2");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row(params![hash, Millis(now)], read_sign_in)
                .optional()
        })
        .await
    }

    /// Notes that a sign-in was seen and moves its end; false when there is none.
    pub async fn touch_sign_in(
        &self,
        hash: SecretHash,
        seen_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "UPDATE sign_ins SET last_seen_at = ?2, expires_at = ?3 WHERE hash = ?1",
                params![hash, Millis(seen_at), Millis(expires_at)],
            )
            .map(|n| n == 1)
        })
        .await
    }

    /// Deletes a sign-in; false when there is none.
    pub async fn delete_sign_in(&self, hash: SecretHash) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM sign_ins WHERE hash = ?1", [hash]).map(|n| n == 1)
        })
        .await
    }

    /// Deletes the sign-ins that have ended by `now`; returns how many.
    pub async fn prune_sign_ins(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "DELETE FROM sign_ins WHERE expires_at <= ?1",
                [Millis(now)],
            )
        })
        .await
    }

    /// Returns all sign-ins, oldest first, also those that have ended.
    pub async fn sign_ins(&self) -> Result<Vec<SignInRow>, StoreError> {
        let sql = format!("SELECT {SIGN_IN_COLUMNS} FROM sign_ins ORDER BY created_at, hash");
        self.call(move |connection| all(connection, &sql, [], read_sign_in))
            .await
    }
}

fn read_token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: row.get("id")?,
        name: row.get("name")?,
        hash: row.get("hash")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        last_used_at: row.get::<_, Option<Millis>>("last_used_at")?.map(|at| at.0),
    })
}

fn read_sign_in(row: &Row<'_>) -> rusqlite::Result<SignInRow> {
    Ok(SignInRow {
        hash: row.get("hash")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        last_seen_at: row.get::<_, Millis>("last_seen_at")?.0,
        expires_at: row.get::<_, Millis>("expires_at")?.0,
    })
}

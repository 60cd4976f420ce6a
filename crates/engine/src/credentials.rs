//! Who may talk to the server: one-time sign-in codes, browser sign-ins and bearer tokens.
//!
//! Secrets are 256 random bits, shown once and kept only as SHA-256 hashes; looking one up by its
//! hash leaks nothing about it. Codes live in memory and end with the server. Knows no cookie and
//! no header.
//!
//! A worker's own token lets its agent report on itself and do nothing else. It is derived from the
//! worker's id and a key of this data directory, so that it is good for as long as the worker is.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use offshoot_protocol::WorkerId;
use offshoot_protocol::rest::{CreatedToken, TokenView};
use offshoot_store::{SecretHash, SignInRow, Store, StoreError, TokenRow};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::EngineError;

/// A sign-in code is good for so long.
const CODE_LIFE: Duration = Duration::from_secs(10 * 60);

/// Codes that may be open at once; the oldest is forgotten when another is made.
const CODES_MAX: usize = 16;

/// A browser stays signed in for so long after its last visit.
const SIGN_IN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// A secret that was found good is not looked up again for so long. A revoked one is dropped from
/// the cache at once.
const CACHE_LIFE: Duration = Duration::from_secs(60);

/// Secrets in the cache; it is emptied when full.
const CACHE_MAX: usize = 1024;

/// The setting that holds the key of workers' tokens.
const WORKER_KEY: &str = "worker_key";

/// Issues and checks secrets.
#[derive(Debug)]
pub struct Credentials {
    store: Store,
    worker_key: SecretHash,
    codes: Mutex<Vec<(SecretHash, Instant)>>,
    good: Mutex<HashMap<SecretHash, Instant>>,
}

impl Credentials {
    /// Reads or makes the key that workers' tokens are derived from.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub(crate) async fn open(store: Store) -> Result<Self, StoreError> {
        let known = store.setting(WORKER_KEY.to_owned()).await?;
        let text = match known {
            Some(text) => text,
            None => {
                let made = secret();
                store
                    .set_setting(WORKER_KEY.to_owned(), made.clone())
                    .await?;
                made
            }
        };
        Ok(Self {
            store,
            worker_key: hash(&text),
            codes: Mutex::new(Vec::new()),
            good: Mutex::new(HashMap::new()),
        })
    }

    /// Returns the token that a worker's agent reports with.
    pub(crate) fn worker_token(&self, worker: WorkerId) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&self.worker_key.0);
        let mut mac = mac.expect("a key may have any length");
        mac.update(worker.to_string().as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// Tells whether a token is that of a worker.
    pub fn check_worker_token(&self, worker: WorkerId, token: &str) -> bool {
        // How long it takes to compare hashes tells nothing about the token.
        hash(token) == hash(&self.worker_token(worker))
    }

    /// Makes a one-time sign-in code.
    pub fn issue_code(&self) -> String {
        let code = secret();
        let mut codes = self.codes.lock();
        if codes.len() == CODES_MAX {
            codes.remove(0);
        }
        codes.push((hash(&code), Instant::now()));
        code
    }

    /// Trades a code in: true once, within ten minutes.
    pub fn redeem_code(&self, code: &str) -> bool {
        let wanted = hash(code);
        let mut codes = self.codes.lock();
        codes.retain(|(_, issued)| issued.elapsed() < CODE_LIFE);
        let before = codes.len();
        codes.retain(|(known, _)| *known != wanted);
        codes.len() < before
    }

    /// Signs a browser in and returns its secret.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn open_sign_in(&self) -> Result<String, EngineError> {
        let secret = secret();
        let now = Timestamp::now();
        let row = SignInRow {
            hash: hash(&secret),
            created_at: now,
            last_seen_at: now,
            expires_at: now + SIGN_IN_LIFE,
        };
        self.store
            .insert_sign_in(row)
            .await
            .map_err(EngineError::internal("record the sign-in"))?;
        Ok(secret)
    }

    /// Tells whether a browser's secret is good. Prolongs it.
    pub async fn check_sign_in(&self, secret: &str) -> bool {
        let hash = hash(secret);
        if self.is_cached(&hash) {
            return true;
        }
        let now = Timestamp::now();
        let found = self.store.sign_in(hash, now).await;
        let good = matches!(found, Ok(Some(_)));
        if good {
            // A visit that could not be recorded is no reason to send the visitor away.
            let _ = self
                .store
                .touch_sign_in(hash, now, now + SIGN_IN_LIFE)
                .await;
            self.cache(hash);
        }
        good
    }

    /// Signs a browser out.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn end_sign_in(&self, secret: &str) -> Result<(), EngineError> {
        let hash = hash(secret);
        self.good.lock().remove(&hash);
        let ended = self.store.delete_sign_in(hash).await;
        ended
            .map(|_| ())
            .map_err(EngineError::internal("end the sign-in"))
    }

    /// Makes a bearer token.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn create_token(&self, name: &str) -> Result<CreatedToken, EngineError> {
        let secret = secret();
        let row = TokenRow {
            id: uuid::Uuid::new_v4().to_string(),
            name: name.trim().to_owned(),
            hash: hash(&secret),
            created_at: Timestamp::now(),
            last_used_at: None,
        };
        let token = token_view(&row);
        self.store
            .insert_token(row)
            .await
            .map_err(EngineError::internal("record the token"))?;
        Ok(CreatedToken { token, secret })
    }

    /// Tells whether a bearer token is good. Notes its use.
    pub async fn check_token(&self, secret: &str) -> bool {
        let hash = hash(secret);
        if self.is_cached(&hash) {
            return true;
        }
        let found = self.store.token(hash).await;
        let Ok(Some(row)) = found else { return false };
        // A use that could not be recorded is no reason to refuse it.
        let _ = self.store.touch_token(row.id, Timestamp::now()).await;
        self.cache(hash);
        true
    }

    /// Lists the tokens, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn tokens(&self) -> Result<Vec<TokenView>, EngineError> {
        let rows = self
            .store
            .tokens()
            .await
            .map_err(EngineError::internal("list the tokens"))?;
        Ok(rows.iter().map(token_view).collect())
    }

    /// Revokes a token by its id; it is refused from now on.
    ///
    /// # Errors
    /// There is no such token, or the database cannot be written.
    pub async fn revoke_token(&self, id: &str) -> Result<(), EngineError> {
        let deleted = self.store.delete_token(id.to_owned()).await;
        let deleted = deleted.map_err(EngineError::internal("revoke the token"))?;
        self.good.lock().clear();
        deleted
            .then_some(())
            .ok_or_else(|| EngineError::TokenNotFound(id.to_owned()))
    }

    fn is_cached(&self, hash: &SecretHash) -> bool {
        self.good
            .lock()
            .get(hash)
            .is_some_and(|checked| checked.elapsed() < CACHE_LIFE)
    }

    fn cache(&self, hash: SecretHash) {
        let mut good = self.good.lock();
        if good.len() >= CACHE_MAX {
            good.clear();
        }
        good.insert(hash, Instant::now());
    }
}

fn token_view(row: &TokenRow) -> TokenView {
    TokenView {
        id: row.id.clone(),
        name: row.name.clone(),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    }
}

/// Makes 256 random bits in hexadecimal.
fn secret() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    hex(&bytes)
}

/// Writes bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(secret: &str) -> SecretHash {
    SecretHash(Sha256::digest(secret).into())
}

-- Times are milliseconds since 1970, ids are UUIDs as text.

CREATE TABLE sessions (
    id              TEXT PRIMARY KEY,
    kind            TEXT NOT NULL CHECK (kind IN ('worktree', 'quick')),
    location_path   TEXT NOT NULL,
    -- No reference: a session outlives the registration of its repository.
    repository_id   TEXT,
    worktree_branch TEXT,
    title           TEXT,
    initial_prompt  TEXT,
    created_at      INTEGER NOT NULL,
    paused          INTEGER NOT NULL CHECK (paused IN (0, 1)),
    owned_worktree  INTEGER NOT NULL CHECK (owned_worktree IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
    id          TEXT PRIMARY KEY,
    session_id  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL CHECK (kind IN ('agent', 'terminal', 'git-diff')),
    name        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    agent_id    TEXT,
    command     TEXT,
    base_commit TEXT,
    epoch       INTEGER NOT NULL,
    phase       TEXT NOT NULL,
    reason      TEXT,
    exit_code   INTEGER,
    exit_signal INTEGER,
    socket      TEXT,
    cols        INTEGER NOT NULL,
    rows        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX workers_by_session ON workers (session_id, position);

CREATE TABLE repositories (
    id            TEXT PRIMARY KEY,
    path          TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    setup_command TEXT,
    env_vars      TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
    id                TEXT PRIMARY KEY,
    name              TEXT NOT NULL,
    command_template  TEXT NOT NULL,
    continue_template TEXT,
    headless_template TEXT,
    description       TEXT,
    asking_patterns   TEXT CHECK (asking_patterns IS NULL OR json_valid(asking_patterns)),
    created_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE worktrees (
    path          TEXT PRIMARY KEY,
    repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    idx           INTEGER NOT NULL CHECK (idx >= 1),
    created_at    INTEGER NOT NULL,
    UNIQUE (repository_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id            TEXT PRIMARY KEY,
    type          TEXT NOT NULL,
    payload       TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'completed', 'stalled')),
    priority      INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    max_attempts  INTEGER NOT NULL,
    next_retry_at INTEGER NOT NULL,
    last_error    TEXT,
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    completed_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (status, priority DESC, next_retry_at);

CREATE TABLE outbox (
    -- AUTOINCREMENT: an id that was pruned is never given again.
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    worker_id       TEXT NOT NULL REFERENCES workers (id) ON DELETE CASCADE,
    idempotency_key TEXT,
    -- An unsigned number as the same 64 bits.
    writer          INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    bytes           BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('queued', 'typed')),
    UNIQUE (worker_id, idempotency_key),
    UNIQUE (worker_id, writer, seq)
) STRICT;
CREATE INDEX outbox_unfinished ON outbox (id) WHERE state = 'queued';

CREATE TABLE tokens (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_ins (
    hash         BLOB PRIMARY KEY CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

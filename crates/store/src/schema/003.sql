-- Prompts on their way into a worker, and what became of them.
CREATE TABLE prompts (
    -- AUTOINCREMENT: the order of a queue never changes.
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    worker_id       TEXT NOT NULL REFERENCES workers (id) ON DELETE CASCADE,
    idempotency_key TEXT,
    text            TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('queued', 'typing', 'typed', 'accepted', 'failed')),
    reason          TEXT,
    -- An unsigned number as the same 64 bits.
    writer          INTEGER NOT NULL,
    -- The last number that was written down before it was typed: 0 nothing, 1 the text, from 2 on Enter.
    seq             INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    UNIQUE (worker_id, idempotency_key)
) STRICT;
CREATE INDEX prompts_open ON prompts (worker_id, number) WHERE state IN ('queued', 'typing', 'typed');

-- What agents used of their models, a row per day, session and model. Outlives its session.
CREATE TABLE usage (
    day                TEXT NOT NULL,
    session_id         TEXT NOT NULL,
    model              TEXT NOT NULL,
    requests           INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    cost_micros        INTEGER,
    unpriced_requests  INTEGER NOT NULL,
    PRIMARY KEY (day, session_id, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_of_session ON usage (session_id);

-- Reports that are counted already: agents send again what was not acknowledged.
CREATE TABLE usage_reports (
    digest INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT;

-- The agents' own conversations, by worker.
CREATE TABLE conversations (
    worker_id TEXT PRIMARY KEY REFERENCES workers (id) ON DELETE CASCADE,
    id        TEXT NOT NULL,
    source    TEXT NOT NULL,
    -- Whether a turn was seen in it.
    used      INTEGER NOT NULL,
    problem   TEXT
) STRICT, WITHOUT ROWID;

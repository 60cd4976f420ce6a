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

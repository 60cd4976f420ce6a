-- The open question of each agent, as people were shown it.
CREATE TABLE requests (
    worker_id TEXT PRIMARY KEY REFERENCES workers (id) ON DELETE CASCADE,
    -- Names what stands on the screen.
    picture   TEXT NOT NULL,
    request   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

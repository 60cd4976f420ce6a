-- What a completed job made, as JSON.
ALTER TABLE jobs ADD COLUMN result TEXT;

-- Rules for workers that have nothing to do, as JSON; without one, that of the next larger thing.
ALTER TABLE sessions ADD COLUMN idle TEXT CHECK (idle IS NULL OR json_valid(idle));
ALTER TABLE repositories ADD COLUMN idle TEXT CHECK (idle IS NULL OR json_valid(idle));
-- Why a rule paused the session; without one, a person did.
ALTER TABLE sessions ADD COLUMN paused_because TEXT;

-- What was chosen for a worktree under way, as JSON: a later attempt goes on from there.
CREATE TABLE worktree_plans (
    job_id TEXT PRIMARY KEY,
    plan   TEXT NOT NULL CHECK (json_valid(plan))
) STRICT, WITHOUT ROWID;

CREATE TABLE slack_integrations (
    id            TEXT PRIMARY KEY,
    repository_id TEXT NOT NULL UNIQUE REFERENCES repositories (id) ON DELETE CASCADE,
    webhook_url   TEXT NOT NULL,
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhooks (
    id            TEXT PRIMARY KEY,
    url           TEXT NOT NULL,
    secret        TEXT NOT NULL,
    repository_id TEXT REFERENCES repositories (id) ON DELETE CASCADE,
    events        TEXT NOT NULL CHECK (json_valid(events)),
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

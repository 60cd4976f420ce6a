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

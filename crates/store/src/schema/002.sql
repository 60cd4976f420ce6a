-- What a completed job made, as JSON.
ALTER TABLE jobs ADD COLUMN result TEXT;

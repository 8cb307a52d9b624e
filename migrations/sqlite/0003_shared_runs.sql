-- Runs that several shards share, each with a part of the partitions.
-- Times are UTC, as '2026-01-31T12:00:00.000000Z'.

CREATE TABLE shared_runs (
    run_id  INTEGER NOT NULL PRIMARY KEY REFERENCES runs (id),
    -- SHA-256 of the key that the shards were given, the project and the report asked for: the
    -- shard that writes it first begins the run, the others join it.
    digest  TEXT NOT NULL UNIQUE,
    run_key TEXT NOT NULL,
    shards  INTEGER NOT NULL,
    -- What the first shard decided for all of them, as JSON: the days, and what is read in full.
    decided TEXT NOT NULL
) STRICT;

CREATE TABLE run_shards (
    run_id      INTEGER NOT NULL REFERENCES shared_runs (run_id),
    -- From 1.
    shard       INTEGER NOT NULL,
    -- When it was last started.
    started_at  TEXT NOT NULL,
    -- Null while it runs, and for ever when it was interrupted or killed.
    finished_at TEXT,
    outcome     TEXT,
    error       TEXT,
    PRIMARY KEY (run_id, shard)
) STRICT;

-- Runs that several shards share, each with a part of the partitions. Times are UTC.

CREATE TABLE shared_runs (
    run_id  bigint NOT NULL PRIMARY KEY REFERENCES runs (id),
    -- SHA-256 of the key that the shards were given, the project and the report asked for: the
    -- shard that writes it first begins the run, the others join it.
    digest  text COLLATE "C" NOT NULL UNIQUE,
    run_key text NOT NULL,
    shards  bigint NOT NULL,
    -- What the first shard decided for all of them, as JSON: the days, and what is read in full.
    decided text NOT NULL
);

CREATE TABLE run_shards (
    run_id      bigint NOT NULL REFERENCES shared_runs (run_id),
    -- From 1.
    shard       bigint NOT NULL,
    -- When it was last started.
    started_at  timestamp with time zone NOT NULL,
    -- Null while it runs, and for ever when it was interrupted or killed.
    finished_at timestamp with time zone,
    outcome     text,
    error       text,
    PRIMARY KEY (run_id, shard)
);

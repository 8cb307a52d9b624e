-- Runs that several shards share, each with a part of the partitions. Times are UTC. Tables of
-- their own, because ADD COLUMN cannot run again after a host that was killed half-way.

CREATE TABLE IF NOT EXISTS shared_runs (
    run_id  bigint NOT NULL PRIMARY KEY,
    -- SHA-256 of the key that the shards were given, the project and the report asked for: the
    -- shard that writes it first begins the run, the others join it.
    digest  varchar(64) NOT NULL UNIQUE,
    run_key longtext NOT NULL,
    shards  bigint NOT NULL,
    -- What the first shard decided for all of them, as JSON: the days, and what is read in full.
    decided longtext NOT NULL,
    FOREIGN KEY (run_id) REFERENCES runs (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS run_shards (
    run_id      bigint NOT NULL,
    -- From 1.
    shard       bigint NOT NULL,
    -- When it was last started.
    started_at  datetime(6) NOT NULL,
    -- Null while it runs, and for ever when it was interrupted or killed.
    finished_at datetime(6),
    outcome     varchar(20),
    error       longtext,
    PRIMARY KEY (run_id, shard),
    FOREIGN KEY (run_id) REFERENCES shared_runs (run_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

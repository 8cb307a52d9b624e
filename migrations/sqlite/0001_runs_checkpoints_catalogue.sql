-- The host's own tables. Times are UTC, as '2026-01-31T12:00:00.000000Z'.

-- One row per invocation that writes.
CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    project     TEXT NOT NULL,
    report      TEXT NOT NULL,
    command     TEXT NOT NULL,
    version     TEXT NOT NULL,
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    -- succeeded, partly-failed, failed or interrupted; null while it runs, and for ever when
    -- it was killed.
    outcome     TEXT,
    error       TEXT
) STRICT;

-- What became of each partition in a run.
CREATE TABLE run_partitions (
    run_id         INTEGER NOT NULL REFERENCES runs (id),
    project        TEXT NOT NULL,
    datasource     TEXT NOT NULL,
    report         TEXT NOT NULL,
    partition_id   TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    error          TEXT,
    failure_kind   TEXT,
    rows_read      INTEGER NOT NULL,
    rows_new       INTEGER NOT NULL,
    rows_changed   INTEGER NOT NULL,
    rows_unchanged INTEGER NOT NULL,
    rows_removed   INTEGER NOT NULL,
    rows_rejected  INTEGER NOT NULL,
    requests       INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    started_at     TEXT NOT NULL,
    elapsed_ms     INTEGER NOT NULL,
    PRIMARY KEY (run_id, project, datasource, report, partition_id)
) STRICT;

-- Where each partition goes on. The version is compared and set by every commit.
CREATE TABLE checkpoints (
    project      TEXT NOT NULL,
    datasource   TEXT NOT NULL,
    report       TEXT NOT NULL,
    partition_id TEXT NOT NULL,
    version      INTEGER NOT NULL,
    checkpoint   TEXT,
    run_id       INTEGER NOT NULL,
    updated_at   TEXT NOT NULL,
    PRIMARY KEY (project, datasource, report, partition_id)
) STRICT;

-- When each report was last read in full.
CREATE TABLE full_runs (
    project      TEXT NOT NULL,
    datasource   TEXT NOT NULL,
    report       TEXT NOT NULL,
    run_id       INTEGER NOT NULL,
    finished_at  TEXT NOT NULL,
    PRIMARY KEY (project, datasource, report)
) STRICT;

-- Rows that broke their declaration. The digest is of all columns but run and time: the same
-- reject seen again is one row.
CREATE TABLE rejected_rows (
    digest       TEXT NOT NULL PRIMARY KEY,
    run_id       INTEGER NOT NULL,
    project      TEXT NOT NULL,
    datasource   TEXT NOT NULL,
    report       TEXT NOT NULL,
    partition_id TEXT NOT NULL,
    table_name   TEXT NOT NULL,
    reason       TEXT NOT NULL,
    row_json     TEXT NOT NULL,
    rejected_at  TEXT NOT NULL
) STRICT;

CREATE INDEX rejected_rows_run ON rejected_rows (run_id);

-- The plugins' tables: whose they are and how they were declared.
CREATE TABLE catalogue_tables (
    table_name     TEXT NOT NULL PRIMARY KEY,
    datasource     TEXT NOT NULL,
    mode           TEXT NOT NULL,
    key_columns    TEXT NOT NULL,
    description    TEXT NOT NULL,
    plugin_version TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL
) STRICT;

CREATE TABLE catalogue_columns (
    table_name  TEXT NOT NULL REFERENCES catalogue_tables (table_name),
    column_name TEXT NOT NULL,
    kind        TEXT NOT NULL,
    max_length  INTEGER,
    description TEXT NOT NULL,
    PRIMARY KEY (table_name, column_name)
) STRICT;

-- The views of views/: which text each was made from.
CREATE TABLE catalogue_views (
    view_name  TEXT NOT NULL PRIMARY KEY,
    digest     TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

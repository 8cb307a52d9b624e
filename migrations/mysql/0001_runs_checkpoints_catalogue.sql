-- The host's own tables. Times are UTC.
--
-- CREATE TABLE commits by itself here, so a killed host can leave half of this file: every
-- statement has to be one that can run again.

-- One row per invocation that writes.
CREATE TABLE IF NOT EXISTS runs (
    id          bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
    project     longtext NOT NULL,
    report      longtext NOT NULL,
    command     longtext NOT NULL,
    version     longtext NOT NULL,
    started_at  datetime(6) NOT NULL,
    finished_at datetime(6),
    -- succeeded, partly-failed, failed or interrupted; null while it runs, and for ever when
    -- it was killed.
    outcome     varchar(20),
    error       longtext
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What became of each partition in a run.
CREATE TABLE IF NOT EXISTS run_partitions (
    run_id         bigint NOT NULL,
    project        varchar(64) NOT NULL,
    datasource     varchar(20) NOT NULL,
    report         varchar(60) NOT NULL,
    partition_id   varchar(200) NOT NULL,
    outcome        varchar(20) NOT NULL,
    error          longtext,
    failure_kind   varchar(40),
    rows_read      bigint NOT NULL,
    rows_new       bigint NOT NULL,
    rows_changed   bigint NOT NULL,
    rows_unchanged bigint NOT NULL,
    rows_removed   bigint NOT NULL,
    rows_rejected  bigint NOT NULL,
    requests       bigint NOT NULL,
    response_bytes bigint NOT NULL,
    started_at     datetime(6) NOT NULL,
    elapsed_ms     bigint NOT NULL,
    PRIMARY KEY (run_id, project, datasource, report, partition_id),
    FOREIGN KEY (run_id) REFERENCES runs (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Where each partition goes on. The version is compared and set by every commit.
CREATE TABLE IF NOT EXISTS checkpoints (
    project      varchar(64) NOT NULL,
    datasource   varchar(20) NOT NULL,
    report       varchar(60) NOT NULL,
    partition_id varchar(200) NOT NULL,
    version      bigint NOT NULL,
    checkpoint   longtext,
    run_id       bigint NOT NULL,
    updated_at   datetime(6) NOT NULL,
    PRIMARY KEY (project, datasource, report, partition_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- When each report was last read in full.
CREATE TABLE IF NOT EXISTS full_runs (
    project      varchar(64) NOT NULL,
    datasource   varchar(20) NOT NULL,
    report       varchar(60) NOT NULL,
    run_id       bigint NOT NULL,
    finished_at  datetime(6) NOT NULL,
    PRIMARY KEY (project, datasource, report)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Rows that broke their declaration. The digest is of all columns but run and time: the same
-- reject seen again is one row.
CREATE TABLE IF NOT EXISTS rejected_rows (
    digest       varchar(64) NOT NULL PRIMARY KEY,
    run_id       bigint NOT NULL,
    project      varchar(64) NOT NULL,
    datasource   varchar(20) NOT NULL,
    report       varchar(60) NOT NULL,
    partition_id varchar(200) NOT NULL,
    table_name   varchar(64) NOT NULL,
    reason       longtext NOT NULL,
    row_json     longtext NOT NULL,
    rejected_at  datetime(6) NOT NULL,
    INDEX rejected_rows_run (run_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The plugins' tables: whose they are and how they were declared.
CREATE TABLE IF NOT EXISTS catalogue_tables (
    table_name     varchar(64) NOT NULL PRIMARY KEY,
    datasource     varchar(20) NOT NULL,
    mode           varchar(20) NOT NULL,
    key_columns    longtext NOT NULL,
    description    longtext NOT NULL,
    plugin_version longtext NOT NULL,
    created_at     datetime(6) NOT NULL,
    updated_at     datetime(6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS catalogue_columns (
    table_name  varchar(64) NOT NULL,
    column_name varchar(64) NOT NULL,
    kind        varchar(20) NOT NULL,
    max_length  bigint,
    description longtext NOT NULL,
    PRIMARY KEY (table_name, column_name),
    FOREIGN KEY (table_name) REFERENCES catalogue_tables (table_name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The views of views/: which text each was made from.
CREATE TABLE IF NOT EXISTS catalogue_views (
    view_name  varchar(64) NOT NULL PRIMARY KEY,
    digest     varchar(64) NOT NULL,
    updated_at datetime(6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

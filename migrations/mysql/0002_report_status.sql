-- How fresh each report is, so that nobody has to read the whole history for it: filled as runs end.
-- Times are UTC.

CREATE TABLE IF NOT EXISTS report_status (
    project         varchar(64) NOT NULL,
    datasource      varchar(20) NOT NULL,
    report          varchar(60) NOT NULL,
    -- The last run that ended, however it did.
    run_id          bigint NOT NULL,
    started_at      datetime(6) NOT NULL,
    outcome         varchar(20) NOT NULL,
    -- The first thing that went wrong in it.
    error           longtext,
    -- The last run of which every partition succeeded. Its tables hold what the service held
    -- when that run began.
    good_run_id     bigint,
    good_started_at datetime(6),
    good_rows_read  bigint,
    PRIMARY KEY (project, datasource, report)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How fresh each report is, so that nobody has to read the whole history for it: filled as runs end.
-- Times are UTC.

CREATE TABLE report_status (
    project         text COLLATE "C" NOT NULL,
    datasource      text COLLATE "C" NOT NULL,
    report          text COLLATE "C" NOT NULL,
    -- The last run that ended, however it did.
    run_id          bigint NOT NULL,
    started_at      timestamp with time zone NOT NULL,
    outcome         text NOT NULL,
    -- The first thing that went wrong in it.
    error           text,
    -- The last run of which every partition succeeded. Its tables hold what the service held
    -- when that run began.
    good_run_id     bigint,
    good_started_at timestamp with time zone,
    good_rows_read  bigint,
    PRIMARY KEY (project, datasource, report)
);

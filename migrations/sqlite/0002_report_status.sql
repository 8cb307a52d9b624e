-- How fresh each report is, so that nobody has to read the whole history for it: filled as runs end.
-- Times are UTC, as '2026-01-31T12:00:00.000000Z'.

CREATE TABLE report_status (
    project         TEXT NOT NULL,
    datasource      TEXT NOT NULL,
    report          TEXT NOT NULL,
    -- The last run that ended, however it did.
    run_id          INTEGER NOT NULL,
    started_at      TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    -- The first thing that went wrong in it.
    error           TEXT,
    -- The last run of which every partition succeeded. Its tables hold what the service held
    -- when that run began.
    good_run_id     INTEGER,
    good_started_at TEXT,
    good_rows_read  INTEGER,
    PRIMARY KEY (project, datasource, report)
) STRICT;

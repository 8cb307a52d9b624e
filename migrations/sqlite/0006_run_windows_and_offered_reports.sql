-- Which days a run was asked for, and which reports each datasource's plugin has.

-- Runs over a window of days; a run without one is not here.
CREATE TABLE run_windows (
    run_id    INTEGER NOT NULL PRIMARY KEY REFERENCES runs (id),
    -- As '2026-01-31', both included; null where the window has no begin or no end.
    first_day TEXT,
    last_day  TEXT
) STRICT;

-- What each plugin had when it was run last, so that it need not be loaded to know whose a
-- report is.
CREATE TABLE offered_reports (
    datasource TEXT NOT NULL,
    report     TEXT NOT NULL,
    PRIMARY KEY (datasource, report)
) STRICT;

-- Which days a run was asked for, and which reports each datasource's plugin has. A table of its
-- own for the days, because ADD COLUMN cannot run again after a host that was killed half-way.

-- Runs over a window of days; a run without one is not here.
CREATE TABLE IF NOT EXISTS run_windows (
    run_id    bigint NOT NULL PRIMARY KEY,
    -- As '2026-01-31', both included; null where the window has no begin or no end.
    first_day varchar(20),
    last_day  varchar(20),
    FOREIGN KEY (run_id) REFERENCES runs (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What each plugin had when it was run last, so that it need not be loaded to know whose a
-- report is.
CREATE TABLE IF NOT EXISTS offered_reports (
    datasource varchar(20) NOT NULL,
    report     varchar(60) NOT NULL,
    PRIMARY KEY (datasource, report)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

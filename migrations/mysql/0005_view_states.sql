-- How the making of each view ended.

CREATE TABLE IF NOT EXISTS catalogue_view_states (
    view_name varchar(64) NOT NULL PRIMARY KEY,
    -- SHA-256 of what the database has to tell the view by: one with another mark was made by
    -- somebody else. Null when the making failed or was broken off.
    mark      varchar(64),
    -- Why it could not be made, and what to do.
    error     longtext
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

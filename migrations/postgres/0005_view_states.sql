-- How the making of each view ended.

CREATE TABLE catalogue_view_states (
    view_name text COLLATE "C" NOT NULL PRIMARY KEY,
    -- SHA-256 of what the database has to tell the view by: one with another mark was made by
    -- somebody else. Null when the making failed or was broken off.
    mark      text,
    -- Why it could not be made, and what to do.
    error     text
);

-- The projects of one table, with the numbers that the views give its rows.
SELECT DISTINCT {projects_id} AS "id", t."project" FROM {rows}

-- One row per number, whatever the number of tables and configured projects that have it, so
-- that a join doubles nothing.
SELECT "id", "id" AS "testrail_project_id",
       CASE WHEN "id" = 0 THEN 'unknown' ELSE MIN("project") END AS "project_name_abbrev",
       CASE WHEN "id" = 0 THEN 'Unknown' ELSE MIN("project") END AS "project_name"
FROM ({parts}) AS p
GROUP BY "id"

-- Results given per test run and day (UTC), by status; a comment alone is no result.
SELECT r."project", r."run_id", n."name" AS "run_name", {day:r."created_on"} AS "day",
       CAST(SUM(CASE WHEN r."status_id" = 1 THEN 1 ELSE 0 END) AS {integer}) AS "passed",
       CAST(SUM(CASE WHEN r."status_id" = 5 THEN 1 ELSE 0 END) AS {integer}) AS "failed",
       CAST(SUM(CASE WHEN r."status_id" = 2 THEN 1 ELSE 0 END) AS {integer}) AS "blocked",
       CAST(SUM(CASE WHEN r."status_id" = 4 THEN 1 ELSE 0 END) AS {integer}) AS "retest",
       COUNT(*) AS "results"
FROM "testrail_test_results" AS r
LEFT JOIN "testrail_test_runs" AS n ON n."project" = r."project" AND n."id" = r."run_id"
WHERE r."status_id" IS NOT NULL
GROUP BY r."project", r."run_id", n."name", {day:r."created_on"}

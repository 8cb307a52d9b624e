-- Cases per day, suite, automation status and automation coverage, over all sub-suites. A case
-- in two sub-suites counts in both, as in the table.
SELECT "project", "day", "suite_id", "suite_name", "automation_status", "automation_coverage",
       CAST(SUM("case_count") AS {integer}) AS "case_count"
FROM "testrail_test_case_coverage"
GROUP BY "project", "day", "suite_id", "suite_name", "automation_status", "automation_coverage"

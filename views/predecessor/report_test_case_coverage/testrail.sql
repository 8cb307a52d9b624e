-- The counts as they are stored: a row per day and group, so that a day read again shows the same.
SELECT {projects_id} AS "projects_id", t."suite_id" AS "testrail_test_suites_id",
       t."sub_suite_id" AS "test_sub_suites_id",
       t."automation_status_id" AS "test_automation_status_id",
       t."automation_coverage_id" AS "test_automation_coverage_id",
       t."case_count" AS "test_count", {start_of:t."day"} AS "created_at", t."project"
FROM {rows}

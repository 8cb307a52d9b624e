SELECT t."id", t."id" AS "testrail_plan_id", {projects_id} AS "projects_id", t."name",
       t."passed_count" AS "test_case_passed_count", t."retest_count" AS "test_case_retest_count",
       t."failed_count" AS "test_case_failed_count", t."blocked_count" AS "test_case_blocked_count",
       t."total_count" AS "test_case_total_count", {day:t."created_on"} AS "testrail_created_on",
       t."completed_on" AS "testrail_completed_on", t."project"
FROM {rows}

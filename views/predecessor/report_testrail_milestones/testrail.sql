-- The last four were found in free text by rules that nobody wrote down: nothing is better than
-- a guess that looks like a fact.
SELECT t."id", t."id" AS "testrail_milestone_id", {projects_id} AS "projects_id", t."name",
       {day:t."started_on"} AS "started_on",
       CASE WHEN t."is_completed" THEN '1' ELSE '0' END AS "is_completed", t."description",
       t."completed_on", t."url", CAST(NULL AS {text}) AS "testing_status",
       CAST(NULL AS {text}) AS "testing_recommendation", CAST(NULL AS {text}) AS "build_name",
       CAST(NULL AS {text}) AS "build_version", t."project"
FROM {rows}

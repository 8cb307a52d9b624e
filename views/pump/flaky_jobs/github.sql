-- The same run and job failed or timed out in one attempt and succeeded in a later one.
SELECT 'github' AS "system", f."project", f."name", f."head_sha" AS "revision",
       COUNT(DISTINCT f."id") AS "failures", MIN(f."completed_at") AS "failed_at",
       MIN(s."completed_at") AS "succeeded_at"
FROM "github_workflow_jobs" AS f
JOIN "github_workflow_jobs" AS s
    ON s."project" = f."project" AND s."repository_id" = f."repository_id"
    AND s."run_id" = f."run_id" AND s."name" = f."name" AND s."run_attempt" > f."run_attempt"
WHERE f."conclusion" IN ('failure', 'timed_out') AND s."conclusion" = 'success'
GROUP BY f."project", f."repository_id", f."run_id", f."name", f."head_sha"

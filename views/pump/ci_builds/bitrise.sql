-- A Bitrise build.
SELECT 'bitrise' AS "system", "project", "triggered_workflow" AS "name", "branch",
       "commit_hash" AS "revision",
       CASE
           WHEN "status" = 1 THEN 'succeeded'
           WHEN "status" = 2 THEN 'failed'
           WHEN "status" IN (3, 4) THEN 'cancelled'
           WHEN "status" = 0 AND "started_on_worker_at" IS NULL THEN 'pending'
           WHEN "status" = 0 THEN 'running'
           ELSE 'other'
       END AS "state",
       "queue_seconds", "duration_seconds", "started_on_worker_at" AS "started_at",
       "finished_at"
FROM "bitrise_builds"

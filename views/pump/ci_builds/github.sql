-- A job of a GitHub workflow run.
SELECT 'github' AS "system", "project", "name", "head_branch" AS "branch",
       "head_sha" AS "revision",
       CASE
           WHEN "status" = 'in_progress' THEN 'running'
           WHEN "status" <> 'completed' THEN 'pending'
           WHEN "conclusion" = 'success' THEN 'succeeded'
           WHEN "conclusion" IN ('failure', 'timed_out', 'startup_failure') THEN 'failed'
           WHEN "conclusion" = 'cancelled' THEN 'cancelled'
           WHEN "conclusion" IN ('skipped', 'neutral') THEN 'skipped'
           ELSE 'other'
       END AS "state",
       "queue_seconds", "duration_seconds", "started_at", "completed_at" AS "finished_at"
FROM "github_workflow_jobs"

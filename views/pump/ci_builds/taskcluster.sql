-- A run of a Taskcluster task.
SELECT 'taskcluster' AS "system", r."project", COALESCE(t."label", t."name") AS "name",
       t."treeherder_project" AS "branch", t."revision",
       CASE
           WHEN r."state" IN ('pending', 'running', 'failed') THEN r."state"
           WHEN r."state" = 'completed' THEN 'succeeded'
           WHEN r."state" = 'exception' AND r."reason_resolved" IN ('canceled', 'superseded')
               THEN 'cancelled'
           WHEN r."state" = 'exception' THEN 'failed'
           ELSE 'other'
       END AS "state",
       r."queue_seconds", r."duration_seconds", r."started" AS "started_at",
       r."resolved" AS "finished_at"
FROM "taskcluster_task_runs" AS r
JOIN "taskcluster_tasks" AS t ON t."project" = r."project" AND t."task_id" = r."task_id"

-- Of one group and label a run failed and another completed; a retrigger is a task of its own.
SELECT 'taskcluster' AS "system", ft."project", ft."label" AS "name", ft."revision",
       COUNT(DISTINCT fr."resolved") AS "failures", MIN(fr."resolved") AS "failed_at",
       MIN(sr."resolved") AS "succeeded_at"
FROM "taskcluster_tasks" AS ft
JOIN "taskcluster_task_runs" AS fr
    ON fr."project" = ft."project" AND fr."task_id" = ft."task_id" AND fr."state" = 'failed'
JOIN "taskcluster_tasks" AS st
    ON st."project" = ft."project" AND st."task_group_id" = ft."task_group_id"
    AND st."label" = ft."label"
JOIN "taskcluster_task_runs" AS sr
    ON sr."project" = st."project" AND sr."task_id" = st."task_id" AND sr."state" = 'completed'
WHERE ft."label" IS NOT NULL
GROUP BY ft."project", ft."task_group_id", ft."label", ft."revision"

-- Of the same app, commit and workflow a build failed and a later one succeeded.
SELECT 'bitrise' AS "system", f."project", f."triggered_workflow" AS "name",
       f."commit_hash" AS "revision", COUNT(DISTINCT f."slug") AS "failures",
       MIN(f."finished_at") AS "failed_at", MIN(s."finished_at") AS "succeeded_at"
FROM "bitrise_builds" AS f
JOIN "bitrise_builds" AS s
    ON s."project" = f."project" AND s."app_slug" = f."app_slug"
    AND s."commit_hash" = f."commit_hash"
    AND s."triggered_workflow" = f."triggered_workflow"
    AND (s."triggered_at" > f."triggered_at"
        OR s."triggered_at" = f."triggered_at" AND s."build_number" > f."build_number")
WHERE f."status" = 2 AND s."status" = 1
GROUP BY f."project", f."app_slug", f."triggered_workflow", f."commit_hash"

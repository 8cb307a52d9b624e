-- A build that is not finished may still become either, and is left out.
SELECT "slug" AS "id", "build_number", "branch", "status", "status_text", "triggered_workflow",
       "triggered_by", "triggered_at", "app_slug", "project"
FROM "{table}"
WHERE "status" <> 0

-- Issues with a label that means regression, each once, however many of them it has.
SELECT t."id", {projects_id} AS "projects_id", t."id" AS "issue_id", t."title" AS "issue_title",
       CAST(1 AS {integer}) AS "issue_types_id", {day:t."created_at"} AS "github_created_at",
       {day:t."updated_at"} AS "github_updated_at", {day:t."closed_at"} AS "github_closed_at",
       CAST(NULL AS date) AS "github_merged_at", t."created_at", t."project"
FROM {rows}
WHERE NOT t."is_pull_request" AND EXISTS (
    SELECT 1 FROM "github_issue_labels" AS l
    WHERE l."project" = t."project" AND l."repository_id" = t."repository_id"
      AND l."issue_id" = t."id" AND l."label" IN (
          'eng:intermittent-test', 'eng:but-auto-found', 'crash', 'b:crash', {literal:🐞 bug},
          {literal:Bug 🐞}, 'P1', 'P2', 'P3'))

SELECT DISTINCT "automation_status_id", "automation_status_id", 'Unknown ' || CAST("automation_status_id" AS {text})
FROM "{table}"
WHERE "automation_status_id" NOT IN (0, 1, 2, 3, 4, 5)

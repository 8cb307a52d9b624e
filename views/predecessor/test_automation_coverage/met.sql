SELECT DISTINCT "automation_coverage_id", "automation_coverage_id", 'Unknown ' || CAST("automation_coverage_id" AS {text})
FROM "{table}"
WHERE "automation_coverage_id" NOT IN (0, 1, 2, 3)

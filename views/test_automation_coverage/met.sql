SELECT DISTINCT "automation_coverage_id", "automation_coverage_id", CONCAT('Unknown ', "automation_coverage_id")
FROM "{table}"
WHERE "automation_coverage_id" NOT IN (0, 1, 2, 3)

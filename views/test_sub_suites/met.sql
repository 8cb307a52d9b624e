SELECT DISTINCT "sub_suite_id", "sub_suite_id", CONCAT('unknown-', "sub_suite_id"), CONCAT('Unknown ', "sub_suite_id")
FROM "{table}"
WHERE "sub_suite_id" NOT IN (1, 2, 3, 4, 5, 6, 7)

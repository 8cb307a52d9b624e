SELECT DISTINCT "sub_suite_id", "sub_suite_id", 'unknown-' || CAST("sub_suite_id" AS {text}), 'Unknown ' || CAST("sub_suite_id" AS {text})
FROM "{table}"
WHERE "sub_suite_id" NOT IN (1, 2, 3, 4, 5, 6, 7)

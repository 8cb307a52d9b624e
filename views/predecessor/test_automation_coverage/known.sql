SELECT CAST(0 AS {integer}) AS "id", CAST(0 AS {integer}) AS "testrail_id", 'Not set' AS "coverage"
UNION ALL SELECT 1, 1, 'None'
UNION ALL SELECT 2, 2, 'Partial'
UNION ALL SELECT 3, 3, 'Full'

SELECT CAST(1 AS {integer}) AS "id", CAST(1 AS {integer}) AS "testrail_id", 'passed' AS "result_type_abbrev", 'Passed' AS "result_type"
UNION ALL SELECT 2, 2, 'blocked', 'Blocked'
UNION ALL SELECT 3, 3, 'untested', 'Untested'
UNION ALL SELECT 4, 4, 'retest', 'Retest'
UNION ALL SELECT 5, 5, 'failed', 'Failed'

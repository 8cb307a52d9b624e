SELECT CAST(0 AS {integer}) AS "id", CAST(0 AS {integer}) AS "testrail_id", 'Not set' AS "status"
UNION ALL SELECT 1, 1, 'Untriaged'
UNION ALL SELECT 2, 2, 'Suitable'
UNION ALL SELECT 3, 3, 'Unsuitable'
UNION ALL SELECT 4, 4, 'Completed'
UNION ALL SELECT 5, 5, 'Disabled'

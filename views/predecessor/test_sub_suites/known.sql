SELECT CAST(1 AS {integer}) AS "id", CAST(1 AS {integer}) AS "testrail_id", 'functional' AS "test_sub_suite_abbrev", 'Functional' AS "test_sub_suite"
UNION ALL SELECT 2, 2, 'smoke', 'Smoke'
UNION ALL SELECT 3, 3, 'accessibility', 'Accessibility'
UNION ALL SELECT 4, 4, 'l10n', 'L10n'
UNION ALL SELECT 5, 5, 'security', 'Security'
UNION ALL SELECT 6, 6, 'fxa', 'FxA'
UNION ALL SELECT 7, 7, 'other', 'Other'

SELECT "id", "id", COALESCE(MIN("name"), 'unknown-' || CAST("id" AS {text})), COALESCE(MIN("label"), MIN("name"), 'Unknown ' || CAST("id" AS {text}))
FROM "{table}"
WHERE "id" NOT IN (1, 2, 3, 4, 5)
GROUP BY "id"

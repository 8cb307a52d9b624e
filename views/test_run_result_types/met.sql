SELECT "id", "id", COALESCE(MIN("name"), CONCAT('unknown-', "id")), COALESCE(MIN("label"), MIN("name"), CONCAT('Unknown ', "id"))
FROM "{table}"
WHERE "id" NOT IN (1, 2, 3, 4, 5)
GROUP BY "id"

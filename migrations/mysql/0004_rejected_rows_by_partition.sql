-- A partition that is delivered whole looks for what was rejected of it before, in the transaction
-- that writes it; `status` counts what waits of each report.
--
-- CREATE INDEX commits by itself here, and MySQL has no IF NOT EXISTS for it: this can run again
-- after a host that was killed half-way.

SET @statement = IF(
    EXISTS (
        SELECT * FROM information_schema.statistics
        WHERE table_schema = DATABASE()
            AND table_name = 'rejected_rows' AND index_name = 'rejected_rows_partition'
    ),
    'DO 0',
    'CREATE INDEX rejected_rows_partition ON rejected_rows (project, datasource, report, partition_id)'
);
PREPARE make_index FROM @statement;
EXECUTE make_index;
DEALLOCATE PREPARE make_index;

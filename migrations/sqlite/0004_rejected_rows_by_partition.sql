-- A partition that is delivered whole looks for what was rejected of it before, in the transaction
-- that writes it; `status` counts what waits of each report.

CREATE INDEX rejected_rows_partition ON rejected_rows (project, datasource, report, partition_id);

-- Requests of a probe become spans only while somebody streams these.

ALTER TABLE probes ADD COLUMN limit_only_while_streamed INTEGER NOT NULL DEFAULT 0
  CHECK (limit_only_while_streamed IN (0, 1));

-- Whether a probe tells which connection each request of the client goes out on, so that the trace of
-- the request that is served for it goes on.

ALTER TABLE probes ADD COLUMN stitch_traces INTEGER NOT NULL DEFAULT 0
  CHECK (stitch_traces IN (0, 1));

-- Whether a probe gives the requests that the program makes the header traceparent.

ALTER TABLE probes ADD COLUMN inject_traceparent INTEGER NOT NULL DEFAULT 0
  CHECK (inject_traceparent IN (0, 1));

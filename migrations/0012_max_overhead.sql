-- What the hits of a probe may cost together, as a fraction of one CPU; 0: whatever they do.

ALTER TABLE probes ADD COLUMN max_overhead REAL NOT NULL DEFAULT 0.01
  CHECK (max_overhead >= 0);

-- Whether calls on other goroutines are children of the request that started these, or that what
-- they received from a channel belongs to.

ALTER TABLE probes ADD COLUMN causality_goroutines INTEGER NOT NULL DEFAULT 0
  CHECK (causality_goroutines IN (0, 1));
ALTER TABLE probes ADD COLUMN causality_channels INTEGER NOT NULL DEFAULT 0
  CHECK (causality_channels IN (0, 1));

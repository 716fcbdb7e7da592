-- Which requests of a probe become spans. What is 0, or has no row, limits nothing.

ALTER TABLE probes ADD COLUMN limit_status_classes INTEGER NOT NULL DEFAULT 0
  CHECK (limit_status_classes >= 0);
ALTER TABLE probes ADD COLUMN limit_min_duration_ns INTEGER NOT NULL DEFAULT 0
  CHECK (limit_min_duration_ns >= 0);
-- Without it there is no ratio, which is not the same as one of 1: parents' decisions are not obeyed.
ALTER TABLE probes ADD COLUMN limit_samples INTEGER NOT NULL DEFAULT 0
  CHECK (limit_samples IN (0, 1));
ALTER TABLE probes ADD COLUMN limit_sample_ratio REAL NOT NULL DEFAULT 1
  CHECK (limit_sample_ratio BETWEEN 0 AND 1);
ALTER TABLE probes ADD COLUMN limit_spans_per_second REAL NOT NULL DEFAULT 0
  CHECK (limit_spans_per_second >= 0);
ALTER TABLE probes ADD COLUMN limit_burst INTEGER NOT NULL DEFAULT 0
  CHECK (limit_burst >= 0);

CREATE TABLE probe_limit_texts (
  probe_id TEXT    NOT NULL REFERENCES probes (id) ON DELETE CASCADE,
  kind     TEXT    NOT NULL CHECK (kind IN ('method', 'path_prefix')),
  position INTEGER NOT NULL,
  text     TEXT    NOT NULL,
  PRIMARY KEY (probe_id, kind, position)
) STRICT, WITHOUT ROWID;

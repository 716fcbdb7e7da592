-- Whether a probe tells which function of the program has served each request.

ALTER TABLE probes ADD COLUMN handler_function INTEGER NOT NULL DEFAULT 0
  CHECK (handler_function IN (0, 1));

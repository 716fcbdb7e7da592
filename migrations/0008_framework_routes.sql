-- Whether a probe asks the routers of the program (gin, chi, echo, gorilla/mux) for the route of each
-- request that they serve.

ALTER TABLE probes ADD COLUMN framework_routes INTEGER NOT NULL DEFAULT 0
  CHECK (framework_routes IN (0, 1));

-- Whether a probe tells when a server began to write its responses, and whether the requests of a
-- client end with the bodies of their responses.

ALTER TABLE probes ADD COLUMN server_first_byte INTEGER NOT NULL DEFAULT 0
  CHECK (server_first_byte IN (0, 1));
ALTER TABLE probes ADD COLUMN client_body INTEGER NOT NULL DEFAULT 0
  CHECK (client_body IN (0, 1));

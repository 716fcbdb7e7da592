-- What the daemon keeps. Enumerations are stored by the names in server/profile/profile.h.
-- Unsigned 64-bit numbers are stored as the signed number with the same bits.

CREATE TABLE profiles (
  id                   TEXT    NOT NULL PRIMARY KEY,
  go_build_id          TEXT    NOT NULL,
  gnu_build_id         TEXT    NOT NULL,
  sha256               TEXT    NOT NULL,
  size                 INTEGER NOT NULL,
  resolver_revision    INTEGER NOT NULL,
  go_version           TEXT    NOT NULL,
  architecture         TEXT    NOT NULL,
  main_module          TEXT    NOT NULL,
  position_independent INTEGER NOT NULL CHECK (position_independent IN (0, 1)),
  stripped             INTEGER NOT NULL CHECK (stripped IN (0, 1)),
  symbol_source        TEXT    NOT NULL,
  map_kind             TEXT    NOT NULL,
  binary_path          TEXT    NOT NULL,
  imported             INTEGER NOT NULL CHECK (imported IN (0, 1)),
  create_time_unix_ns  INTEGER NOT NULL
) STRICT;

CREATE TABLE profile_modules (
  profile_id TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  path       TEXT NOT NULL,
  version    TEXT NOT NULL,
  PRIMARY KEY (profile_id, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_sites (
  profile_id      TEXT    NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  position        INTEGER NOT NULL,
  kind            TEXT    NOT NULL,
  function        TEXT    NOT NULL,
  virtual_address INTEGER NOT NULL,
  file_offset     INTEGER NOT NULL,
  function_offset INTEGER NOT NULL,
  bytes           BLOB    NOT NULL,
  instruction     TEXT    NOT NULL,
  cost            TEXT    NOT NULL,
  condition       INTEGER NOT NULL,
  ends_when_taken INTEGER NOT NULL CHECK (ends_when_taken IN (0, 1)),
  PRIMARY KEY (profile_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_site_arguments (
  profile_id    TEXT    NOT NULL,
  site_position INTEGER NOT NULL,
  position      INTEGER NOT NULL,
  name          TEXT    NOT NULL,
  kind          TEXT    NOT NULL CHECK (kind IN ('register', 'stack')),
  register_name TEXT    NOT NULL,
  stack_offset  INTEGER NOT NULL,
  PRIMARY KEY (profile_id, site_position, position),
  FOREIGN KEY (profile_id, site_position)
    REFERENCES profile_sites (profile_id, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_fields (
  profile_id  TEXT    NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  name        TEXT    NOT NULL,
  byte_offset INTEGER NOT NULL,
  source      TEXT    NOT NULL,
  PRIMARY KEY (profile_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_absences (
  profile_id      TEXT    NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  position        INTEGER NOT NULL,
  instrumentation TEXT    NOT NULL,
  reason          TEXT    NOT NULL,
  message         TEXT    NOT NULL,
  PRIMARY KEY (profile_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE probes (
  id                  TEXT    NOT NULL PRIMARY KEY,
  uid                 TEXT    NOT NULL UNIQUE,
  generation          INTEGER NOT NULL CHECK (generation >= 1),
  binary_path         TEXT    NOT NULL,
  pid                 INTEGER NOT NULL,
  pid_start_time      INTEGER NOT NULL,
  boot_id             TEXT    NOT NULL,
  enabled             INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  capture_query       INTEGER NOT NULL CHECK (capture_query IN (0, 1)),
  service_name        TEXT    NOT NULL,
  create_time_unix_ns INTEGER NOT NULL,
  update_time_unix_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE probe_instrumentations (
  probe_id        TEXT    NOT NULL REFERENCES probes (id) ON DELETE CASCADE,
  position        INTEGER NOT NULL,
  instrumentation TEXT    NOT NULL,
  PRIMARY KEY (probe_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE probe_labels (
  probe_id TEXT NOT NULL REFERENCES probes (id) ON DELETE CASCADE,
  key      TEXT NOT NULL,
  value    TEXT NOT NULL,
  PRIMARY KEY (probe_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id           INTEGER NOT NULL PRIMARY KEY,
  time_unix_ns INTEGER NOT NULL,
  peer         TEXT    NOT NULL,
  method       TEXT    NOT NULL,
  resource     TEXT    NOT NULL,
  code         TEXT    NOT NULL,
  reason       TEXT    NOT NULL
) STRICT;

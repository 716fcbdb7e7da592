-- What requests showed of the fields of a profile while it was attached: "verified", "suspect" or
-- "refuted". A field without a row is unverified.

CREATE TABLE profile_field_verdicts (
  profile_id TEXT NOT NULL,
  name       TEXT NOT NULL,
  verdict    TEXT NOT NULL,
  PRIMARY KEY (profile_id, name),
  FOREIGN KEY (profile_id, name)
    REFERENCES profile_fields (profile_id, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

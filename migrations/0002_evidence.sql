-- What the weaker sources say of the offset in profile_fields: two that disagree make the profile
-- suspect, and a probe says whether it takes such a profile. A profile stored before this has an
-- older resolver_revision and is resolved anew.

CREATE TABLE profile_field_evidence (
  profile_id  TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  position    INTEGER NOT NULL,
  source      TEXT    NOT NULL,
  byte_offset INTEGER NOT NULL,
  PRIMARY KEY (profile_id, name, position),
  FOREIGN KEY (profile_id, name)
    REFERENCES profile_fields (profile_id, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

ALTER TABLE probes ADD COLUMN allow_suspect_profile INTEGER NOT NULL DEFAULT 0
  CHECK (allow_suspect_profile IN (0, 1));

-- The methods by which types of a binary are errors ("net.(*OpError).Error"), in ascending order of
-- their addresses as linked: what the error of a request is, is told by one of them.

CREATE TABLE profile_error_methods (
  profile_id TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  address    INTEGER NOT NULL,
  name       TEXT NOT NULL,
  PRIMARY KEY (profile_id, position)
) STRICT, WITHOUT ROWID;

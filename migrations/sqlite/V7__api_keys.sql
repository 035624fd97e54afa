-- Personal API keys; and the rows of the log about one person, newest first.

-- `hash` is that of the whole key, which is shown once and nowhere kept.
CREATE TABLE api_keys (
    id           BLOB    NOT NULL PRIMARY KEY,
    user_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash         BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    sites        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE INDEX api_keys_of_user ON api_keys (user_id);
CREATE INDEX api_keys_expiry ON api_keys (expires_at);

-- Out of `event`, where they stand as well: whom it is about, and when it was.
ALTER TABLE audit ADD COLUMN user_id BLOB;
ALTER TABLE audit ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE audit SET
    user_id = unhex(replace(event ->> '$.user_id', '-', '')),
    at = event ->> '$.at';

CREATE INDEX audit_about_user ON audit (user_id, at, seq) WHERE user_id IS NOT NULL;

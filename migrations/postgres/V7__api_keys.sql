-- Personal API keys; and the rows of the log about one person, newest first.

-- `hash` is that of the whole key, which is shown once and nowhere kept.
CREATE TABLE api_keys (
    id           UUID   PRIMARY KEY,
    user_id      UUID   NOT NULL REFERENCES users ON DELETE CASCADE,
    hash         BYTEA  NOT NULL,
    name         TEXT   NOT NULL,
    scopes       TEXT[] NOT NULL,
    sites        TEXT[] NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX api_keys_user ON api_keys (user_id);
CREATE INDEX api_keys_expiry ON api_keys (expires_at);

-- Out of `event`, where they stand as well: whom it is about, and when it was.
ALTER TABLE audit ADD COLUMN user_id UUID, ADD COLUMN at BIGINT NOT NULL DEFAULT 0;
UPDATE audit SET
    user_id = (event::json ->> 'user_id')::uuid,
    at = (event::json ->> 'at')::bigint;
CREATE INDEX audit_about_user ON audit (user_id, at, seq) WHERE user_id IS NOT NULL;

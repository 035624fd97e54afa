-- What people are told of their accounts and may deny, and where they have signed in from.

CREATE TABLE warnings (
    id         BLOB    NOT NULL PRIMARY KEY,
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash       BLOB    NOT NULL,
    email      TEXT    NOT NULL,
    email_key  TEXT    NOT NULL,
    lost_factor INTEGER NOT NULL CHECK (lost_factor IN (0, 1)),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE INDEX warnings_owner ON warnings (user_id);
CREATE INDEX warnings_expiry ON warnings (expires_at);

CREATE TABLE places (
    user_id BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    agent   TEXT    NOT NULL,
    network TEXT    NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, agent, network)
) STRICT, WITHOUT ROWID;

-- Guesses from devices that are known have a row of their own.
ALTER TABLE factors ADD COLUMN known_guesses_in_a_row INTEGER NOT NULL DEFAULT 0;

-- What an authorization server keeps: clients, consents, requests, codes, devices that ask to be
-- let in, and what counts once.

-- `body` is the client whole; `updated_at` names its version. Of a client that was removed the row
-- stays without them: no id is given again.
CREATE TABLE clients (
    client_id  TEXT    NOT NULL PRIMARY KEY,
    body       TEXT,
    updated_at INTEGER,
    CHECK ((body IS NULL) = (updated_at IS NULL))
) STRICT;

CREATE TABLE initial_access_tokens (
    hash       BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX initial_access_tokens_expiry ON initial_access_tokens (expires_at);

CREATE TABLE consents (
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT    NOT NULL REFERENCES clients (client_id),
    scopes     TEXT    NOT NULL,
    claims     TEXT    NOT NULL,
    resources  TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    granted_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX consents_of_client ON consents (client_id);

-- The session whose end an errand waits for.
ALTER TABLE errands ADD COLUMN waits_for BLOB;

CREATE INDEX errands_waiting ON errands (waits_for) WHERE waits_for IS NOT NULL;

-- Hash of what the browser holds of its session, and the clients that took part in it.
ALTER TABLE sessions ADD COLUMN browser BLOB;
ALTER TABLE sessions ADD COLUMN clients TEXT NOT NULL DEFAULT '[]';

-- What was granted to an OAuth client.
ALTER TABLE refresh_families ADD COLUMN granted TEXT;

CREATE TABLE authorization_requests (
    kind       TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    body       TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (kind, hash)
) STRICT;

CREATE INDEX authorization_requests_expiry ON authorization_requests (expires_at);

-- A code that was redeemed is kept until that may be forgotten: `expires_at` says so then.
CREATE TABLE codes (
    hash       BLOB    NOT NULL PRIMARY KEY,
    body       TEXT    NOT NULL,
    redeemed   INTEGER NOT NULL CHECK (redeemed IN (0, 1)),
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX codes_expiry ON codes (expires_at);

-- `told_until`: until when a device is told that its request is over. `hurried`: how many polls
-- came too soon.
CREATE TABLE device_grants (
    hash       BLOB    NOT NULL PRIMARY KEY,
    user_code  TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    decision   TEXT,
    polled_at  INTEGER,
    hurried    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    told_until INTEGER NOT NULL
) STRICT;

CREATE INDEX device_grants_by_user_code ON device_grants (user_code);
CREATE INDEX device_grants_expiry ON device_grants (told_until);

CREATE TABLE marks (
    key        BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX marks_expiry ON marks (expires_at);

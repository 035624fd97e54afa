-- What an authorization server keeps of clients, and of what people allowed them.

-- `body` is the client whole; `updated_at` names its version. Of a client that was removed the row
-- stays without them: no id is given again.
CREATE TABLE clients (
    client_id  TEXT   COLLATE "C" PRIMARY KEY,
    body       TEXT,
    updated_at BIGINT,
    CHECK ((body IS NULL) = (updated_at IS NULL))
);

CREATE TABLE initial_access_tokens (
    hash       BYTEA  PRIMARY KEY,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX initial_access_tokens_expiry ON initial_access_tokens (expires_at);

CREATE TABLE consents (
    user_id    UUID   NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id  TEXT   COLLATE "C" NOT NULL REFERENCES clients,
    scopes     TEXT[] NOT NULL,
    claims     TEXT[] NOT NULL,
    resources  TEXT[] NOT NULL,
    created_at BIGINT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

-- The session whose end an errand waits for.
ALTER TABLE errands ADD COLUMN waits_for UUID;
CREATE INDEX errands_waiting ON errands (waits_for) WHERE waits_for IS NOT NULL;

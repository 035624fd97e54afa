-- What people are told of their accounts and may deny, and where they have signed in from.

CREATE TABLE warnings (
    id         UUID   PRIMARY KEY,
    user_id    UUID   NOT NULL REFERENCES users ON DELETE CASCADE,
    hash       BYTEA  NOT NULL,
    email      TEXT   NOT NULL,
    email_key  TEXT   NOT NULL,
    lost_factor BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE INDEX warnings_owner ON warnings (user_id);
CREATE INDEX warnings_expiry ON warnings (expires_at);

CREATE TABLE places (
    user_id UUID   NOT NULL REFERENCES users ON DELETE CASCADE,
    agent   TEXT   COLLATE "C" NOT NULL,
    network TEXT   COLLATE "C" NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, agent, network)
);

-- Guesses from devices that are known have a row of their own.
ALTER TABLE factors ADD COLUMN known_guesses_in_a_row BIGINT NOT NULL DEFAULT 0;

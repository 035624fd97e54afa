-- Instants are milliseconds since the Unix epoch. Names are ordered by bytes ("C"), as in every
-- other store. What a hash covers, or what nobody queries, is TEXT: its exact bytes come back.

CREATE TABLE users (
    id                  UUID    PRIMARY KEY,
    tenant_id           TEXT    NOT NULL,
    status              TEXT    NOT NULL,
    email               TEXT    NOT NULL,
    email_key           TEXT    NOT NULL UNIQUE,
    email_verified_at   BIGINT,
    username            TEXT,
    username_key        TEXT    UNIQUE,
    name                TEXT    NOT NULL,
    given_name          TEXT,
    family_name         TEXT,
    backup_email        TEXT,
    locale              TEXT,
    phone               TEXT,
    phone_verified_at   BIGINT,
    rual_code           TEXT,
    guid                TEXT    NOT NULL,
    roles               TEXT[]  NOT NULL,
    claims              JSONB   NOT NULL,
    password_hash       TEXT,
    password_changed_at BIGINT,
    factor_epoch        BIGINT  NOT NULL,
    created_at          BIGINT  NOT NULL,
    updated_at          BIGINT  NOT NULL,
    last_login_at       BIGINT
);
CREATE INDEX users_roles ON users USING gin (roles);

CREATE TABLE factors (
    id               UUID    PRIMARY KEY,
    user_id          UUID    NOT NULL REFERENCES users ON DELETE CASCADE,
    method           TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    sealed_secret    BYTEA   NOT NULL,
    confirmed_at     BIGINT,
    created_at       BIGINT  NOT NULL,
    last_used_at     BIGINT,
    last_step        BIGINT,
    guesses_in_a_row BIGINT  NOT NULL
);
CREATE INDEX factors_user ON factors (user_id);

CREATE TABLE backup_codes (
    factor_id UUID   NOT NULL REFERENCES factors ON DELETE CASCADE,
    prefix    TEXT   NOT NULL,
    hash      TEXT   NOT NULL,
    used_at   BIGINT,
    PRIMARY KEY (factor_id, prefix)
);

CREATE TABLE cut_offs (
    kind     TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX cut_offs_until ON cut_offs (until_at);

CREATE TABLE sites (
    site_key TEXT   COLLATE "C" PRIMARY KEY,
    version  BIGINT NOT NULL,
    document JSONB  NOT NULL
);

CREATE TABLE site_hosts (
    host     TEXT COLLATE "C" PRIMARY KEY,
    site_key TEXT COLLATE "C" NOT NULL REFERENCES sites ON DELETE CASCADE
);
CREATE INDEX site_hosts_site ON site_hosts (site_key);

-- `place` is the order in which keys were published: two may share an instant.
CREATE TABLE signing_keys (
    kid          TEXT   PRIMARY KEY,
    place        BIGINT GENERATED ALWAYS AS IDENTITY,
    algorithm    TEXT   NOT NULL,
    sealed       BYTEA  NOT NULL,
    public_jwk   TEXT   NOT NULL,
    published_at BIGINT NOT NULL,
    active_at    BIGINT NOT NULL,
    expires_at   BIGINT
);

CREATE TABLE edges (
    id         UUID   PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    hash       BYTEA  NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE feed (
    seq    BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    change TEXT   NOT NULL
);

CREATE TABLE audit (
    seq   BIGINT PRIMARY KEY,
    id    UUID   NOT NULL UNIQUE,
    event TEXT   NOT NULL,
    hash  TEXT   NOT NULL
);

-- The newest place of both sequences, in one row. Whoever appends to either locks it until the
-- commit, so that places become visible in order.
CREATE TABLE head (
    only_row   BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    epoch      TEXT    NOT NULL,
    feed_seq   BIGINT  NOT NULL,
    audit_seq  BIGINT  NOT NULL,
    audit_hash TEXT    NOT NULL
);
INSERT INTO head (epoch, feed_seq, audit_seq, audit_hash)
VALUES (gen_random_uuid()::text, 0, 0, repeat('0', 64));

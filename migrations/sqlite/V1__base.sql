-- Instants are milliseconds since the Unix epoch, ids 16 bytes, hashes of secrets 32 bytes,
-- and whatever is a list or an object is JSON.
--
-- Small rows that are found by their key alone live in the key's tree (WITHOUT ROWID).

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Identity: whatever would give power back if it were lost.

CREATE TABLE users (
    id                  BLOB    NOT NULL PRIMARY KEY,
    tenant_id           TEXT    NOT NULL,
    status              TEXT    NOT NULL CHECK (status IN ('pending', 'active', 'disabled', 'blocked')),
    email               TEXT    NOT NULL,
    email_key           TEXT    NOT NULL UNIQUE,
    email_verified_at   INTEGER,
    username            TEXT,
    username_key        TEXT    UNIQUE,
    name                TEXT    NOT NULL,
    given_name          TEXT,
    family_name         TEXT,
    backup_email        TEXT,
    locale              TEXT,
    phone               TEXT,
    phone_verified_at   INTEGER,
    rual_code           TEXT,
    guid                TEXT    NOT NULL,
    roles               TEXT    NOT NULL,
    claims              TEXT    NOT NULL,
    password_hash       TEXT,
    password_changed_at INTEGER,
    factor_epoch        INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    last_login_at       INTEGER,
    -- Whether `roles` holds the admin role: what the index below finds.
    is_admin            INTEGER NOT NULL CHECK (is_admin IN (0, 1))
) STRICT;

CREATE INDEX users_admins ON users (status) WHERE is_admin = 1;

CREATE TABLE factors (
    id               BLOB    NOT NULL PRIMARY KEY,
    user_id          BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method           TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    sealed_secret    BLOB    NOT NULL,
    confirmed_at     INTEGER,
    created_at       INTEGER NOT NULL,
    last_used_at     INTEGER,
    last_step        INTEGER,
    guesses_in_a_row INTEGER NOT NULL
) STRICT;

CREATE INDEX factors_of_user ON factors (user_id, created_at);

CREATE TABLE backup_codes (
    factor_id BLOB NOT NULL REFERENCES factors (id) ON DELETE CASCADE,
    prefix    TEXT NOT NULL,
    hash      TEXT NOT NULL,
    used_at   INTEGER,
    PRIMARY KEY (factor_id, prefix)
) STRICT, WITHOUT ROWID;

CREATE TABLE cut_offs (
    kind  TEXT    NOT NULL,
    id    TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX cut_offs_until ON cut_offs (until);

CREATE TABLE sites (
    site_key TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    body     TEXT    NOT NULL
) STRICT;

CREATE TABLE site_hosts (
    host     TEXT NOT NULL PRIMARY KEY,
    site_key TEXT NOT NULL REFERENCES sites (site_key) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX site_hosts_of_site ON site_hosts (site_key);

-- `seq` tells the order of two keys of the same millisecond.
CREATE TABLE signing_keys (
    seq          INTEGER NOT NULL PRIMARY KEY,
    kid          TEXT    NOT NULL UNIQUE,
    algorithm    TEXT    NOT NULL,
    sealed       BLOB    NOT NULL,
    public_jwk   TEXT    NOT NULL,
    published_at INTEGER NOT NULL,
    active_at    INTEGER NOT NULL,
    expires_at   INTEGER
) STRICT;

CREATE TABLE edges (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    hash       BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE feed (
    seq  INTEGER NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL
) STRICT;

CREATE TABLE audit (
    seq   INTEGER NOT NULL PRIMARY KEY,
    id    BLOB    NOT NULL UNIQUE,
    event TEXT    NOT NULL,
    hash  TEXT    NOT NULL
) STRICT;

-- Sessions: rows whose loss can only take power away. No key leads from here into identity.

CREATE TABLE sessions (
    user_id        BLOB    NOT NULL,
    sid            BLOB    NOT NULL,
    tenant_id      TEXT    NOT NULL,
    client_id      TEXT    NOT NULL,
    site_key       TEXT,
    acr            TEXT    NOT NULL,
    amr            TEXT    NOT NULL,
    auth_time      INTEGER NOT NULL,
    remember       INTEGER NOT NULL CHECK (remember IN (0, 1)),
    created_at     INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    ip             TEXT    NOT NULL,
    user_agent     TEXT    NOT NULL,
    device         TEXT    NOT NULL,
    PRIMARY KEY (user_id, sid)
) STRICT;

CREATE INDEX sessions_expiry ON sessions (expires_at);

-- `live_hash` is the one token that may be used; `spent_hash` the one spent last, at `spent_at`.
CREATE TABLE refresh_families (
    user_id    BLOB    NOT NULL,
    sid        BLOB    NOT NULL,
    id         BLOB    NOT NULL,
    client_id  TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    live_hash  BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    spent_hash BLOB,
    spent_at   INTEGER,
    PRIMARY KEY (user_id, sid, id),
    FOREIGN KEY (user_id, sid) REFERENCES sessions (user_id, sid) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE pending_logins (
    hash       BLOB    NOT NULL PRIMARY KEY,
    body       TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_logins_expiry ON pending_logins (expires_at);

CREATE TABLE one_time_tokens (
    purpose    TEXT    NOT NULL,
    owner      BLOB    NOT NULL,
    hash       BLOB    NOT NULL,
    bound_to   TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (purpose, owner)
) STRICT, WITHOUT ROWID;

CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at);

-- `times`: the counted tries of a key, oldest first, 8 bytes each (big-endian milliseconds).
CREATE TABLE tries (
    key        TEXT    NOT NULL PRIMARY KEY,
    times      BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tries_expiry ON tries (expires_at);

-- Trusted devices, tenants, and requests that may be sent again.

-- When a second factor was proved on the trusted device that stood in for one.
ALTER TABLE sessions ADD COLUMN device_at INTEGER;

CREATE TABLE trusted_devices (
    user_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    hash         BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL,
    ip           TEXT    NOT NULL,
    factor_epoch INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT;

CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tenants (id, name, created_at) VALUES ('default', 'Default', unixepoch() * 1000);

CREATE TABLE memberships (
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    roles      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, tenant_id)
) STRICT, WITHOUT ROWID;

-- A request that is being carried out has no answer yet, and neither has it a mark.
CREATE TABLE requests (
    key        BLOB    NOT NULL PRIMARY KEY,
    mark       BLOB,
    answer     TEXT,
    expires_at INTEGER NOT NULL,
    CHECK ((mark IS NULL) = (answer IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_expiry ON requests (expires_at);

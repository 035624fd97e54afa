-- Trusted devices and tenants.

CREATE TABLE trusted_devices (
    user_id      UUID   NOT NULL REFERENCES users ON DELETE CASCADE,
    id           UUID   NOT NULL,
    hash         BYTEA  NOT NULL,
    name         TEXT   NOT NULL,
    user_agent   TEXT   NOT NULL,
    ip           TEXT   NOT NULL,
    factor_epoch BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE TABLE tenants (
    id         TEXT   COLLATE "C" PRIMARY KEY,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
INSERT INTO tenants (id, name, created_at)
VALUES ('default', 'Default', (extract(epoch FROM now()) * 1000)::bigint);

CREATE TABLE memberships (
    user_id    UUID   NOT NULL REFERENCES users ON DELETE CASCADE,
    tenant_id  TEXT   COLLATE "C" NOT NULL REFERENCES tenants,
    roles      TEXT[] NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, tenant_id)
);

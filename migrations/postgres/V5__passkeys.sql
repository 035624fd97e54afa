-- Passkeys and security keys: one row for each confirmed factor of method HARDWARE.

-- `record` is what the library judges by and never changes; what a use changes has columns of its own.
CREATE TABLE passkeys (
    factor_id       UUID    PRIMARY KEY REFERENCES factors ON DELETE CASCADE,
    credential_id   BYTEA   NOT NULL UNIQUE,
    record          TEXT    NOT NULL,
    model           UUID,
    backup_eligible BOOLEAN NOT NULL,
    backed_up       BOOLEAN NOT NULL,
    discoverable    BOOLEAN,
    user_verified   BOOLEAN NOT NULL,
    counter         BIGINT  NOT NULL
);

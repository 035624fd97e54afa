-- Passkeys and security keys: one row for each confirmed factor of method HARDWARE.

-- `record` is what the library judges by and never changes; what a use changes has columns of its own.
CREATE TABLE passkeys (
    factor_id       BLOB    NOT NULL PRIMARY KEY REFERENCES factors (id) ON DELETE CASCADE,
    credential_id   BLOB    NOT NULL UNIQUE,
    record          TEXT    NOT NULL,
    model           BLOB,
    backup_eligible INTEGER NOT NULL CHECK (backup_eligible IN (0, 1)),
    backed_up       INTEGER NOT NULL CHECK (backed_up IN (0, 1)),
    discoverable    INTEGER CHECK (discoverable IN (0, 1)),
    user_verified   INTEGER NOT NULL CHECK (user_verified IN (0, 1)),
    counter         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The model of the passkey that was proved.
ALTER TABLE sessions ADD COLUMN model BLOB;

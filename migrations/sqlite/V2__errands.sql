-- What is to be done after the answer: letters, and errands that end in one. `sealed` is not to be
-- read by whoever copies the store, for letters hold links and codes.
CREATE TABLE errands (
    id         BLOB    NOT NULL PRIMARY KEY,
    sealed     BLOB    NOT NULL,
    queued_at  INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX errands_due ON errands (due_at);

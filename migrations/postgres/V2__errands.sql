-- What is to be done after the answer: letters, and errands that end in one. `sealed` is not to be
-- read by whoever copies the store, for letters hold links and codes.
CREATE TABLE errands (
    id         UUID   PRIMARY KEY,
    sealed     BYTEA  NOT NULL,
    queued_at  BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX errands_due ON errands (due_at);

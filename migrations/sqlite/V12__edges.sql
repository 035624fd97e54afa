-- What edges tell: the keys they sign assertions with, and what they refused.

CREATE TABLE edge_keys (
    kid     TEXT    NOT NULL PRIMARY KEY,
    edge_id BLOB    NOT NULL REFERENCES edges (id) ON DELETE CASCADE,
    jwk     TEXT    NOT NULL,
    told_at INTEGER NOT NULL
) STRICT;

CREATE INDEX edge_keys_by_edge ON edge_keys (edge_id);

CREATE TABLE refusals (
    id        TEXT    NOT NULL PRIMARY KEY,
    edge_id   BLOB    NOT NULL REFERENCES edges (id) ON DELETE CASCADE,
    at        INTEGER NOT NULL,
    anonymous INTEGER NOT NULL CHECK (anonymous IN (0, 1)),
    body      TEXT    NOT NULL
) STRICT;

CREATE INDEX refusals_by_worth ON refusals (edge_id, anonymous, at DESC);

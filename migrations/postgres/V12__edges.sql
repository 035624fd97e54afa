-- What edges tell: the keys they sign assertions with, and what they refused.

CREATE TABLE edge_keys (
    kid     TEXT    NOT NULL PRIMARY KEY,
    edge_id UUID    NOT NULL REFERENCES edges ON DELETE CASCADE,
    jwk     TEXT    NOT NULL,
    told_at BIGINT  NOT NULL
);

CREATE INDEX edge_keys_by_edge ON edge_keys (edge_id);

CREATE TABLE refusals (
    id        TEXT    NOT NULL PRIMARY KEY,
    edge_id   UUID    NOT NULL REFERENCES edges ON DELETE CASCADE,
    at        BIGINT  NOT NULL,
    anonymous BOOLEAN NOT NULL,
    body      TEXT    NOT NULL
);

CREATE INDEX refusals_by_worth ON refusals (edge_id, anonymous, at DESC);

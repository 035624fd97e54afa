-- The networks that an API key is good from, in CIDR notation; none: from anywhere.
ALTER TABLE api_keys ADD COLUMN networks TEXT[] NOT NULL DEFAULT '{}';

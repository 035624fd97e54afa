-- The factor that a person begins with at sign-in.

ALTER TABLE factors ADD COLUMN is_preferred BOOLEAN NOT NULL DEFAULT FALSE;

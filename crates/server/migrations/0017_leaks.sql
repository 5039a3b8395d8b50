-- Secrets that were found where they do not belong. What was found is not kept, only what it was and where.

CREATE TABLE leak (
    id BIGINT PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    at BIGINT NOT NULL,
    -- upload, or reported: sent to the public address for leaks
    source TEXT NOT NULL,
    -- Name of the format.
    rule TEXT NOT NULL,
    -- Where it was uploaded, by whom, and in which stored bytes.
    project_id BIGINT,
    person_id BIGINT,
    blob TEXT,
    byte_offset BIGINT,
    -- Handle of a key of ours, which was disabled.
    key_handle TEXT
);
CREATE INDEX leak_organization ON leak (organization_id, id);
-- The same file again is no news.
CREATE UNIQUE INDEX leak_blob ON leak (blob, byte_offset, organization_id);

-- Work that is done beside requests. A row is written in the transaction of the change that asks for it, deleted when
-- the work is done, and kept with its error when it was given up.

CREATE TABLE job (
    id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    -- JSON; what a job is about, by id. Never a secret.
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    run_after BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    -- Whoever runs it owns it until then.
    leased_until BIGINT NOT NULL,
    -- Why the last attempt failed.
    error TEXT,
    -- Given up; nobody tries again.
    failed_at BIGINT
);
CREATE INDEX job_due ON job (run_after, id) WHERE failed_at IS NULL;
CREATE INDEX job_failed ON job (failed_at) WHERE failed_at IS NOT NULL;

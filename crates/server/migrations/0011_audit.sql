-- The audit log becomes a chain: each row holds the hash of its own fields and of the row before it. Nothing was released
-- with the former table.

DROP TABLE audit;
CREATE TABLE audit (
    -- Without gaps: numbers of a transaction that is rolled back are given again.
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    -- Empty for the operator at the console.
    person_id BIGINT,
    key_handle TEXT,
    ip TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    -- Numbers of the organizations whose admins may read it, separated by blanks.
    organizations TEXT NOT NULL,
    -- SHA-256, hexadecimal.
    hash TEXT NOT NULL
);

-- The same organizations, to list by.
CREATE TABLE audit_organization (
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    seq BIGINT NOT NULL REFERENCES audit (seq),
    PRIMARY KEY (organization_id, seq)
);

-- The chain begins anew, and with it its numbers.
DELETE FROM id_sequence WHERE name = 'audit';

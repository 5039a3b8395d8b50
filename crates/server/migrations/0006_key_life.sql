-- Where a key may be used from, how often, for how long it can be copied, and which secrets it had.

-- Networks in CIDR notation, separated by blanks; NULL means any.
ALTER TABLE api_key ADD COLUMN networks TEXT;
ALTER TABLE api_key ADD COLUMN rate_per_minute BIGINT;
-- Custody `window`: for how long a copy is kept, and when the present one is destroyed.
ALTER TABLE api_key ADD COLUMN copy_hours BIGINT;
ALTER TABLE api_key ADD COLUMN copy_until BIGINT;

-- A rotation, with the secret that it replaced. Until `overlap_until` that one is accepted too; afterwards its row stays,
-- so that its holders are told what became of it.
CREATE TABLE api_key_rotation (
    key_id BIGINT NOT NULL REFERENCES api_key (id),
    seq BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    former_mac TEXT NOT NULL UNIQUE,
    former_pepper_version BIGINT NOT NULL,
    overlap_until BIGINT NOT NULL,
    former_used_at BIGINT,
    -- First use of the new secret.
    adopted_at BIGINT,
    -- SHA-256 of the token that makes a repeated request the same request, and its answer, sealed with a key made of the
    -- old secret and the token: the server alone cannot open it.
    token_hash TEXT,
    answer TEXT,
    PRIMARY KEY (key_id, seq)
);

-- Who still sends the secret from before the last rotation.
CREATE TABLE api_key_former_use (
    key_id BIGINT NOT NULL REFERENCES api_key (id),
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, ip)
);

-- Organizations whose members are shown their keys once only. There is no way back.
CREATE TABLE custody_lock (
    organization_id BIGINT PRIMARY KEY REFERENCES organization (id),
    locked_at BIGINT NOT NULL
);

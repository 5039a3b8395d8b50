-- Issuers whose identity tokens are exchanged for keys, the rules for it, and what was exchanged.

CREATE TABLE trusted_issuer (
    id BIGINT PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    audience TEXT NOT NULL,
    -- NULL: found by discovery.
    jwks_url TEXT,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);
CREATE INDEX trusted_issuer_organization ON trusted_issuer (organization_id);
CREATE INDEX trusted_issuer_issuer ON trusted_issuer (issuer);

CREATE TABLE trusted_rule (
    id BIGINT PRIMARY KEY,
    issuer_id BIGINT NOT NULL REFERENCES trusted_issuer (id),
    name TEXT NOT NULL,
    -- JSON.
    conditions TEXT NOT NULL,
    scopes TEXT NOT NULL,
    projects TEXT,
    acts_for BIGINT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX trusted_rule_issuer ON trusted_rule (issuer_id);

-- Tokens that were exchanged, until they expire: each works once.
CREATE TABLE exchanged_token (
    token_hash TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX exchanged_token_expires ON exchanged_token (expires_at);

-- The last exchanges, also refused ones. `rule_name` stays when the rule is gone.
CREATE TABLE exchange (
    seq BIGINT PRIMARY KEY,
    issuer_id BIGINT NOT NULL REFERENCES trusted_issuer (id),
    at BIGINT NOT NULL,
    ip TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    rule_name TEXT,
    key_handle TEXT
);
CREATE INDEX exchange_issuer ON exchange (issuer_id, seq);

-- API keys. A row outlives its key by 400 days, so that whoever still holds it can be told why it is dead.

CREATE TABLE api_key (
    id BIGINT PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    owner_id BIGINT NOT NULL REFERENCES person (id),
    name TEXT NOT NULL,
    description TEXT,
    -- HMAC-SHA-256 of the whole key, hexadecimal; the pepper that keys it lies outside the database.
    mac TEXT NOT NULL UNIQUE,
    pepper_version BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    -- Numbers of the projects it is bound to, separated by blanks; NULL means all of its owner's.
    projects TEXT,
    custody TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    disabled_at BIGINT,
    revoked_at BIGINT,
    -- Grows with every change; the index never replaces an entry by an older one.
    version BIGINT NOT NULL,
    copies BIGINT NOT NULL,
    last_used_at BIGINT,
    last_used_ip TEXT,
    last_used_agent TEXT,
    last_used_route TEXT
);
CREATE INDEX api_key_owner ON api_key (owner_id, id);

-- Addresses a key was used from, so that deleting it can say how many machines will notice.
CREATE TABLE api_key_machine (
    key_id BIGINT NOT NULL REFERENCES api_key (id),
    ip TEXT NOT NULL,
    first_used_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, ip)
);

-- Sealed copies for `recall`. Authentication never reads these tables; losing the key-encryption key loses only Copy.
CREATE TABLE owner_data_key (
    owner_id BIGINT PRIMARY KEY REFERENCES person (id),
    kek_version BIGINT NOT NULL,
    sealed TEXT NOT NULL
);

CREATE TABLE api_key_sealed (
    key_id BIGINT PRIMARY KEY REFERENCES api_key (id),
    sealed TEXT NOT NULL
);

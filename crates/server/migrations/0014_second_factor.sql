-- Second factors, and what organizations demand of signing in.

-- One authenticator app a person. The secret is sealed with the person's data key.
CREATE TABLE authenticator (
    person_id BIGINT PRIMARY KEY REFERENCES person (id),
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- NULL while it is being set up: until then it guards nothing.
    confirmed_at BIGINT,
    -- The last time step whose code was accepted; a code works once.
    last_step BIGINT NOT NULL
);

-- SHA-256 of the codes: each has 80 random bits, so it cannot be guessed backwards.
CREATE TABLE recovery_code (
    person_id BIGINT NOT NULL REFERENCES person (id),
    code_hash TEXT NOT NULL,
    PRIMARY KEY (person_id, code_hash)
);

-- Somebody whose password was right and whose second factor is awaited.
CREATE TABLE pending_sign_in (
    token_hash TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    failures BIGINT NOT NULL
);

CREATE TABLE sign_in_policy (
    organization_id BIGINT PRIMARY KEY REFERENCES organization (id),
    second_factor_required_at BIGINT
);

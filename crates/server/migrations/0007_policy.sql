-- What an organization allows its keys. Without a row everything is allowed.

CREATE TABLE key_policy (
    organization_id BIGINT PRIMARY KEY REFERENCES organization (id),
    -- How long a key may live from its creation; NULL: as long as it likes.
    max_lifetime_days BIGINT,
    allows_never BOOLEAN NOT NULL,
    scopes TEXT NOT NULL,
    -- Networks, separated by blanks; empty: from anywhere.
    networks TEXT NOT NULL,
    allows_personal BOOLEAN NOT NULL,
    changed_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- Creations of keys by their `Idempotency-Key`, remembered for a day. No secret is here: hashes, and the key's number.

CREATE TABLE api_key_request (
    person_id BIGINT NOT NULL REFERENCES person (id),
    token_hash TEXT NOT NULL,
    wish_hash TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, token_hash)
);

-- Keys of an older system that an admin brought along: not of our form, found by their MAC.
ALTER TABLE api_key ADD COLUMN imported_at BIGINT;

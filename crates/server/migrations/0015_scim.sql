-- What an identity provider says of the people it provisions (RFC 7643).

CREATE TABLE scim_user (
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    person_id BIGINT NOT NULL REFERENCES person (id),
    external_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Set when the provider took the person away; a person of that address who comes again is the same.
    deleted_at BIGINT,
    PRIMARY KEY (organization_id, person_id)
);

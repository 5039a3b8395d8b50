-- Service accounts are people who cannot sign in: rights, teams and keys work for them as for everybody else.

ALTER TABLE person ADD COLUMN kind TEXT NOT NULL DEFAULT 'human';

CREATE TABLE service_account (
    person_id BIGINT PRIMARY KEY REFERENCES person (id),
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    description TEXT NOT NULL,
    created_by BIGINT NOT NULL REFERENCES person (id)
);
CREATE INDEX service_account_organization ON service_account (organization_id, person_id);

-- The people who look after an account. There is always at least one.
CREATE TABLE service_steward (
    account_id BIGINT NOT NULL REFERENCES service_account (person_id),
    person_id BIGINT NOT NULL REFERENCES person (id),
    added_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, person_id)
);
CREATE INDEX service_steward_person ON service_steward (person_id);

-- The inventory asks who was seen from an address.
CREATE INDEX api_key_machine_ip ON api_key_machine (ip, key_id);

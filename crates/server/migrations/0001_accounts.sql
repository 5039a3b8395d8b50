-- People, what they belong to, and what they did.

CREATE TABLE id_sequence (
    name TEXT PRIMARY KEY,
    next BIGINT NOT NULL
);

CREATE TABLE person (
    id BIGINT PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);
CREATE UNIQUE INDEX person_email ON person (lower(email));

CREATE TABLE organization (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE organization_member (
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    person_id BIGINT NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, person_id)
);
CREATE INDEX organization_member_person ON organization_member (person_id);

CREATE TABLE team (
    id BIGINT PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX team_organization ON team (organization_id);

CREATE TABLE team_member (
    team_id BIGINT NOT NULL REFERENCES team (id),
    person_id BIGINT NOT NULL REFERENCES person (id),
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, person_id)
);
CREATE INDEX team_member_person ON team_member (person_id);

CREATE TABLE project (
    id BIGINT PRIMARY KEY,
    team_id BIGINT NOT NULL REFERENCES team (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    archived_at BIGINT
);
CREATE INDEX project_team ON project (team_id);

-- A session's token is stored as its SHA-256 only.
CREATE TABLE session (
    token_hash TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL
);
CREATE INDEX session_person ON session (person_id);

CREATE TABLE invitation (
    id BIGINT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    organization_id BIGINT NOT NULL REFERENCES organization (id),
    team_id BIGINT NOT NULL REFERENCES team (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    invited_by BIGINT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

-- Written in the transaction of the change it tells of. `person_id` is empty for the operator at the console.
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    person_id BIGINT,
    key_handle TEXT,
    ip TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
